#include "agent/stores/exec/program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/source/messages.h"
#include "merkle/os/pipe.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kErrorLineMax = 4096;
constexpr int kTermPatienceMs = 500;  // to remove its temporary files, say

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// What a new process does between fork() and exec(): nothing but system calls, since a lock that
// another thread held stays locked in it.
struct Launch {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int input;
  int output;
  int errors;
  int failure;  // takes errno
  pid_t parent;
  rlim_t memory_max;

  [[noreturn]] void Run() const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it was gone before it could be seen going
    const struct rlimit memory = {memory_max, memory_max};
    const struct rlimit no_core = {0, 0};  // secrets of the environment would be in it
    ::setrlimit(RLIMIT_DATA, &memory);
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (::dup2(input, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
        ::dup2(errors, STDERR_FILENO) >= 0) {
      struct sigaction usual = {};
      usual.sa_handler = SIG_DFL;
      for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &usual, nullptr);
      sigset_t none;
      ::sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      // Those that this process was itself started with.
      ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
      ::execve(arguments[0], arguments.data(), environment.data());
    }
    const int error = errno;
    (void)!::write(failure, &error, sizeof(error));
    ::_exit(127);
  }
};

bool IsDirectory(const std::string& path) {
  struct stat file = {};
  return ::stat(path.c_str(), &file) == 0 && S_ISDIR(file.st_mode);
}

std::string CantStart(const std::string& path, int error) {
  std::string message = "can't run " + Printable(path) + ": " + std::strerror(error);
  if (error == ENOENT)
    message += path.find('/') == std::string::npos
                   ? "; exec: takes a program's path and looks through no PATH: write exec:./" +
                         Printable(path) + " or its whole path"
                   : " (nor the program that its first line names, if it begins with #!)";
  if (error == EACCES)
    message += IsDirectory(path) ? "; it is a directory, and exec: takes a program"
                                 : "; make it executable: chmod +x " + Printable(path);
  if (error == ENOEXEC)
    message += "; a script begins with a line that names its interpreter, such as #!/bin/sh";
  return message;
}

// How a process that is not reaped yet has ended.
struct HowItEnded {
  bool by_signal;
  int number;
};

std::optional<HowItEnded> HowEnded(pid_t pid) {
  siginfo_t info{};
  int rc = 0;
  do {
    rc = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0 || info.si_pid == 0) return std::nullopt;
  return HowItEnded{info.si_code != CLD_EXITED, info.si_status};
}

std::string Seconds(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::duration<double>(time).count();
  std::string text = std::to_string(seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text + " s";
}

}  // namespace

Program::Program(const ProgramCall& call, pid_t pid, std::unique_ptr<merkle::StopFd> stop)
    : name_(call.arguments.front()),
      on_error_line_(call.on_error_line),
      time_max_(call.time_max),
      deadline_(Clock::now() + call.time_max),
      pid_(pid),
      process_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
      stop_(std::move(stop)) {}

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const ProgramCall& call,
                                                        std::stop_token stop) {
  ASSIGN_OR_RETURN(std::unique_ptr<merkle::StopFd> stop_fd,
                   merkle::StopFd::Create(std::move(stop)));
  ASSIGN_OR_RETURN(merkle::Pipe output, merkle::Pipe::Open());
  ASSIGN_OR_RETURN(merkle::Pipe errors, merkle::Pipe::Open());
  ASSIGN_OR_RETURN(merkle::Pipe failure, merkle::Pipe::Open());
  merkle::UniqueFd nothing;
  if (call.input < 0) nothing = merkle::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Launch launch{Pointers(call.arguments),
                      Pointers(call.environment),
                      call.input < 0 ? nothing.get() : call.input,
                      output.write.get(),
                      errors.write.get(),
                      failure.write.get(),
                      ::getpid(),
                      call.memory_max};
  // The new process must not run a handler of this one.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) launch.Run();
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0)
    return absl::ResourceExhaustedError("no process for " + Printable(call.arguments.front()) +
                                        ": " + std::strerror(fork_error));
  std::unique_ptr<Program> program(new Program(call, pid, std::move(stop_fd)));
  program->output_ = std::move(output.read);
  program->errors_ = std::move(errors.read);
  // Our copies would hide the end of the output.
  output.write.Close();
  errors.write.Close();
  failure.write.Close();
  int error = 0;
  ssize_t read = 0;
  do {
    read = ::read(failure.read.get(), &error, sizeof(error));
  } while (read < 0 && errno == EINTR);
  if (read > 0) return absl::NotFoundError(CantStart(call.arguments.front(), error));
  if (program->process_.get() < 0)
    return absl::ResourceExhaustedError("no descriptor for the process of " +
                                        Printable(call.arguments.front()));
  ::fcntl(program->errors_.get(), F_SETFL, O_NONBLOCK);
  return program;
}

Program::~Program() { Kill(); }

void Program::Kill() {
  if (pid_ == 0) return;
  // Until it is reaped its number is nobody else's, nor its group's.
  if (process_.get() >= 0 && !HowEnded(pid_)) {
    ::kill(-pid_, SIGTERM);
    pollfd ended = {process_.get(), POLLIN, 0};
    while (::poll(&ended, 1, kTermPatienceMs) < 0 && errno == EINTR) {
    }
  }
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

absl::StatusOr<size_t> Program::Read(std::span<char> to) {
  while (output_.get() >= 0) {
    RETURN_IF_ERROR(Wait(output_.get()));
    const ssize_t count = ::read(output_.get(), to.data(), to.size());
    if (count > 0) return static_cast<size_t>(count);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return absl::DataLossError("can't read the output of " + Printable(name_) + ": " +
                                 std::strerror(errno));
    output_.Close();
  }
  return End();
}

absl::Status Program::Wait(int fd) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    if (left.count() <= 0)
      return absl::DataLossError(Printable(name_) + " has not ended within " + Seconds(time_max_) +
                                 HowItStands() + "; give it more time with timeout= in its URL");
    std::array<pollfd, 3> waits = {pollfd{fd, POLLIN, 0}, pollfd{stop_->fd(), POLLIN, 0},
                                   pollfd{errors_.get(), POLLIN, 0}};
    constexpr int64_t kPollMax = 1'000'000'000;
    const int ready = ::poll(waits.data(), waits.size(),
                             static_cast<int>(std::min<int64_t>(left.count(), kPollMax)));
    if (ready < 0 && errno != EINTR)
      return absl::DataLossError("can't wait for " + Printable(name_) + ": " +
                                 std::strerror(errno));
    if (ready <= 0) continue;
    if (waits[1].revents != 0)
      return absl::CancelledError("stopped while " + Printable(name_) + " ran");
    if (waits[2].revents != 0 && !TakeErrors()) errors_.Close();
    if (waits[0].revents != 0) return absl::OkStatus();
  }
}

// A child in the background may hold its output open for ever.
std::string Program::HowItStands() const {
  if (output_.get() < 0 || !HowEnded(pid_)) return "";
  return ": it has, but what it started still holds its output open";
}

absl::StatusOr<size_t> Program::End() {
  if (exit_status_ == 0) return 0;
  RETURN_IF_ERROR(Wait(process_.get()));
  // A child of its own may hold stderr open for longer.
  if (errors_.get() >= 0) (void)TakeErrors();
  TellLine();
  const std::optional<HowItEnded> how = HowEnded(pid_);
  Kill();
  if (how && !how->by_signal) exit_status_ = how->number;
  if (exit_status_ == 0) return 0;
  std::string message = Printable(name_) + " ended ";
  if (!how) {
    message += "in a way that is not known";
  } else if (how->by_signal) {
    message += "by signal " + std::to_string(how->number) + " (" + ::strsignal(how->number) + ")";
  } else {
    message += "with exit status " + std::to_string(how->number);
  }
  message += ", so that its output counts for nothing";
  if (!last_line_.empty()) message += "; it said: " + Printable(last_line_, 512);
  return absl::DataLossError(message);
}

// At most what a pipe holds: whoever writes without an end must not keep us from waiting for the
// rest.
bool Program::TakeErrors() {
  std::array<char, 4096> buffer;
  for (int i = 0; i < 16; ++i) {
    ssize_t count = 0;
    do {
      count = ::read(errors_.get(), buffer.data(), buffer.size());
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return count < 0 && errno == EAGAIN;
    TakeErrors({buffer.data(), static_cast<size_t>(count)});
  }
  return true;
}

void Program::TakeErrors(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      TellLine();
    } else if (line_.size() < kErrorLineMax) {
      line_.push_back(c);
    }
  }
}

void Program::TellLine() {
  if (line_.empty()) return;
  if (lines_told_ < ProgramCall::kErrorLinesMax && on_error_line_) on_error_line_(line_);
  ++lines_told_;
  last_line_ = std::exchange(line_, "");
}

}  // namespace driftwood::agent
