// The answering side of a walk: it has no memory but the cells of the batch before.
//
// A range is named by its place in an answer, which saves keys on the wire and costs memory here.
// So each answer's begins of cells are kept in one list, and whatever refers to some of them shares
// it. The invariant: `previous[i]` is what question i of the last batch left behind. It is replaced
// only when a whole batch was answered, so one that failed changes nothing.
//
// Both sides are bounded: a reply by its bytes, one batch by the records that it passes and the
// cells that it adds (query.h has the limits). What is full stops early and says so by being
// shorter.
#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

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
  size_t bytes() const {
    return sizeof(CellList) + bytes_.size() + starts_.size() * sizeof(size_t) +
           (end_ ? end_->size() : 0);
  }
  const std::optional<std::string>& end() const { return end_; }
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

// The cells that a question left behind: `count` of a list, from `first`; or all of these as one
// cell, which costs no list of its own.
struct Kept {
  std::shared_ptr<const CellList> cells;
  size_t first = 0;
  size_t count = 0;
  bool as_one = false;

  Range Cover() const { return cells->Cover(first, count); }
  size_t size() const { return as_one ? 1 : count; }
};

Kept KeepWhole() {
  auto cells = std::make_shared<CellList>(std::nullopt);
  cells->Add("");
  return {std::move(cells), 0, 1};
}

// Which cells of a list are still referred to, and the one after each run of these, where it ends.
// By differences (+1 where a reference begins, -1 behind it), added up once: linear in cells and
// references, however much these overlap.
std::vector<bool> CellsInUse(const CellList& list, const std::vector<Kept*>& references) {
  std::vector<int64_t> begun(list.size() + 2);  // references may overlap, all of them
  for (const Kept* const kept : references) {
    ++begun[kept->first];
    --begun[kept->first + kept->count + 1];
  }
  std::vector<bool> used(list.size());
  int64_t open = 0;
  for (size_t i = 0; i < list.size(); ++i) used[i] = (open += begun[i]) > 0;
  return used;
}

// Puts a list with only those cells in the place of `list`, if that takes much less. Otherwise one
// cell that is held would keep a list of a megabyte for the whole walk.
void Shrink(const CellList& list, const std::vector<Kept*>& references) {
  constexpr size_t kWorthwhileBytes = 4096;  // a page: below it there is nothing to gain
  if (list.bytes() < kWorthwhileBytes) return;
  const std::vector<bool> used = CellsInUse(list, references);
  const auto in_use = static_cast<size_t>(std::count(used.begin(), used.end(), true));
  if (in_use > list.size() / 2) return;
  auto smaller = std::make_shared<CellList>(list.end());
  std::vector<size_t> places(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    places[i] = smaller->size();
    if (used[i]) smaller->Add(list.Begin(i));
  }
  for (Kept* const kept : references) {
    kept->first = places[kept->first];
    kept->cells = smaller;
  }
}

// What the lists take that are referred to, each once. Those of which little is in use are made
// smaller first.
size_t ShrinkAll(std::vector<Kept>* kept) {
  std::unordered_map<const CellList*, std::vector<Kept*>> lists;
  for (Kept& one : *kept) lists[one.cells.get()].push_back(&one);
  size_t bytes = 0;
  for (const auto& [list, references] : lists) {
    const std::shared_ptr<const CellList> alive = references[0]->cells;
    Shrink(*alive, references);
    bytes += references[0]->cells->bytes();
  }
  return bytes;
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
  size_t previous_bytes = 0;
  const std::function<bool()>* stopped = nullptr;  // while a batch is answered; may be empty

  // One batch being answered.
  struct Batch {
    size_t reply_bytes = 0;       // as much as the reply has, about, and long keys weighed in
    uint64_t records_passed = 0;  // by kDigests and kRecords
    size_t cell_bytes = 0;        // added to those that are kept
    bool something_answered = false;
    bool cut_short = false;  // the last kPartition or kCut, for lack of room
  };

  absl::StatusOr<Kept> Resolve(const RangeRef& ref) const {
    if (ref.question == RangeRef::kWhole) {
      if (ref.first_cell != 0 || ref.cell_count != 1) {
        return absl::InvalidArgumentError("the whole key space is one cell");
      }
      return KeepWhole();
    }
    if (ref.question >= previous.size()) {
      return absl::InvalidArgumentError("a reference to question " + std::to_string(ref.question) +
                                        " of " + std::to_string(previous.size()));
    }
    const Kept& kept = previous[ref.question];
    if (ref.cell_count == 0 || uint64_t{ref.first_cell} + ref.cell_count > kept.size()) {
      return absl::InvalidArgumentError("a reference to cells that are not there");
    }
    if (kept.as_one) return kept;
    return Kept{kept.cells, kept.first + ref.first_cell, ref.cell_count};
  }

  bool Full(const Batch& batch) const {
    return batch.reply_bytes >= limits.reply_bytes_max ||
           batch.records_passed >= limits.records_passed_max ||
           batch.cell_bytes >= limits.added_cell_bytes_max;
  }
  bool Stopped() const { return *stopped && (*stopped)(); }
  // In the midst of many records or cells; asked every so often only, since asking is a call
  // through a pointer, and a record is not. Reasoned: so many records are a few milliseconds.
  bool StoppedAt(uint64_t number) const {
    constexpr uint64_t kEvery = 1 << 14;
    return number % kEvery == 0 && Stopped();
  }
  // Keys are short on the wire where they share a prefix, but not for the asker: weigh both. With a
  // 32nd, 3 MiB of reply are 96 MiB of keys at most on the other side.
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
    kept->as_one = true;
    return absl::OkStatus();
  }

  // Makes the last of `cells` the whole rest of the range: so cells always add up to their range,
  // which the walk checks of every answer, and what was not cut is simply one wide cell.
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
    bool full = false;
    RETURN_IF_ERROR(
        view->Partition(range, question.level, [&](std::string_view begin, const Summary& summary) {
          if (answer->cells.size() >= 2 && Full(*batch)) {
            full = true;
            return false;
          }
          AnswerCell cell = MakeCell(summary, question.width);
          if (!answer->cells.empty()) cell.tag = view->leveler().Tag(begin);
          batch->reply_bytes += question.width + (answer->cells.empty() ? 2u : 4u);
          answer->cells.push_back(cell);
          cells->Add(begin);
          batch->cell_bytes += begin.size() + sizeof(size_t);
          return !StoppedAt(answer->cells.size());
        }));
    if (answer->cells.empty()) {  // an empty range
      answer->cells.push_back({});
      cells->Add(range.begin);
    }
    if (full) {
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
      batch->cell_bytes += cell.begin.size() + sizeof(size_t);
      batch->reply_bytes += question.width + 2u;
      if (last || Stopped()) break;
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
      if (position >= kept.size()) {
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

  // Records have no index by number: those before `first` are passed over, which is why they count
  // against the batch too.
  absl::Status Digests(const Question& question, Kept* kept, Batch* batch, merkle::Answer* answer) {
    const Range range = kept->Cover();
    uint64_t number = 0;
    RETURN_IF_ERROR(view->Records(range, [&](std::string_view, const Digest& digest) {
      if (StoppedAt(number)) return false;
      if (number++ < question.first) return true;
      if (!answer->digests.empty() && batch->reply_bytes >= limits.reply_bytes_max) return false;
      batch->reply_bytes += question.width;
      answer->digests.push_back(LowBytes(digest, question.width));
      return true;
    }));
    batch->reply_bytes += 1;
    batch->records_passed += number;
    kept->as_one = true;
    return absl::OkStatus();
  }

  absl::Status Records(const Question& question, Kept* kept, Batch* batch, merkle::Answer* answer) {
    const Range range = kept->Cover();
    uint64_t number = 0;
    size_t next = 0;
    const auto visit = [&](std::string_view key, const Digest& digest) {
      if (next == question.positions.size() || StoppedAt(number + 1)) return false;
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
    if (ran_out && !Stopped() && number <= question.positions[next]) {
      return absl::InvalidArgumentError("a record number beyond the end of its range");
    }
    batch->reply_bytes += 1;
    batch->records_passed += number;
    kept->as_one = true;
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
      if (Stopped()) return absl::CancelledError("cancelled");
      if (batch.cut_short && batch.something_answered) {  // better whole in the next reply
        kept[i] = referenced;
        answers[i] = {};
        break;
      }
      answers[i].answered = true;
      if (!hold) batch.something_answered = true;
    }
    const size_t kept_bytes = ShrinkAll(&kept);
    if (kept_bytes > limits.kept_cell_bytes_max) {
      return absl::ResourceExhaustedError("the batch leaves behind cells of " +
                                          std::to_string(kept_bytes) + " bytes, of at most " +
                                          std::to_string(limits.kept_cell_bytes_max));
    }
    previous = std::move(kept);
    previous_bytes = kept_bytes;
    return EncodeAnswers(questions, answers);
  }
};

QuerySession::QuerySession(const TreeView* view, const QueryLimits& limits)
    : impl_(std::make_unique<Impl>(view, limits)) {}
QuerySession::~QuerySession() = default;

absl::StatusOr<std::string> QuerySession::Answer(std::string_view questions,
                                                 const std::function<bool()>& stopped) {
  impl_->stopped = &stopped;
  return impl_->Answer(questions);
}

size_t QuerySession::kept_bytes() const { return impl_->previous_bytes; }

}  // namespace driftwood::merkle
