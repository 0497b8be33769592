#include "agent/stores/jsonl/jsonl_decoder.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/jsonl/json_lines.h"
#include "agent/stores/jsonl/json_parser.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;

static_assert(JsonLine::kPadding <= kChunkPadding);
constexpr std::string_view kMark = "\xEF\xBB\xBF";  // UTF-8's byte order mark

enum KindBit : uint8_t { kText = 1, kBool = 2, kInteger = 4, kOtherNumber = 8, kNested = 16 };

// A plain integer of 64 bits, signed or unsigned. "-0" is left to the decimals.
bool IsInteger64(std::string_view number) {
  if (number == "-0") return false;
  const char* const end = number.data() + number.size();
  if (number.front() == '-') {
    int64_t value = 0;
    const auto [rest, error] = std::from_chars(number.data(), end, value);
    return error == std::errc() && rest == end;
  }
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(number.data(), end, value);
  return error == std::errc() && rest == end;
}

uint8_t KindBitOf(const SourceValue& value) {
  switch (value.kind) {
    case Kind::kString:
      return kText;
    case Kind::kBool:
      return kBool;
    case Kind::kNumber:
      return IsInteger64(value.text) ? kInteger : kOtherNumber;
    case Kind::kJson:
      return kNested;
    default:
      return 0;  // null says nothing
  }
}

SourceColumn DescribeColumn(const std::string& name, uint8_t kinds) {
  const auto observed = [&](merkle::ColumnType type, const char* declared) {
    return SourceColumn{name, TypeKnowledge::kObserved, type, declared};
  };
  switch (kinds) {
    case 0:
      return {name, TypeKnowledge::kTextual, merkle::ColumnType::kText, "only null"};
    case kText:
      return observed(merkle::ColumnType::kText, "string");
    case kBool:
      return observed(merkle::ColumnType::kBool, "true or false");
    case kInteger:
      return observed(merkle::ColumnType::kInteger, "integer");
    case kOtherNumber:
    case kInteger | kOtherNumber:
      return observed(merkle::ColumnType::kDecimal, "number");
    case kNested:
      return observed(merkle::ColumnType::kJson, "object or array");
    default:
      return {name, TypeKnowledge::kDynamic, merkle::ColumnType::kDynamic, "mixed"};
  }
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// A chunk has whole elements, all but the array's last one with the comma behind it.
template <typename Member, typename Record>
std::optional<RecordError> ForEachElement(const Chunk& chunk, const JsonLayout& array,
                                          const Member& member, const Record& record) {
  char* const end = chunk.end() - (chunk.newline_added ? 1 : 0);
  const bool is_last = OffsetOf(chunk, end) == array.end;
  bool after_comma = chunk.offset != array.begin;
  char* at = chunk.begin();
  while (true) {
    while (at < end && IsSpace(*at)) ++at;
    if (at == end) {
      if (!is_last || !after_comma) return std::nullopt;
      return ErrorAt(chunk, at,
                     "a comma before the end of the array; remove it, or see whether "
                     "an object is lost");
    }
    JsonLine line(at, end, JsonLine::Text::kInArray);
    std::optional<RecordError> error = TakeMembers(chunk, line, member);
    if (error) return error;
    if (!record(OffsetOf(chunk, at))) return std::nullopt;
    at = line.object_end();
    while (at < end && IsSpace(*at)) ++at;
    if (at == end && is_last) return std::nullopt;
    if (at == end || *at != ',')
      return ErrorAt(chunk, at, "expected , between the objects of the array, or its end");
    ++at;
    after_comma = true;
  }
}

// Parses a chunk. `record(origin)` follows an object's last member and returns false to stop.
template <typename Member, typename Record>
std::optional<RecordError> ForEachObject(const Chunk& chunk, const JsonLayout& layout,
                                         const Member& member, const Record& record) {
  if (layout.is_array) return ForEachElement(chunk, layout, member, record);
  return ForEachLine(chunk, member, record);
}

// The first byte from `begin` on that is no white space; the source's size if there is none.
absl::StatusOr<uint64_t> SkipSpace(const ByteSource& source, uint64_t begin) {
  char block[4096];
  for (uint64_t at = begin; at < source.size();) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(sizeof block, source.size() - at));
    RETURN_IF_ERROR(source.ReadAt(at, {block, count}));
    for (size_t i = 0; i < count; ++i) {
      if (!IsSpace(block[i])) return at + i;
    }
    at += count;
  }
  return source.size();
}

// Behind the last byte before `end` that is no white space; `begin` if there is none.
absl::StatusOr<uint64_t> SkipSpaceBack(const ByteSource& source, uint64_t begin, uint64_t end) {
  char block[4096];
  while (end > begin) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(sizeof block, end - begin));
    RETURN_IF_ERROR(source.ReadAt(end - count, {block, count}));
    for (size_t i = count; i > 0; --i) {
      if (!IsSpace(block[i - 1])) return end - count + i;
    }
    end -= count;
  }
  return begin;
}

std::unique_ptr<RecordEnds> EndsOf(const JsonLayout& layout) {
  if (layout.is_array) return std::make_unique<ElementEnds>();
  return std::make_unique<LineEnds>();
}

}  // namespace

absl::StatusOr<JsonLayout> ReadJsonLayout(const ByteSource& source, const std::string& name) {
  JsonLayout layout;
  layout.end = source.size();
  char mark[kMark.size()];
  if (source.size() >= kMark.size()) {
    RETURN_IF_ERROR(source.ReadAt(0, mark));
    if (std::string_view(mark, kMark.size()) == kMark) layout.begin = kMark.size();
  }
  ASSIGN_OR_RETURN(const uint64_t first, SkipSpace(source, layout.begin));
  char character = 0;
  if (first < source.size()) RETURN_IF_ERROR(source.ReadAt(first, {&character, 1}));
  layout.first = first;
  layout.first_character = character;
  if (character != '[') return layout;
  layout.is_array = true;
  layout.begin = first + 1;
  ASSIGN_OR_RETURN(const uint64_t last, SkipSpaceBack(source, layout.begin, source.size()));
  character = 0;
  if (last > layout.begin) RETURN_IF_ERROR(source.ReadAt(last - 1, {&character, 1}));
  if (character != ']')
    return DescribeRecordError(
        source, name,
        {first, "the array that begins here does not end with the file; is the file cut off?"});
  layout.end = last - 1;
  return layout;
}

size_t ElementEnds::After(std::string_view fresh) {
  size_t after = 0;
  for (size_t i = 0; i < fresh.size(); ++i) {
    const char c = fresh[i];
    if (in_string_) {
      if (escaped_)
        escaped_ = false;
      else if (c == '\\')
        escaped_ = true;
      else
        in_string_ = c != '"';
      continue;
    }
    if (c == '"')
      in_string_ = true;
    else if (c == '{' || c == '[')
      ++depth_;
    else if ((c == '}' || c == ']') && depth_ > 0)
      --depth_;
    else if (c == ',' && depth_ == 0)
      after = i + 1;
  }
  return after;
}

JsonlDecoder::JsonlDecoder(const JsonLayout& layout, const std::vector<std::string>& columns,
                           std::vector<uint32_t> slots, size_t row_size)
    : layout_(layout), columns_(columns), slots_(std::move(slots)), row_size_(row_size) {}

std::unique_ptr<RecordEnds> JsonlDecoder::NewRecordEnds() const { return EndsOf(layout_); }

ChunkDecoder::Result JsonlDecoder::Decode(Chunk& chunk, RowSink& sink) const {
  // One place more, where the values that nobody wants go.
  std::vector<SourceValue> row(row_size_ + 1);
  std::vector<uint64_t> seen_in(columns_.size(), 0);  // the last record with the column
  uint64_t record_number = 1;
  size_t guess = 0;
  const auto member = [&](const JsonLine& line) -> std::optional<RecordError> {
    const size_t column = columns_.Find(line.name(), guess);
    if (column == ColumnNames::kNone) {
      RecordError error =
          ErrorAt(chunk, line.name_position(),
                  "member " + Printable(line.name(), 64) +
                      " was not there when the columns were collected: the file has changed; "
                      "compare it again");
      error.code = absl::StatusCode::kAborted;
      return error;
    }
    if (seen_in[column] == record_number) return TwiceError(chunk, line);
    seen_in[column] = record_number;
    guess = column + 1;
    row[slots_[column]] = line.value();
    return std::nullopt;
  };
  Result result;
  result.error = ForEachObject(chunk, layout_, member, [&](uint64_t origin) {
    result.sink = sink.Row(std::span<const SourceValue>(row).first(row_size_), origin);
    std::fill(row.begin(), row.end(), SourceValue());
    ++record_number;
    guess = 0;
    return result.sink.ok();
  });
  return result;
}

JsonlSurvey::JsonlSurvey(const JsonLayout& layout, const std::vector<std::string>& given)
    : layout_(layout), seen_(std::make_unique<Seen>()) {
  for (const std::string& name : given) seen_->columns.Add(name);
  seen_->kinds.resize(seen_->columns.size(), 0);
}

std::unique_ptr<RecordEnds> JsonlSurvey::NewRecordEnds() const { return EndsOf(layout_); }

ChunkDecoder::Result JsonlSurvey::Decode(Chunk& chunk, RowSink& sink) const {
  Seen& seen = *seen_;
  MemberColumns columns(&seen.columns);
  const auto member = [&](const JsonLine& line) -> std::optional<RecordError> {
    size_t column = 0;
    std::optional<RecordError> error = columns.Take(chunk, line, &column);
    if (error) return error;
    if (seen.kinds.size() <= column) seen.kinds.resize(column + 1, 0);
    seen.kinds[column] = static_cast<uint8_t>(seen.kinds[column] | KindBitOf(line.value()));
    return std::nullopt;
  };
  Result result;
  result.error = ForEachObject(chunk, layout_, member, [&](uint64_t origin) {
    result.sink = sink.Row({}, origin);
    columns.NextObject();
    return result.sink.ok();
  });
  return result;
}

std::vector<SourceColumn> JsonlSurvey::Columns() const {
  std::vector<SourceColumn> columns;
  for (size_t i = 0; i < seen_->columns.size(); ++i)
    columns.push_back(DescribeColumn(seen_->columns.names()[i], seen_->kinds[i]));
  return columns;
}

}  // namespace driftwood::agent
