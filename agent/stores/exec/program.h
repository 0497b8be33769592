// One run of a program of the user's: started without a shell, read as it writes, ended with its
// children.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/text/byte_stream.h"
#include "merkle/os/stop.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::agent {

struct ProgramCall {
  std::vector<std::string> arguments;    // the first is its path
  std::vector<std::string> environment;  // "NAME=value": all that it has
  int input = -1;                        // what it has as stdin, read from its start; -1: nothing
  std::chrono::milliseconds time_max{};
  uint64_t memory_max = 0;  // bytes that each of its processes may allocate (RLIMIT_DATA)
  // Each line of its stderr, cut after some kilobytes; the first kErrorLinesMax of them.
  std::function<void(std::string_view line)> on_error_line;

  static constexpr size_t kErrorLinesMax = 100;
};

// What it writes to stdout. One thread.
class Program final : public ByteStream {
 public:
  // NotFound: it can't be started, and why. The thread must live for as long as the program: the
  // kernel kills it with the thread that started it.
  static absl::StatusOr<std::unique_ptr<Program>> Start(const ProgramCall& call,
                                                        std::stop_token stop);
  // Terminates it, kills it and all that is left of its process group if half a second does not
  // help, and waits for its end.
  ~Program() override;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // 0 only once all who could write to its stdout have closed it, and it has ended with exit status
  // 0. DataLoss: it ended in another way, with its last word. or it has not ended in its time.
  // Cancelled.
  absl::StatusOr<size_t> Read(std::span<char> to) override;

  // With which it has ended by itself.
  std::optional<int> exit_status() const { return exit_status_; }

 private:
  Program(const ProgramCall& call, pid_t pid, std::unique_ptr<merkle::StopFd> stop);

  // Waits until one of the descriptors may be read, and takes what is on stderr. An error ends it.
  absl::Status Wait(int fd);
  absl::StatusOr<size_t> End();
  std::string HowItStands() const;
  // False at its end, or where there is nothing to read now.
  bool TakeErrors();
  void TakeErrors(std::string_view bytes);
  void TellLine();
  void Kill();

  const std::string name_;
  const std::function<void(std::string_view)> on_error_line_;
  const std::chrono::milliseconds time_max_;
  const std::chrono::steady_clock::time_point deadline_;
  pid_t pid_;  // 0: it is reaped
  merkle::UniqueFd process_;
  merkle::UniqueFd output_;
  merkle::UniqueFd errors_;  // none: it is closed
  const std::unique_ptr<merkle::StopFd> stop_;
  std::string line_;  // of stderr, not ended yet
  std::string last_line_;
  size_t lines_told_ = 0;
  std::optional<int> exit_status_;
};

}  // namespace driftwood::agent
