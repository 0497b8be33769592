// The view of an index: one LMDB read transaction.
//
// What it reads is checked as it goes: every value by its checksum, the children of every node on
// the way down against that node's summary, and the cells or records that it hands out against the
// summary of the range that they tile. So an entry that is missing, stale or out of place is
// DataLoss and never another answer.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merkle/lmdb/lmdb_env.h"
#include "merkle/tree/index_view.h"
#include "merkle/tree/leaf.h"
#include "merkle/tree/node.h"
#include "merkle/tree/node_cursor.h"

namespace driftwood::merkle {

// One thread at a time.
class IndexSnapshot final : public IndexView {
 public:
  // `lease` is let go when the transaction has ended.
  static absl::StatusOr<std::unique_ptr<IndexSnapshot>> Open(std::shared_ptr<void> lease,
                                                             Transaction transaction,
                                                             const Leveler& leveler);
  const Metadata& metadata() const { return metadata_; }
  const Transaction& transaction() const { return transaction_; }

  const Summary& root() const override { return metadata_.root; }
  const std::string& source_position() const override { return metadata_.source_position; }
  const Leveler& leveler() const override { return leveler_; }
  const TreeParams& params() const override { return metadata_.params; }
  absl::StatusOr<Summary> Summarize(const Range& range) const override;
  absl::Status Partition(const Range& range, int level, const CellVisitor& visitor) const override;
  absl::Status Records(const Range& range, const RecordVisitor& visitor) const override;

 private:
  // A node's children, added up: before_[i] is the sum of the first i.
  struct Children {
    bool valid = false;
    std::string start;
    std::vector<std::string> starts;
    std::vector<Summary> before;
  };

  IndexSnapshot(std::shared_ptr<void> lease, Transaction transaction, const Leveler& leveler)
      : lease_(std::move(lease)), transaction_(std::move(transaction)), leveler_(leveler) {}
  absl::Status ReadMetadata();
  absl::Status CheckTop();
  // Of the records whose key is less than `key` (absent: of all).
  absl::StatusOr<Summary> Before(const std::optional<std::string_view>& key) const;
  absl::StatusOr<const Children*> ChildrenOf(int level, std::string_view start,
                                             const std::optional<std::string>& end,
                                             const Summary& whole) const;
  absl::StatusOr<Summary> BeforeInLeaf(std::string_view start, const Summary& whole,
                                       std::string_view key) const;
  // DataLoss unless the records of [begin, end) add up to `handed_out`.
  absl::Status CheckHandedOut(std::string_view begin, const std::optional<std::string_view>& end,
                              const Summary& handed_out) const;

  const std::shared_ptr<void> lease_;  // destroyed after the transaction
  const Transaction transaction_;
  const Leveler leveler_;
  Metadata metadata_;
  int top_level_ = 1;  // the highest level with more than one node
  // By level: the node last looked into. A walk asks in key order, so most of its way is here.
  mutable std::array<Children, kLevelMax + 2> path_;
  mutable std::optional<NodeCursor> cursor_;  // for looking down; visitors may call back in between
};

}  // namespace driftwood::merkle
