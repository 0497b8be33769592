// What the frontier makes of an answer. Nothing in it is trusted: every way in which it can
// disagree with what the same source said before is looked for here.
#include <algorithm>
#include <utility>

#include "coordinator/walk/walk_frontier.h"
#include "merkle/tree/index.h"

namespace driftwood::coordinator {
namespace {

using merkle::Answer;
using merkle::AnswerCell;
using merkle::Digest;
using merkle::LowBytes;
using merkle::QuestionKind;
using Wrong = std::optional<std::string>;

// The cells are a tiling of the part: their counts and fingerprints add up to its own.
Wrong CheckSums(const std::vector<AnswerCell>& cells, const Part& part, size_t width) {
  uint64_t left = part.count;
  Digest sum;
  for (const AnswerCell& cell : cells) {
    if (cell.count > left) return "the parts of a range hold more records than the range";
    if (cell.count == 0 && cell.fingerprint != Digest()) return "a sum of no records is not zero";
    left -= cell.count;
    sum += cell.fingerprint;
  }
  if (left != 0) return "the parts of a range hold fewer records than the range";
  const size_t known = std::min<size_t>(width, part.width);
  if (LowBytes(sum, known) != LowBytes(part.fingerprint, known)) {
    return "the sums of the parts of a range do not add up to the range's";
  }
  return std::nullopt;
}

bool InBounds(const Segment& segment, const std::string& key) {
  return (!segment.begin || key >= *segment.begin) && (!segment.end || key < *segment.end);
}

}  // namespace

Wrong Frontier::TakeCells(const Answer& answer, Part* part) {
  if (Wrong wrong = CheckSums(answer.cells, *part, cell_width())) return wrong;
  part->cells.clear();
  part->keys.clear();
  part->text_bytes = 0;
  for (const AnswerCell& cell : answer.cells) {
    part->cells.push_back({cell.count, cell.fingerprint, cell.tag, {}});
  }
  part->range.first_cell = 0;
  part->range.cell_count = static_cast<uint32_t>(part->cells.size());
  part->complete = true;
  return std::nullopt;
}

Wrong Frontier::TakeSummary(const Answer& answer, Part* part) {
  if (Wrong wrong = CheckSums(answer.cells, *part, 16)) return wrong;
  part->fingerprint = answer.cells[0].fingerprint;
  part->width = 16;
  part->range.first_cell = 0;
  part->range.cell_count = 1;
  part->complete = true;
  return std::nullopt;
}

Wrong Frontier::TakeCut(const Answer& answer, size_t source, Segment* segment) {
  Part& part = segment->parts[source];
  if (answer.cells.size() < 2) return "a range that was to be cut came back whole";
  if (Wrong wrong = TakeCells(answer, &part)) return wrong;
  const std::vector<Cell>& pivot = segment->parts[segment->pivot].cells;
  uint64_t before = 0;
  for (size_t i = 1; i < part.cells.size(); ++i) {
    part.cells[i].key = pivot[segment->pivot_cuts[i - 1]].key;
    part.text_bytes += TextBytes(part.cells[i].key);
    before += part.cells[i - 1].count;
    // With records on both sides, the key lies within the source's range.
    if (before > 0 && before < part.count) {
      findings_.Add(KeyBound{source, part.rank + before, part.cells[i].key});
    }
  }
  return std::nullopt;
}

Wrong Frontier::TakeKeys(const Answer& answer, size_t source, Segment* segment) {
  Part& part = segment->parts[source];
  if (answer.keys.empty() || answer.keys.size() > part.wanted)
    return "no keys where asked for them";
  const bool all = segment->stage == Stage::kAllKeys;
  const size_t done = part.keys.size();
  for (size_t i = 0; i < answer.keys.size(); ++i) {
    const std::string& key = answer.keys[i];
    if (key.empty() || key.size() > merkle::kCutPrefixBytes)
      return "a cut point of an impossible length";
    if (!InBounds(*segment, key)) return "a cut point outside its range";
    if (!part.keys.empty() && key <= part.keys.back()) return "cut points that do not ascend";
    part.keys.push_back(key);
    const size_t cell = all ? done + i + 1 : segment->pivot_cuts[i];
    part.cells[cell].key = key;
    part.text_bytes += TextBytes(part.keys.back()) + TextBytes(part.cells[cell].key);
  }
  if (all) {
    part.complete = part.keys.size() + 1 == part.cells.size();
  } else {
    segment->pivot_cuts.resize(part.keys.size());
    part.complete = true;
  }
  if (!part.complete) return std::nullopt;
  uint64_t before = 0;
  for (size_t i = 1; i < part.cells.size(); ++i) {
    before += part.cells[i - 1].count;
    if (part.cells[i].key.empty()) continue;
    findings_.Add(KeyBound{source, part.rank + before, part.cells[i].key});
  }
  return std::nullopt;
}

Wrong Frontier::TakeDigests(const Answer& answer, uint8_t width, Part* part) {
  if (answer.digests.empty()) return "no digests where there are records";
  if (answer.digests.size() > part->count - part->digests.size()) {
    return "more digests than the range has records";
  }
  part->digests.insert(part->digests.end(), answer.digests.begin(), answer.digests.end());
  if (part->digests.size() < part->count) return std::nullopt;
  Digest sum;
  for (const Digest& digest : part->digests) sum += digest;
  const size_t known = std::min(width, part->width);
  if (LowBytes(sum, known) != LowBytes(part->fingerprint, known)) {
    return "the digests of a range do not add up to its sum";
  }
  part->complete = true;
  return std::nullopt;
}

Wrong Frontier::TakeRecords(Answer answer, Segment* segment, Part* part) {
  if (answer.records.empty()) return "no records where there are some";
  for (merkle::AnswerRecord& record : answer.records) {
    if (record.key.empty() || record.key.size() > merkle::kKeyBytesMax) {
      return "a record with a key of an impossible length";
    }
    if (!InBounds(*segment, record.key)) return "a record outside its range";
    if (!part->records.empty() && record.key <= part->records.back().key) {
      return "records whose keys do not ascend";
    }
    if (segment->width > 0) {
      record.digest += part->digests[static_cast<size_t>(part->PositionOf(part->records.size()))];
    }
    part->text_bytes += TextBytes(record.key);
    part->records.push_back(std::move(record));
  }
  if (part->records.size() < part->RecordsWanted()) return std::nullopt;
  part->complete = true;
  if (part->records.size() != part->count) return std::nullopt;
  Digest sum;
  for (const merkle::AnswerRecord& record : part->records) sum += record.digest;
  if (LowBytes(sum, part->width) != LowBytes(part->fingerprint, part->width)) {
    return "the records of a range do not add up to its sum";
  }
  return std::nullopt;
}

Wrong Frontier::TakeOne(Answer answer, size_t source, Segment* segment) {
  Part& part = segment->parts[source];
  part.range.question = part.question;
  part.range.first_cell = 0;
  if (!answer.answered) return std::nullopt;
  switch (part.asked) {
    case QuestionKind::kHold:
      return std::nullopt;
    case QuestionKind::kSummarize:
      return TakeSummary(answer, &part);
    case QuestionKind::kPartition:
      return TakeCells(answer, &part);
    case QuestionKind::kCut:
      return TakeCut(answer, source, segment);
    case QuestionKind::kKeys:
      return TakeKeys(answer, source, segment);
    case QuestionKind::kDigests:
      part.range.cell_count = 1;
      return TakeDigests(answer, segment->width, &part);
    case QuestionKind::kRecords:
      part.range.cell_count = 1;
      return TakeRecords(std::move(answer), segment, &part);
  }
  return "an answer to nothing";
}

Wrong Frontier::Take(size_t source, std::vector<Answer> answers) {
  bool first = true;
  for (Segment& segment : segments_) {
    Part& part = segment.parts[source];
    if (part.count == 0) continue;
    if (first && part.asked != QuestionKind::kHold) {
      if (!answers[part.question].answered) return "answered nothing";
      first = false;
    }
    if (Wrong wrong = TakeOne(std::move(answers[part.question]), source, &segment)) return wrong;
  }
  return std::nullopt;
}

}  // namespace driftwood::coordinator
