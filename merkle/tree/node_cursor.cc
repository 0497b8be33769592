#include "merkle/tree/node_cursor.h"

#include "merkle/hash/level.h"
#include "merkle/status_macros.h"
#include "merkle/tree/leaf.h"
#include "merkle/tree/node.h"

namespace driftwood::merkle {

absl::StatusOr<NodeCursor> NodeCursor::Open(const Transaction& transaction) {
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::Open(transaction));
  return NodeCursor(std::move(cursor));
}

std::string_view NodeCursor::start() const { return StartOfNodeKey(cursor_.key()); }

absl::StatusOr<Summary> NodeCursor::summary() const {
  return ReadNodeSummary(cursor_.key(), cursor_.value());
}

// From the first entry after the one asked for (`any`: there is one) to the one before it.
absl::Status NodeCursor::StepBack(int level, bool any) {
  ASSIGN_OR_RETURN(const bool found, any ? cursor_.Previous() : cursor_.Last());
  if (!found || LevelOfNodeKey(cursor_.key()) != level) {
    return absl::DataLossError("index is damaged: level " + std::to_string(level) +
                               " has no node that begins at -inf");
  }
  return absl::OkStatus();
}

absl::Status NodeCursor::Locate(int level, std::string_view key) {
  level_ = level;
  AssignNodeKey(level, CutPrefix(key), &wanted_);
  ASSIGN_OR_RETURN(const bool any, cursor_.Seek(wanted_));
  if (any && cursor_.key() == wanted_) return absl::OkStatus();
  return StepBack(level, any);
}

absl::Status NodeCursor::LocateBefore(int level, std::string_view start) {
  level_ = level;
  AssignNodeKey(level, start, &wanted_);
  ASSIGN_OR_RETURN(const bool any, cursor_.Seek(wanted_));
  return StepBack(level, any);
}

absl::StatusOr<bool> NodeCursor::Next() {
  ASSIGN_OR_RETURN(const bool any, cursor_.Next());
  return any && LevelOfNodeKey(cursor_.key()) == level_;
}

absl::StatusOr<std::optional<std::string>> NodeCursor::LocateWithEnd(int level,
                                                                     std::string_view key) {
  level_ = level;
  AssignNodeKey(level, CutPrefix(key), &wanted_);
  ASSIGN_OR_RETURN(bool any, cursor_.Seek(wanted_));
  // Mostly `key` is not itself a cut point, and the seek has ended at the next node already.
  if (any && cursor_.key() == wanted_) {
    ASSIGN_OR_RETURN(any, cursor_.Next());
  }
  std::optional<std::string> end;
  if (any && LevelOfNodeKey(cursor_.key()) == level) end = start();
  RETURN_IF_ERROR(StepBack(level, any));
  return end;
}

}  // namespace driftwood::merkle
