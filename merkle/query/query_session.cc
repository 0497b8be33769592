#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "merkle/query/query.h"
#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

// Neighbouring cells, as one answer left them. Never changed once made, so that references to parts
// of it share it.
class CellList {
 public:
  explicit CellList(std::optional<std::string> end) : end_(std::move(end)) {}

  void Add(std::string_view begin) {
    starts_.push_back(bytes_.size());
    bytes_.append(begin);
  }
  size_t size() const { return starts_.size(); }
  std::string_view Begin(size_t cell) const {
    const size_t stop = cell + 1 < starts_.size() ? starts_[cell + 1] : bytes_.size();
    return std::string_view(bytes_).substr(starts_[cell], stop - starts_[cell]);
  }
  // Of `count` cells from `first`.
  Range Cover(size_t first, size_t count) const {
    Range range;
    range.begin = Begin(first);
    if (first + count < size()) {
      range.end = std::string(Begin(first + count));
    } else {
      range.end = end_;
    }
    return range;
  }

 private:
  std::string bytes_;
  std::vector<size_t> starts_;
  std::optional<std::string> end_;
};

// The cells that a question left behind: `count` of a list, from `first`.
struct Kept {
  std::shared_ptr<const CellList> cells;
  size_t first = 0;
  size_t count = 0;

  Range Cover() const { return cells->Cover(first, count); }
};

Kept KeepOne(const Range& range) {
  auto cells = std::make_shared<CellList>(range.end);
  cells->Add(range.begin);
  return {std::move(cells), 0, 1};
}

AnswerCell MakeCell(const Summary& summary, size_t width) {
  AnswerCell cell;
  cell.count = summary.count;
  cell.fingerprint = LowBytes(summary.sum, width);
  return cell;
}

}  // namespace

struct QuerySession::Impl {
  Impl(const TreeView* tree_view, const QueryLimits& query_limits)
      : view(tree_view), limits(query_limits) {}

  const TreeView* view;
  const QueryLimits limits;
  std::vector<Kept> previous;

  // One batch being answered.
  struct Batch {
    size_t reply_bytes = 0;       // as much as the reply has, about, and long keys weighed in
    uint64_t records_passed = 0;  // by kDigests and kRecords
    bool something_answered = false;
    bool cut_short = false;  // the last kPartition or kCut, for lack of room
  };

  absl::StatusOr<Kept> Resolve(const RangeRef& ref) const {
    if (ref.question == RangeRef::kWhole) {
      if (ref.first_cell != 0 || ref.cell_count != 1) {
        return absl::InvalidArgumentError("the whole key space is one cell");
      }
      return KeepOne(Range::All());
    }
    if (ref.question >= previous.size()) {
      return absl::InvalidArgumentError("a reference to question " + std::to_string(ref.question) +
                                        " of " + std::to_string(previous.size()));
    }
    const Kept& kept = previous[ref.question];
    if (ref.cell_count == 0 || uint64_t{ref.first_cell} + ref.cell_count > kept.count) {
      return absl::InvalidArgumentError("a reference to cells that are not there");
    }
    return Kept{kept.cells, kept.first + ref.first_cell, ref.cell_count};
  }

  bool Full(const Batch& batch) const {
    return batch.reply_bytes >= limits.reply_bytes_max ||
           batch.records_passed >= limits.records_passed_max;
  }
  // Keys are short on the wire where they share a prefix, but not for the asker: weigh both.
  static size_t KeyCost(std::string_view key, std::string_view previous_key) {
    const size_t most = std::min(key.size(), previous_key.size());
    const auto shared = static_cast<size_t>(
        std::mismatch(key.begin(), key.begin() + static_cast<ptrdiff_t>(most), previous_key.begin())
            .first -
        key.begin());
    return 1 + (key.size() - shared) + key.size() / 32;
  }

  absl::Status Summarize(const Question& question, Kept* kept, Batch* batch,
                         merkle::Answer* answer) {
    const Range range = kept->Cover();
    ASSIGN_OR_RETURN(const Summary summary, view->Summarize(range));
    answer->cells.push_back(MakeCell(summary, question.width));
    batch->reply_bytes += question.width + 2u;
    *kept = KeepOne(range);
    return absl::OkStatus();
  }

  // Makes the last of `cells` the whole rest of the range.
  absl::Status CloseEarly(const Question& question, const CellList& cells,
                          std::vector<AnswerCell>* answer_cells) {
    const size_t last = cells.size() - 1;
    ASSIGN_OR_RETURN(const Summary rest, view->Summarize(cells.Cover(last, 1)));
    const uint16_t tag = answer_cells->back().tag;
    answer_cells->back() = MakeCell(rest, question.width);
    answer_cells->back().tag = tag;
    return absl::OkStatus();
  }

  absl::Status Partition(const Question& question, Kept* kept, Batch* batch,
                         merkle::Answer* answer) {
    const Range range = kept->Cover();
    auto cells = std::make_shared<CellList>(range.end);
    bool stopped = false;
    RETURN_IF_ERROR(
        view->Partition(range, question.level, [&](std::string_view begin, const Summary& summary) {
          if (answer->cells.size() >= 2 && Full(*batch)) {
            stopped = true;
            return false;
          }
          AnswerCell cell = MakeCell(summary, question.width);
          if (!answer->cells.empty()) cell.tag = view->leveler().Tag(begin);
          batch->reply_bytes += question.width + (answer->cells.empty() ? 2u : 4u);
          answer->cells.push_back(cell);
          cells->Add(begin);
          return true;
        }));
    if (answer->cells.empty()) {  // an empty range
      answer->cells.push_back({});
      cells->Add(range.begin);
    }
    if (stopped) {
      batch->cut_short = true;
      RETURN_IF_ERROR(CloseEarly(question, *cells, &answer->cells));
    }
    const size_t count = cells->size();
    *kept = {std::move(cells), 0, count};
    return absl::OkStatus();
  }

  absl::Status Cut(const Question& question, Kept* kept, Batch* batch, merkle::Answer* answer) {
    const Range range = kept->Cover();
    auto cells = std::make_shared<CellList>(range.end);
    std::string begin = range.begin;
    for (size_t i = 0; i <= question.keys.size(); ++i) {
      if (i >= 1 && i < question.keys.size() && Full(*batch)) batch->cut_short = true;
      const bool last = i == question.keys.size() || batch->cut_short;
      Range cell{begin, range.end};
      if (!last) {
        cell.end = std::max(question.keys[i], begin);
        if (range.end && *cell.end > *range.end) cell.end = range.end;
      }
      Summary summary;
      if (!cell.Empty()) {
        ASSIGN_OR_RETURN(summary, view->Summarize(cell));
      }
      answer->cells.push_back(MakeCell(summary, question.width));
      cells->Add(cell.begin);
      batch->reply_bytes += question.width + 2u;
      if (last) break;
      begin = *cell.end;
    }
    const size_t count = cells->size();
    *kept = {std::move(cells), 0, count};
    return absl::OkStatus();
  }

  absl::Status Keys(const Question& question, const Kept& kept, Batch* batch,
                    merkle::Answer* answer) {
    std::string_view previous_key;
    for (const uint64_t position : question.positions) {
      if (position >= kept.count) {
        return absl::InvalidArgumentError("the first key of a cell that is not there");
      }
      if (!answer->keys.empty() && Full(*batch)) break;
      const std::string_view key = kept.cells->Begin(kept.first + static_cast<size_t>(position));
      batch->reply_bytes += KeyCost(key, previous_key);
      answer->keys.emplace_back(key);
      previous_key = key;
    }
    return absl::OkStatus();
  }

  absl::Status Digests(const Question& question, Kept* kept, Batch* batch, merkle::Answer* answer) {
    const Range range = kept->Cover();
    uint64_t number = 0;
    RETURN_IF_ERROR(view->Records(range, [&](std::string_view, const Digest& digest) {
      if (number++ < question.first) return true;
      if (!answer->digests.empty() && batch->reply_bytes >= limits.reply_bytes_max) return false;
      batch->reply_bytes += question.width;
      answer->digests.push_back(LowBytes(digest, question.width));
      return true;
    }));
    batch->reply_bytes += 1;
    batch->records_passed += number;
    *kept = KeepOne(range);
    return absl::OkStatus();
  }

  absl::Status Records(const Question& question, Kept* kept, Batch* batch, merkle::Answer* answer) {
    const Range range = kept->Cover();
    uint64_t number = 0;
    size_t next = 0;
    const auto visit = [&](std::string_view key, const Digest& digest) {
      if (next == question.positions.size()) return false;
      if (number++ < question.positions[next]) return true;
      const bool room = answer->records.empty() || batch->reply_bytes < limits.reply_bytes_max;
      if (!room) return false;
      const std::string_view previous_key =
          answer->records.empty() ? std::string_view() : answer->records.back().key;
      batch->reply_bytes += KeyCost(key, previous_key) + Digest::kBytes - question.width;
      answer->records.push_back({std::string(key), digest - LowBytes(digest, question.width)});
      return ++next < question.positions.size();
    };
    RETURN_IF_ERROR(view->Records(range, visit));
    const bool ran_out =
        next < question.positions.size() && batch->reply_bytes < limits.reply_bytes_max;
    if (ran_out && number <= question.positions[next]) {
      return absl::InvalidArgumentError("a record number beyond the end of its range");
    }
    batch->reply_bytes += 1;
    batch->records_passed += number;
    *kept = KeepOne(range);
    return absl::OkStatus();
  }

  absl::Status AnswerOne(const Question& question, Kept* kept, Batch* batch,
                         merkle::Answer* answer) {
    switch (question.kind) {
      case QuestionKind::kHold:
        return absl::OkStatus();
      case QuestionKind::kSummarize:
        return Summarize(question, kept, batch, answer);
      case QuestionKind::kPartition:
        return Partition(question, kept, batch, answer);
      case QuestionKind::kCut:
        return Cut(question, kept, batch, answer);
      case QuestionKind::kKeys:
        return Keys(question, *kept, batch, answer);
      case QuestionKind::kDigests:
        return Digests(question, kept, batch, answer);
      case QuestionKind::kRecords:
        return Records(question, kept, batch, answer);
    }
    return absl::InvalidArgumentError("a question of an unknown kind");
  }

  absl::StatusOr<std::string> Answer(std::string_view bytes) {
    ASSIGN_OR_RETURN(const std::vector<Question> questions, DecodeQuestions(bytes, limits));
    std::vector<Kept> kept;
    kept.reserve(questions.size());
    for (const Question& question : questions) {
      ASSIGN_OR_RETURN(Kept cells, Resolve(question.range));
      kept.push_back(std::move(cells));
    }
    std::vector<merkle::Answer> answers(questions.size());
    Batch batch;
    for (size_t i = 0; i < questions.size(); ++i) {
      const bool hold = questions[i].kind == QuestionKind::kHold;
      if (!hold && batch.something_answered && Full(batch)) break;
      const Kept referenced = kept[i];
      RETURN_IF_ERROR(AnswerOne(questions[i], &kept[i], &batch, &answers[i]));
      if (batch.cut_short && batch.something_answered) {  // better whole in the next reply
        kept[i] = referenced;
        answers[i] = {};
        break;
      }
      answers[i].answered = true;
      if (!hold) batch.something_answered = true;
    }
    previous = std::move(kept);
    return EncodeAnswers(questions, answers);
  }
};

QuerySession::QuerySession(const TreeView* view, const QueryLimits& limits)
    : impl_(std::make_unique<Impl>(view, limits)) {}
QuerySession::~QuerySession() = default;

absl::StatusOr<std::string> QuerySession::Answer(std::string_view questions) {
  return impl_->Answer(questions);
}

}  // namespace driftwood::merkle
