#include "agent/stores/text/file_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "agent/source/messages.h"
#include "merkle/check.h"

namespace driftwood::agent {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t ToNs(const struct timespec& time) {
  return int64_t{time.tv_sec} * kNsPerSecond + int64_t{time.tv_nsec};
}

absl::Status OpenError(const std::string& path, int error) {
  const std::string what = Printable(path) + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError("no such file: " + Printable(path));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(what + ": let the user of the agent read it");
    case ENXIO:  // a socket, or a device without a driver
    case ENODEV:
      return absl::InvalidArgumentError(what + ": give a regular file");
    default:
      return absl::FailedPreconditionError("can't open " + what);
  }
}

int64_t NowOf(clockid_t clock) {
  struct timespec now = {};
  DRIFTWOOD_CHECK(::clock_gettime(clock, &now) == 0);
  return ToNs(now);
}

// The state of an open file, taken when a write from now on must change it. The clock of file times
// ticks every few milliseconds (on some file systems every one or two seconds, and then its times
// are whole seconds): a file that was changed within this tick can be changed again with the same
// times, so the tick is waited for.
int StatOfTick(int fd, struct stat* stat) {
  constexpr int64_t kTickMaxNs = 20'000'000;
  constexpr struct timespec kPause = {0, 1'000'000};
  for (;;) {
    if (::fstat(fd, stat) != 0) return -1;
    const int64_t changed = ToNs(stat->st_ctim);
    const int64_t tick_ns = changed % kNsPerSecond == 0 ? 2 * kNsPerSecond : 1;
    const int64_t left = changed + tick_ns - NowOf(CLOCK_REALTIME_COARSE);
    // A time far off in the future is that of another clock.
    if (left <= 0 || left > std::max(tick_ns, kTickMaxNs)) return 0;
    ::nanosleep(&kPause, nullptr);
  }
}

constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// The state of what the path names now. By opening it: a network file system asks its server then,
// where stat() may answer from memory.
int StatOfPath(const std::string& path, struct stat* stat) {
  const int fd = ::open(path.c_str(), kOpenFlags);
  if (fd < 0) return -1;
  const int rc = ::fstat(fd, stat);
  const int error = errno;
  ::close(fd);
  errno = error;
  return rc;
}

std::string KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

std::string EncodePosition(const FileState& state, std::string_view reading) {
  return "file1 " + std::to_string(state.device) + " " + std::to_string(state.inode) + " " +
         std::to_string(state.size) + " " + std::to_string(state.modified_ns) + " " +
         std::to_string(state.changed_ns) + " " + std::string(reading);
}

}  // namespace

WallClock SystemWallClock() {
  return [] { return NowOf(CLOCK_REALTIME); };
}

absl::Status MemorySource::ReadAt(uint64_t offset, std::span<char> to) const {
  DRIFTWOOD_CHECK(offset <= text_.size() && to.size() <= text_.size() - offset);
  std::copy_n(text_.data() + offset, to.size(), to.data());
  return absl::OkStatus();
}

FileState FileState::Of(const struct stat& stat) {
  FileState state;
  state.device = static_cast<uint64_t>(stat.st_dev);
  state.inode = static_cast<uint64_t>(stat.st_ino);
  state.size = static_cast<uint64_t>(stat.st_size);
  state.modified_ns = ToNs(stat.st_mtim);
  state.changed_ns = ToNs(stat.st_ctim);
  return state;
}

std::string DescribeChange(const FileState& before, const FileState& after) {
  const auto differs = [](const char* what, auto from, auto to) {
    return std::string(what) + " " + std::to_string(from) + " -> " + std::to_string(to);
  };
  if (before.device != after.device || before.inode != after.inode)
    return "another file took its place";
  if (before.size != after.size) return differs("size", before.size, after.size);
  if (before.modified_ns != after.modified_ns)
    return differs("modification time in ns", before.modified_ns, after.modified_ns);
  if (before.changed_ns != after.changed_ns)
    return differs("status change time in ns", before.changed_ns, after.changed_ns);
  return "";
}

FileSnapshot::FileSnapshot(std::string path, int fd, const FileState& state, bool settled)
    : path_(std::move(path)), fd_(fd), state_(state), settled_(settled) {}

FileSnapshot::~FileSnapshot() { ::close(fd_); }

absl::StatusOr<std::unique_ptr<FileSnapshot>> FileSnapshot::Open(const std::string& path,
                                                                 const WallClock& clock) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return absl::InvalidArgumentError("\"" + Printable(path) + "\" is not the path of a file");
  // Taken before the state, so that a change between the two makes the file look younger.
  const int64_t now = clock();
  // O_NONBLOCK: opening a pipe must not wait for its writer. Regular files don't mind.
  const int fd = ::open(path.c_str(), kOpenFlags);
  if (fd < 0) return OpenError(path, errno);
  struct stat stat = {};
  if (StatOfTick(fd, &stat) != 0) {
    const int error = errno;
    ::close(fd);
    return OpenError(path, error);
  }
  if (!S_ISREG(stat.st_mode)) {
    ::close(fd);
    return absl::InvalidArgumentError(Printable(path) + " is " + KindOf(stat.st_mode) +
                                      ": give a regular file");
  }
  const FileState state = FileState::Of(stat);
  const int64_t touched = std::max(state.modified_ns, state.changed_ns);
  const bool settled = touched <= now - kSettledNs;
  return std::unique_ptr<FileSnapshot>(new FileSnapshot(path, fd, state, settled));
}

absl::Status FileSnapshot::ReadAt(uint64_t offset, std::span<char> to) const {
  size_t done = 0;
  while (done < to.size()) {
    const ssize_t got =
        ::pread(fd_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return absl::DataLossError("can't read " + Printable(path_) + " at byte " +
                                 std::to_string(offset + done) + ": " + std::strerror(errno));
    if (got == 0) {
      // The end of the file, short of the size that it had: never the end of data.
      const std::string change = ChangeSinceOpen();
      return absl::AbortedError(Printable(path_) + " changed while it was read: it ends at byte " +
                                std::to_string(offset + done) + " of " +
                                std::to_string(state_.size) +
                                (change.empty() ? "" : " (" + change + ")") +
                                "; compare it again when nothing writes to it");
    }
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

std::string FileSnapshot::ChangeSinceOpen() const {
  struct stat open_file = {};
  if (::fstat(fd_, &open_file) != 0) return std::string("fstat: ") + std::strerror(errno);
  // The path first: what took its place is better news than the old file's changed link count.
  struct stat named = {};
  if (StatOfPath(path_, &named) != 0)
    return errno == ENOENT ? "it was removed" : std::string("open: ") + std::strerror(errno);
  const std::string change = DescribeChange(state_, FileState::Of(named));
  return change.empty() ? DescribeChange(state_, FileState::Of(open_file)) : change;
}

Scan::End FileSnapshot::Finish(std::string_view reading) const {
  Scan::End end;
  std::string change = ChangeSinceOpen();
  if (change.empty()) {
    // Some file systems report a size that is not what can be read (/proc: 0).
    char beyond = 0;
    ssize_t got = 0;
    do {
      got = ::pread(fd_, &beyond, 1, static_cast<off_t>(state_.size));
    } while (got < 0 && errno == EINTR);
    if (got > 0) change = "it goes on after its size of " + std::to_string(state_.size);
    if (got < 0) change = std::string("reading its end: ") + std::strerror(errno);
  }
  if (!change.empty())
    end.not_point_in_time = Printable(path_) + " changed while it was read: " + change;
  else if (settled_)
    end.position = EncodePosition(state_, reading);
  return end;
}

bool FileSnapshot::IsUnchanged(const std::string& path, std::string_view reading,
                               std::string_view position) {
  struct stat stat = {};
  if (position.empty() || StatOfPath(path, &stat) != 0 || !S_ISREG(stat.st_mode)) return false;
  return position == EncodePosition(FileState::Of(stat), reading);
}

}  // namespace driftwood::agent
