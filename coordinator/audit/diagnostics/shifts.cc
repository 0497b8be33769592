#include "coordinator/audit/diagnostics/shifts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "merkle/record/datetime_forms.h"
#include "merkle/record/decimal.h"
#include "merkle/text/display.h"
#include "merkle/text/percent.h"
#include "merkle/text/utf8.h"

namespace driftwood::coordinator {
namespace {

using merkle::Column;
using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;
using Kind = Shift::Kind;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;
constexpr size_t kAffixBytesMax = 40;

bool IsText(const Value& value) {
  return value.tag == Tag::kText || value.tag == Tag::kUnparsedText;
}

// ---- words for NULL ----

std::optional<std::string> WordForNull(const Value& value) {
  static constexpr std::string_view kWords[] = {
      "NULL", "null", "Null",   "\\N", "N/A",    "n/a", "NA",   "None",     "none",
      "nan",  "NaN",  "(null)", "nil", "<NULL>", "NaT", "#N/A", "undefined"};
  if (value.tag == Tag::kFloat64 && std::isnan(value.real)) return "NaN";
  if (value.tag == Tag::kDecimal && value.text == "NaN") return "NaN";
  if (!IsText(value)) return std::nullopt;
  if (std::find(std::begin(kWords), std::end(kWords), value.text) == std::end(kWords)) {
    return std::nullopt;
  }
  return value.text;
}

// `b` says whether the other side has NULL ("") or an empty text ("empty").
std::optional<Shift> NullWord(const Value& left, const Value& right) {
  for (const size_t side : {size_t{0}, size_t{1}}) {
    const Value& other = side == 0 ? right : left;
    const bool empty = IsText(other) && other.text.empty();
    if (other.tag != Tag::kNull && !empty) continue;
    if (auto word = WordForNull(side == 0 ? left : right)) {
      return Shift{Kind::kNullWord, side, *std::move(word), empty ? "empty" : "", 0};
    }
  }
  return std::nullopt;
}

// ---- characters that were lost ----

std::vector<char32_t> CodePoints(std::string_view text) {
  std::vector<char32_t> points;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const size_t bytes = merkle::Utf8CharacterBytes(p, end);
    if (bytes == 0) return {};
    points.push_back(merkle::DecodeUtf8(p, bytes));
    p += bytes;
  }
  return points;
}

std::optional<Shift> Replaced(const Value& left, const Value& right) {
  constexpr char32_t kReplacement = 0xFFFD;
  if (!IsText(left) || !IsText(right)) return std::nullopt;
  if (merkle::IsAscii(left.text) && merkle::IsAscii(right.text)) return std::nullopt;
  const std::vector<char32_t> points[2] = {CodePoints(left.text), CodePoints(right.text)};
  if (points[0].size() != points[1].size()) return std::nullopt;
  for (const size_t side : {size_t{0}, size_t{1}}) {
    bool all = true;
    for (size_t i = 0; i < points[0].size() && all; ++i) {
      const char32_t here = points[side][i], there = points[1 - side][i];
      all = here == there || ((here == U'?' || here == kReplacement) && there > 0x7F);
    }
    if (all) return Shift{Kind::kReplaced, side};
  }
  return std::nullopt;
}

// ---- moments ----

struct MomentRead {
  int64_t microseconds = 0;
  char zoned = '0';
  Tag tag = Tag::kTimestamp;
};

std::optional<MomentRead> MomentOf(const Value& value) {
  if (value.special != Value::Special::kNone) return std::nullopt;
  switch (value.tag) {
    case Tag::kTimestamp:
    case Tag::kTime:
      return MomentRead{value.number, '0', value.tag};
    case Tag::kTimestampTz:
      return MomentRead{value.number, '1', Tag::kTimestamp};
    case Tag::kDate:
      return MomentRead{value.number * kDay, '0', Tag::kDate};
    case Tag::kText:
    case Tag::kUnparsedText:
      break;
    default:
      return std::nullopt;
  }
  // A text of digits alone is as well a number.
  if (value.text.find_first_of("-:") == std::string::npos) return std::nullopt;
  for (const bool zoned : {false, true}) {
    const auto read = merkle::ReadTimestamp(value.text, zoned, merkle::FinerDigits::kCut);
    if (!read || read->special != Value::Special::kNone) continue;
    return MomentRead{read->number, zoned ? '1' : '0', Tag::kTimestamp};
  }
  return std::nullopt;
}

std::optional<Shift> MomentShift(const Value& left, const Value& right) {
  const auto a = MomentOf(left), b = MomentOf(right);
  int64_t offset = 0;
  if (!a || !b || a->tag != b->tag ||
      __builtin_sub_overflow(b->microseconds, a->microseconds, &offset) || offset == 0) {
    return std::nullopt;
  }
  return Shift{Kind::kMoment, 0, {a->zoned, b->zoned}, {}, offset};
}

std::string MomentText(int64_t microseconds) {
  if (microseconds % kDay == 0) {
    const int64_t days = microseconds / kDay;
    return (days > 0 ? "+" : "") + std::to_string(days) +
           (std::llabs(days) == 1 ? " day" : " days");
  }
  const int64_t seconds = std::llabs(microseconds) / kSecond;
  char text[64];
  std::snprintf(text, sizeof text, "%c%02lld:%02lld:%02lld", microseconds < 0 ? '-' : '+',
                static_cast<long long>(seconds / 3600), static_cast<long long>(seconds / 60 % 60),
                static_cast<long long>(seconds % 60));
  std::string fraction = std::to_string(std::llabs(microseconds) % kSecond);
  if (fraction == "0") return text;
  fraction.insert(0, 6 - fraction.size(), '0');
  return text + ("." + fraction.substr(0, fraction.find_last_not_of('0') + 1));
}

// ---- numbers ----

__extension__ typedef __int128 Int128;

// mantissa * 10^exponent, without zeros at the mantissa's end.
struct Number {
  Int128 mantissa = 0;
  int64_t exponent = 0;
};

// Exact; of doubles their shortest decimal. Nothing if it has too many digits, or none.
std::optional<Number> NumberOf(const Value& value) {
  std::array<char, 32> buffer;
  std::string text;
  switch (value.tag) {
    case Tag::kInteger:
    case Tag::kUnsigned:
      text = value.ToDisplay();
      break;
    case Tag::kFloat64:
      if (!std::isfinite(value.real)) return std::nullopt;
      text = merkle::ShortestDecimal(value.real, buffer);
      break;
    case Tag::kDecimal:
    case Tag::kText:
    case Tag::kUnparsedText:
      text = value.text;
      break;
    default:
      return std::nullopt;
  }
  const auto decimal = merkle::ParseDecimal(text);
  if (!decimal) return std::nullopt;
  if (decimal->kind == merkle::Decimal::Kind::kZero) return Number{};
  constexpr size_t kDigitsMax = 20;
  if (decimal->kind != merkle::Decimal::Kind::kFinite || decimal->digit_count > kDigitsMax) {
    return std::nullopt;
  }
  Number number;
  for (size_t i = 0, digits = 0; digits < decimal->digit_count; ++i) {
    if (decimal->digits[i] == '.') continue;
    number.mantissa = number.mantissa * 10 + (decimal->digits[i] - '0');
    ++digits;
  }
  if (decimal->negative) number.mantissa = -number.mantissa;
  number.exponent = decimal->exponent - static_cast<int64_t>(decimal->digit_count) + 1;
  return number;
}

std::string NumberText(Number number) {
  std::string digits;
  const bool negative = number.mantissa < 0;
  for (Int128 rest = negative ? -number.mantissa : number.mantissa; rest > 0; rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  // The decimal is a view of it.
  const std::string written =
      (negative ? "-" : "") + digits + "e" + std::to_string(number.exponent);
  const auto decimal = merkle::ParseDecimal(written);
  std::string text;
  if (decimal) merkle::AppendCanonicalDecimal(*decimal, &text);
  return text;
}

// b - a, unless they are too far apart to be exact.
std::optional<Number> Difference(const Number& a, const Number& b) {
  constexpr int64_t kApart = 17;
  const int64_t exponent = a.mantissa == 0   ? b.exponent
                           : b.mantissa == 0 ? a.exponent
                                             : std::min(a.exponent, b.exponent);
  const auto scaled = [exponent](Number number) -> std::optional<Int128> {
    if (number.mantissa == 0) return 0;
    if (number.exponent - exponent > kApart) return std::nullopt;
    for (; number.exponent > exponent; --number.exponent) number.mantissa *= 10;
    return number.mantissa;
  };
  const auto from = scaled(a), to = scaled(b);
  if (!from || !to) return std::nullopt;
  return Number{*to - *from, exponent};
}

std::optional<Shift> NumberOffset(const Value& left, const Value& right) {
  const auto a = NumberOf(left), b = NumberOf(right);
  const auto difference = a && b ? Difference(*a, *b) : std::nullopt;
  if (!difference || difference->mantissa == 0) return std::nullopt;
  return Shift{Kind::kOffset, 0, NumberText(*difference)};
}

// As doubles: products of them are no exact decimals.
bool IsTimes(double number, double factor, double product) {
  return std::fabs(number * factor - product) <= 1e-13 * std::fabs(product);
}

double ToDouble(const Number& number) {
  return static_cast<double>(number.mantissa) *
         std::pow(10.0, static_cast<double>(number.exponent));
}

std::optional<Shift> NumberFactor(const Value& left, const Value& right) {
  static constexpr struct {
    double factor;
    const char* text;
  } kFactors[] = {{-1, "-1"},       {10, "10"},       {100, "100"},        {1000, "1000"},
                  {10000, "10000"}, {1e6, "1000000"}, {1e9, "1000000000"}, {60, "60"},
                  {3600, "3600"},   {86400, "86400"}, {1024, "1024"},      {1048576, "1048576"}};
  const auto a = NumberOf(left), b = NumberOf(right);
  if (!a || !b || a->mantissa == 0 || b->mantissa == 0) return std::nullopt;
  const double numbers[2] = {ToDouble(*a), ToDouble(*b)};
  for (const auto& [factor, text] : kFactors) {
    for (const size_t side : {size_t{1}, size_t{0}}) {
      if (IsTimes(numbers[1 - side], factor, numbers[side])) {
        return Shift{Kind::kFactor, side, text};
      }
    }
  }
  return std::nullopt;
}

// ---- parts of texts ----

std::optional<Shift> Affixes(const Value& left, const Value& right) {
  if (!IsText(left) || !IsText(right)) return std::nullopt;
  const size_t side = left.text.size() > right.text.size() ? 0 : 1;
  const std::string& longer = side == 0 ? left.text : right.text;
  const std::string& inner = side == 0 ? right.text : left.text;
  const size_t more = longer.size() - inner.size();
  if (inner.empty() || more == 0 || more > kAffixBytesMax) return std::nullopt;
  const size_t at = longer.ends_with(inner) ? more : longer.find(inner);
  if (at == std::string::npos) return std::nullopt;
  Shift shift{Kind::kAffixes, side, longer.substr(0, at), longer.substr(at + inner.size()), 0};
  // White space is another hypothesis, and half a character none.
  const std::string both = shift.a + shift.b;
  if (both.find_first_not_of(" \t\r\n") == std::string::npos) return std::nullopt;
  if (!merkle::IsUtf8(shift.a) || !merkle::IsUtf8(shift.b)) return std::nullopt;
  return shift;
}

// Spaces that are missing at the end are another hypothesis. An empty text is no cut one:
// everything begins with it.
std::optional<Shift> Cut(Kind kind, const Value& left, const Value& right) {
  const bool texts = left.tag == Tag::kText && right.tag == Tag::kText;
  const bool bytes = left.tag == Tag::kBytes && right.tag == Tag::kBytes;
  if (!texts && !(bytes && kind == Kind::kCutBytes)) return std::nullopt;
  for (const size_t side : {size_t{0}, size_t{1}}) {
    const Value& shorter = side == 0 ? left : right;
    const Value& longer = side == 0 ? right : left;
    if (!shorter.text.empty() && longer.text.size() > shorter.text.size() &&
        longer.text.starts_with(shorter.text) &&
        longer.text.find_first_not_of(" \0", shorter.text.size(), 2) != std::string::npos) {
      return Shift{kind, side, {}, {}, Length(kind, shorter)};
    }
  }
  return std::nullopt;
}

std::string InQuotes(const std::string& text) { return "'" + EscapeForDisplay(text) + "'"; }

std::string FirstCharacters(const std::string& text, int64_t count) {
  size_t end = 0;
  for (; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) continue;
    if (count-- == 0) break;
  }
  return text.substr(0, end);
}

// ---- keys ----

std::optional<Value> WithText(const Value& value, std::string text) {
  Value shifted = value;
  shifted.text = std::move(text);
  return shifted;
}

std::optional<Value> ShiftedNumber(const Shift& shift, size_t side, const Value& value) {
  if (value.tag != Tag::kInteger) return std::nullopt;
  const auto parameter = merkle::ParseDecimal(shift.a);
  if (!parameter || shift.a.find_first_of(".e") != std::string::npos) return std::nullopt;
  const int64_t number = std::strtoll(shift.a.c_str(), nullptr, 10);
  Value result = value;
  bool overflow = false;
  if (shift.kind == Kind::kOffset) {
    overflow = side == 0 ? __builtin_add_overflow(value.number, number, &result.number)
                         : __builtin_sub_overflow(value.number, number, &result.number);
  } else if (side != shift.side) {
    overflow = __builtin_mul_overflow(value.number, number, &result.number);
  } else {
    if (number == 0 || value.number % number != 0) return std::nullopt;
    result.number = value.number / number;
  }
  return overflow ? std::nullopt : std::optional(result);
}

}  // namespace

int64_t Length(Kind kind, const Value& value) {
  if (kind == Kind::kCutBytes) return static_cast<int64_t>(value.text.size());
  // Code points, as databases count the length of a column.
  return std::count_if(value.text.begin(), value.text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

bool IsZoneOffset(int64_t microseconds) {
  constexpr int64_t kQuarter = 15 * 60 * kSecond;
  return microseconds % kQuarter == 0 && std::llabs(microseconds) <= 14 * kHour;
}

bool IsConstant(Kind kind) {
  return kind == Kind::kMoment || kind == Kind::kDaylight || kind == Kind::kFactor ||
         kind == Kind::kOffset || kind == Kind::kAffixes;
}

std::vector<Shift> ShiftsBetween(const Column&, const Value& left, const Value& right) {
  std::vector<Shift> shifts;
  for (auto& found : {NullWord(left, right), Replaced(left, right), MomentShift(left, right),
                      NumberFactor(left, right), NumberOffset(left, right), Affixes(left, right),
                      Cut(Kind::kCutCharacters, left, right), Cut(Kind::kCutBytes, left, right)}) {
    if (found) shifts.push_back(*found);
  }
  return shifts;
}

std::optional<Value> Shifted(const Shift& shift, size_t side, const Value& value) {
  switch (shift.kind) {
    case Kind::kMoment: {
      if (value.tag != Tag::kTimestamp && value.tag != Tag::kTimestampTz) return std::nullopt;
      Value shifted = value;
      const bool overflow =
          side == 0 ? __builtin_add_overflow(value.number, shift.number, &shifted.number)
                    : __builtin_sub_overflow(value.number, shift.number, &shifted.number);
      return overflow ? std::nullopt : std::optional(shifted);
    }
    case Kind::kFactor:
    case Kind::kOffset:
      return ShiftedNumber(shift, side, value);
    case Kind::kAffixes: {
      if (!IsText(value)) return std::nullopt;
      if (side != shift.side) return WithText(value, shift.a + value.text + shift.b);
      const size_t affixes = shift.a.size() + shift.b.size();
      if (value.text.size() <= affixes || !value.text.starts_with(shift.a) ||
          !value.text.ends_with(shift.b)) {
        return std::nullopt;
      }
      return WithText(value, value.text.substr(shift.a.size(), value.text.size() - affixes));
    }
    case Kind::kCutCharacters:
    case Kind::kCutBytes:
      if (side == shift.side || !IsText(value)) return std::nullopt;
      if (shift.kind == Kind::kCutCharacters) {
        return WithText(value, FirstCharacters(value.text, shift.number));
      }
      return WithText(value, value.text.substr(0, static_cast<size_t>(shift.number)));
    default:
      return std::nullopt;
  }
}

std::string InWords(const Shift& shift, const std::vector<ExplainedReplica>& replicas) {
  const std::string& side = replicas[shift.side].name;
  const std::string& other = replicas[1 - shift.side].name;
  switch (shift.kind) {
    case Kind::kNullWord:
      return (shift.b.empty() ? "NULL is the text " : "the empty text is ") +
             EscapeForDisplay(shift.a) + " in " + side;
    case Kind::kReplaced:
      return "characters that are not ASCII are lost in " + side;
    case Kind::kMoment:
      return replicas[1].name + " is at a constant offset of " + MomentText(shift.number) +
             " from " + replicas[0].name;
    case Kind::kDaylight:
      return replicas[1].name + " is at an offset of " + MomentText(shift.number) + " or " +
             MomentText(shift.number + kHour) + " from " + replicas[0].name +
             ", as with daylight saving time";
    case Kind::kFactor:
      if (shift.a == "-1") return "the sign";
      return side + " is " + shift.a + " times " + other;
    case Kind::kOffset:
      return replicas[1].name + " is at a constant offset of " +
             (shift.a.starts_with('-') ? "" : "+") + shift.a + " from " + replicas[0].name;
    case Kind::kAffixes:
      return side + " has " + (shift.a.empty() ? "" : InQuotes(shift.a) + " before it") +
             (shift.a.empty() || shift.b.empty() ? "" : " and ") +
             (shift.b.empty() ? "" : InQuotes(shift.b) + " behind it");
    case Kind::kCutBytes:
      return side + " is cut at " + std::to_string(shift.number) + " bytes";
    case Kind::kCutCharacters:
      return side + " is cut at " + std::to_string(shift.number) + " characters";
  }
  return "";
}

std::string OptionOf(const Shift& shift, const Column& column,
                     const std::vector<ExplainedReplica>& replicas) {
  const ExplainedReplica& side = replicas[shift.side];
  if (shift.kind == Kind::kNullWord && side.store == ExplainedReplica::Store::kCsv) {
    return UrlOption("null=" + PercentEncode(shift.a, "%&?#\\ "), side.name);
  }
  if (shift.kind != Kind::kMoment || !IsZoneOffset(shift.number) || shift.a == "11") return "";
  if (column.type == ColumnType::kTime || column.type == ColumnType::kDate) return "";
  constexpr int64_t kMinute = 60 * kSecond;
  const int64_t later = shift.number / kMinute;
  std::vector<std::pair<std::string, int64_t>> zones;
  if (shift.a == "01") zones = {{replicas[0].name, -later}};
  if (shift.a == "10") zones = {{replicas[1].name, later}};
  if (shift.a == "00") zones = {{replicas[0].name, 0}, {replicas[1].name, later}};
  return Both(TypesOption(column, "timestamptz", side.table),
              ZoneOption(zones, column.name, side.table));
}

}  // namespace driftwood::coordinator
