// Where divergences lie is told by density: per record of the largest replica, not per key value,
// so that gaps in ids and keys that are texts do no harm. The parts come from the tree, whose cut
// points are spread evenly over the records, and cost two questions.
#include "coordinator/audit/diagnostics/spans.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "coordinator/audit/confirm/listing.h"
#include "merkle/query/query.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {
namespace {

using merkle::Answer;
using merkle::AnswerCell;
using merkle::Question;
using merkle::QuestionKind;

// Enough that 20 parts are about equally large, as cells vary in size by a factor of some; and a
// few kilobytes. This and the next two are judgement, not measured.
constexpr size_t kCellsWanted = 512;
// As many lines as people read.
constexpr uint64_t kPartsWanted = 20;
// Within chance where a part has a handful of divergences, and far below what a cause makes.
constexpr double kAlikeWithin = 3;

// The lowest level of which so many records have no more cut points than asked for.
uint8_t ChooseLevel(uint64_t records, const merkle::TreeParams& params) {
  double cells = static_cast<double>(records) / params.leaf_size;
  uint8_t level = 1;
  for (; cells > static_cast<double>(kCellsWanted) && level < merkle::kLevelMax; ++level) {
    cells /= params.fanout;
  }
  return level;
}

// An answer is checked like those of a walk: a span that is wrong would mislead, if no verdict.
absl::StatusOr<Answer> Ask(Peer& peer, const Question& question) {
  ASSIGN_OR_RETURN(const std::string reply, peer.Query(merkle::EncodeQuestions({question})));
  ASSIGN_OR_RETURN(std::vector<Answer> answers, merkle::DecodeAnswers({question}, reply));
  if (answers.size() != 1 || !answers[0].answered) return absl::DataLossError("not answered");
  return std::move(answers[0]);
}

// The first keys of all cells but the first.
absl::StatusOr<std::vector<std::string>> AskKeys(Peer& peer, size_t cells) {
  Question question;
  question.kind = QuestionKind::kKeys;
  question.range = {0, 0, static_cast<uint32_t>(cells)};
  for (size_t i = 1; i < cells; ++i) question.positions.push_back(i);
  if (question.positions.empty()) return std::vector<std::string>();
  ASSIGN_OR_RETURN(Answer answer, Ask(peer, question));
  if (answer.keys.size() != cells - 1) return absl::DataLossError("keys are missing");
  for (size_t i = 0; i < answer.keys.size(); ++i) {
    if (answer.keys[i].empty() || (i > 0 && answer.keys[i] <= answer.keys[i - 1])) {
      return absl::DataLossError("keys out of order");
    }
  }
  return std::move(answer.keys);
}

// Divergences of neighbouring parts.
struct Stretch {
  std::string first;  // key; empty: there is none
  std::string last;
  uint64_t records = 0;
  uint64_t changed = 0;
  uint64_t duplicate = 0;
  uint64_t keys = 0;
  std::vector<uint64_t> missing;
  uint64_t examined = 0;          // of how many changed ones the differing columns are known
  std::vector<uint64_t> columns;  // in how many of those each differs

  double density() const {
    return static_cast<double>(keys) / static_cast<double>(std::max<uint64_t>(records, 1));
  }
  // A part without any is like no part with some, however few: where it ends is the news.
  bool Alike(const Stretch& other) const {
    if (keys == 0 || other.keys == 0) return keys == other.keys;
    return density() <= kAlikeWithin * other.density() &&
           other.density() <= kAlikeWithin * density();
  }
  void Count(const Divergence& divergence, const States& states, bool is_duplicate) {
    if (first.empty()) first = divergence.key;
    last = divergence.key;
    ++keys;
    missing.resize(states.size());
    if (is_duplicate) {
      ++duplicate;
      return;
    }
    bool lacking = false;
    for (size_t i = 0; i < states.size(); ++i) {
      if (states[i]) continue;
      ++missing[i];
      lacking = true;
    }
    if (!lacking) ++changed;
  }
  void CountColumns(const Candidate& candidate) {
    if (!candidate.ChangedColumnsKnown(candidate.differs.size())) return;
    ++examined;
    columns.resize(candidate.differs.size());
    for (size_t c = 0; c < columns.size(); ++c) columns[c] += candidate.differs[c] ? 1 : 0;
  }
  std::optional<SpanColumn> MostChanged() const {
    if (examined == 0) return std::nullopt;
    const auto most = std::max_element(columns.begin(), columns.end());
    return SpanColumn{static_cast<size_t>(most - columns.begin()), *most, examined};
  }
  void Append(const Stretch& next) {
    if (first.empty()) first = next.first;
    if (!next.last.empty()) last = next.last;
    records += next.records;
    changed += next.changed;
    duplicate += next.duplicate;
    keys += next.keys;
    missing.resize(std::max(missing.size(), next.missing.size()));
    for (size_t i = 0; i < next.missing.size(); ++i) missing[i] += next.missing[i];
    examined += next.examined;
    columns.resize(std::max(columns.size(), next.columns.size()));
    for (size_t c = 0; c < next.columns.size(); ++c) columns[c] += next.columns[c];
  }
};

absl::StatusOr<std::vector<Stretch>> CountParts(const std::vector<KeyPart>& parts,
                                                const WalkResult& result,
                                                const Confirmation& confirmation) {
  std::vector<Stretch> stretches(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) stretches[i].records = parts[i].records;
  size_t part = 0;
  RETURN_IF_ERROR(result.divergences.ForEach([&](const Divergence& divergence) {
    const Candidate* const candidate = confirmation.Find(divergence.key);
    if (candidate != nullptr && candidate->status == RecordStatus::kInFlight) return;
    while (part + 1 < parts.size() && parts[part + 1].begin <= divergence.key) ++part;
    if (candidate == nullptr) {
      stretches[part].Count(divergence, divergence.states, !divergence.duplicates.empty());
    } else {
      stretches[part].Count(divergence, candidate->states(), !candidate->duplicates().empty());
      stretches[part].CountColumns(*candidate);
    }
  }));
  return stretches;
}

}  // namespace

absl::StatusOr<std::vector<KeyPart>> CutKeySpace(Peer& peer, uint64_t records,
                                                 const merkle::TreeParams& params) {
  Question question;
  question.kind = QuestionKind::kPartition;
  question.level = ChooseLevel(records, params);
  ASSIGN_OR_RETURN(const Answer answer, Ask(peer, question));
  ASSIGN_OR_RETURN(std::vector<std::string> keys, AskKeys(peer, answer.cells.size()));
  std::vector<KeyPart> parts;
  uint64_t left = records;
  for (size_t i = 0; i < answer.cells.size(); ++i) {
    const AnswerCell& cell = answer.cells[i];
    if (cell.count > left) return absl::DataLossError("parts hold more than the whole");
    left -= cell.count;
    if (parts.empty() || parts.back().records >= records / kPartsWanted) {
      parts.push_back({i == 0 ? "" : std::move(keys[i - 1]), 0});
    }
    parts.back().records += cell.count;
  }
  if (left != 0 || parts.empty()) return absl::DataLossError("parts hold less than the whole");
  return parts;
}

absl::Status AddRecords(Peer& peer, uint64_t records, std::vector<KeyPart>* parts) {
  Question question;
  question.kind = QuestionKind::kCut;
  for (size_t i = 1; i < parts->size(); ++i) question.keys.push_back((*parts)[i].begin);
  if (question.keys.empty()) {
    parts->front().records += records;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Answer answer, Ask(peer, question));
  if (answer.cells.size() != parts->size()) return absl::DataLossError("parts are missing");
  uint64_t left = records;
  for (size_t i = 0; i < answer.cells.size(); ++i) {
    if (answer.cells[i].count > left) return absl::DataLossError("parts hold more than the whole");
    left -= answer.cells[i].count;
    (*parts)[i].records += answer.cells[i].count;
  }
  return left == 0 ? absl::OkStatus() : absl::DataLossError("parts hold less than the whole");
}

// Greedy, from the left: a part joins the span before if it is like all of that together. A density
// that rises slowly is one span or several, depending on where it is met. A step of more than that
// is seen.
absl::StatusOr<std::vector<ReportSpan>> FindSpans(const std::vector<KeyPart>& parts,
                                                  const WalkResult& result,
                                                  const Confirmation& confirmation,
                                                  size_t key_columns) {
  ASSIGN_OR_RETURN(const std::vector<Stretch> stretches, CountParts(parts, result, confirmation));
  std::vector<Stretch> merged;
  for (const Stretch& stretch : stretches) {
    if (!merged.empty() && merged.back().Alike(stretch)) {
      merged.back().Append(stretch);
    } else {
      merged.push_back(stretch);
    }
  }
  std::vector<ReportSpan> spans;
  for (const Stretch& stretch : merged) {
    if (stretch.keys == 0) continue;
    spans.push_back({MakeReportKey(stretch.first, key_columns),
                     MakeReportKey(stretch.last, key_columns), stretch.records,
                     stretch.changed, stretch.missing, stretch.MostChanged(), stretch.duplicate});
  }
  return spans;
}

}  // namespace driftwood::coordinator
