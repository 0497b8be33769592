// Column  = tag, body. Bodies of one length, or that show their length, are the same everywhere;
// those of text and bytes are framed by the column's place:
//   kValue    length (4 bytes big-endian), bytes
//   kKey      bytes with 0x00 escaped as 0x00 0xFF, then 0x00: what follows is a tag, which is
//             never 0xFF, or the end, so a shorter text sorts first
//   kKeyLast  bytes, to the end of the key
// README.md has all bodies.
#include "merkle/record/encoding.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "merkle/check.h"
#include "merkle/record/big_endian.h"
#include "merkle/record/datetime.h"
#include "merkle/record/datetime_forms.h"
#include "merkle/record/decimal.h"
#include "merkle/record/encoding_format.h"
#include "merkle/text/utf8.h"
#include "merkle/text/uuid.h"

namespace driftwood::merkle {
namespace {

void AppendTag(Tag tag, std::string* out) { out->push_back(static_cast<char>(tag)); }

void AppendFixed64(Tag tag, uint64_t body, std::string* out) {
  char column[1 + 8];
  column[0] = static_cast<char>(tag);
  StoreBigEndian64(body, column + 1);
  out->append(column, sizeof column);
}

void AppendEscaped(std::string_view bytes, std::string* out) {
  while (true) {
    const size_t zero = bytes.find('\0');
    if (zero == std::string_view::npos) break;
    out->append(bytes.substr(0, zero + 1));
    out->push_back(kEscapedZero);
    bytes.remove_prefix(zero + 1);
  }
  out->append(bytes);
  out->push_back('\0');
}

void AppendFramed(Tag tag, std::string_view bytes, Place place, std::string* out) {
  if (place == Place::kValue) {
    // Stores bound their values far below this.
    DRIFTWOOD_CHECK(bytes.size() <= std::numeric_limits<uint32_t>::max());
    AppendHead(tag, static_cast<uint32_t>(bytes.size()), out);
    out->append(bytes);
    return;
  }
  AppendTag(tag, out);
  if (place == Place::kKey) {
    AppendEscaped(bytes, out);
  } else {
    out->append(bytes);
  }
}

// A name and what is called so: the name has no zero byte, so that the first one ends it.
void AppendNamed(Tag tag, std::string_view name, std::string_view bytes, Place place,
                 std::string* out) {
  DRIFTWOOD_CHECK(name.find('\0') == std::string_view::npos);
  std::string body;
  body.reserve(name.size() + 1 + bytes.size());
  body.append(name);
  body.push_back('\0');
  body.append(bytes);
  AppendFramed(tag, body, place, out);
}

// Of a Decimal or a GroupedDecimal.
template <typename Number>
void AppendDecimal(const Number& decimal, Place place, std::string* out) {
  const size_t head = place == Place::kValue ? 5 : 1;
  const size_t body = DecimalBodyBytes(decimal);
  DRIFTWOOD_CHECK(body <= std::numeric_limits<uint32_t>::max());
  char small[48];
  const size_t old_size = out->size();
  char* column = small;
  if (head + body > sizeof small) {
    out->resize(old_size + head + body);
    column = out->data() + old_size;
  }
  column[0] = static_cast<char>(Tag::kDecimal);
  if (place == Place::kValue) StoreBigEndian32(static_cast<uint32_t>(body), column + 1);
  WriteDecimalBody(decimal, column + head);
  if (column == small) out->append(small, head + body);
}

// False if `number`, a text or a GroupedDecimal, is not of the common case.
template <typename Number>
bool AppendShortDecimal(const Number& number, Place place, std::string* out) {
  char column[5 + kShortDecimalBytes];
  const size_t head = place == Place::kValue ? 5 : 1;
  const size_t body = WriteShortDecimalBody(number, column + head);
  if (body == 0) return false;
  column[0] = static_cast<char>(Tag::kDecimal);
  if (place == Place::kValue) StoreBigEndian32(static_cast<uint32_t>(body), column + 1);
  out->append(column, head + body);
  return true;
}

void AppendDateLike(Tag tag, int64_t number, std::string* out) {
  char column[1 + 1 + 8];
  column[0] = static_cast<char>(tag);
  column[1] = kDateFinite;
  StoreBigEndian64(OrderedFromInt64(number), column + 2);
  out->append(column, sizeof column);
}

bool AppendIfRead(Tag tag, const std::optional<Instant>& instant, Place place, std::string* out) {
  if (instant) AppendInstant(tag, *instant, place, out);
  return instant.has_value();
}

// A whole number in another spelling than its digits: "1234.0", "2e3", "5.". Never expanded beyond
// what an integer can hold.
std::optional<std::string> PlainInteger(std::string_view text) {
  constexpr int64_t kDigitsMax = 20;  // of a uint64
  const std::optional<Decimal> decimal = ParseDecimal(text);
  if (!decimal) return std::nullopt;
  if (decimal->kind == Decimal::Kind::kZero) return "0";
  if (decimal->kind != Decimal::Kind::kFinite || decimal->exponent >= kDigitsMax ||
      decimal->exponent + 1 < static_cast<int64_t>(decimal->digit_count)) {
    return std::nullopt;
  }
  std::string plain;
  AppendCanonicalDecimal(*decimal, &plain);
  return plain;
}

// Of double or float. A value that it can't hold is not read.
template <typename Real>
std::optional<double> ParseReal(std::string_view text) {
  // The grammar is the decimals'; from_chars() alone takes other words and no '+'.
  const std::optional<Decimal> decimal = ParseDecimal(text);
  if (!decimal) return std::nullopt;
  switch (decimal->kind) {
    case Decimal::Kind::kZero:
      return 0.0;
    case Decimal::Kind::kNaN:
      return std::numeric_limits<double>::quiet_NaN();
    case Decimal::Kind::kPlusInfinity:
      return std::numeric_limits<double>::infinity();
    case Decimal::Kind::kMinusInfinity:
      return -std::numeric_limits<double>::infinity();
    case Decimal::Kind::kFinite:
      break;
  }
  if (text.front() == '+') text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  Real value = 0;
  const std::from_chars_result result = std::from_chars(text.data(), end, value);
  // Too large or too small for a double: neither infinity nor zero is what the text says.
  if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value) || value == 0) {
    return std::nullopt;
  }
  return value;
}

bool IsWord(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

}  // namespace

void AppendHead(Tag tag, uint32_t bytes, std::string* out) {
  char head[1 + 4];
  head[0] = static_cast<char>(tag);
  StoreBigEndian32(bytes, head + 1);
  out->append(head, sizeof head);
}

void AppendNull(std::string* out) { AppendTag(Tag::kNull, out); }

void AppendBool(bool value, std::string* out) { AppendTag(value ? Tag::kTrue : Tag::kFalse, out); }

void AppendInteger(int64_t value, Place, std::string* out) {
  AppendFixed64(Tag::kInteger, OrderedFromInt64(value), out);
}

void AppendUnsigned(uint64_t value, Place place, std::string* out) {
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    AppendInteger(static_cast<int64_t>(value), place, out);
  } else {
    AppendFixed64(Tag::kUnsigned, value, out);
  }
}

void AppendFloat64(double value, Place, std::string* out) {
  AppendFixed64(Tag::kFloat64, OrderedFromDouble(value), out);
}

bool AppendText(std::string_view text, Place place, std::string* out) {
  const bool utf8 = IsUtf8(text);
  if (utf8) {
    AppendFramed(Tag::kText, text, place, out);
  } else {
    AppendForeignText("", text, place, out);
  }
  return utf8;
}

void AppendBytes(std::string_view bytes, Place place, std::string* out) {
  AppendFramed(Tag::kBytes, bytes, place, out);
}

void AppendForeignText(std::string_view character_set, std::string_view bytes, Place place,
                       std::string* out) {
  AppendNamed(Tag::kForeignText, character_set, bytes, place, out);
}

bool AppendOpaque(std::string_view type, std::string_view text, Place place, std::string* out) {
  if (!IsUtf8(text)) return AppendText(text, place, out);
  AppendNamed(Tag::kOpaque, type, text, place, out);
  return true;
}

void AppendBits(std::string_view packed, uint32_t bits, Place place, std::string* out) {
  DRIFTWOOD_CHECK(packed.size() == (uint64_t{bits} + 7) / 8);
  std::string body(4, '\0');
  StoreBigEndian32(bits, body.data());
  body += packed;
  if (bits % 8 != 0) body.back() = static_cast<char>(body.back() & (0xFF << (8 - bits % 8)));
  AppendFramed(Tag::kBits, body, place, out);
}

void AppendUnparsedText(std::string_view text, Place place, std::string* out) {
  if (IsUtf8(text)) {
    AppendFramed(Tag::kUnparsedText, text, place, out);
  } else {
    AppendForeignText("", text, place, out);
  }
}

void AppendUnparsedBytes(std::string_view bytes, Place place, std::string* out) {
  AppendFramed(Tag::kUnparsedBytes, bytes, place, out);
}

namespace {

bool AppendPlainInteger(std::string_view text, Place place, std::string* out) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  if (p == end) return false;
  uint64_t magnitude = 0;
  // 19 digits cannot overflow; only the rest is checked.
  const char* const safe_end = end - p > 19 ? p + 19 : end;
  for (; p != safe_end; ++p) {
    const unsigned digit = static_cast<unsigned>(*p) - '0';
    if (digit > 9) return false;
    magnitude = magnitude * 10 + digit;
  }
  for (; p != end; ++p) {
    const unsigned digit = static_cast<unsigned>(*p) - '0';
    if (digit > 9 || __builtin_mul_overflow(magnitude, uint64_t{10}, &magnitude) ||
        __builtin_add_overflow(magnitude, uint64_t{digit}, &magnitude)) {
      return false;
    }
  }
  if (!negative) {
    AppendUnsigned(magnitude, place, out);
    return true;
  }
  if (magnitude > uint64_t{1} << 63) return false;
  AppendInteger(static_cast<int64_t>(uint64_t{0} - magnitude), place, out);
  return true;
}

}  // namespace

bool AppendIntegerText(std::string_view text, Place place, std::string* out) {
  if (AppendPlainInteger(text, place, out)) return true;
  const std::optional<std::string> plain = PlainInteger(text);
  return plain && AppendPlainInteger(*plain, place, out);
}

bool AppendDecimalText(std::string_view text, Place place, std::string* out) {
  if (AppendShortDecimal(text, place, out)) return true;
  const std::optional<Decimal> decimal = ParseDecimal(text);
  if (!decimal) return false;
  AppendDecimal(*decimal, place, out);
  return true;
}

bool AppendFloat64Text(std::string_view text, Place place, std::string* out) {
  const std::optional<double> value = ParseReal<double>(text);
  if (!value) return false;
  AppendFloat64(*value, place, out);
  return true;
}

bool AppendFloat32Text(std::string_view text, Place place, std::string* out) {
  const std::optional<double> value = ParseReal<float>(text);
  if (!value) return false;
  AppendFloat64(*value, place, out);
  return true;
}

bool AppendBoolText(std::string_view text, std::string* out) {
  const bool yes = text == "1" || IsWord(text, "t") || IsWord(text, "true");
  const bool no = text == "0" || IsWord(text, "f") || IsWord(text, "false");
  if (yes || no) AppendBool(yes, out);
  return yes || no;
}

bool AppendDateText(std::string_view text, Place place, std::string* out) {
  return AppendIfRead(Tag::kDate, ReadDate(text), place, out);
}

bool AppendTimeText(std::string_view text, Place place, std::string* out) {
  const std::optional<int64_t> microseconds = ParseTime(text);
  if (!microseconds) return false;
  AppendTime(*microseconds, place, out);
  return true;
}

bool AppendTimestampText(std::string_view text, Place place, std::string* out) {
  return AppendIfRead(Tag::kTimestamp, ReadTimestamp(text, false), place, out);
}

bool AppendTimestampTzText(std::string_view text, Place place, std::string* out) {
  return AppendIfRead(Tag::kTimestampTz, ReadTimestamp(text, true), place, out);
}

bool AppendUuidText(std::string_view text, Place place, std::string* out) {
  const auto bytes = ParseUuid(text);
  if (!bytes) return false;
  AppendUuid(bytes->data(), place, out);
  return true;
}

bool AppendJsonText(std::string_view json, Place place, std::string* out) {
  const absl::StatusOr<std::string> canonical = CanonicalJson(json);
  if (!canonical.ok()) return false;
  AppendFramed(Tag::kJson, *canonical, place, out);
  return true;
}

bool AppendBitsText(std::string_view text, Place place, std::string* out) {
  if (text.size() > std::numeric_limits<uint32_t>::max()) return false;
  if (text.find_first_not_of("01") != std::string_view::npos) return false;
  std::string packed((text.size() + 7) / 8, '\0');
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '1') packed[i / 8] = static_cast<char>(packed[i / 8] | (0x80 >> (i % 8)));
  }
  AppendBits(packed, static_cast<uint32_t>(text.size()), place, out);
  return true;
}

void AppendDecimalGroups(const GroupedDecimal& value, Place place, std::string* out) {
  if (!AppendShortDecimal(value, place, out)) AppendDecimal(value, place, out);
}

void AppendDecimalInteger(int64_t value, Place place, std::string* out) {
  char text[24];
  const char* const end = std::to_chars(text, text + sizeof text, value).ptr;
  DRIFTWOOD_CHECK(AppendDecimalText({text, static_cast<size_t>(end - text)}, place, out));
}

void AppendDecimalUnsigned(uint64_t value, Place place, std::string* out) {
  char text[24];
  const char* const end = std::to_chars(text, text + sizeof text, value).ptr;
  DRIFTWOOD_CHECK(AppendDecimalText({text, static_cast<size_t>(end - text)}, place, out));
}

void AppendDecimalDouble(double value, Place place, std::string* out) {
  if (std::isnan(value)) {  // its text may have a sign
    DRIFTWOOD_CHECK(AppendDecimalText("NaN", place, out));
    return;
  }
  if (std::isinf(value)) {
    DRIFTWOOD_CHECK(AppendDecimalText(value < 0 ? "-Infinity" : "Infinity", place, out));
    return;
  }
  std::array<char, 32> buffer;
  DRIFTWOOD_CHECK(AppendDecimalText(ShortestDecimal(value, buffer), place, out));
}

void AppendDate(int64_t days_since_1970, Place, std::string* out) {
  AppendDateLike(Tag::kDate, days_since_1970, out);
}

void AppendTime(int64_t microseconds, Place, std::string* out) {
  AppendFixed64(Tag::kTime, OrderedFromInt64(microseconds), out);
}

void AppendTimestamp(int64_t microseconds, bool zoned, Place, std::string* out) {
  AppendDateLike(zoned ? Tag::kTimestampTz : Tag::kTimestamp, microseconds, out);
}

void AppendSpecial(Tag tag, Value::Special special, Place, std::string* out) {
  DRIFTWOOD_CHECK(tag == Tag::kDate || tag == Tag::kTimestamp || tag == Tag::kTimestampTz);
  AppendTag(tag, out);
  switch (special) {
    case Value::Special::kMinusInfinity:
      out->push_back(kDateMinusInfinity);
      return;
    case Value::Special::kZeroDate:
      out->push_back(kDateZero);
      return;
    case Value::Special::kPlusInfinity:
      out->push_back(kDatePlusInfinity);
      return;
    case Value::Special::kNone:
      break;
  }
  DRIFTWOOD_CHECK(special != Value::Special::kNone);
}

void AppendInstant(Tag tag, const Instant& instant, Place place, std::string* out) {
  if (instant.special != Value::Special::kNone) {
    AppendSpecial(tag, instant.special, place, out);
  } else {
    AppendDateLike(tag, instant.number, out);
  }
}

void AppendUuid(const unsigned char bytes[16], Place, std::string* out) {
  char column[1 + 16];
  column[0] = static_cast<char>(Tag::kUuid);
  std::memcpy(column + 1, bytes, 16);
  out->append(column, sizeof column);
}

void AppendValue(const Value& value, Place place, std::string* out) {
  switch (value.tag) {
    case Tag::kNull:
    case Tag::kFalse:
    case Tag::kTrue:
      return AppendTag(value.tag, out);
    case Tag::kInteger:
      return AppendInteger(value.number, place, out);
    case Tag::kUnsigned:
      return AppendUnsigned(static_cast<uint64_t>(value.number), place, out);
    case Tag::kFloat64:
      return AppendFloat64(value.real, place, out);
    case Tag::kDate:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      return AppendInstant(value.tag, Instant{value.special, value.number}, place, out);
    case Tag::kTime:
      return AppendTime(value.number, place, out);
    case Tag::kDecimal:
      DRIFTWOOD_CHECK(AppendDecimalText(value.text, place, out));
      return;
    case Tag::kUuid:
      DRIFTWOOD_CHECK(AppendUuidText(value.text, place, out));
      return;
    case Tag::kForeignText:
    case Tag::kOpaque:
      return AppendNamed(value.tag, value.name, value.text, place, out);
    case Tag::kBits:
      return AppendBits(value.text, static_cast<uint32_t>(value.number), place, out);
    case Tag::kText:
    case Tag::kBytes:
    case Tag::kJson:
    case Tag::kUnparsedText:
    case Tag::kUnparsedBytes:
    case Tag::kList:
    case Tag::kSet:
      return AppendFramed(value.tag, value.text, place, out);
  }
  DRIFTWOOD_CHECK(false && "a tag of no column");
}

}  // namespace driftwood::merkle
