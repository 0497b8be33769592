// The inverse of encoding.cc. Every column that was read is encoded again and compared, unless its
// type has but one form of each value: so only canonical bytes decode.
#include "merkle/record/decoding.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/record/big_endian.h"
#include "merkle/record/decimal.h"
#include "merkle/record/encoding.h"
#include "merkle/record/encoding_format.h"
#include "merkle/status_macros.h"
#include "merkle/text/utf8.h"
#include "merkle/text/uuid.h"

namespace driftwood::merkle {
namespace {

bool TakeFixed64(std::string_view* bytes, uint64_t* number) {
  if (bytes->size() < 8) return false;
  *number = LoadBigEndian64(bytes->data());
  bytes->remove_prefix(8);
  return true;
}

bool TakeLength(std::string_view* bytes, std::string_view* body) {
  if (bytes->size() < 4) return false;
  const size_t length = LoadBigEndian32(bytes->data());
  bytes->remove_prefix(4);
  if (bytes->size() < length) return false;
  *body = bytes->substr(0, length);
  bytes->remove_prefix(length);
  return true;
}

bool TakeEscaped(std::string_view* bytes, std::string* text) {
  while (true) {
    const size_t zero = bytes->find('\0');
    if (zero == std::string_view::npos) return false;
    text->append(bytes->substr(0, zero));
    bytes->remove_prefix(zero + 1);
    if (bytes->empty() || bytes->front() != kEscapedZero) return true;
    text->push_back('\0');
    bytes->remove_prefix(1);
  }
}

bool TakeFramed(Place place, std::string_view* bytes, std::string* text) {
  if (place == Place::kKey) return TakeEscaped(bytes, text);
  std::string_view body = *bytes;
  if (place == Place::kValue) {
    if (!TakeLength(bytes, &body)) return false;
  } else {
    *bytes = {};
  }
  text->assign(body);
  return true;
}

bool TakeDecimal(Place place, std::string_view* bytes, std::string* text) {
  std::string_view body;
  if (place == Place::kValue && !TakeLength(bytes, &body)) return false;
  std::optional<std::string> number = ReadDecimalBody(place == Place::kValue ? &body : bytes);
  if (!number || !body.empty()) return false;
  *text = *std::move(number);
  return true;
}

bool TakeDate(std::string_view* bytes, Value* value) {
  if (bytes->empty()) return false;
  const char kind = bytes->front();
  bytes->remove_prefix(1);
  uint64_t ordered = 0;
  switch (kind) {
    case kDateMinusInfinity:
      value->special = Value::Special::kMinusInfinity;
      return true;
    case kDateZero:
      value->special = Value::Special::kZeroDate;
      return true;
    case kDatePlusInfinity:
      value->special = Value::Special::kPlusInfinity;
      return true;
    case kDateFinite:
      if (!TakeFixed64(bytes, &ordered)) return false;
      value->number = Int64FromOrdered(ordered);
      return true;
    default:
      return false;
  }
}

bool TakeUuid(std::string_view* bytes, std::string* text) {
  if (bytes->size() < 16) return false;
  *text = FormatUuid(reinterpret_cast<const unsigned char*>(bytes->data()));
  bytes->remove_prefix(16);
  return true;
}

// A name, and what is called so.
bool TakeNamed(Place place, std::string_view* bytes, Value* value) {
  if (!TakeFramed(place, bytes, &value->text)) return false;
  const size_t end = value->text.find('\0');
  if (end == std::string::npos) return false;
  value->name = value->text.substr(0, end);
  value->text.erase(0, end + 1);
  return true;
}

bool TakeBits(Place place, std::string_view* bytes, Value* value) {
  if (!TakeFramed(place, bytes, &value->text) || value->text.size() < 4) return false;
  const uint32_t bits = LoadBigEndian32(value->text.data());
  value->number = bits;
  value->text.erase(0, 4);
  return value->text.size() == (uint64_t{bits} + 7) / 8;
}

// The body of a column whose tag was read.
bool TakeBody(Place place, std::string_view* bytes, Value* value) {
  uint64_t ordered = 0;
  switch (value->tag) {
    case Tag::kNull:
    case Tag::kFalse:
    case Tag::kTrue:
      return true;
    case Tag::kInteger:
    case Tag::kTime:
      if (!TakeFixed64(bytes, &ordered)) return false;
      value->number = Int64FromOrdered(ordered);
      return true;
    case Tag::kUnsigned:
      if (!TakeFixed64(bytes, &ordered)) return false;
      value->number = static_cast<int64_t>(ordered);
      return true;
    case Tag::kFloat64:
      if (!TakeFixed64(bytes, &ordered)) return false;
      value->real = DoubleFromOrdered(ordered);
      return true;
    case Tag::kDecimal:
      return TakeDecimal(place, bytes, &value->text);
    case Tag::kDate:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      return TakeDate(bytes, value);
    case Tag::kUuid:
      return TakeUuid(bytes, &value->text);
    case Tag::kForeignText:
    case Tag::kOpaque:
      return TakeNamed(place, bytes, value);
    case Tag::kBits:
      return TakeBits(place, bytes, value);
    case Tag::kText:
    case Tag::kBytes:
    case Tag::kJson:
    case Tag::kUnparsedText:
    case Tag::kUnparsedBytes:
    case Tag::kList:
    case Tag::kSet:
      return TakeFramed(place, bytes, &value->text);
  }
  return false;
}

bool IsListBody(std::string_view body, int depth) {
  if (depth >= kListDepthMax) return false;
  Value element;
  while (!body.empty()) {
    if (!TakeColumn(Place::kKey, depth + 1, &body, &element)) return false;
  }
  return true;
}

bool IsSetBody(std::string_view body, int depth) {
  if (depth >= kListDepthMax) return false;
  Value element;
  std::string_view last;
  while (!body.empty()) {
    const std::string_view before = body;
    if (!TakeColumn(Place::kKey, depth + 1, &body, &element)) return false;
    const std::string_view encoded = before.substr(0, before.size() - body.size());
    if (!last.empty() && encoded <= last) return false;
    last = encoded;
  }
  return true;
}

// What AppendValue() takes on trust, and encoding the value again does not show.
bool IsSound(const Value& value, int depth) {
  switch (value.tag) {
    case Tag::kForeignText:
      return !value.name.empty() || !IsUtf8(value.text);
    case Tag::kOpaque:
      return IsUtf8(value.text);
    case Tag::kList:
      return IsListBody(value.text, depth);
    case Tag::kSet:
      return IsSetBody(value.text, depth);
    default:
      return true;
  }
}

// The same, and it does show.
void AppendChecked(const Value& value, Place place, std::string* out) {
  if (value.tag == Tag::kText) {
    AppendText(value.text, place, out);
  } else if (value.tag == Tag::kUnparsedText) {
    AppendUnparsedText(value.text, place, out);
  } else if (value.tag == Tag::kJson) {
    AppendJsonText(value.text, place, out);
  } else {
    AppendValue(value, place, out);
  }
}

// Whether encoding the value again gives the bytes that it was read from. Most columns are of types
// with one form for each value, so that nothing is left to be compared.
bool IsCanonical(const Value& value, Place place, std::string_view bytes) {
  switch (value.tag) {
    case Tag::kNull:
    case Tag::kFalse:
    case Tag::kTrue:
    case Tag::kInteger:
      return true;
    case Tag::kText:
      if (place != Place::kKey) return IsUtf8(value.text);
      break;
    default:
      break;
  }
  std::string again;
  AppendChecked(value, place, &again);
  return bytes == again;
}

absl::Status Decode(std::string_view bytes, size_t columns, bool key, std::vector<Value>* values) {
  const size_t size = bytes.size();
  for (size_t i = 0; i < columns; ++i) {
    const Place place = !key ? Place::kValue : (i + 1 == columns ? Place::kKeyLast : Place::kKey);
    const size_t offset = size - bytes.size();
    if (i == values->size()) values->emplace_back();
    if (!TakeColumn(place, 0, &bytes, &(*values)[i])) {
      return absl::InvalidArgumentError(
          std::string(key ? "encoded key" : "encoded values") + ": column " +
          std::to_string(i + 1) + " of " + std::to_string(columns) + ", at byte " +
          std::to_string(offset) + " of " + std::to_string(size) + ", is not in canonical form");
    }
  }
  values->resize(columns);
  if (!bytes.empty()) {
    return absl::InvalidArgumentError(std::string(key ? "encoded key: " : "encoded values: ") +
                                      std::to_string(bytes.size()) + " bytes are left after " +
                                      std::to_string(columns) + " columns");
  }
  return absl::OkStatus();
}

}  // namespace

bool TakeColumn(Place place, int depth, std::string_view* bytes, Value* value) {
  const std::string_view before = *bytes;
  if (before.empty()) return false;
  value->tag = static_cast<Tag>(before.front());
  value->special = Value::Special::kNone;
  value->number = 0;
  value->real = 0;
  value->text.clear();
  value->name.clear();
  bytes->remove_prefix(1);
  return TakeBody(place, bytes, value) && IsSound(*value, depth) &&
         IsCanonical(*value, place, before.substr(0, before.size() - bytes->size()));
}

absl::Status DecodeKey(std::string_view key, size_t columns, std::vector<Value>* values) {
  return Decode(key, columns, true, values);
}

absl::Status DecodeValues(std::string_view encoded, size_t columns, std::vector<Value>* values) {
  return Decode(encoded, columns, false, values);
}

absl::StatusOr<std::vector<Value>> DecodeKey(std::string_view key, size_t columns) {
  std::vector<Value> values;
  RETURN_IF_ERROR(DecodeKey(key, columns, &values));
  return values;
}

absl::StatusOr<std::vector<Value>> DecodeValues(std::string_view encoded, size_t columns) {
  std::vector<Value> values;
  RETURN_IF_ERROR(DecodeValues(encoded, columns, &values));
  return values;
}

}  // namespace driftwood::merkle
