// What the frontier asks next.
#include <algorithm>
#include <cmath>

#include "coordinator/walk/walk_frontier.h"
#include "merkle/check.h"

namespace driftwood::coordinator {
namespace {

using merkle::Question;
using merkle::QuestionKind;

// Segments are kept to about this many, each of which takes a kilobyte or so: with more, those to
// be cut wait until leaves are done. Cells count before it is known how many of them differ: the
// 62,500 leaves of a million records should be cut at once, or 10,000 scattered changes take two
// rounds more.
constexpr size_t kSegmentsWanted = 70'000;
// Of one batch to one source.
constexpr size_t kPositionsMax = 400'000;
constexpr size_t kCutKeyBytesMax = size_t{2} << 20;

double CellsAt(uint64_t count, int level, const merkle::TreeParams& params) {
  return static_cast<double>(count) /
         (params.leaf_size * std::pow(static_cast<double>(params.fanout), level - 1));
}

}  // namespace

int Frontier::ChooseLevel(uint64_t count, int below, double share) const {
  const double cell_bytes = cell_width() + 3.5;
  int level = below - 1;
  for (int l = 1; l < below; ++l) {
    if ((CellsAt(count, l, params_) + 1) * cell_bytes <= share) {
      level = l;
      break;
    }
  }
  // One that would hardly cut the segment is a round lost.
  while (level > 1 && CellsAt(count, level, params_) < params_.fanout / 2.0) --level;
  return level;
}

void Frontier::ChooseLevels() {
  size_t to_cut = 0;
  for (const Segment& segment : segments_) {
    if (segment.stage == Stage::kPartition && segment.cut_level == 0) ++to_cut;
  }
  if (to_cut == 0) return;
  const double share = static_cast<double>(options_.round_bytes) / static_cast<double>(to_cut);
  double room = static_cast<double>(kSegmentsWanted) - static_cast<double>(segments_.size());
  bool first = true;
  for (Segment& segment : segments_) {
    if (segment.stage != Stage::kPartition || segment.cut_level != 0) continue;
    const uint64_t count = segment.parts[segment.Largest()].count;
    const int level = ChooseLevel(count, segment.level, share);
    room -= CellsAt(count, level, params_);
    if (room < 0 && !first) continue;  // waits
    first = false;
    segment.cut_level = level;
  }
}

// With few records in all leaves, one round of digests costs more than it saves.
void Frontier::ChooseDirectRecords() {
  uint64_t total = 0;
  for (const Segment& segment : segments_) {
    if (segment.stage == Stage::kDigests)
      total += std::min<uint64_t>(segment.MaxCount(sources_), 1 << 20);
  }
  if (total > options_.round_bytes / 64) return;
  for (Segment& segment : segments_) {
    if (segment.stage != Stage::kDigests) continue;
    const bool begun = std::any_of(segment.parts.begin(), segment.parts.end(),
                                   [](const Part& part) { return !part.digests.empty(); });
    if (!begun) EnterRecords(&segment, true, 0);
  }
}

// Once nothing but missing runs is left: which of their records are wanted.
void Frontier::ChooseListings() {
  for (const Segment& segment : segments_) {
    if (segment.stage != Stage::kRunHeld) return;
  }
  uint64_t left = options_.run_keys_listed_max;
  for (Segment& segment : segments_) ChooseListing(&segment, &left);
}

void Frontier::ChooseListing(Segment* segment, uint64_t* left) const {
  segment->Enter(Stage::kRunRecords);
  segment->width = 0;
  segment->listed = static_cast<size_t>(std::min(*left, segment->MaxCount(sources_)));
  *left -= segment->listed;
  for (Part& part : segment->parts) part.complete = true;
  for (const size_t source : WhoListsRun(*segment)) {
    Part& part = segment->parts[source];
    part.complete = false;
    const uint64_t listed = std::min<uint64_t>(segment->listed, part.count);
    for (uint64_t i = 0; i < listed; ++i) part.positions.push_back(i);
    if (listed == 0) part.positions.push_back(0);
    if (part.positions.back() != part.count - 1) part.positions.push_back(part.count - 1);
  }
}

// All replicas that have the run agree on it, so one says what is in it: one that has it in a
// single source, if there is one, which also proves that no key is in it twice. Else all are asked.
std::vector<size_t> Frontier::WhoListsRun(const Segment& segment) const {
  std::vector<size_t> present;
  std::vector<size_t> sources_present(sources_.replicas(), 0);
  for (size_t s = 0; s < segment.parts.size(); ++s) {
    if (segment.parts[s].count == 0) continue;
    present.push_back(s);
    ++sources_present[sources_.ReplicaOf(s)];
  }
  for (const size_t source : present) {
    if (sources_present[sources_.ReplicaOf(source)] == 1) return {source};
  }
  return present;
}

Question Frontier::MakeQuestion(const Segment& segment, size_t source, size_t* positions_left,
                                size_t* keys_left) const {
  const Part& part = segment.parts[source];
  Question question;
  question.range = part.range;
  if (part.complete) return question;
  question.width = cell_width();
  switch (segment.stage) {
    case Stage::kPartition:
      if (segment.cut_level == 0) break;
      question.kind = QuestionKind::kPartition;
      question.level = static_cast<uint8_t>(segment.cut_level);
      break;
    case Stage::kAllKeys:
      for (size_t i = part.keys.size() + 1; i < part.cells.size() && *positions_left > 0; ++i) {
        question.positions.push_back(i);
        --*positions_left;
      }
      if (!question.positions.empty()) question.kind = QuestionKind::kKeys;
      break;
    case Stage::kPivotKeys:
      if (*positions_left < segment.pivot_cuts.size()) break;
      question.kind = QuestionKind::kKeys;
      question.positions.assign(segment.pivot_cuts.begin(), segment.pivot_cuts.end());
      *positions_left -= question.positions.size();
      break;
    case Stage::kCut: {
      size_t bytes = 0;
      const Part& pivot = segment.parts[segment.pivot];
      for (const uint32_t cut : segment.pivot_cuts) bytes += pivot.cells[cut].key.size() + 2;
      if (bytes > *keys_left) break;
      *keys_left -= bytes;
      question.kind = QuestionKind::kCut;
      for (const uint32_t cut : segment.pivot_cuts) question.keys.push_back(pivot.cells[cut].key);
      break;
    }
    case Stage::kSummarize:
      question.kind = QuestionKind::kSummarize;
      question.width = 16;
      break;
    case Stage::kRunHeld:
      break;
    case Stage::kDigests:
      question.kind = QuestionKind::kDigests;
      question.width = segment.width;
      question.first = part.digests.size();
      break;
    case Stage::kRunRecords:
    case Stage::kRecords: {
      const size_t done = part.records.size();
      const auto count =
          static_cast<size_t>(std::min<uint64_t>(*positions_left, part.RecordsWanted() - done));
      if (count == 0) break;
      question.kind = QuestionKind::kRecords;
      question.width = segment.width;
      for (size_t i = done; i < done + count; ++i) question.positions.push_back(part.PositionOf(i));
      *positions_left -= count;
      break;
    }
  }
  return question;
}

std::vector<std::vector<Question>> Frontier::Ask() {
  ChooseLevels();
  ChooseDirectRecords();
  ChooseListings();
  std::vector<std::vector<Question>> batches(sources_.sources());
  bool any = false;
  for (size_t r = 0; r < batches.size(); ++r) {
    size_t positions_left = kPositionsMax;
    size_t keys_left = kCutKeyBytesMax;
    bool asks = false;
    batches[r].reserve(segments_.size());
    for (Segment& segment : segments_) {
      Part& part = segment.parts[r];
      part.asked = QuestionKind::kHold;
      if (part.count == 0) continue;
      Question question = MakeQuestion(segment, r, &positions_left, &keys_left);
      part.question = static_cast<uint32_t>(batches[r].size());
      part.asked = question.kind;
      part.wanted = question.positions.size();
      asks = asks || question.kind != QuestionKind::kHold;
      batches[r].push_back(std::move(question));
    }
    if (!asks) batches[r].clear();  // what it holds it goes on holding
    any = any || asks;
  }
  DRIFTWOOD_CHECK(any);
  return batches;
}

}  // namespace driftwood::coordinator
