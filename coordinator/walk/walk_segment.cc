#include "coordinator/walk/walk_segment.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "coordinator/walk/align.h"

namespace driftwood::coordinator {
namespace {

using merkle::Digest;
using merkle::LowBytes;
using merkle::Summary;

// What is known of the cuts: one for each cell but the first.
std::vector<uint16_t> Tags(const Part& part) {
  std::vector<uint16_t> tags;
  for (size_t i = 1; i < part.cells.size(); ++i) tags.push_back(part.cells[i].tag);
  return tags;
}
std::vector<std::string> Keys(const Part& part) {
  std::vector<std::string> keys;
  for (size_t i = 1; i < part.cells.size(); ++i) keys.push_back(part.cells[i].key);
  return keys;
}

Group Between(const Segment& segment, const std::vector<uint32_t>& begin,
              const std::vector<uint32_t>& end) {
  Group group{begin, end, {}, std::vector<Summary>(segment.parts.size())};
  for (size_t r = 0; r < segment.parts.size(); ++r) {
    for (uint32_t i = begin[r]; i < end[r]; ++i) {
      const Cell& cell = segment.parts[r].cells[i];
      group.summaries[r] += Summary{cell.count, cell.fingerprint};
    }
  }
  return group;
}

// `cuts[r][k]`: the cell of source r at which the k-th common cut lies.
std::vector<Group> GroupsAt(const Segment& segment, const std::vector<std::vector<uint32_t>>& cuts,
                            size_t common) {
  const size_t replicas = segment.parts.size();
  std::vector<Group> groups;
  groups.reserve(common + 1);
  std::vector<uint32_t> begin(replicas, 0);
  std::vector<uint64_t> before(replicas, 0);
  for (size_t k = 0; k <= common; ++k) {
    std::vector<uint32_t> end(replicas, 0);
    for (size_t r = 0; r < replicas; ++r) {
      if (segment.parts[r].count == 0) continue;
      end[r] = k < common ? cuts[r][k] : static_cast<uint32_t>(segment.parts[r].cells.size());
    }
    groups.push_back(Between(segment, begin, end));
    groups.back().before = before;
    for (size_t r = 0; r < replicas; ++r) before[r] += groups.back().summaries[r].count;
    begin = std::move(end);
  }
  return groups;
}

// Which replicas have records there.
std::vector<bool> Present(const std::vector<Summary>& by_source, const SourceMap& sources) {
  std::vector<bool> present(sources.replicas(), false);
  for (size_t s = 0; s < by_source.size(); ++s) {
    if (by_source[s].count > 0) present[sources.ReplicaOf(s)] = true;
  }
  return present;
}

}  // namespace

uint64_t Part::HeldBytes() const {
  return sizeof(Part) + text_bytes + cells.capacity() * sizeof(Cell) +
         keys.capacity() * sizeof(std::string) +
         digests.capacity() * (sizeof(Digest) + kMatchBytes) +
         positions.capacity() * sizeof(uint64_t) +
         records.capacity() * sizeof(merkle::AnswerRecord);
}

uint64_t Segment::HeldBytes() const {
  uint64_t bytes = sizeof(Segment) + pivot_cuts.capacity() * sizeof(uint32_t);
  for (const auto* bound : {&begin, &end}) bytes += *bound ? TextBytes(**bound) : 0;
  for (const Part& part : parts) bytes += part.HeldBytes();
  return bytes;
}

uint64_t Segment::MaxCount(const SourceMap& sources) const {
  if (!sources.sharded()) return parts[Largest()].count;
  std::vector<uint64_t> counts(sources.replicas());
  for (size_t s = 0; s < parts.size(); ++s) counts[sources.ReplicaOf(s)] += parts[s].count;
  return *std::max_element(counts.begin(), counts.end());
}

size_t Segment::Largest() const {
  size_t most = 0;
  for (size_t s = 1; s < parts.size(); ++s) {
    if (parts[s].count > parts[most].count) most = s;
  }
  return most;
}

bool Segment::Sharded(const SourceMap& sources) const {
  if (!sources.sharded()) return false;
  std::vector<bool> present(sources.replicas(), false);
  for (size_t s = 0; s < parts.size(); ++s) {
    if (parts[s].count == 0) continue;
    if (present[sources.ReplicaOf(s)]) return true;
    present[sources.ReplicaOf(s)] = true;
  }
  return false;
}

uint64_t Segment::Place() const {
  uint64_t place = 0;
  for (const Part& part : parts) place += part.rank;
  return place;
}

bool Segment::Complete() const {
  return std::all_of(parts.begin(), parts.end(), [](const Part& part) { return part.complete; });
}

void Segment::Enter(Stage next) {
  stage = next;
  for (Part& part : parts) part.complete = part.count == 0;
}

bool Agree(const std::vector<Summary>& by_source, const SourceMap& sources, size_t width) {
  std::vector<Summary> sums;
  if (sources.sharded()) sums = sources.Sum(by_source);
  const std::vector<Summary>& summaries = sources.sharded() ? sums : by_source;
  const Summary* first = nullptr;
  for (const Summary& summary : summaries) {
    if (summary.count == 0) continue;
    if (first == nullptr) first = &summary;
    if (summary.count != first->count ||
        LowBytes(summary.sum, width) != LowBytes(first->sum, width)) {
      return false;
    }
  }
  return true;
}

std::vector<Group> AlignCells(const Segment& segment, bool exact) {
  const size_t pivot = segment.Largest();
  const size_t pivot_cuts = segment.parts[pivot].cells.size() - 1;
  const std::vector<uint16_t> tags = Tags(segment.parts[pivot]);
  const std::vector<std::string> keys = Keys(segment.parts[pivot]);
  // For each of the pivot's cuts, by source, the cell that begins there; 0: none.
  std::vector<std::vector<uint32_t>> lined_up(segment.parts.size());
  for (size_t r = 0; r < segment.parts.size(); ++r) {
    const Part& part = segment.parts[r];
    if (part.count == 0) continue;
    lined_up[r].assign(pivot_cuts, 0);
    const CommonCuts common = exact ? AlignKeys(keys, Keys(part)) : AlignTags(tags, Tags(part));
    for (const auto& [pivot_cut, cut] : common) lined_up[r][pivot_cut] = cut + 1;
  }
  std::vector<std::vector<uint32_t>> cuts(segment.parts.size());
  size_t common = 0;
  for (size_t k = 0; k < pivot_cuts; ++k) {
    const bool shared = std::all_of(lined_up.begin(), lined_up.end(),
                                    [k](const auto& cells) { return cells.empty() || cells[k]; });
    if (!shared) continue;
    ++common;
    for (size_t r = 0; r < cuts.size(); ++r) {
      if (!lined_up[r].empty()) cuts[r].push_back(lined_up[r][k]);
    }
  }
  return GroupsAt(segment, cuts, common);
}

std::vector<Group> GroupsOfCut(const Segment& segment) {
  size_t common = segment.pivot_cuts.size();
  for (size_t r = 0; r < segment.parts.size(); ++r) {
    if (r == segment.pivot || segment.parts[r].count == 0) continue;
    common = std::min(common, segment.parts[r].cells.size() - 1);
  }
  std::vector<uint32_t> own(common);
  std::iota(own.begin(), own.end(), 1u);
  std::vector<std::vector<uint32_t>> cuts(segment.parts.size(), own);
  cuts[segment.pivot] = segment.pivot_cuts;
  return GroupsAt(segment, cuts, common);
}

std::vector<Group> Unproven(std::vector<Group> groups, const SourceMap& sources, size_t width) {
  std::vector<Group> unproven;
  std::vector<bool> last_present;
  bool last_agrees = false;
  bool adjacent = false;
  for (Group& group : groups) {
    const bool agrees = Agree(group.summaries, sources, width);
    const std::vector<bool> present = Present(group.summaries, sources);
    const bool all = std::find(present.begin(), present.end(), false) == present.end();
    const bool any = std::find(present.begin(), present.end(), true) != present.end();
    if (!any) continue;  // nobody has a record there: no boundary of anything
    if (agrees && all) {
      adjacent = false;
      continue;
    }
    if (adjacent && agrees && last_agrees && last_present == present) {
      unproven.back().end = group.end;
      for (size_t r = 0; r < group.summaries.size(); ++r) {
        unproven.back().summaries[r] += group.summaries[r];
      }
      continue;
    }
    last_agrees = agrees;
    last_present = present;
    adjacent = true;
    unproven.push_back(std::move(group));
  }
  return unproven;
}

Segment Child(const Segment& segment, const Group& group, uint8_t width) {
  Segment child;
  child.level = segment.cut_level;
  child.parts.resize(segment.parts.size());
  child.begin = segment.begin;
  child.end = segment.end;
  for (size_t r = 0; r < segment.parts.size(); ++r) {
    const Part& from = segment.parts[r];
    Part& to = child.parts[r];
    to.rank = from.rank + group.before[r];
    to.count = group.summaries[r].count;
    if (from.count == 0) continue;
    to.fingerprint = LowBytes(group.summaries[r].sum, width);
    to.width = width;
    to.range = {from.range.question, from.range.first_cell + group.begin[r],
                group.end[r] - group.begin[r]};
    if (group.begin[r] > 0 && !from.cells[group.begin[r]].key.empty()) {
      child.begin = from.cells[group.begin[r]].key;
    }
    if (group.end[r] < from.cells.size()) {
      const std::string& key = from.cells[group.end[r]].key;
      if (!key.empty()) child.end = key;
    }
  }
  return child;
}

void MatchDigests(Segment* segment) {
  struct Entry {
    Digest digest;
    size_t replica;
    uint64_t position;
  };
  static_assert(sizeof(Entry) <= kMatchBytes);
  std::vector<Entry> entries;
  size_t present = 0;
  for (size_t r = 0; r < segment->parts.size(); ++r) {
    Part& part = segment->parts[r];
    part.positions.clear();
    if (part.count > 0) ++present;
    for (size_t i = 0; i < part.digests.size(); ++i) entries.push_back({part.digests[i], r, i});
  }
  const auto order = [](const Entry& a, const Entry& b) {
    return std::tie(a.digest.high, a.digest.low, a.replica, a.position) <
           std::tie(b.digest.high, b.digest.low, b.replica, b.position);
  };
  std::sort(entries.begin(), entries.end(), order);
  std::vector<size_t> times(segment->parts.size());
  for (size_t i = 0; i < entries.size();) {
    std::fill(times.begin(), times.end(), 0);
    size_t j = i;
    for (; j < entries.size() && entries[j].digest == entries[i].digest; ++j) {
      ++times[entries[j].replica];
    }
    const size_t each = times[entries[i].replica];
    const auto equal = static_cast<size_t>(std::count(times.begin(), times.end(), each));
    if (equal != present || each * present != j - i) {
      for (size_t k = i; k < j; ++k) {
        segment->parts[entries[k].replica].positions.push_back(entries[k].position);
      }
    }
    i = j;
  }
  for (Part& part : segment->parts) std::sort(part.positions.begin(), part.positions.end());
}

}  // namespace driftwood::coordinator
