// Applies a batch of changes to a tree, bottom up, in one write transaction.
//
// Leaves first: each is patched in place where only digests change, else packed anew, and split or
// joined where cut points have come or gone. Then each upper level: nodes that begin at such a cut
// point are made or removed and they and their neighbours added up anew; all others get what
// changed below them added. So an update costs one path per touched leaf, and the result is the
// tree that a bulk load of the same records would have written.
//
// One thread, one use.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"
#include "merkle/tree/change.h"
#include "merkle/tree/leaf.h"
#include "merkle/tree/node_cursor.h"

namespace driftwood::merkle {

class TreeUpdate {
 public:
  // Opens its cursor in the write transaction `transaction`, which must outlive it.
  static absl::StatusOr<TreeUpdate> Open(const Transaction& transaction, const Leveler& leveler);

  // `changes` in strictly ascending order of keys. Returns by how much the root changes (mod 2^64
  // and 2^128). FailedPrecondition: one of them contradicts what its key holds. After an error the
  // transaction must be aborted.
  absl::StatusOr<Summary> Run(std::span<const Change* const> changes);

 private:
  using Changes = std::span<const Change* const>;

  // Something at or after `key`, within one node, has changed by this much.
  struct Delta {
    std::string_view key;  // of a change
    Summary summary;
  };
  struct CutChange {
    std::string prefix;
    int level;
    bool appears;
  };

  TreeUpdate(NodeCursor cursor, const Leveler& leveler)
      : cursor_(std::move(cursor)), leveler_(leveler) {}

  // Level 1.
  absl::Status UpdateLeaf(const LeafView& leaf, Changes changes, Summary* delta);
  static absl::Status CheckBefore(const LeafView& leaf, Changes changes);
  bool PatchLeaf(const LeafView& leaf, Changes changes);
  void MergeInto(const LeafView& leaf, Changes changes);
  absl::Status WritePieces();
  absl::Status WritePiece(size_t begin, size_t end, std::string_view start);
  absl::Status JoinToPredecessor(size_t end);
  bool StartPersists() const;

  // Level 2 and up.
  absl::Status UpdateLevel(int level);
  absl::Status MoveCuts(int level);
  absl::Status Recompute(int level, std::string_view start);
  absl::Status AddDeltas(int level);
  absl::Status WriteUpper(int level, std::string_view start, const Summary& summary);

  NodeCursor cursor_;
  const Leveler& leveler_;
  std::vector<Delta> deltas_;
  std::vector<CutChange> cuts_;
  std::set<std::string, std::less<>> recomputed_;  // starts, of the level being updated

  // The leaf being updated, and scratch buffers.
  std::string leaf_key_;
  std::string value_;
  std::string node_key_;
  RecordBlock block_;
};

}  // namespace driftwood::merkle
