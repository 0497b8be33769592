#include "merkle/tree/index_snapshot.h"

#include <algorithm>
#include <utility>

#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

absl::Status DoesNotAddUp(std::string_view what) {
  return absl::DataLossError("index is damaged: " + std::string(what) +
                             " does not add up to its summary");
}

}  // namespace

absl::StatusOr<std::unique_ptr<IndexSnapshot>> IndexSnapshot::Open(std::shared_ptr<void> lease,
                                                                   Transaction transaction,
                                                                   const Leveler& leveler) {
  std::unique_ptr<IndexSnapshot> snapshot(
      new IndexSnapshot(std::move(lease), std::move(transaction), leveler));
  RETURN_IF_ERROR(snapshot->ReadMetadata());
  RETURN_IF_ERROR(snapshot->CheckTop());
  return snapshot;
}

absl::Status IndexSnapshot::ReadMetadata() {
  const absl::StatusOr<std::string_view> value = transaction_.Get(kMetadataKey);
  if (absl::IsNotFound(value.status())) {
    return absl::DataLossError("not a Driftwood index, or an unfinished one: no metadata record");
  }
  if (!value.ok()) return value.status();
  ASSIGN_OR_RETURN(metadata_, DecodeMetadata(*value));
  if (metadata_.transaction == transaction_.id()) return absl::OkStatus();
  return absl::DataLossError("index is damaged: its metadata is of transaction " +
                             std::to_string(metadata_.transaction) + ", the file of " +
                             std::to_string(transaction_.id()));
}

// Every level from the top down to the first that has more than one node adds up to the root.
absl::Status IndexSnapshot::CheckTop() {
  ASSIGN_OR_RETURN(NodeCursor cursor, NodeCursor::Open(transaction_));
  cursor_.emplace(std::move(cursor));
  for (top_level_ = kLevelMax;; --top_level_) {
    ASSIGN_OR_RETURN(const Children* top,
                     ChildrenOf(top_level_ + 1, "", std::nullopt, metadata_.root));
    if (top->starts.size() > 1 || top_level_ == 1) return absl::OkStatus();
  }
}

// The nodes of level `level` - 1 within [start, end), which add up to `whole`.
absl::StatusOr<const IndexSnapshot::Children*> IndexSnapshot::ChildrenOf(
    int level, std::string_view start, const std::optional<std::string>& end,
    const Summary& whole) const {
  Children& children = path_[static_cast<size_t>(level)];
  if (children.valid && children.start == start) return &children;
  children.valid = false;
  children.start = start;
  children.starts.clear();
  children.before.assign(1, Summary{});
  RETURN_IF_ERROR(cursor_->Locate(level - 1, start));
  if (cursor_->start() != start) return DoesNotAddUp(DescribeNode(NodeKey(level, start)));
  for (;;) {
    ASSIGN_OR_RETURN(const Summary summary, cursor_->summary());
    children.starts.emplace_back(cursor_->start());
    children.before.push_back(children.before.back() + summary);
    ASSIGN_OR_RETURN(const bool more, cursor_->Next());
    if (!more || (end && cursor_->start() >= *end)) break;
  }
  if (children.before.back() != whole) return DoesNotAddUp(DescribeNode(NodeKey(level, start)));
  children.valid = true;
  return &children;
}

absl::StatusOr<Summary> IndexSnapshot::Before(const std::optional<std::string_view>& key) const {
  if (!key) return metadata_.root;
  if (key->empty()) return Summary{};
  Summary before;
  std::string start;
  std::optional<std::string> end;
  Summary whole = metadata_.root;
  for (int level = top_level_ + 1; level > 1; --level) {
    ASSIGN_OR_RETURN(const Children* children, ChildrenOf(level, start, end, whole));
    const auto after = std::upper_bound(children->starts.begin(), children->starts.end(), *key);
    const auto i = static_cast<size_t>(after - children->starts.begin()) - 1;  // the first is <=
    before += children->before[i];
    whole = children->before[i + 1] - children->before[i];
    start = children->starts[i];
    if (after != children->starts.end()) end = *after;
  }
  ASSIGN_OR_RETURN(const Summary in_leaf, BeforeInLeaf(start, whole, *key));
  return before + in_leaf;
}

absl::StatusOr<Summary> IndexSnapshot::BeforeInLeaf(std::string_view start, const Summary& whole,
                                                    std::string_view key) const {
  if (key == start) return Summary{};
  RETURN_IF_ERROR(cursor_->Locate(1, start));
  ASSIGN_OR_RETURN(const LeafView leaf, LeafView::Parse(cursor_->node_key(), cursor_->value()));
  if (cursor_->start() != start || leaf.summary() != whole) {
    return DoesNotAddUp(DescribeNode(NodeKey(1, start)));
  }
  return leaf.Summarize(0, leaf.LowerBound(key));
}

absl::StatusOr<Summary> IndexSnapshot::Summarize(const Range& range) const {
  if (range.Empty()) return Summary{};
  ASSIGN_OR_RETURN(const Summary before, Before(range.begin));
  ASSIGN_OR_RETURN(const Summary until, Before(range.end));
  return until - before;
}

absl::Status IndexSnapshot::CheckHandedOut(std::string_view begin,
                                           const std::optional<std::string_view>& end,
                                           const Summary& handed_out) const {
  ASSIGN_OR_RETURN(const Summary before, Before(begin));
  ASSIGN_OR_RETURN(const Summary until, Before(end));
  if (until - before != handed_out) return DoesNotAddUp("a range");
  return absl::OkStatus();
}

absl::Status IndexSnapshot::Partition(const Range& range, int level,
                                      const CellVisitor& visitor) const {
  if (level < 1 || level > kLevelMax) {
    return absl::InvalidArgumentError("level " + std::to_string(level) + "; expected 1 to " +
                                      std::to_string(kLevelMax));
  }
  if (range.Empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(NodeCursor cursor, NodeCursor::Open(transaction_));
  RETURN_IF_ERROR(cursor.Locate(level, range.begin));
  bool whole_begin = cursor.start() == range.begin;  // does the cell begin where its node does?
  Summary handed_out;
  std::string begin = range.begin;
  for (bool last = false, wanted = true; !last && wanted;) {
    ASSIGN_OR_RETURN(Summary cell, cursor.summary());
    ASSIGN_OR_RETURN(const bool more, cursor.Next());
    std::optional<std::string> end = range.end;
    bool whole_end = !more && !range.end;
    if (more && (!range.end || cursor.start() <= *range.end)) {
      end = cursor.start();
      whole_end = true;
    }
    last = end == range.end;
    if (!whole_begin || !whole_end) {
      ASSIGN_OR_RETURN(const Summary before, Before(begin));
      ASSIGN_OR_RETURN(const Summary until, Before(end));
      cell = until - before;
    }
    handed_out += cell;
    wanted = visitor(begin, cell);
    if (last || !wanted) {
      RETURN_IF_ERROR(CheckHandedOut(range.begin, end, handed_out));
    } else {
      begin = std::move(*end);
    }
    whole_begin = true;
  }
  return absl::OkStatus();
}

absl::Status IndexSnapshot::Records(const Range& range, const RecordVisitor& visitor) const {
  if (range.Empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(NodeCursor cursor, NodeCursor::Open(transaction_));
  RETURN_IF_ERROR(cursor.Locate(1, range.begin));
  Summary handed_out;
  std::string key;
  for (bool more = true; more && (!range.end || cursor.start() < *range.end);) {
    ASSIGN_OR_RETURN(const LeafView leaf, LeafView::Parse(cursor.node_key(), cursor.value()));
    const size_t end = range.end ? leaf.LowerBound(*range.end) : leaf.count();
    for (size_t i = leaf.LowerBound(range.begin); i < end; ++i) {
      key.clear();
      leaf.AppendKeyTo(i, &key);
      handed_out.Add(leaf.digest(i));
      if (!visitor(key, leaf.digest(i))) {
        key.push_back('\0');  // the least key after it
        return CheckHandedOut(range.begin, key, handed_out);
      }
    }
    ASSIGN_OR_RETURN(more, cursor.Next());
  }
  return CheckHandedOut(range.begin, range.end, handed_out);
}

}  // namespace driftwood::merkle
