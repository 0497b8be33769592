// One snapshot of an LMDB file, read with pread and bounds: whatever the file holds, and whatever
// is done to it meanwhile, is an error at most. Only this directory's files include it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/file_watch.h"
#include "agent/stores/lmdb/lmdb_reader.h"
#include "merkle/lmdb/lmdb_format.h"

namespace driftwood::agent {

// Constant but for WhyNotOneState(), which one thread at a time calls; the rest may be called by
// several. Errors of reading: DataLoss (damaged), Aborted (changed while it was read).
class LmdbSnapshot {
 public:
  // The newest transaction of the file. `path`: a directory with data.mdb, or a file. NotFound,
  // PermissionDenied, DataLoss (damaged or truncated), InvalidArgument (no LMDB file).
  // Waits for its lock file, and ends with Cancelled once `stop` is requested, by any thread.
  static absl::StatusOr<std::unique_ptr<LmdbSnapshot>> Open(const std::string& path,
                                                            const std::stop_token& stop = {});

  const std::string& path() const { return path_; }
  const FileState& file() const { return watch_->state(); }
  uint64_t page_bytes() const { return meta_.page_bytes; }
  uint64_t pages() const { return meta_.last_page + 1; }
  // Why its writers don't know of this reader, and may overwrite pages that it still needs. Empty:
  // they do.
  const std::string& why_unlocked() const { return why_unlocked_; }

  // The database of that name; the unnamed one for the empty name. NotFound, naming those there
  // are; FailedPrecondition for one with duplicates.
  absl::StatusOr<merkle::LmdbTree> FindTree(const std::string& name) const;
  // The named databases among the first entries of the unnamed one.
  absl::StatusOr<std::vector<std::string>> TreeNames() const;
  struct Entry {
    std::string key;
    std::string value;
    bool is_tree = false;  // a named database, and no record
  };
  absl::StatusOr<std::optional<Entry>> Find(const merkle::LmdbTree& tree,
                                            std::string_view key) const;

  // `count` pages from page `first` on.
  absl::Status ReadPages(uint64_t first, uint64_t count, char* to) const;
  // The pages of a value that has pages of its own: it begins behind a page's header.
  absl::StatusOr<std::unique_ptr<char[]>> ReadOverflow(const merkle::LmdbNode& node) const;
  absl::Status Damaged(const std::string& what) const;

  // Whether the file is as it was when the snapshot was taken; that proves everything.
  bool IsUnchanged() const { return watch_->WhyNotOneState().empty(); }
  // Empty if what has been read is one state, as far as the file's writers and their locks tell. A
  // commit leaves the pages of a snapshot alone.
  std::string WhyNotOneState();
  // What proves that the file still is in the state of the snapshot; empty if nothing does.
  std::string Position(const std::string& database) const;
  static bool IsAtPosition(const std::string& path, const std::string& database,
                           std::string_view position);

 private:
  LmdbSnapshot(std::string path, std::unique_ptr<FileWatch> watch)
      : path_(std::move(path)), watch_(std::move(watch)) {}
  absl::Status ReadAt(uint64_t offset, size_t size, char* to) const;
  absl::StatusOr<merkle::LmdbMeta> NewestMeta() const;
  // Both, as they are at one time.
  absl::StatusOr<std::pair<std::string, std::string>> ReadMetas() const;
  absl::Status Register(bool is_folder, const std::stop_token& stop);
  absl::Status CheckSize() const;
  absl::Status CheckDuplicates(const merkle::LmdbTree& tree, const std::string& name) const;

  const std::string path_;
  const std::unique_ptr<FileWatch> watch_;
  std::unique_ptr<LmdbReader> reader_;  // null: without a place in the reader table
  std::string why_unlocked_;
  merkle::LmdbMeta meta_;
};

// All entries of one tree, in its order. One thread at a time.
class LmdbEntries {
 public:
  // Entries and what their views point into.
  struct Block {
    struct Entry {
      std::string_view key;
      std::string_view value;
      bool is_tree = false;  // a named database, and no record
    };
    std::vector<Entry> entries;
    std::vector<std::unique_ptr<char[]>> pages;
    size_t bytes = 0;
  };

  // `snapshot` must outlive it.
  LmdbEntries(const LmdbSnapshot& snapshot, const merkle::LmdbTree& tree)
      : snapshot_(snapshot), tree_(tree) {}

  // Some more of them; none: that were all. DataLoss also for more or fewer than the tree counts.
  absl::StatusOr<Block> Next();

  uint64_t read() const { return read_; }
  // Over all pages that were read.
  uint64_t checksum() const { return checksum_; }

 private:
  struct Branch {
    std::string page;
    uint64_t number = 0;
    size_t count = 0;
    size_t next = 0;  // child
  };
  struct Run {
    uint64_t first = 0;
    uint64_t count = 0;  // 0: there is none
  };
  absl::StatusOr<Run> NextLeaves();
  absl::Status Descend(uint64_t number);
  absl::Status TakeLeaves(const Run& run, Block* block);
  absl::Status TakeLeaf(std::string_view page, uint64_t number, Block* block);
  absl::Status Count(uint64_t pages);
  absl::StatusOr<merkle::LmdbNode> ChildOf(const Branch& branch, size_t i) const;

  const LmdbSnapshot& snapshot_;
  const merkle::LmdbTree tree_;
  std::vector<Branch> path_;
  bool begun_ = false;
  uint64_t pages_ = 0;
  uint64_t read_ = 0;
  uint64_t checksum_ = 0;
};

}  // namespace driftwood::agent
