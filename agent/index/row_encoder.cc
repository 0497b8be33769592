#include "agent/index/row_encoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "merkle/check.h"
#include "merkle/record/decimal.h"
#include "merkle/record/elements.h"
#include "merkle/record/hashed_form.h"
#include "merkle/record/opaque.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/unicode.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::Place;
using Kind = SourceValue::Kind;

merkle::Tag TagOf(Kind kind) {
  if (kind == Kind::kDate) return merkle::Tag::kDate;
  return kind == Kind::kTimestamp ? merkle::Tag::kTimestamp : merkle::Tag::kTimestampTz;
}

// A date, time or timestamp as what it is.
void AppendMoment(const SourceValue& value, Place place, std::string* out) {
  if (value.special != merkle::Value::Special::kNone) {
    merkle::AppendSpecial(TagOf(value.kind), value.special, place, out);
  } else if (value.kind == Kind::kDate) {
    merkle::AppendDate(value.int64, place, out);
  } else if (value.kind == Kind::kTime) {
    merkle::AppendTime(value.int64, place, out);
  } else {
    merkle::AppendTimestamp(value.int64, value.kind == Kind::kTimestampTz, place, out);
  }
}

constexpr size_t kUuidBytes = 16;

void AppendUuidBytes(std::string_view bytes, Place place, std::string* out) {
  merkle::AppendUuid(reinterpret_cast<const unsigned char*>(bytes.data()), place, out);
}

// A value that is of no use to its column's type, under its own tag.
bool Natural(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kNull:
      merkle::AppendNull(out);
      break;
    case Kind::kBool:
      merkle::AppendBool(value.boolean, out);
      break;
    case Kind::kInt64:
      merkle::AppendInteger(value.int64, place, out);
      break;
    case Kind::kUint64:
      merkle::AppendUnsigned(value.uint64, place, out);
      break;
    case Kind::kDouble:
      merkle::AppendFloat64(value.real, place, out);
      break;
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
      merkle::AppendUnparsedText(value.text, place, out);
      break;
    case Kind::kBytes:
      merkle::AppendBytes(value.text, place, out);
      break;
    case Kind::kNumber:
      if (!merkle::AppendDecimalText(value.text, place, out)) {
        merkle::AppendUnparsedText(value.text, place, out);
      }
      break;
    case Kind::kJson:
      if (!merkle::AppendJsonText(value.text, place, out)) {
        merkle::AppendUnparsedText(value.text, place, out);
      }
      break;
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      AppendMoment(value, place, out);
      break;
    case Kind::kUuid:
      if (value.text.size() == kUuidBytes) {
        AppendUuidBytes(value.text, place, out);
      } else {
        merkle::AppendUnparsedBytes(value.text, place, out);
      }
      break;
    case Kind::kForeignText:
      merkle::AppendForeignText(value.character_set, value.text, place, out);
      break;
    case Kind::kOpaque:
      merkle::AppendUnparsedText(value.text, place, out);
      break;
    case Kind::kBits:
      if (!merkle::AppendBitsText(value.text, place, out)) {
        merkle::AppendUnparsedText(value.text, place, out);
      }
      break;
  }
  return false;
}

// The number that bits are in binary. They are equally many in all rows, so that none are lost.
std::optional<uint64_t> NumberOfBits(std::string_view digits) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, number, 2);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

bool AppendIntegralDouble(double value, Place place, std::string* out) {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  if (!(std::fabs(value) <= kExactMax) || std::trunc(value) != value) return false;
  merkle::AppendInteger(static_cast<int64_t>(value), place, out);
  return true;
}

// A field of a file that writes "1234,5" and no points, with a point; nothing if it has one.
std::optional<std::string> WithPoint(std::string_view text) {
  if (text.find('.') != std::string_view::npos) return std::nullopt;
  std::string plain(text);
  if (const size_t comma = plain.find(','); comma != std::string::npos) plain[comma] = '.';
  return plain;
}

// Text that is read as a number, and the text of one.
template <bool (*kAppendText)(std::string_view, Place, std::string*)>
bool AppendNumber(const SourceValue& value, Place place, std::string* out) {
  if (value.kind == Kind::kText && value.forms != nullptr && value.forms->decimal_comma) {
    const std::optional<std::string> plain = WithPoint(value.text);
    return (plain && kAppendText(*plain, place, out)) || Natural(value, place, out);
  }
  return kAppendText(value.text, place, out) || Natural(value, place, out);
}

bool IsWordAmong(const std::vector<std::string>& words, std::string_view text) {
  const std::string folded = merkle::FoldWord(text);
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return merkle::FoldWord(word) == folded; });
}

// Ends an append of text that may have parsed.
bool TextOr(bool parsed, const SourceValue& value, Place place, std::string* out) {
  return parsed || Natural(value, place, out);
}

bool AppendAsBool(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kBool:
      merkle::AppendBool(value.boolean, out);
      return true;
    case Kind::kInt64:
      if (value.int64 != 0 && value.int64 != 1) return Natural(value, place, out);
      merkle::AppendBool(value.int64 == 1, out);
      return true;
    case Kind::kUint64:
      if (value.uint64 > 1) return Natural(value, place, out);
      merkle::AppendBool(value.uint64 == 1, out);
      return true;
    case Kind::kText:
      if (value.forms == nullptr || !value.forms->has_words()) {
        return TextOr(merkle::AppendBoolText(value.text, out), value, place, out);
      }
      if (IsWordAmong(value.forms->true_words, value.text)) {
        merkle::AppendBool(true, out);
      } else if (IsWordAmong(value.forms->false_words, value.text)) {
        merkle::AppendBool(false, out);
      } else {
        return Natural(value, place, out);
      }
      return true;
    case Kind::kString:
    case Kind::kStored:
    case Kind::kNumber:
      return TextOr(merkle::AppendBoolText(value.text, out), value, place, out);
    case Kind::kBits:
      return TextOr(value.text.size() == 1 && merkle::AppendBoolText(value.text, out), value, place,
                    out);
    default:
      return Natural(value, place, out);
  }
}

bool AppendAsInteger(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kInt64:
      merkle::AppendInteger(value.int64, place, out);
      return true;
    case Kind::kUint64:
      merkle::AppendUnsigned(value.uint64, place, out);
      return true;
    case Kind::kDouble:
      return TextOr(AppendIntegralDouble(value.real, place, out), value, place, out);
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
    case Kind::kNumber:
      return AppendNumber<merkle::AppendIntegerText>(value, place, out);
    case Kind::kBits: {
      const std::optional<uint64_t> number = NumberOfBits(value.text);
      if (!number) return Natural(value, place, out);
      merkle::AppendUnsigned(*number, place, out);
      return true;
    }
    default:
      return Natural(value, place, out);
  }
}

bool AppendAsDecimal(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kInt64:
      merkle::AppendDecimalInteger(value.int64, place, out);
      return true;
    case Kind::kUint64:
      merkle::AppendDecimalUnsigned(value.uint64, place, out);
      return true;
    case Kind::kDouble:
      merkle::AppendDecimalDouble(value.real, place, out);
      return true;
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
    case Kind::kNumber:
      return AppendNumber<merkle::AppendDecimalText>(value, place, out);
    case Kind::kBits: {
      const std::optional<uint64_t> number = NumberOfBits(value.text);
      if (!number) return Natural(value, place, out);
      merkle::AppendDecimalUnsigned(*number, place, out);
      return true;
    }
    default:
      return Natural(value, place, out);
  }
}

// An integer only if a double holds it exactly.
bool AppendAsFloat64(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kInt64: {
      const auto real = static_cast<double>(value.int64);
      if (real >= 0x1p63 || static_cast<int64_t>(real) != value.int64) {
        return Natural(value, place, out);
      }
      merkle::AppendFloat64(real, place, out);
      return true;
    }
    case Kind::kUint64: {
      const auto real = static_cast<double>(value.uint64);
      if (real >= 0x1p64 || static_cast<uint64_t>(real) != value.uint64) {
        return Natural(value, place, out);
      }
      merkle::AppendFloat64(real, place, out);
      return true;
    }
    case Kind::kDouble:
      merkle::AppendFloat64(value.real, place, out);
      return true;
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
    case Kind::kNumber:
      return AppendNumber<merkle::AppendFloat64Text>(value, place, out);
    default:
      return Natural(value, place, out);
  }
}

// A number is never made a text: how it is spelled would be our choice.
bool AppendAsText(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
    case Kind::kOpaque:
    case Kind::kBits:
      return merkle::AppendText(value.text, place, out);
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return merkle::AppendText(DisplayText(value), place, out);
    case Kind::kUuid:
      if (value.text.size() != kUuidBytes) return Natural(value, place, out);
      return merkle::AppendText(DisplayText(value), place, out);
    default:
      return Natural(value, place, out);
  }
}

// "\x0aff", as PostgreSQL writes bytes.
bool AppendHexText(std::string_view text, Place place, std::string* out) {
  if (!IsHexText(text)) return false;
  std::string bytes;
  bytes.reserve(HexTextBytes(text));
  ForEachHexPiece(text, [&bytes](std::string_view piece) { bytes += piece; });
  merkle::AppendBytes(bytes, place, out);
  return true;
}

bool AppendAsBytes(const SourceValue& value, Place place, std::string* out) {
  if (value.kind == Kind::kBytes) {
    merkle::AppendBytes(value.text, place, out);
    return true;
  }
  if (value.kind == Kind::kText && value.forms != nullptr && value.forms->raw_bytes) {
    merkle::AppendBytes(value.text, place, out);
    return true;
  }
  const bool from_text = value.kind == Kind::kText || value.kind == Kind::kString;
  return (from_text && AppendHexText(value.text, place, out)) || Natural(value, place, out);
}

// A date is the midnight of its day without a zone, and such a midnight the date: only types that
// the user has said make one meet the other.
std::optional<merkle::Instant> DayAsMoment(const SourceValue& value, ColumnType to) {
  constexpr int64_t kDay = int64_t{86'400} * 1'000'000;
  merkle::Instant moment{value.special, value.int64};
  if (value.kind == Kind::kDate && to == ColumnType::kTimestamp) {
    if (__builtin_mul_overflow(moment.number, kDay, &moment.number)) return std::nullopt;
    return moment;
  }
  if (value.kind == Kind::kTimestamp && to == ColumnType::kDate) {
    if (moment.number % kDay != 0) return std::nullopt;
    moment.number /= kDay;
    return moment;
  }
  return std::nullopt;
}

merkle::Tag MomentTag(ColumnType type) {
  if (type == ColumnType::kDate) return merkle::Tag::kDate;
  return type == ColumnType::kTimestamp ? merkle::Tag::kTimestamp : merkle::Tag::kTimestampTz;
}

// Dates, times and timestamps come as text from all stores without types of their own. Nothing
// tells in which zone a timestamp without one is: it is never taken for one with a zone.
template <Kind kKind, bool (*kAppendText)(std::string_view, Place, std::string*)>
bool AppendAsTemporal(const SourceValue& value, Place place, std::string* out) {
  if (value.kind == kKind) {
    AppendMoment(value, place, out);
    return true;
  }
  if constexpr (kKind == Kind::kDate || kKind == Kind::kTimestamp) {
    constexpr ColumnType kTo = kKind == Kind::kDate ? ColumnType::kDate : ColumnType::kTimestamp;
    if (const std::optional<merkle::Instant> moment = DayAsMoment(value, kTo)) {
      merkle::AppendInstant(MomentTag(kTo), *moment, place, out);
      return true;
    }
  }
  return (value.IsText() && kAppendText(value.text, place, out)) || Natural(value, place, out);
}

// What counts seconds: the text of a number, whatever its kind. Nothing if it is none.
std::optional<std::string> NumberText(const SourceValue& value) {
  std::array<char, 32> buffer;
  switch (value.kind) {
    case Kind::kInt64:
      return std::to_string(value.int64);
    case Kind::kUint64:
      return std::to_string(value.uint64);
    case Kind::kDouble:
      if (!std::isfinite(value.real)) return std::nullopt;
      return std::string(merkle::ShortestDecimal(value.real, buffer));
    case Kind::kNumber:
      return std::string(value.text);
    default:
      return std::nullopt;
  }
}

bool AppendNumberAsMoment(const merkle::Reading& reading, ColumnType type, const SourceValue& value,
                          Place place, std::string* out) {
  std::optional<std::string> number = value.IsText() ? std::string(value.text) : NumberText(value);
  const bool comma = value.kind == Kind::kText && value.forms != nullptr &&
                     value.forms->decimal_comma && reading.kind() == merkle::Reading::Kind::kUnix;
  if (comma && number->find_first_not_of("0123456789+-.,eE") == std::string::npos) {
    number = WithPoint(*number);  // a time as people write it stays as it is
  }
  const std::optional<merkle::Instant> moment =
      number ? reading.Moment(*number) : std::optional<merkle::Instant>();
  if (moment) merkle::AppendInstant(MomentTag(type), *moment, place, out);
  return moment.has_value();
}

bool AppendAsUuid(const SourceValue& value, Place place, std::string* out) {
  if ((value.kind == Kind::kUuid || value.kind == Kind::kBytes) &&
      value.text.size() == kUuidBytes) {
    AppendUuidBytes(value.text, place, out);
    return true;
  }
  return (value.IsText() && merkle::AppendUuidText(value.text, place, out)) ||
         Natural(value, place, out);
}

// A JSON text of one string.
std::string JsonString(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json += "\\u00";
      AppendHex(c, &json);
    } else {
      json += c;
    }
  }
  return json + '"';
}

bool AppendAsJson(const SourceValue& value, Place place, std::string* out) {
  std::array<char, 32> number;
  std::string quoted;
  std::string_view json = value.text;
  const auto set_number = [&](const auto& n) {
    const auto result = std::to_chars(number.data(), number.data() + number.size(), n);
    json = {number.data(), static_cast<size_t>(result.ptr - number.data())};
  };
  switch (value.kind) {
    case Kind::kBool:
      json = value.boolean ? "true" : "false";
      break;
    case Kind::kInt64:
      set_number(value.int64);
      break;
    case Kind::kUint64:
      set_number(value.uint64);
      break;
    case Kind::kDouble:
      if (!std::isfinite(value.real)) return Natural(value, place, out);
      json = merkle::ShortestDecimal(value.real, number);
      break;
    case Kind::kString:
      quoted = JsonString(value.text);
      json = quoted;
      break;
    case Kind::kText:
    case Kind::kStored:
    case Kind::kNumber:
    case Kind::kJson:
      break;
    default:
      return Natural(value, place, out);
  }
  return TextOr(merkle::AppendJsonText(json, place, out), value, place, out);
}

// Without a type on any side all numbers are decimals, so that 1, 1.0 and a REAL 1 agree.
bool AppendAsDynamic(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kInt64:
    case Kind::kUint64:
    case Kind::kDouble:
    case Kind::kNumber:
      return AppendAsDecimal(value, place, out);
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
      return merkle::AppendText(value.text, place, out);
    case Kind::kBool:
    case Kind::kBytes:
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
    case Kind::kUuid:
      Natural(value, place, out);
      return true;
    case Kind::kJson:
      return AppendAsJson(value, place, out);
    case Kind::kOpaque:
    case Kind::kBits:
    case Kind::kForeignText:
    case Kind::kNull:
      break;
  }
  return Natural(value, place, out);
}

// "0101", and as literals B'0101' and b'0101'. Not 0x05: how many bits those are, nothing tells.
bool AppendAsBits(const SourceValue& value, Place place, std::string* out) {
  std::string_view digits = value.text;
  if (value.IsText() && digits.size() >= 3 && (digits[0] == 'B' || digits[0] == 'b') &&
      digits[1] == '\'' && digits.back() == '\'') {
    digits = digits.substr(2, digits.size() - 3);
  }
  const bool may_be_bits =
      value.IsText() || value.kind == Kind::kBits || value.kind == Kind::kOpaque;
  return (may_be_bits && merkle::AppendBitsText(digits, place, out)) || Natural(value, place, out);
}

// What a server calls a list, and what may be one's export, is an array's text; a JSON string is
// never the JSON that it may spell. A store that tells JSON from text has no array's text: "{}" is
// an object there.
bool AppendAsList(const SourceValue& value, merkle::ElementType of, Place place, std::string* out) {
  const bool is_untyped = value.kind == Kind::kText;
  const bool may_be_array =
      is_untyped || value.kind == Kind::kOpaque || value.kind == Kind::kString;
  const bool may_be_json = is_untyped || value.kind == Kind::kStored || value.kind == Kind::kJson;
  return (may_be_array && merkle::AppendListText(value.text, place, out, of)) ||
         (may_be_json && merkle::AppendListJson(value.text, place, out, of)) ||
         Natural(value, place, out);
}

bool AppendAsDynamicList(const SourceValue& value, Place place, std::string* out) {
  return AppendAsList(value, {}, place, out);
}

bool AppendAsSet(const SourceValue& value, Place place, std::string* out) {
  const bool parsed =
      value.IsText() ? merkle::AppendSetText(value.text, place, out)
      : value.kind == Kind::kOpaque
          ? merkle::AppendSetArrayText(value.text, place, out)
          : value.kind == Kind::kJson && merkle::AppendSetJson(value.text, place, out);
  return parsed || Natural(value, place, out);
}

}  // namespace

std::vector<std::string> ScanColumns(const merkle::Schema& schema) {
  std::vector<std::string> names;
  names.reserve(schema.key.size() + schema.values.size());
  for (const merkle::Column& column : schema.key) names.push_back(column.name);
  for (const merkle::Column& column : schema.values) names.push_back(column.name);
  return names;
}

RowEncoder::AppendFunction RowEncoder::AppendFunctionOf(merkle::ColumnType type) {
  switch (type) {
    case merkle::ColumnType::kBool:
      return AppendAsBool;
    case merkle::ColumnType::kInteger:
      return AppendAsInteger;
    case merkle::ColumnType::kDecimal:
      return AppendAsDecimal;
    case merkle::ColumnType::kFloat64:
      return AppendAsFloat64;
    case merkle::ColumnType::kText:
      return AppendAsText;
    case merkle::ColumnType::kBytes:
      return AppendAsBytes;
    case merkle::ColumnType::kDate:
      return AppendAsTemporal<Kind::kDate, merkle::AppendDateText>;
    case merkle::ColumnType::kTime:
      return AppendAsTemporal<Kind::kTime, merkle::AppendTimeText>;
    case merkle::ColumnType::kTimestamp:
      return AppendAsTemporal<Kind::kTimestamp, merkle::AppendTimestampText>;
    case merkle::ColumnType::kTimestampTz:
      return AppendAsTemporal<Kind::kTimestampTz, merkle::AppendTimestampTzText>;
    case merkle::ColumnType::kUuid:
      return AppendAsUuid;
    case merkle::ColumnType::kJson:
      return AppendAsJson;
    case merkle::ColumnType::kDynamic:
      return AppendAsDynamic;
    case merkle::ColumnType::kBits:
      return AppendAsBits;
    case merkle::ColumnType::kList:
      return AppendAsDynamicList;
    case merkle::ColumnType::kSet:
      return AppendAsSet;
    case merkle::ColumnType::kOpaque:
      return Natural;  // what is no text
  }
  DRIFTWOOD_CHECK(false);
  return nullptr;
}

RowEncoder::ColumnPlan RowEncoder::PlanOf(const merkle::Column& column, size_t number, Place place,
                                          std::vector<merkle::Rule> rules) {
  ColumnPlan plan{column, number, AppendFunctionOf(column.type), place, std::move(rules)};
  const absl::StatusOr<merkle::Reading> reading = merkle::Reading::Of(column.type, column.reading);
  DRIFTWOOD_CHECK(reading.ok());  // of a valid agreement
  plan.reading = *reading;
  plan.is_plain = plan.rules.empty() && column.opaque.empty() && column.reading.empty() &&
                  column.element == ColumnType::kDynamic;
  return plan;
}

RowEncoder::RowEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules)
    : unparsed_(schema) {
  const auto by_column = merkle::RulesByColumn(rules);
  const auto rules_of = [&](const std::string& column) {
    const auto found = by_column.find(column);
    return found == by_column.end() ? std::vector<merkle::Rule>() : found->second;
  };
  size_t number = 0;
  for (const merkle::Column& column : schema.key) {
    const bool last = &column == &schema.key.back();
    key_plans_.push_back(
        PlanOf(column, number++, last ? Place::kKeyLast : Place::kKey, rules_of(column.name)));
  }
  for (const merkle::Column& column : schema.values) {
    value_plans_.push_back(PlanOf(column, number++, Place::kValue, rules_of(column.name)));
  }
}

RowEncoder::RowEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules,
                       const merkle::DigestKey& key)
    : RowEncoder(schema, rules) {
  hasher_.emplace(key);
}

void RowEncoder::AppendKey(std::span<const SourceValue> row) {
  DRIFTWOOD_CHECK(row.size() == key_plans_.size() + value_plans_.size());
  error_ = absl::OkStatus();
  key_.clear();
  const SourceValue* value = row.data();
  for (const ColumnPlan& plan : key_plans_) Append(plan, *value++, &key_);
}

absl::Status RowEncoder::EncodeHashed(std::span<const SourceValue> row, std::vector<size_t>* ends) {
  return AppendHashed(row, nullptr, ends);
}

absl::Status RowEncoder::EncodeForBatch(std::span<const SourceValue> row,
                                        merkle::BatchHasher* batch) {
  return AppendHashed(row, batch, nullptr);
}

void RowEncoder::HashLong(size_t begin, merkle::BatchHasher* batch) {
  const size_t body = begin + merkle::kHeadBytes;
  if (batch == nullptr || !batch->TakesBody(value_.size() - body)) {
    merkle::HashLongColumn(begin, &*hasher_, &value_);
    return;
  }
  batch->AddBody(std::string_view(value_).substr(body), body);
  value_.resize(body + merkle::BodyHasher::kBytes);
}

absl::Status RowEncoder::AppendHashed(std::span<const SourceValue> row, merkle::BatchHasher* batch,
                                      std::vector<size_t>* ends) {
  DRIFTWOOD_CHECK(hasher_.has_value());
  AppendKey(row);
  value_.clear();
  if (ends != nullptr) ends->clear();
  const SourceValue* value = row.data() + key_plans_.size();
  for (const ColumnPlan& plan : value_plans_) {
    if (IsLong(*value)) {
      RETURN_IF_ERROR(AppendLongHashed(plan, *value));
    } else {
      const size_t begin = value_.size();
      Append(plan, *value, &value_);
      if (merkle::IsLongColumn(value_.size() - begin)) HashLong(begin, batch);
    }
    if (ends != nullptr) ends->push_back(value_.size());
    ++value;
  }
  return TakeError();
}

absl::Status RowEncoder::Encode(std::span<const SourceValue> row) {
  AppendKey(row);
  value_.clear();
  const SourceValue* value = row.data() + key_plans_.size();
  for (const ColumnPlan& plan : value_plans_) {
    if (IsLong(*value)) {
      const auto take = [this](std::string_view piece) { value_ += piece; };
      RETURN_IF_ERROR(TakeLong(plan, *value, take));
    } else {
      Append(plan, *value, &value_);
    }
    ++value;
  }
  return TakeError();
}

void RowEncoder::Append(const ColumnPlan& plan, const SourceValue& value, std::string* out) {
  if (value.kind == Kind::kNull) {
    merkle::AppendNull(out);
  } else if (!(plan.is_plain ? plan.append(value, plan.place, out)
                             : AppendUnderRules(plan, value, out))) {
    unparsed_.Add(plan.number, value);
  }
}

bool RowEncoder::AppendAsColumn(const ColumnPlan& plan, const SourceValue& value, Place place,
                                std::string* out) {
  if (plan.column.type == ColumnType::kList) {
    const bool is_money = plan.reading.kind() == merkle::Reading::Kind::kMoney;
    return AppendAsList(value, {plan.column.element, plan.column.opaque, is_money}, place, out);
  }
  if (plan.column.type == ColumnType::kOpaque && (value.IsText() || value.kind == Kind::kOpaque)) {
    return merkle::AppendOpaqueText(plan.column.opaque, value.text, place, out) ||
           Natural(value, place, out);
  }
  switch (plan.reading.kind()) {
    case merkle::Reading::Kind::kPlain:
      break;
    case merkle::Reading::Kind::kPadded:
      if (value.IsText()) return plan.append(Unpadded(value), place, out);
      break;
    case merkle::Reading::Kind::kSingle:
      if (value.IsText() || value.kind == Kind::kNumber) {
        return AppendNumber<merkle::AppendFloat32Text>(value, place, out);
      }
      break;
    case merkle::Reading::Kind::kMoney:
      if (const auto plain = value.IsText() ? merkle::PlainMoney(value.text) : std::nullopt) {
        return merkle::AppendDecimalText(*plain, place, out);
      }
      break;
    case merkle::Reading::Kind::kUnix:
    case merkle::Reading::Kind::kFormat:
      if (plan.reading.kind() == merkle::Reading::Kind::kFormat && !value.IsText()) break;
      if (AppendNumberAsMoment(plan.reading, plan.column.type, value, place, out)) return true;
      if (value.IsText()) return Natural(value, place, out);
      break;
  }
  return plan.append(value, place, out);
}

SourceValue RowEncoder::Unpadded(const SourceValue& value) {
  SourceValue plain = value;
  plain.text = value.text.substr(0, value.text.find_last_not_of(' ') + 1);
  return plain;
}

bool RowEncoder::AppendUnderRules(const ColumnPlan& plan, const SourceValue& value,
                                  std::string* out) {
  if (plan.rules.empty()) return AppendAsColumn(plan, value, plan.place, out);
  scratch_.clear();
  const bool parsed = AppendAsColumn(plan, value, Place::kValue, &scratch_);
  absl::StatusOr<std::vector<merkle::Value>> decoded = merkle::DecodeValues(scratch_, 1);
  if (!decoded.ok()) {  // no value may stop a process that serves many
    error_ = absl::InternalError("a value under rules: " + std::string(decoded.status().message()));
    return parsed;
  }
  merkle::Value& canonical = decoded->front();
  const merkle::Tag before = canonical.tag;
  for (const merkle::Rule& rule : plan.rules) merkle::ApplyRule(rule, plan.column, &canonical);
  merkle::AppendValue(canonical, plan.place, out);
  return parsed || canonical.tag != before;  // NULL, or read after all
}

}  // namespace driftwood::agent
