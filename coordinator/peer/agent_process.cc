#include "coordinator/peer/agent_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "merkle/os/pipe.h"
#include "merkle/os/stop.h"
#include "merkle/os/unique_fd.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr size_t kErrorsKept = 8192;
constexpr milliseconds kTermPatience{1500};
constexpr std::string_view kOwnLine = "driftwood-agent: ";
constexpr std::string_view kListening = "listening on ";

// Our own environment, changed.
std::vector<char*> Environment(const std::vector<std::string>& changes) {
  std::vector<char*> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view own = *variable;
    const bool changed = std::any_of(changes.begin(), changes.end(), [&](const std::string& c) {
      return own.starts_with(std::string_view(c).substr(0, c.find('=') + 1));
    });
    if (!changed) all.push_back(*variable);
  }
  for (const std::string& change : changes) all.push_back(const_cast<char*>(change.c_str()));
  all.push_back(nullptr);
  return all;
}

// Spawns with the three pipes as standard streams, no signal blocked or ignored.
absl::StatusOr<pid_t> Spawn(const AgentProcessOptions& options, const merkle::Pipe& in,
                            const merkle::Pipe& out, const merkle::Pipe& err) {
  std::vector<char*> arguments = {const_cast<char*>(options.program.c_str())};
  for (const std::string& argument : options.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::vector<char*> environment = Environment(options.environment);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
  // Onto itself: it is then not closed in the child.
  if (options.input >= 0) posix_spawn_file_actions_adddup2(&actions, options.input, options.input);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&signals, signal);
  posix_spawnattr_setsigdefault(&attributes, &signals);

  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, options.program.c_str(), &actions, &attributes,
                                  arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return absl::NotFoundError("can't start " + options.program + ": " + std::strerror(error));
  }
  return pid;
}

std::string DescribeProcessEnd(const ProcessEnd& end) {
  if (end.by_signal) {
    return "was killed by signal " + std::to_string(end.number) + " (" + strsignal(end.number) +
           ")";
  }
  return "ended with exit status " + std::to_string(end.number);
}

}  // namespace

AgentProcess::AgentProcess(pid_t pid, int stdin_fd, int stdout_fd, int stderr_fd, size_t output_max,
                           std::function<void(const std::string&)> on_foreign_line)
    : pid_(pid),
      stdin_fd_(stdin_fd),
      stdout_fd_(stdout_fd),
      stderr_fd_(stderr_fd),
      output_max_(output_max),
      on_foreign_line_(std::move(on_foreign_line)) {
  reader_ = std::thread([this] { ReadOutputs(); });
}

absl::StatusOr<std::unique_ptr<AgentProcess>> AgentProcess::Start(
    const AgentProcessOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<AgentProcess> process, Launch(options, kErrorsKept));
  RETURN_IF_ERROR(process->WaitUntilListening(options));
  return process;
}

absl::StatusOr<std::string> AgentProcess::Output(const AgentProcessOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<AgentProcess> process, Launch(options, kWholeOutputMax));
  RETURN_IF_ERROR(process->WaitUntilEnded(options));
  merkle::MutexLock lock(&process->mutex_);
  return std::move(process->output_);
}

absl::StatusOr<std::unique_ptr<AgentProcess>> AgentProcess::Launch(
    const AgentProcessOptions& options, size_t output_max) {
  ASSIGN_OR_RETURN(merkle::Pipe in, merkle::Pipe::Open());
  ASSIGN_OR_RETURN(merkle::Pipe out, merkle::Pipe::Open());
  ASSIGN_OR_RETURN(merkle::Pipe err, merkle::Pipe::Open());
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(options, in, out, err));
  std::unique_ptr<AgentProcess> process(new AgentProcess(pid, in.write.Release(),
                                                         out.read.Release(), err.read.Release(),
                                                         output_max, options.on_foreign_line));
  // The child's ends: held open here they would hide its end of file.
  out.write.Close();
  err.write.Close();
  return process;
}

AgentProcess::~AgentProcess() {
  ::close(stdin_fd_);
  bool ended = WaitForEnd(milliseconds(0));
  if (!ended) {
    // A stopped process would not see SIGTERM.
    ::kill(pid_, SIGTERM);
    ::kill(pid_, SIGCONT);
    ended = WaitForEnd(kTermPatience);
  }
  if (!ended) ::kill(pid_, SIGKILL);
  reader_.join();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::close(stdout_fd_);
  ::close(stderr_fd_);
}

absl::Status AgentProcess::WaitUntilListening(const AgentProcessOptions& options) {
  const auto deadline = Clock::now() + options.start_timeout;
  const merkle::WakeOnStop wake(options.stop, &mutex_, &changed_);
  merkle::MutexLock lock(&mutex_);
  while (true) {
    const size_t at = output_.find(kListening);
    const size_t end = at == std::string::npos ? at : output_.find('\n', at);
    if (end != std::string::npos) {
      address_ = output_.substr(at + kListening.size(), end - at - kListening.size());
      return absl::OkStatus();
    }
    if (ended_) return EndedBeforeReady();
    if (options.stop.stop_requested()) return absl::CancelledError("interrupted");
    if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError("its agent was not ready within " +
                                         std::to_string(options.start_timeout.count() / 1000) +
                                         " s");
    }
    changed_.WaitUntil(&mutex_, deadline);
  }
}

absl::Status AgentProcess::WaitUntilEnded(const AgentProcessOptions& options) {
  const auto deadline = Clock::now() + options.start_timeout;
  const merkle::WakeOnStop wake(options.stop, &mutex_, &changed_);
  merkle::MutexLock lock(&mutex_);
  while (true) {
    if (ended_) {
      if (end_.by_signal || end_.number != 0) return EndedBeforeReady();
      if (!output_was_cut_) return absl::OkStatus();
      return absl::ResourceExhaustedError("its agent wrote more than " + GroupDigits(output_max_) +
                                          " bytes");
    }
    if (options.stop.stop_requested()) return absl::CancelledError("interrupted");
    if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError("its agent did not answer within " +
                                         std::to_string(options.start_timeout.count() / 1000) +
                                         " s");
    }
    changed_.WaitUntil(&mutex_, deadline);
  }
}

absl::Status AgentProcess::EndedBeforeReady() const {
  const std::string words = LastWords();
  if (!end_.by_signal && end_.number == 2 && !words.empty()) {
    return absl::InvalidArgumentError(words);
  }
  return absl::UnavailableError("its agent " + DescribeProcessEnd(end_) + " before it was ready" +
                                (words.empty() ? "" : ": " + words));
}

// A process that it has started itself may hold the outputs open for longer than it lives.
void AgentProcess::ReadOutputs() {
  const merkle::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  std::array<pollfd, 3> watched = {pollfd{stdout_fd_, POLLIN, 0}, pollfd{stderr_fd_, POLLIN, 0},
                                   pollfd{process.get(), POLLIN, 0}};
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    const bool has_ended = watched[2].revents != 0;
    for (pollfd* const stream : {&watched[0], &watched[1]}) {
      if (stream->fd < 0) continue;
      if (has_ended) {
        ::fcntl(stream->fd, F_SETFL, O_NONBLOCK);
        while (ReadSome(stream->fd)) {
        }
        stream->fd = -1;
      } else if (stream->revents != 0 && !ReadSome(stream->fd)) {
        stream->fd = -1;
      }
    }
  }
  // It is left to be reaped: until then its number is nobody else's, and may be signalled.
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  merkle::MutexLock lock(&mutex_);
  ended_ = true;
  end_ = {info.si_code != CLD_EXITED, info.si_status};
  changed_.SignalAll();
}

bool AgentProcess::ReadSome(int stream) {
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  do {
    got = ::read(stream, buffer.data(), buffer.size());
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<size_t>(got));
  stream == stdout_fd_ ? TakeOutput(bytes) : TakeErrors(bytes);
  return true;
}

void AgentProcess::TakeOutput(std::string_view bytes) {
  merkle::MutexLock lock(&mutex_);
  if (output_.size() < output_max_) {
    output_ += bytes;
  } else {
    output_was_cut_ = true;
  }
  changed_.SignalAll();
}

// Of a line that never ends only the beginning is kept.
void AgentProcess::TellForeignLines(std::string_view bytes) {
  if (!on_foreign_line_) return;
  for (const char c : bytes) {
    if (c != '\n') {
      if (line_.size() < kErrorsKept) line_.push_back(c);
      continue;
    }
    if (!line_.empty() && !line_.starts_with(kOwnLine)) on_foreign_line_(line_);
    line_.clear();
  }
}

void AgentProcess::TakeErrors(std::string_view bytes) {
  TellForeignLines(bytes);
  merkle::MutexLock lock(&mutex_);
  errors_ += bytes;
  if (errors_.size() > kErrorsKept) errors_.erase(0, errors_.size() - kErrorsKept);
}

bool AgentProcess::WaitForEnd(milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  merkle::MutexLock lock(&mutex_);
  while (!ended_ && Clock::now() < deadline) changed_.WaitUntil(&mutex_, deadline);
  return ended_;
}

std::string AgentProcess::DescribeEnd(milliseconds patience) {
  if (!WaitForEnd(patience)) return "";
  merkle::MutexLock lock(&mutex_);
  const std::string words = LastWords();
  return "its agent (pid " + std::to_string(pid_) + ") " + DescribeProcessEnd(end_) +
         (words.empty() ? "" : "; its last words: " + words);
}

// The last line on stderr that is not empty, without the program's name before it.
std::string AgentProcess::LastWords() const {
  const size_t end = errors_.find_last_not_of("\r\n ");
  if (end == std::string::npos) return "";
  const size_t newline = errors_.rfind('\n', end);
  const size_t begin = newline == std::string::npos ? 0 : newline + 1;
  std::string line = errors_.substr(begin, end - begin + 1);
  for (const std::string_view prefix : {kOwnLine, std::string_view("error: ")}) {
    if (line.starts_with(prefix)) line.erase(0, prefix.size());
  }
  return EscapeForDisplay(line);
}

}  // namespace driftwood::coordinator
