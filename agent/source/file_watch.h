// Did a file stay as it was while it was read? The one discipline of all stores over files.
//
// The kernel keeps account of writes in a file's times, with two holes. Its clock ticks every few
// milliseconds (on some file systems every one or two seconds), and a second write within a tick
// leaves no trace. A write through a memory map moves the times only if its page was clean: later
// ones go unseen until the page has been written back. So a watch begins like this:
//
//   until the clock has ticked past the last change, wait
//   write back what is dirty: the kernel then notices the next write to each page
//   look again: the same state as before writing back, or all of it once more
//
// From then on any write, of whatever kind, moves the times: one look at the end proves that the
// file did not change, or shows that it did. Memory file systems (tmpfs) write nothing back; there
// it must be proven that nobody has the file open for writing when the watch begins.
//
// What engines have besides (a change counter, a transaction number) they compare themselves.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood::agent {

// Nanoseconds since the epoch.
using WallClock = std::function<int64_t()>;
WallClock SystemWallClock();

// What tells one state of a file from another.
struct FileState {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;

  static FileState Of(const struct stat& stat);
  std::string ToString() const;
  friend bool operator==(const FileState&, const FileState&) = default;
};

// Empty if the states are equal; else how they differ: "size 100 -> 120".
std::string DescribeChange(const FileState& before, const FileState& after);

// A state whose times are younger than this is no proof for later, where nothing else tells: clocks
// of file servers differ, and a clock of whole seconds shows nothing of a second write within one.
inline constexpr int64_t kSettledNs = 60'000'000'000;

// Whether `state`, seen at `now_ns`, may prove when it is found again later that nothing was
// written since. `has_counter`: something else tells all regular writes, so that only those past
// the engine are left for the times to tell.
bool IsProofForLater(const FileState& state, int64_t now_ns, bool has_counter);

class FileWatch {
 public:
  enum class Access : uint8_t {
    kRead,
    // The watch's descriptor can't read. For files on which a library of this process holds POSIX
    // locks: closing any descriptor that can read or write would drop them all.
    kIdentity,
  };
  struct Options {
    Access access = Access::kRead;
    // Writes back what is dirty of the file; empty: fdatasync(). Needed for kIdentity.
    std::function<absl::Status()> sync;
    WallClock clock = SystemWallClock();
    std::stop_token stop;  // Cancelled, once it is requested while Begin() waits
  };

  // The regular file that `path` names now. Waits some milliseconds, or two seconds on a file
  // system with times of whole seconds, if it was changed just now. NotFound, PermissionDenied, or
  // InvalidArgument for what is not a regular file.
  static absl::StatusOr<std::unique_ptr<FileWatch>> Begin(const std::string& path,
                                                          const Options& options);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }
  const FileState& state() const { return state_; }  // when the watch began

  // How the open file, or the file that the path names now, differs from state(). Empty: not at
  // all. Any thread.
  std::string Change() const;
  // Change(), or why a change could have gone unseen: what was read since the watch began is proven
  // to be of one state only if this is empty.
  std::string WhyNotOneState() const { return WhyNotOneState(Change()); }
  // The same of a Change() that was looked for before: it isn't looked for again.
  std::string WhyNotOneState(const std::string& change) const;

  // No change could have gone unseen since the watch began.
  bool SeesAll() const { return unseen_.empty(); }

  // Of state(), as it was when the watch began; never if a change could have gone unseen.
  bool IsProofForLater(bool has_counter) const {
    return SeesAll() && agent::IsProofForLater(state_, begun_ns_, has_counter);
  }

  // The state of the regular file that `path` names now. By opening it where it may be read: a
  // network file system asks its server then, where stat() may answer from memory.
  static absl::StatusOr<FileState> StateOf(const std::string& path, Access access);

 private:
  FileWatch(std::string path, int fd, Access access, int64_t begun_ns)
      : path_(std::move(path)), fd_(fd), access_(access), begun_ns_(begun_ns) {}
  absl::Status Settle(const std::function<absl::Status()>& sync, const std::stop_token& stop);
  void CheckMapsCanBeSeen();

  const std::string path_;
  const int fd_;
  const Access access_;
  const int64_t begun_ns_;
  FileState state_;
  std::string unseen_;  // why a change could go unseen; empty: it can't
};

// For what reads a file before it can be watched: what then looks like damage, or as if something
// were not there, may be a file that is being overwritten. One thread at a time.
class FileGlance {
 public:
  // At the file as it is now. Nothing is wrong with one that can't be seen.
  explicit FileGlance(const std::string& path);

  // `failure`, of what has read the file since; or Aborted, with what it says too, if the file has
  // changed. Says of a file that is empty, or seems damaged and was written just now, that it may be
  // being written. Waits for as long as FileWatch::Begin() does.
  absl::Status Explain(const absl::Status& failure, const std::stop_token& stop = {}) const;

 private:
  std::string path_;
  absl::StatusOr<FileState> before_;
};

}  // namespace driftwood::agent
