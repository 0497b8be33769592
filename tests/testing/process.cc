#include "tests/testing/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "merkle/check.h"

namespace driftwood::testing {
namespace {

using Clock = std::chrono::steady_clock;

void Close(int* fd) {
  if (*fd >= 0) ::close(*fd);
  *fd = -1;
}

// A file that holds the child's stdin: a pipe could block on a child that doesn't read it.
int InputFile(const std::string& content) {
  const int fd =
      ::open(std::filesystem::temp_directory_path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  DRIFTWOOD_CHECK(::write(fd, content.data(), content.size()) ==
                  static_cast<ssize_t>(content.size()));
  DRIFTWOOD_CHECK(::lseek(fd, 0, SEEK_SET) == 0);
  return fd;
}

[[noreturn]] void Exec(const std::vector<std::string>& command, const ProcessOptions& options,
                       int in, int out, int err) {
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(127);
  for (const std::string& entry : options.environment) {
    const size_t equals = entry.find('=');
    ::setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
  }
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const ProcessOptions& options)
    : options_(options) {
  int out[2], err[2];
  DRIFTWOOD_CHECK(::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0);
  const int in = options.in_file ? ::open(options.in_file->c_str(), O_RDONLY | O_CLOEXEC)
                                 : InputFile(options.in);
  int child_out = out[1];
  if (options.out_file) {
    child_out = ::open(options.out_file->c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    DRIFTWOOD_CHECK(child_out >= 0);
  }
  pid_ = ::fork();
  DRIFTWOOD_CHECK(pid_ >= 0);
  if (pid_ == 0) Exec(command, options, in, child_out, err[1]);
  ::close(in);
  if (child_out != out[1]) ::close(child_out);
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Close(&out_);
  Close(&err_);
}

// Reads what there is on stdout and stderr; false once both have ended or the deadline has passed.
bool Process::ReadSome(Clock::time_point deadline) {
  if (out_ < 0 && err_ < 0) return false;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  std::array<pollfd, 2> fds = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  const int ready = left > 0 ? ::poll(fds.data(), fds.size(), static_cast<int>(left)) : 0;
  if (ready < 0 && errno == EINTR) return true;
  if (ready <= 0) {
    result_.timed_out = true;
    return false;
  }
  for (size_t i = 0; i < fds.size(); ++i) {
    if (fds[i].revents == 0) continue;
    std::array<char, 65536> buffer;
    const ssize_t got = ::read(fds[i].fd, buffer.data(), buffer.size());
    if (got > 0) {
      (i == 0 ? result_.out : result_.err).append(buffer.data(), static_cast<size_t>(got));
    } else {
      Close(i == 0 ? &out_ : &err_);
    }
  }
  return true;
}

bool Process::WaitForOutput(const std::string& text) {
  const auto deadline = Clock::now() + options_.limit;
  while (result_.out.find(text) == std::string::npos) {
    if (!ReadSome(deadline)) return false;
  }
  return true;
}

void Process::Signal(int signal) { DRIFTWOOD_CHECK(pid_ > 0 && ::kill(pid_, signal) == 0); }

ProcessResult Process::Wait() {
  const auto deadline = Clock::now() + options_.limit;
  while (ReadSome(deadline)) {
  }
  if (result_.timed_out) ::kill(pid_, SIGKILL);
  int status = 0;
  rusage usage{};
  while (::wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  result_.peak_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result_;
}

ProcessResult RunProcess(const std::vector<std::string>& command, const ProcessOptions& options) {
  return Process(command, options).Wait();
}

}  // namespace driftwood::testing
