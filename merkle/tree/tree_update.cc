// Why the result is the tree of a bulk load: where a node begins is decided by its own prefix alone
// (docs/tree.md), so a change moves only the cut points of its own key. What a level must do
// follows from the level below: which cuts came and went, and by how much each stretch has changed.
//
// Deltas are enough for all other nodes, since a summary is a sum (MSet-Add-Hash of Clarke et al.,
// 2003): no leaf is read that no change belongs to.
#include "merkle/tree/tree_update.h"

#include <utility>

#include "merkle/status_macros.h"
#include "merkle/tree/node.h"

namespace driftwood::merkle {

absl::StatusOr<TreeUpdate> TreeUpdate::Open(const Transaction& transaction,
                                            const Leveler& leveler) {
  ASSIGN_OR_RETURN(NodeCursor cursor, NodeCursor::Open(transaction));
  return TreeUpdate(std::move(cursor), leveler);
}

// A leaf's changes are found by where the leaf ends, and looked up anew after each: leaves that
// were split or removed are behind us, since changes ascend.
absl::StatusOr<Summary> TreeUpdate::Run(Changes changes) {
  Summary total;
  while (!changes.empty()) {
    const std::string_view first = changes.front()->key;
    ASSIGN_OR_RETURN(const auto end, cursor_.LocateWithEnd(1, first));
    size_t count = 1;
    while (count < changes.size() && (!end || changes[count]->key < *end)) ++count;
    leaf_key_ = cursor_.node_key();
    ASSIGN_OR_RETURN(const LeafView leaf, LeafView::Parse(leaf_key_, cursor_.value()));
    Summary delta;
    RETURN_IF_ERROR(UpdateLeaf(leaf, changes.first(count), &delta));
    if (delta != Summary{}) deltas_.push_back({first, delta});
    total += delta;
    changes = changes.subspan(count);
  }
  for (int level = 2; level <= kLevelMax; ++level) RETURN_IF_ERROR(UpdateLevel(level));
  return total;
}

absl::Status TreeUpdate::UpdateLeaf(const LeafView& leaf, Changes changes, Summary* delta) {
  RETURN_IF_ERROR(CheckBefore(leaf, changes));
  const Summary before = leaf.summary();
  if (PatchLeaf(leaf, changes)) {
    ASSIGN_OR_RETURN(const LeafView patched, LeafView::Parse(leaf_key_, value_));
    *delta = patched.summary() - before;
    if (*delta == Summary{}) return absl::OkStatus();
    return cursor_.raw()->PutCurrent(leaf_key_, value_);
  }
  MergeInto(leaf, changes);  // copies: the views are gone with the first write
  *delta = block_.Summarize(0, block_.count()) - before;
  return WritePieces();
}

// Here, where the leaf is at hand: a batch that contradicts the index costs no second way down, and
// its transaction is aborted with all that was written before.
absl::Status TreeUpdate::CheckBefore(const LeafView& leaf, Changes changes) {
  for (const Change* change : changes) {
    if (change->before.kind == Before::Kind::kAnything) continue;
    const size_t i = leaf.LowerBound(change->key);
    std::optional<Digest> held;
    if (i < leaf.count() && leaf.KeyEquals(i, change->key)) held = leaf.digest(i);
    if (!change->before.Allows(held)) return Contradiction(*change, held);
  }
  return absl::OkStatus();
}

// Into value_, if no key comes or goes: the layout stays, so only the digests are overwritten. This
// is what most changes of a live table are.
bool TreeUpdate::PatchLeaf(const LeafView& leaf, Changes changes) {
  for (const Change* change : changes) {
    const size_t i = leaf.LowerBound(change->key);
    const bool present = i < leaf.count() && leaf.KeyEquals(i, change->key);
    if (present != change->digest.has_value()) return false;
  }
  value_ = cursor_.value();
  LeafPatch patch(&value_);
  for (const Change* change : changes) {
    if (!change->digest) continue;
    patch.SetDigest(leaf.digest_offset(leaf.LowerBound(change->key)), *change->digest);
  }
  patch.Finish(leaf_key_);
  return true;
}

// The leaf's records with the changes made, into block_.
void TreeUpdate::MergeInto(const LeafView& leaf, Changes changes) {
  block_.Clear();
  std::string key;
  size_t next = 0;
  const auto copy_until = [&](size_t end) {
    for (; next < end; ++next) {
      key.clear();
      leaf.AppendKeyTo(next, &key);
      block_.Append(key, leaf.digest(next));
    }
  };
  for (const Change* change : changes) {
    copy_until(leaf.LowerBound(change->key));
    if (next < leaf.count() && leaf.KeyEquals(next, change->key)) ++next;
    if (change->digest) block_.Append(change->key, *change->digest);
  }
  copy_until(leaf.count());
}

// Does the cut point at which this leaf begins still exist? It is there as long as any key has its
// prefix, and those would all lie in this leaf, at its beginning.
bool TreeUpdate::StartPersists() const {
  const std::string_view start = StartOfNodeKey(leaf_key_);
  return start.empty() || (!block_.empty() && CutPrefix(block_.key(0)) == start);
}

// block_ in place of the leaf: cut at its cut points, or joined to the leaf before. Keys with one
// prefix stay together, so each prefix is asked for its level once.
absl::Status TreeUpdate::WritePieces() {
  const std::string start(StartOfNodeKey(leaf_key_));
  const bool persists = StartPersists();
  std::vector<std::pair<size_t, int>> pieces;  // where the new ones begin, and the level there
  std::string_view last = persists ? std::string_view(start) : std::string_view();
  for (size_t i = 0; i < block_.count(); ++i) {
    const std::string_view prefix = CutPrefix(block_.key(i));
    if (prefix == last) continue;
    last = prefix;
    if (const int level = leveler_.Level(prefix); level > 0) pieces.emplace_back(i, level);
  }
  const size_t first_end = pieces.empty() ? block_.count() : pieces[0].first;
  if (persists) {
    RETURN_IF_ERROR(WritePiece(0, first_end, start));
  } else {
    cuts_.push_back({start, leveler_.Level(start), false});
    RETURN_IF_ERROR(cursor_.raw()->DeleteCurrent());
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    const size_t end = i + 1 < pieces.size() ? pieces[i + 1].first : block_.count();
    const std::string_view prefix = CutPrefix(block_.key(pieces[i].first));
    cuts_.push_back({std::string(prefix), pieces[i].second, true});
    RETURN_IF_ERROR(WritePiece(pieces[i].first, end, prefix));
  }
  return persists ? absl::OkStatus() : JoinToPredecessor(first_end);
}

absl::Status TreeUpdate::WritePiece(size_t begin, size_t end, std::string_view start) {
  AssignNodeKey(1, start, &node_key_);
  RETURN_IF_ERROR(PackLeaf(node_key_, block_, begin, end, &value_));
  return cursor_.raw()->Put(node_key_, value_);
}

// The records of block_ before `end` go to the end of the leaf before the one that was removed.
// There is one: only a leaf with a cut point is removed, and the first leaf, at -inf, has none.
absl::Status TreeUpdate::JoinToPredecessor(size_t end) {
  if (end == 0) return absl::OkStatus();
  RETURN_IF_ERROR(cursor_.LocateBefore(1, StartOfNodeKey(leaf_key_)));
  node_key_ = cursor_.node_key();
  ASSIGN_OR_RETURN(const LeafView leaf, LeafView::Parse(node_key_, cursor_.value()));
  RecordBlock joined;
  leaf.AppendTo(&joined);
  for (size_t i = 0; i < end; ++i) joined.Append(block_.key(i), block_.digest(i));
  RETURN_IF_ERROR(PackLeaf(node_key_, joined, 0, joined.count(), &value_));
  return cursor_.raw()->Put(node_key_, value_);
}

absl::Status TreeUpdate::UpdateLevel(int level) {
  recomputed_.clear();
  RETURN_IF_ERROR(MoveCuts(level));
  return AddDeltas(level);
}

absl::Status TreeUpdate::MoveCuts(int level) {
  std::erase_if(cuts_, [level](const CutChange& cut) { return cut.level < level; });
  for (const CutChange& cut : cuts_) {
    if (cut.appears) {
      RETURN_IF_ERROR(WriteUpper(level, cut.prefix, {}));
      continue;
    }
    RETURN_IF_ERROR(cursor_.Locate(level, cut.prefix));
    if (cursor_.start() != cut.prefix) {
      return absl::DataLossError("index is damaged: level " + std::to_string(level) +
                                 " lacks a node that level 1 has");
    }
    RETURN_IF_ERROR(cursor_.raw()->DeleteCurrent());
  }
  // Only when all nodes of this level are in place is it known where they end.
  for (const CutChange& cut : cuts_) {
    RETURN_IF_ERROR(cursor_.LocateBefore(level, cut.prefix));
    RETURN_IF_ERROR(Recompute(level, std::string(cursor_.start())));
    if (cut.appears) RETURN_IF_ERROR(Recompute(level, cut.prefix));
  }
  return absl::OkStatus();
}

// Adds up the children of the node of `level` that begins at `start`, about `fanout` of them. The
// level below is finished by then.
absl::Status TreeUpdate::Recompute(int level, std::string_view start) {
  if (!recomputed_.emplace(start).second) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto end, cursor_.LocateWithEnd(level, start));
  RETURN_IF_ERROR(cursor_.Locate(level - 1, start));
  Summary summary;
  for (;;) {
    ASSIGN_OR_RETURN(const Summary child, cursor_.summary());
    summary += child;
    ASSIGN_OR_RETURN(const bool more, cursor_.Next());
    if (!more || (end && cursor_.start() >= *end)) break;
  }
  return WriteUpper(level, start, summary);
}

// Those of one node become one, for the level above. A node that was added up anew has its change
// already; its delta still goes up, as nodes above may not be new.
absl::Status TreeUpdate::AddDeltas(int level) {
  size_t kept = 0;
  for (size_t i = 0; i < deltas_.size();) {
    Delta merged = deltas_[i];
    ASSIGN_OR_RETURN(const auto end, cursor_.LocateWithEnd(level, merged.key));
    for (++i; i < deltas_.size() && (!end || deltas_[i].key < *end); ++i) {
      merged.summary += deltas_[i].summary;
    }
    if (!recomputed_.contains(cursor_.start())) {
      node_key_ = cursor_.node_key();
      ASSIGN_OR_RETURN(Summary summary, cursor_.summary());
      summary += merged.summary;
      char value[kUpperNodeBytes];
      WriteUpperNode(node_key_, summary, value);
      RETURN_IF_ERROR(cursor_.raw()->PutCurrent(node_key_, {value, sizeof value}));
    }
    deltas_[kept++] = merged;
  }
  deltas_.resize(kept);
  return absl::OkStatus();
}

absl::Status TreeUpdate::WriteUpper(int level, std::string_view start, const Summary& summary) {
  AssignNodeKey(level, start, &node_key_);
  char value[kUpperNodeBytes];
  WriteUpperNode(node_key_, summary, value);
  return cursor_.raw()->Put(node_key_, {value, sizeof value});
}

}  // namespace driftwood::merkle
