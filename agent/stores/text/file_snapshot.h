// A regular file, open for reading, with the proof of which state of it was read. What the stores
// over plain files share.
//
// Read with pread() and not through a memory map: a file that another process truncates during the
// scan then ends in an error, where a map would end in SIGBUS. All methods may be called from
// several threads at once.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"

namespace driftwood::agent {

// Nanoseconds since the epoch.
using WallClock = std::function<int64_t()>;
WallClock SystemWallClock();

// Bytes at offsets: a file, or a text in memory for tests and fuzz targets.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // As it was when it was opened.
  virtual uint64_t size() const = 0;
  // Fills `to` from `offset`; the range lies within size(). Aborted if the source has
  // become shorter.
  virtual absl::Status ReadAt(uint64_t offset, std::span<char> to) const = 0;
};

// `text` must outlive it.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view text) : text_(text) {}
  uint64_t size() const override { return text_.size(); }
  absl::Status ReadAt(uint64_t offset, std::span<char> to) const override;

 private:
  const std::string_view text_;
};

// What tells one state of a file from another.
struct FileState {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;

  static FileState Of(const struct stat& stat);
  friend bool operator==(const FileState&, const FileState&) = default;
};

// Empty if the states are equal; else how they differ: "size 100 -> 120".
std::string DescribeChange(const FileState& before, const FileState& after);

// A state is taken as a proof only if the file had been left alone for so long before it was
// opened. A write through a memory map touches the file's times only when its page was clean: later
// writes to the page go unseen until the kernel has written it back, which it does with pages that
// have been dirty for 30 s (vm.dirty_expire_centisecs), looking every 5 s.
inline constexpr int64_t kSettledNs = 60'000'000'000;

class FileSnapshot final : public ByteSource {
 public:
  // NotFound, PermissionDenied, or InvalidArgument for what is not a regular file. Waits some
  // milliseconds if the file was changed just now, so that a further change can't go unseen.
  static absl::StatusOr<std::unique_ptr<FileSnapshot>> Open(const std::string& path,
                                                            const WallClock& clock);
  ~FileSnapshot() override;
  FileSnapshot(const FileSnapshot&) = delete;
  FileSnapshot& operator=(const FileSnapshot&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const override { return state_.size; }
  absl::Status ReadAt(uint64_t offset, std::span<char> to) const override;

  // How the open file, or the file that the path names now, differs from what was opened. Empty:
  // not at all.
  std::string ChangeSinceOpen() const;

  // At the end of a scan. `reading` says how the bytes were read (the format and its options): the
  // same bytes read in another way are another state.
  Scan::End Finish(std::string_view reading) const;

  // True only if `position` came from Finish() and the file at `path` still is in that state.
  static bool IsUnchanged(const std::string& path, std::string_view reading,
                          std::string_view position);

 private:
  FileSnapshot(std::string path, int fd, const FileState& state, bool settled);

  const std::string path_;
  const int fd_;
  const FileState state_;
  const bool settled_;  // kSettledNs had passed since its last change when it was opened
};

}  // namespace driftwood::agent
