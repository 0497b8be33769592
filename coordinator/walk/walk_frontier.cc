// What becomes of a segment once its answers are in (docs/walk.md has the whole, and its proof).
//
// The invariant, unless a tag has misled the walk (the closing check finds that out): segments lie
// in key order and don't overlap. With what was proven equal and what was found they tile the key
// space, so each replica's counts add up to its root.
#include "coordinator/walk/walk_frontier.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace driftwood::coordinator {
namespace {

using merkle::Summary;

// A segment of at most this many leaves is listed by digests instead of being cut further: 48
// records in 4 bytes are 192 bytes, and a round less. Reasoned; the sums are in bench/README.md.
constexpr uint64_t kLeavesListed = 3;
// With more segments than this, neighbours are not told apart any more: each needs a question in
// every batch, if only to be held, and a batch has 200,000 at most.
constexpr size_t kSegmentsMax = 160'000;
// A stretch in which the pivot has this many cuts that others lack is looked through for a run.
// Fewer are some scattered extra keys rather than a run, and two more rounds would not pay.
constexpr size_t kUnsharedCutsMin = 4;
// At least four, so that what remains of a run is a quarter of it or less.
constexpr size_t kPivotCutsMin = 4;
constexpr size_t kPivotCutsMax = 64;
// Where sources of one replica are cut. 50,000 records against three shards by hash, 100 of them
// changed: 15 rounds and 184 kB with 4, 12 and 172 kB with 16, 12 and 192 kB with 64.
constexpr size_t kShardCutsMin = 16;
constexpr size_t kPivotCutBytes = 32;  // about: key twice, cell
// Longer lists are matched by 8 bytes: of 8,192 against 8,192 records, 4 bytes take two different
// ones for equal once in 64.
constexpr uint64_t kRecordsOfShortDigests = 8192;

std::vector<Summary> SummariesOf(const Segment& segment) {
  std::vector<Summary> summaries;
  for (const Part& part : segment.parts) summaries.push_back({part.count, part.fingerprint});
  return summaries;
}

uint8_t KnownWidth(const Segment& segment) {
  uint8_t width = 16;
  for (const Part& part : segment.parts) {
    if (part.count > 0) width = std::min(width, part.width);
  }
  return width;
}

// Some replica has no record there.
bool AnyOut(const std::vector<Summary>& by_source, const SourceMap& sources) {
  std::vector<bool> out(sources.replicas(), true);
  for (size_t s = 0; s < by_source.size(); ++s) {
    if (by_source[s].count > 0) out[sources.ReplicaOf(s)] = false;
  }
  return std::find(out.begin(), out.end(), true) != out.end();
}

// Joins each group with its predecessor where their cells are neighbours.
std::vector<Group> JoinNeighbours(std::vector<Group> groups) {
  std::vector<Group> joined;
  for (Group& group : groups) {
    if (joined.empty() || joined.back().end != group.begin) {
      joined.push_back(std::move(group));
      continue;
    }
    joined.back().end = group.end;
    for (size_t r = 0; r < group.summaries.size(); ++r) {
      joined.back().summaries[r] += group.summaries[r];
    }
  }
  return joined;
}

size_t PivotOf(const Group& group) {
  const auto most =
      std::max_element(group.summaries.begin(), group.summaries.end(),
                       [](const Summary& a, const Summary& b) { return a.count < b.count; });
  return static_cast<size_t>(most - group.summaries.begin());
}

// Up to `most` of the cuts before cells 1 to cells - 1, the first and the last among them.
std::vector<uint32_t> Spread(size_t cells, size_t most) {
  const size_t cuts = cells - 1;
  std::vector<uint32_t> spread(std::min(cuts, most));
  if (spread.size() == cuts) {
    std::iota(spread.begin(), spread.end(), 1u);
    return spread;
  }
  for (size_t i = 0; i < spread.size(); ++i) {
    spread[i] = static_cast<uint32_t>(1 + i * (cuts - 1) / (spread.size() - 1));
  }
  return spread;
}

void OnlyPivotAnswers(size_t pivot, Segment* segment) {
  segment->pivot = pivot;
  for (Part& part : segment->parts) part.complete = true;
  segment->parts[pivot].complete = false;
}

}  // namespace

Frontier::Frontier(const std::vector<Summary>& roots, SourceMap sources,
                   const merkle::TreeParams& params, const WalkOptions& options, bool exact)
    : sources_(std::move(sources)),
      params_(params),
      options_(options),
      exact_(exact),
      findings_(sources_, options) {
  Segment whole;
  whole.level = merkle::kLevelMax + 1;
  for (const Summary& root : roots) {
    Part part;
    part.range.question = merkle::RangeRef::kWhole;
    part.count = root.count;
    part.fingerprint = root.sum;
    whole.parts.push_back(std::move(part));
  }
  Add(std::move(whole));
  segments_.swap(next_);
}

// Decides what a segment is asked next, and drops what is proven. The order matters: agreement
// comes before leaves, so that a run is never listed for being short of levels.
void Frontier::Add(Segment segment) {
  const std::vector<Summary> summaries = SummariesOf(segment);
  const uint8_t width = KnownWidth(segment);
  const uint64_t most = segment.MaxCount(sources_);
  const bool any_out = AnyOut(summaries, sources_);
  const bool sharded = segment.Sharded(sources_);
  if (most == 0) return;
  if (Agree(summaries, sources_, width)) {
    if (!any_out) return;
    if (most <= options_.run_records_min) {
      EnterRecords(&segment, true, 0);
    } else {
      segment.Enter(width == 16 ? Stage::kRunHeld : Stage::kSummarize);
    }
  } else if (segment.level <= 1 || most <= kLeavesListed * params_.leaf_size) {
    // A digest that matches doesn't say that its key is not in another source too.
    if (any_out || sharded) {
      EnterRecords(&segment, true, 0);
    } else {
      segment.width = exact_ ? 16 : most > kRecordsOfShortDigests ? 8 : 4;
      segment.Enter(Stage::kDigests);
    }
  } else {
    segment.cut_level = 0;
    segment.Enter(Stage::kPartition);
    if (sharded) OnlyPivotAnswers(segment.Largest(), &segment);
  }
  next_.push_back(std::move(segment));
}

void Frontier::EnterRecords(Segment* segment, bool all, uint8_t known_width) {
  segment->Enter(Stage::kRecords);
  segment->width = known_width;
  for (Part& part : segment->parts) {
    part.all_positions = all;
    part.complete = part.RecordsWanted() == 0;
  }
}

void Frontier::Advance() {
  next_.clear();
  advancing_ = segments_.size();
  // There are very many: each gives back what it takes before the next one is looked at.
  for (; !segments_.empty(); segments_.pop_front()) {
    Segment& segment = segments_.front();
    if (segment.stage == Stage::kRunHeld || !segment.Complete()) {
      next_.push_back(std::move(segment));
    } else {
      Finish(std::move(segment));
    }
  }
  segments_.swap(next_);
}

uint64_t Frontier::HeldBytes() const {
  uint64_t bytes = findings_.HeldBytes();
  for (const Segment& segment : segments_) bytes += segment.HeldBytes();
  return bytes;
}

absl::StatusOr<Conclusion> Frontier::Conclude(const std::vector<merkle::Summary>& roots) {
  segments_ = {};
  next_ = {};
  return findings_.Conclude(roots);
}

uint64_t Frontier::RecordsToStream() const {
  uint64_t records = 0;
  for (const Segment& segment : segments_) {
    const bool streams = segment.stage == Stage::kDigests || segment.stage == Stage::kRecords;
    if (streams) records += segment.MaxCount(sources_);
  }
  return records;
}

void Frontier::Finish(Segment segment) {
  switch (segment.stage) {
    case Stage::kPartition:
      return FinishPartition(std::move(segment));
    case Stage::kAllKeys:
      return AddChildren(segment, AlignCells(segment, true), true);
    case Stage::kPivotKeys:
      return FinishPivotKeys(std::move(segment));
    case Stage::kCut:
      return FinishCut(segment);
    case Stage::kSummarize:
      return Add(std::move(segment));
    case Stage::kDigests:
      return FinishDigests(std::move(segment));
    case Stage::kRecords:
      return FinishRecords(std::move(segment));
    case Stage::kRunRecords:
      return FinishRun(segment);
    case Stage::kRunHeld:
      return;
  }
}

// Tags of 16 bits line cells up; two different cuts share one once in 65,536. When that has misled
// a walk, it is done again exact, by the keys themselves.
void Frontier::FinishPartition(Segment segment) {
  if (segment.Sharded(sources_)) return FinishPartitionOfPivot(std::move(segment));
  if (!exact_) return AddChildren(segment, AlignCells(segment, false), true);
  segment.Enter(Stage::kAllKeys);
  for (Part& part : segment.parts) {
    if (part.cells.size() <= 1) part.complete = true;
  }
  if (segment.Complete()) return AddChildren(segment, AlignCells(segment, true), true);
  next_.push_back(std::move(segment));
}

// A record that is a cut point is in one source of its replica, so that the sources have hardly a
// cut in common. All are cut at some of the pivot's keys instead.
void Frontier::FinishPartitionOfPivot(Segment segment) {
  const size_t cells = segment.parts[segment.pivot].cells.size();
  if (cells <= 1) {
    segment.level = segment.cut_level;
    return Add(std::move(segment));
  }
  const size_t share = options_.round_bytes / (advancing_ * kPivotCutBytes);
  segment.pivot_cuts = Spread(cells, std::clamp(share, kShardCutsMin, kPivotCutsMax));
  // The others may have more cuts of that level.
  segment.cut_level = std::min(segment.cut_level + 1, merkle::kLevelMax + 1);
  segment.Enter(Stage::kPivotKeys);
  OnlyPivotAnswers(segment.pivot, &segment);
  next_.push_back(std::move(segment));
}

void Frontier::AddChildren(const Segment& segment, std::vector<Group> groups, bool look_for_runs) {
  groups = Unproven(std::move(groups), sources_, cell_width());
  if (next_.size() + groups.size() > kSegmentsMax) groups = JoinNeighbours(std::move(groups));
  for (const Group& group : groups) {
    Segment child = Child(segment, group, cell_width());
    if (look_for_runs && WorthCutting(group)) {
      CutAtPivot(segment, group, std::move(child));
    } else {
      Add(std::move(child));
    }
  }
}

// Where one source has a long stretch of cuts that the others lack, it may be a run of records
// that they lack too. Going down a level would list it; cutting the others at some of its keys
// finds out.
bool Frontier::WorthCutting(const Group& group) const {
  if (Agree(group.summaries, sources_, cell_width())) return false;
  const size_t pivot = PivotOf(group);
  const size_t cells = group.end[pivot] - group.begin[pivot];
  const uint64_t listed =
      std::max<uint64_t>(options_.run_records_min, kLeavesListed * params_.leaf_size);
  return cells > kUnsharedCutsMin && group.summaries[pivot].count > listed;
}

void Frontier::CutAtPivot(const Segment& segment, const Group& group, Segment child) {
  const size_t pivot = PivotOf(group);
  const std::vector<Cell>& cells = segment.parts[pivot].cells;
  const size_t share = options_.round_bytes / (advancing_ * kPivotCutBytes);
  child.cut_level = std::min(child.level + 1, merkle::kLevelMax + 1);
  Part& part = child.parts[pivot];
  part.cells.assign(cells.begin() + group.begin[pivot], cells.begin() + group.end[pivot]);
  for (const Cell& cell : part.cells) part.text_bytes += TextBytes(cell.key);
  child.pivot_cuts = Spread(part.cells.size(), std::clamp(share, kPivotCutsMin, kPivotCutsMax));
  child.Enter(Stage::kPivotKeys);
  OnlyPivotAnswers(pivot, &child);
  const bool known = std::none_of(child.pivot_cuts.begin(), child.pivot_cuts.end(),
                                  [&](uint32_t cut) { return part.cells[cut].key.empty(); });
  if (known) return FinishPivotKeys(std::move(child));
  next_.push_back(std::move(child));
}

void Frontier::FinishPivotKeys(Segment segment) {
  segment.Enter(Stage::kCut);
  segment.parts[segment.pivot].complete = true;
  next_.push_back(std::move(segment));
}

void Frontier::FinishCut(const Segment& segment) {
  // The pivot's cells are still there: a stretch of many is cut again without asking for them.
  AddChildren(segment, GroupsOfCut(segment), true);
}

void Frontier::FinishDigests(Segment segment) {
  MatchDigests(&segment);
  const bool none = std::all_of(segment.parts.begin(), segment.parts.end(),
                                [](const Part& part) { return part.positions.empty(); });
  // All digests match and the sums don't: the digests were too short to show it.
  EnterRecords(&segment, none, segment.width);
  for (Part& part : segment.parts) {
    if (part.positions.size() != part.count) continue;
    part.all_positions = true;  // which takes no room
    part.positions = std::vector<uint64_t>();
  }
  next_.push_back(std::move(segment));
}

void Frontier::FinishRecords(Segment segment) {
  const uint64_t place = segment.Place();
  for (size_t r = 0; r < segment.parts.size(); ++r) {
    Part& part = segment.parts[r];
    for (size_t i = 0; i < part.records.size(); ++i) {
      findings_.Add(WalkedRecord{place, r, part.rank + part.PositionOf(i),
                                 std::move(part.records[i].key), part.records[i].digest});
    }
  }
}

void Frontier::FinishRun(const Segment& segment) {
  FoundRun run;
  run.place = segment.Place();
  for (const Part& part : segment.parts) {
    run.ranks.push_back(part.rank);
    run.summaries.push_back({part.count, part.fingerprint});
  }
  for (const Part& part : segment.parts) {
    if (part.records.empty()) continue;
    const std::string& first = part.records.front().key;
    if (run.first_key.empty() || first < run.first_key) run.first_key = first;
    run.last_key = std::max(run.last_key, part.records.back().key);
  }
  run.listed = ListRun(segment);
  findings_.Add(std::move(run));
}

// The first of its keys. Each source that was asked has named as many of its first records as are
// listed in all, so that of these keys nothing is missing.
std::vector<Divergence> Frontier::ListRun(const Segment& segment) const {
  std::vector<WalkedRecord> named;
  std::vector<bool> told(sources_.replicas(), false);  // by its own sources
  std::vector<bool> present(sources_.replicas(), false);
  for (size_t s = 0; s < segment.parts.size(); ++s) {
    const Part& part = segment.parts[s];
    const size_t replica = sources_.ReplicaOf(s);
    present[replica] = present[replica] || part.count > 0;
    if (part.records.empty()) continue;
    told[replica] = true;
    const size_t listed = std::min(segment.listed, part.records.size());
    for (size_t i = 0; i < listed; ++i) {
      named.push_back({0, s, i, part.records[i].key, part.records[i].digest});
    }
  }
  std::vector<Divergence> keys = Join(named, sources_);
  uint64_t records = 0;
  size_t listed = 0;
  for (; listed < keys.size() && records < segment.listed; ++listed) {
    uint64_t most = 0;
    for (size_t r = 0; r < told.size(); ++r) most = std::max(most, keys[listed].RecordsIn(r));
    records += most;
  }
  keys.resize(listed);
  for (Divergence& key : keys) {
    const auto one = std::find_if(key.states.begin(), key.states.end(),
                                  [](const auto& state) { return state.has_value(); });
    for (size_t r = 0; r < told.size(); ++r) {
      if (present[r] && !told[r]) key.states[r] = *one;
    }
  }
  return keys;
}

}  // namespace driftwood::coordinator
