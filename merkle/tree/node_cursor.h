// A cursor that moves over the nodes of one level of an index.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/lmdb/lmdb_env.h"

namespace driftwood::merkle {

// Must not outlive its transaction. Views as those of Cursor.
class NodeCursor {
 public:
  static absl::StatusOr<NodeCursor> Open(const Transaction& transaction);

  // Goes to the node of `level` that `key` belongs to: the last one that doesn't begin after it.
  // DataLoss if there is none, since each level begins at -inf.
  absl::Status Locate(int level, std::string_view key);
  // The same for the node that ends where `start` begins, `start` not empty.
  absl::Status LocateBefore(int level, std::string_view start);
  // To the next node of the level; false, and nowhere, at its end.
  absl::StatusOr<bool> Next();
  // Locate, and where the node ends (absent: +inf); the cursor then stands on the node.
  absl::StatusOr<std::optional<std::string>> LocateWithEnd(int level, std::string_view key);

  std::string_view node_key() const { return cursor_.key(); }
  std::string_view start() const;
  std::string_view value() const { return cursor_.value(); }
  // Checked by its checksum.
  absl::StatusOr<Summary> summary() const;

  Cursor* raw() { return &cursor_; }

 private:
  explicit NodeCursor(Cursor cursor) : cursor_(std::move(cursor)) {}
  absl::Status StepBack(int level, bool any);

  Cursor cursor_;
  int level_ = 0;
  std::string wanted_;  // scratch
};

}  // namespace driftwood::merkle
