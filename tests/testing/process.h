// Runs a program as a test's user would, and says all that it did.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace driftwood::testing {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal number if it was killed by a signal
  bool timed_out = false;
  uint64_t peak_bytes = 0;  // of memory, by the largest of it and the processes that it waited for
  std::string out;
  std::string err;
};

struct ProcessOptions {
  std::filesystem::path folder;                   // working directory; empty: the test's own
  std::vector<std::string> environment;           // "NAME=value" added to the test's own
  std::string in;                                 // what stdin holds
  std::optional<std::filesystem::path> in_file;   // it is this file instead, as `< file` does
  std::optional<std::filesystem::path> out_file;  // stdout goes there instead, as `> file` does
  std::chrono::seconds limit{120};                // a hang becomes a failure, not a stuck test run
};

// A running child. Killed and reaped when destroyed.
class Process {
 public:
  // command[0] is looked up in PATH unless it has a slash. Aborts the test run if it can't start.
  Process(const std::vector<std::string>& command, const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // What has been read of its stdout.
  const std::string& out() const { return result_.out; }
  // Reads stdout until it has `text` or the program ends; true if it came. For programs that say
  // when they are ready.
  bool WaitForOutput(const std::string& text);
  void Signal(int signal);
  ProcessResult Wait();

 private:
  bool ReadSome(std::chrono::steady_clock::time_point deadline);

  ProcessOptions options_;
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  ProcessResult result_;
};

ProcessResult RunProcess(const std::vector<std::string>& command,
                         const ProcessOptions& options = {});

}  // namespace driftwood::testing
