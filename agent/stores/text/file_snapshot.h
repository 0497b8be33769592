// A regular file, open for reading, with the proof of which state of it was read. What the stores
// over plain files share.
//
// Read with pread() and not through a memory map: a file that another process truncates during the
// scan then ends in an error, where a map would end in SIGBUS. All methods may be called from
// several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/file_watch.h"
#include "agent/source/store.h"

namespace driftwood::agent {

// Bytes at offsets: a file, or a text in memory for tests and fuzz targets.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // As it was when it was opened.
  virtual uint64_t size() const = 0;
  // Fills `to` from `offset`; the range lies within size(). Aborted if the source has
  // become shorter.
  virtual absl::Status ReadAt(uint64_t offset, std::span<char> to) const = 0;
  // Said behind a line and a column of it, where they are not those of the file that the user has:
  // " of its decompressed text".
  virtual std::string_view PlaceNote() const { return ""; }
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

class FileSnapshot final : public ByteSource {
 public:
  // Errors and waiting as of FileWatch::Begin(). Once `stop` is requested, by any thread, this and
  // ReadAt() end with Cancelled.
  static absl::StatusOr<std::unique_ptr<FileSnapshot>> Open(const std::string& path,
                                                            const WallClock& clock,
                                                            std::stop_token stop = {});
  FileSnapshot(const FileSnapshot&) = delete;
  FileSnapshot& operator=(const FileSnapshot&) = delete;

  const std::string& path() const { return watch_->path(); }
  uint64_t size() const override { return watch_->state().size; }
  std::string identity() const;  // as FileIdentity() says
  absl::Status ReadAt(uint64_t offset, std::span<char> to) const override;

  // How the open file, or the file that the path names now, differs from what was opened. Empty:
  // not at all.
  std::string ChangeSinceOpen() const { return watch_->Change(); }

  // At the end of a scan. `reading` says how the bytes were read (the format and its options): the
  // same bytes read in another way are another state.
  Scan::End Finish(std::string_view reading) const;
  // Sets the position or the reread_position of the file as it was opened, unless a change could
  // have gone unseen. It is for who knows that what was read is of that state: Finish() looks
  // first.
  void SetPosition(std::string_view reading, Scan::End* end) const;

  // True only if `position` came from Finish(), as either of the two, and the file at `path` still
  // is in that state.
  static bool IsUnchanged(const std::string& path, std::string_view reading,
                          std::string_view position);

 private:
  FileSnapshot(std::unique_ptr<FileWatch> watch, std::stop_token stop)
      : watch_(std::move(watch)), stop_(std::move(stop)) {}

  const std::unique_ptr<FileWatch> watch_;
  const std::stop_token stop_;
};

}  // namespace driftwood::agent
