// A driftwood-agent of our own: started, watched, and gone when its owner is.
//
// Thread-safe: Describe…() may be called from any thread while the process runs.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/mutex.h"

namespace driftwood::coordinator {

struct AgentProcessOptions {
  std::string program;                 // path of driftwood-agent
  std::vector<std::string> arguments;  // without the program's name
  // "NAME=value", instead of our own environment's NAME. For what no process list may show.
  std::vector<std::string> environment;
  // A descriptor of ours that the program gets under the same number; -1: none.
  int input = -1;
  std::chrono::milliseconds start_timeout = std::chrono::seconds(30);
  // Called for each line on its stderr that is not its own last word ("driftwood-agent: …"), which
  // is the error: what the libraries in it have to say. By a thread of ours, until the process's
  // end.
  std::function<void(const std::string& line)> on_foreign_line;
  // Requested by any thread, it ends the waiting with Cancelled.
  std::stop_token stop;
};

// How a process ended: by a signal, or by itself with an exit status.
struct ProcessEnd {
  bool by_signal = false;
  int number = 0;
};

class AgentProcess {
 public:
  // Starts the program and waits until it has said "listening on …" on its stdout. It runs in a
  // process group of its own, so that a Ctrl-C in the terminal reaches it through us only, and its
  // stdin is a pipe whose end of file tells it that we are gone. If it ends before it listens, the
  // last line that it wrote to stderr is the error, InvalidArgument for exit status 2, else
  // Unavailable.
  static absl::StatusOr<std::unique_ptr<AgentProcess>> Start(const AgentProcessOptions& options);
  // Starts the program, waits until it ends by itself, and returns all that it wrote to stdout.
  // Anything but exit status 0 is an error, as in Start(); so is an output beyond
  // kWholeOutputMax, which is never cut.
  static absl::StatusOr<std::string> Output(const AgentProcessOptions& options);
  static constexpr size_t kWholeOutputMax = size_t{256} << 20;
  // Closes its stdin, terminates it, kills it if that does not help within 1.5 seconds, reaps it.
  ~AgentProcess();
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  pid_t pid() const { return pid_; }
  // What it said it is listening on: "unix:/tmp/…".
  const std::string& address() const { return address_; }

  // If the process has ended (waiting at most `patience` for that): how, with its last words. Else
  // empty.
  std::string DescribeEnd(std::chrono::milliseconds patience) DRIFTWOOD_EXCLUDES(mutex_);

 private:
  AgentProcess(pid_t pid, int stdin_fd, int stdout_fd, int stderr_fd, size_t output_max,
               std::function<void(const std::string&)> on_foreign_line);
  static absl::StatusOr<std::unique_ptr<AgentProcess>> Launch(const AgentProcessOptions& options,
                                                              size_t output_max);
  absl::Status WaitUntilEnded(const AgentProcessOptions& options) DRIFTWOOD_EXCLUDES(mutex_);
  absl::Status EndedBeforeReady() const DRIFTWOOD_REQUIRES(mutex_);
  absl::Status WaitUntilListening(const AgentProcessOptions& options) DRIFTWOOD_EXCLUDES(mutex_);
  void ReadOutputs();
  // False at its end, or where there is nothing to read now.
  bool ReadSome(int stream);
  void TakeOutput(std::string_view bytes) DRIFTWOOD_EXCLUDES(mutex_);
  void TakeErrors(std::string_view bytes) DRIFTWOOD_EXCLUDES(mutex_);
  void TellForeignLines(std::string_view bytes);
  bool WaitForEnd(std::chrono::milliseconds patience) DRIFTWOOD_EXCLUDES(mutex_);
  std::string LastWords() const DRIFTWOOD_REQUIRES(mutex_);

  const pid_t pid_;
  int stdin_fd_;
  const int stdout_fd_;
  const int stderr_fd_;
  const size_t output_max_;
  std::string address_;  // constant after Start()
  const std::function<void(const std::string&)> on_foreign_line_;
  std::string line_;    // of stderr, not ended yet; the reader's
  std::thread reader_;  // reads both outputs until they or the process have ended

  mutable merkle::Mutex mutex_;
  merkle::CondVar changed_;
  std::string output_ DRIFTWOOD_GUARDED_BY(mutex_);  // the first `output_max_` bytes or more
  bool output_was_cut_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  std::string errors_ DRIFTWOOD_GUARDED_BY(mutex_);  // the last few kilobytes
  bool ended_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  ProcessEnd end_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::coordinator
