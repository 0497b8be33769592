#include "agent/source/file_watch.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "agent/source/messages.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// The kernel's slowest clock of file times ticks every 10 ms.
constexpr int64_t kTickMaxNs = 20'000'000;
constexpr int64_t kCoarseTickNs = 2 * kNsPerSecond;  // FAT
// A file that is written all the time never stays as it is for one tick.
constexpr int kSettleTries = 5;

constexpr int64_t kJustNowNs = 10 * kNsPerSecond;

int64_t ToNs(const struct timespec& time) {
  return int64_t{time.tv_sec} * kNsPerSecond + int64_t{time.tv_nsec};
}

int64_t NowOf(clockid_t clock) {
  struct timespec now = {};
  DRIFTWOOD_CHECK(::clock_gettime(clock, &now) == 0);
  return ToNs(now);
}

absl::Status OpenError(const std::string& path, int error) {
  const std::string what = Printable(path) + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return NoSuchFile(path);
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

std::string KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

absl::Status NotRegular(const std::string& path, mode_t mode) {
  return absl::InvalidArgumentError(
      Printable(path) + " is " + KindOf(mode) +
      (S_ISDIR(mode) ? ": name a file in it" : ": give a regular file"));
}

int Open(const std::string& path, FileWatch::Access access) {
  // O_NONBLOCK: opening a pipe must not wait for its writer. Regular files don't mind.
  const int flags = access == FileWatch::Access::kRead
                        ? O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
                        : O_PATH | O_CLOEXEC;
  return ::open(path.c_str(), flags);
}

bool HasWholeSeconds(const FileState& state) {
  return state.modified_ns % kNsPerSecond == 0 && state.changed_ns % kNsPerSecond == 0;
}

// Until a write must get other times than those of `state`, or until it is stopped.
void WaitForTick(const FileState& state, const std::stop_token& stop) {
  constexpr struct timespec kPause = {0, 1'000'000};
  const bool is_coarse = state.changed_ns % kNsPerSecond == 0;
  const int64_t now = NowOf(CLOCK_REALTIME_COARSE);
  int64_t end = state.changed_ns + (is_coarse ? kCoarseTickNs : 1);
  // A time far off in the future is another clock's, which will have ticked once ours has.
  if (state.changed_ns - now > kTickMaxNs) end = now + (is_coarse ? kCoarseTickNs : kTickMaxNs);
  while (!stop.stop_requested() && NowOf(CLOCK_REALTIME_COARSE) < end) {
    ::nanosleep(&kPause, nullptr);
  }
}

bool IsMemoryFileSystem(int fd) {
  struct statfs system = {};
  if (::fstatfs(fd, &system) != 0) return false;
  const auto type = static_cast<unsigned long>(system.f_type);
  return type == TMPFS_MAGIC || type == RAMFS_MAGIC || type == HUGETLBFS_MAGIC;
}

// A read lease is granted only on a file that nobody has open or mapped for writing. It is given
// back at once; who opens the file for writing meanwhile waits for that, and the holder is sent a
// signal, here one that does nothing where nobody asked for it.
bool NobodyWrites(int fd) {
  if (::fcntl(fd, F_SETSIG, SIGURG) != 0 || ::fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return false;
  ::fcntl(fd, F_SETLEASE, F_UNLCK);
  return true;
}

}  // namespace

WallClock SystemWallClock() {
  return [] { return NowOf(CLOCK_REALTIME); };
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

std::string FileState::ToString() const {
  return std::to_string(device) + " " + std::to_string(inode) + " " + std::to_string(size) + " " +
         std::to_string(modified_ns) + " " + std::to_string(changed_ns);
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

bool IsProofForLater(const FileState& state, int64_t now_ns, bool has_counter) {
  if (has_counter && !HasWholeSeconds(state)) return true;
  return std::max(state.modified_ns, state.changed_ns) <= now_ns - kSettledNs;
}

absl::StatusOr<std::unique_ptr<FileWatch>> FileWatch::Begin(const std::string& path,
                                                            const Options& options) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return absl::InvalidArgumentError("\"" + Printable(path) + "\" is not the path of a file");
  // Taken before the state, so that a change between the two makes the file look younger.
  const int64_t now = options.clock();
  const int fd = Open(path, options.access);
  if (fd < 0) return OpenError(path, errno);
  std::unique_ptr<FileWatch> watch(new FileWatch(path, fd, options.access, now));
  struct stat stat = {};
  if (::fstat(fd, &stat) != 0) return OpenError(path, errno);
  if (!S_ISREG(stat.st_mode)) {
    return NotRegular(path, stat.st_mode);
  }
  const auto fdatasync = [fd] {
    return ::fdatasync(fd) == 0 ? absl::OkStatus() : absl::InternalError(std::strerror(errno));
  };
  DRIFTWOOD_CHECK(options.sync || options.access == Access::kRead);
  RETURN_IF_ERROR(watch->Settle(options.sync ? options.sync : fdatasync, options.stop));
  watch->CheckMapsCanBeSeen();
  return watch;
}

FileWatch::~FileWatch() { ::close(fd_); }

absl::Status FileWatch::Settle(const std::function<absl::Status()>& sync,
                               const std::stop_token& stop) {
  struct stat stat = {};
  if (::fstat(fd_, &stat) != 0) return OpenError(path_, errno);
  for (int i = 0; i < kSettleTries; ++i) {
    state_ = FileState::Of(stat);
    WaitForTick(state_, stop);
    if (stop.stop_requested()) {
      return absl::CancelledError("cancelled while waiting to read " + Printable(path_));
    }
    const absl::Status synced = sync();
    if (!synced.ok()) {
      unseen_ = "what was written to it can't be waited for: " + std::string(synced.message());
      return absl::OkStatus();
    }
    if (::fstat(fd_, &stat) != 0) return OpenError(path_, errno);
    if (FileState::Of(stat) == state_) return absl::OkStatus();
  }
  unseen_ = "it is written all the time";
  return absl::OkStatus();
}

void FileWatch::CheckMapsCanBeSeen() {
  if (access_ != Access::kRead || !unseen_.empty() || !IsMemoryFileSystem(fd_)) return;
  if (NobodyWrites(fd_)) return;
  unseen_ =
      "its file system lies in memory and shows no writes through memory maps, and it can't be "
      "proven that no program has it open for writing; compare a copy of it";
}

std::string FileWatch::Change() const {
  struct stat open_file = {};
  if (::fstat(fd_, &open_file) != 0) return std::string("fstat: ") + std::strerror(errno);
  // The path first: what took its place is better news than the old file's changed link count.
  const int named = Open(path_, access_);
  if (named < 0) {
    return errno == ENOENT ? "it was removed" : std::string("open: ") + std::strerror(errno);
  }
  struct stat named_file = {};
  const int rc = ::fstat(named, &named_file);
  ::close(named);
  if (rc != 0) return std::string("fstat: ") + std::strerror(errno);
  const std::string change = DescribeChange(state_, FileState::Of(named_file));
  return change.empty() ? DescribeChange(state_, FileState::Of(open_file)) : change;
}

std::string FileWatch::WhyNotOneState(const std::string& change) const {
  if (!change.empty()) return Printable(path_) + " changed while it was read: " + change;
  if (!unseen_.empty()) return Printable(path_) + " may have changed while it was read: " + unseen_;
  return "";
}

absl::StatusOr<FileState> FileWatch::StateOf(const std::string& path, Access access) {
  const int fd = Open(path, access);
  if (fd < 0) return OpenError(path, errno);
  struct stat stat = {};
  const int rc = ::fstat(fd, &stat);
  const int error = errno;
  ::close(fd);
  if (rc != 0) return OpenError(path, error);
  if (!S_ISREG(stat.st_mode)) {
    return NotRegular(path, stat.st_mode);
  }
  return FileState::Of(stat);
}

FileGlance::FileGlance(const std::string& path)
    : path_(path), before_(FileWatch::StateOf(path, FileWatch::Access::kIdentity)) {}

// A write within one tick of the clock leaves no trace: the watch waits for the next.
absl::Status FileGlance::Explain(const absl::Status& failure, const std::stop_token& stop) const {
  if (failure.ok() || absl::IsCancelled(failure) || !before_.ok()) return failure;
  FileWatch::Options options;
  options.access = FileWatch::Access::kIdentity;
  options.sync = [] { return absl::OkStatus(); };
  options.stop = stop;
  const auto watch = FileWatch::Begin(path_, options);
  if (!watch.ok()) return failure;
  const FileState& now = (*watch)->state();
  const std::string why = (*watch)->WhyNotOneState(DescribeChange(*before_, now));
  const std::string message(failure.message());
  if (!why.empty()) return absl::AbortedError(why + ", and " + message);
  // Who copies over a file may rest between two writes, above all when it has been emptied.
  if (now.size == 0) {
    return absl::Status(failure.code(), message +
                                            "; the file is empty: if it is just being written, "
                                            "compare again when that is done");
  }
  const int64_t age_ns = options.clock() - std::max(now.modified_ns, now.changed_ns);
  if (!absl::IsDataLoss(failure) || age_ns > kJustNowNs) return failure;
  return absl::DataLossError(message +
                             "; it was written just now: if that goes on, compare again when it "
                             "is done");
}

}  // namespace driftwood::agent
