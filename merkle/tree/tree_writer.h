// Writes a whole tree from records in key order into an environment of its own, appending only.
//
// Leaves go to the environment as they fill; the upper levels, a few hundredths of them, are kept
// in memory and appended last. Commits in steps, so that memory stays bounded; the file grows, with
// its blocks allocated, ahead of each step, so that a full disk is an error and not a SIGBUS.
//
// Not thread-safe. The file is removed unless it was moved into place.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"
#include "merkle/lmdb/lmdb_env.h"
#include "merkle/tree/external_sort.h"
#include "merkle/tree/leaf.h"
#include "merkle/tree/node.h"

namespace driftwood::merkle {

class TreeWriter {
 public:
  // The file is made beside `path`, which is not touched. `durable`: as IndexOptions has it.
  static absl::StatusOr<std::unique_ptr<TreeWriter>> Create(const std::filesystem::path& path,
                                                            const Leveler& leveler, bool durable);
  ~TreeWriter();
  TreeWriter(const TreeWriter&) = delete;
  TreeWriter& operator=(const TreeWriter&) = delete;

  // `key` must be greater than the one before. Its errors are final.
  absl::Status Add(std::string_view key, const Digest& digest);
  // The key that was added last; empty if there is none. Lives until the next call.
  std::string_view last_key() const { return block_.empty() ? "" : block_.key(block_.count() - 1); }

  // Ends the tree: writes what is missing and `metadata` with the tree's root and transaction,
  // signed, syncs, renames the file to `path`, syncs the directory (what is not durable syncs
  // nothing). Returns the root. The index can be opened once the writer is destroyed, which has it
  // locked.
  absl::StatusOr<Summary> MoveIntoPlace(Metadata metadata, const DigestKey& key);

  // Ends the input instead and gives it back as it came, as one sorted run. The writer must outlive
  // the source.
  absl::StatusOr<std::unique_ptr<RecordSource>> ReadBack();

 private:
  struct UpperNode {
    std::string start;
    Summary summary;
  };

  TreeWriter(std::filesystem::path path, std::filesystem::path temporary, int fd,
             const Leveler& leveler, bool durable);
  absl::Status OpenEnvironment();
  absl::Status Begin();
  // `step_bytes` at least are to come; if it is not the last step, mostly many more.
  absl::Status CommitStep(size_t step_bytes, bool is_last);
  absl::StatusOr<char*> Append(std::string_view node_key, size_t value_bytes);
  absl::Status EndLeaf();
  void Cut(std::string_view prefix, int level);
  absl::Status AppendUpperLevels();
  absl::Status Reserve(size_t bytes);

  const std::filesystem::path path_;
  const std::filesystem::path temporary_;
  const int fd_;  // holds a lock that says this file is being written
  const Leveler leveler_;
  const bool durable_;
  bool mapped_ = false;
  bool in_place_ = false;

  std::unique_ptr<Environment> environment_;
  std::optional<Transaction> transaction_;
  std::optional<Cursor> cursor_;
  size_t step_bytes_ = 0;      // what may be appended before the next commit
  size_t appended_bytes_ = 0;  // since the last commit

  // The leaf that is being filled.
  RecordBlock block_;
  Summary block_summary_;
  std::string leaf_key_;
  // By level, from 2: the nodes so far; the last one is still being filled.
  std::array<std::vector<UpperNode>, kLevelMax + 1> upper_;
};

}  // namespace driftwood::merkle
