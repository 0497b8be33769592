#include "agent/stores/log/log_events.h"

#include <algorithm>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/jsonl/json_lines.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;

// Sets of members that are kept. More are data in the place of names, or absent members that mean
// null.
constexpr size_t kSetsMax = 65'536;

// A bit for each column that is asked about.
using MemberSet = std::string;

bool Has(const MemberSet& set, size_t column) {
  return column / 8 < set.size() && (static_cast<unsigned char>(set[column / 8]) >> column % 8) % 2;
}

void Add(size_t column, MemberSet* set) {
  if (set->size() <= column / 8) set->resize(column / 8 + 1, '\0');
  (*set)[column / 8] = static_cast<char>((*set)[column / 8] | 1 << column % 8);
}

std::string WordError(std::string_view op, std::string_view word) {
  const std::string shown = Printable(word, 64);
  return "the word " + shown + " of member " + Printable(op) +
         " is not known; add deletes=" + shown +
         " to the URL if such an event deletes, or upserts=" + shown +
         " if it holds the record, and behind a comma the log's other words of that kind";
}

}  // namespace

struct LogEvents::Seen {
  ColumnNames columns;
  std::unordered_map<MemberSet, uint64_t> numbers;
  std::vector<const MemberSet*> sets;  // by number
  // Behind the columns that each event needs, which are the first, and those that are asked about.
  size_t needed_end = 0;
  size_t asked_end = 0;

  uint64_t NumberOf(const MemberSet& set) {
    const auto [place, added] = numbers.emplace(set, sets.size());
    if (added) sets.push_back(&place->first);
    return place->second;
  }
};

LogEvents::LogEvents(const LogFormat& format, const std::vector<std::string>& asked)
    : format_(format), seen_(std::make_unique<Seen>()) {
  for (const std::string& name : format_.key) seen_->columns.Add(name);
  if (format_.op) seen_->columns.Add(*format_.op);
  seen_->needed_end = seen_->columns.size();
  if (!format_.absent_is_null) {
    for (const std::string& name : asked) seen_->columns.Add(name);
  }
  seen_->asked_end = seen_->columns.size();
}

LogEvents::~LogEvents() = default;

std::unique_ptr<RecordEnds> LogEvents::NewRecordEnds() const {
  return std::make_unique<LineEnds>();
}

ChunkDecoder::Result LogEvents::Decode(Chunk& chunk, RowSink& sink) const {
  Seen& seen = *seen_;
  const size_t keys = format_.key.size();
  const size_t op_column = format_.op ? keys : ColumnNames::kNone;
  MemberColumns columns(&seen.columns);
  std::vector<SourceValue> row(keys + 2);
  MemberSet set;
  LogOperation operation = LogOperation::kUpsert;
  const auto take_operation = [&](const JsonLine& line) -> std::optional<RecordError> {
    const SourceValue& value = line.value();
    if (value.kind != Kind::kString)
      return ErrorAt(
          chunk, line.name_position(),
          "member " + Printable(*format_.op) + " says what the event does, and must be a string");
    const std::optional<LogOperation> found = format_.words.Find(value.text);
    if (!found) return ErrorAt(chunk, line.name_position(), WordError(*format_.op, value.text));
    operation = *found;
    return std::nullopt;
  };
  const auto member = [&](const JsonLine& line) -> std::optional<RecordError> {
    size_t column = 0;
    std::optional<RecordError> error = columns.Take(chunk, line, &column);
    if (error) return error;
    if (column == op_column) return take_operation(line);
    if (column < keys) row[column] = line.value();
    if (column >= seen.needed_end && column < seen.asked_end) Add(column, &set);
    return std::nullopt;
  };
  Result result;
  const auto event = [&](uint64_t origin) {
    for (size_t column = 0; column < seen.needed_end; ++column) {
      if (columns.HasTaken(column)) continue;
      result.error = {origin, "the event has no member " + Printable(seen.columns.names()[column]) +
                                  (column < keys ? ", which key= names" : ", which op= names")};
      return false;
    }
    const bool deletes = operation == LogOperation::kDelete;
    const uint64_t number = deletes ? 0 : seen.NumberOf(set);
    if (seen.sets.size() > kSetsMax) {
      result.error = {origin, "the lines have more than " + std::to_string(kSetsMax) +
                                  " different sets of members" + std::string(kAbsentAdvice)};
      return false;
    }
    row[keys] = SourceValue::Bool(deletes);
    row[keys + 1] = SourceValue::Uint64(number);
    result.sink = sink.Row(row, origin);
    std::fill(row.begin(), row.end(), SourceValue());
    set.clear();
    operation = LogOperation::kUpsert;
    columns.NextObject();
    return result.sink.ok();
  };
  std::optional<RecordError> error = ForEachLine(chunk, member, event);
  if (error) result.error = std::move(error);
  return result;
}

std::optional<std::string> LogEvents::Lacking(uint64_t set, uint64_t other) const {
  if (set == other) return std::nullopt;
  for (size_t column = seen_->needed_end; column < seen_->asked_end; ++column) {
    if (Has(*seen_->sets[set], column) && !Has(*seen_->sets[other], column))
      return seen_->columns.names()[column];
  }
  return std::nullopt;
}

}  // namespace driftwood::agent
