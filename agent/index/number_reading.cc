#include "agent/index/number_reading.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/index/natural_value.h"
#include "merkle/record/decimal.h"
#include "merkle/record/marked_number.h"
#include "merkle/text/unicode.h"

namespace driftwood::agent {
namespace {

using merkle::Place;
using Kind = SourceValue::Kind;

// The number that bits are in binary. They are equally many in all rows, so that none are lost.
template <void (*kAppend)(uint64_t, Place, std::string*)>
bool AppendBits(const SourceValue& value, Place place, std::string* out) {
  uint64_t number = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, number, 2);
  if (error != std::errc() || rest != end) return AppendNatural(value, place, out);
  kAppend(number, place, out);
  return true;
}

bool AppendIntegralDouble(double value, Place place, std::string* out) {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  if (!(std::fabs(value) <= kExactMax) || std::trunc(value) != value) return false;
  merkle::AppendInteger(static_cast<int64_t>(value), place, out);
  return true;
}

// A double of 2^63 or more that fits 64 bits, as SQLite keeps an integer that is too large for it:
// as text and from servers it is the integer of these digits.
bool AppendLargeDouble(double value, Place place, std::string* out) {
  if (!(value >= 0x1p63 && value < 0x1p64)) return false;
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() &&
         merkle::AppendIntegerText({text.data(), static_cast<size_t>(end - text.data())}, place,
                                   out);
}

// A number that a column of other numbers can't hold, such as 1.5 among integers, is the number
// that it is, from text too: a store that holds it equals what its own programs write of it.
bool AppendOtherNumber(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kInt64:
      merkle::AppendDecimalInteger(value.int64, place, out);
      return false;
    case Kind::kUint64:
      merkle::AppendDecimalUnsigned(value.uint64, place, out);
      return false;
    case Kind::kDouble:
      if (!std::isfinite(value.real)) break;
      merkle::AppendDecimalDouble(value.real, place, out);
      return false;
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
      if (value.text.find_first_of("0123456789") == std::string_view::npos) break;  // a word
      if (value.forms != nullptr && value.forms->marks_numbers()) {
        const std::optional<std::string> plain = PlainNumber(value.text, *value.forms);
        if (plain && merkle::AppendDecimalText(*plain, place, out)) return false;
      } else if (merkle::AppendDecimalText(value.text, place, out)) {
        return false;
      }
      break;
    default:
      break;
  }
  return AppendNatural(value, place, out);
}

// Text that is read as a number, and the text of one.
template <bool (*kAppendText)(std::string_view, Place, std::string*)>
bool AppendNumber(const SourceValue& value, Place place, std::string* out) {
  if (value.kind == Kind::kText && value.forms != nullptr && value.forms->marks_numbers()) {
    const std::optional<std::string> plain = PlainNumber(value.text, *value.forms);
    return (plain && kAppendText(*plain, place, out)) || AppendOtherNumber(value, place, out);
  }
  return kAppendText(value.text, place, out) || AppendOtherNumber(value, place, out);
}

// A number in groups by its text, for what reads numbers so.
template <bool (*kAppend)(const SourceValue&, Place, std::string*)>
bool AppendSpelled(const SourceValue& value, Place place, std::string* out) {
  const std::string text = DisplayText(value);
  return kAppend(SourceValue::OfText(Kind::kNumber, text), place, out);
}

bool IsWordAmong(const std::vector<std::string>& words, std::string_view text) {
  const std::string folded = merkle::FoldWord(text);
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return merkle::FoldWord(word) == folded; });
}

}  // namespace

std::optional<std::string> PlainNumber(std::string_view text, const TextForms& forms) {
  if (forms.thousands != 0) {
    const char point = forms.decimal_comma ? ',' : '.';
    if (auto plain = merkle::UnmarkedNumber(text, forms.thousands, point)) return plain;
  }
  std::string plain(text);
  if (!forms.decimal_comma) return plain;
  if (text.find('.') != std::string_view::npos) return std::nullopt;
  if (const size_t comma = plain.find(','); comma != std::string::npos) plain[comma] = '.';
  return plain;
}

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
    case Kind::kGroups:
      return DisplayText(value);
    default:
      return std::nullopt;
  }
}

bool AppendAsBool(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kBool:
      merkle::AppendBool(value.boolean, out);
      return true;
    case Kind::kInt64:
      if (value.int64 != 0 && value.int64 != 1) return AppendNatural(value, place, out);
      merkle::AppendBool(value.int64 == 1, out);
      return true;
    case Kind::kUint64:
      if (value.uint64 > 1) return AppendNatural(value, place, out);
      merkle::AppendBool(value.uint64 == 1, out);
      return true;
    case Kind::kText:
      if (value.forms == nullptr || !value.forms->has_words()) {
        return merkle::AppendBoolText(value.text, out) || AppendNatural(value, place, out);
      }
      if (IsWordAmong(value.forms->true_words, value.text)) {
        merkle::AppendBool(true, out);
      } else if (IsWordAmong(value.forms->false_words, value.text)) {
        merkle::AppendBool(false, out);
      } else {
        return AppendNatural(value, place, out);
      }
      return true;
    case Kind::kString:
    case Kind::kStored:
    case Kind::kNumber:
      return merkle::AppendBoolText(value.text, out) || AppendNatural(value, place, out);
    case Kind::kGroups:
      return AppendSpelled<AppendAsBool>(value, place, out);
    case Kind::kBits:
      return (value.text.size() == 1 && merkle::AppendBoolText(value.text, out)) ||
             AppendNatural(value, place, out);
    default:
      return AppendNatural(value, place, out);
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
      return AppendIntegralDouble(value.real, place, out) ||
             AppendLargeDouble(value.real, place, out) || AppendOtherNumber(value, place, out);
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
    case Kind::kNumber:
      return AppendNumber<merkle::AppendIntegerText>(value, place, out);
    case Kind::kGroups:
      return AppendSpelled<AppendAsInteger>(value, place, out);
    case Kind::kBits:
      return AppendBits<merkle::AppendUnsigned>(value, place, out);
    default:
      return AppendNatural(value, place, out);
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
    case Kind::kGroups:
      merkle::AppendDecimalGroups(value.grouped(), place, out);
      return true;
    case Kind::kBits:
      return AppendBits<merkle::AppendDecimalUnsigned>(value, place, out);
    default:
      return AppendNatural(value, place, out);
  }
}

// An integer only if a double holds it exactly.
bool AppendAsFloat64(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kInt64: {
      const auto real = static_cast<double>(value.int64);
      if (real >= 0x1p63 || static_cast<int64_t>(real) != value.int64) {
        return AppendOtherNumber(value, place, out);
      }
      merkle::AppendFloat64(real, place, out);
      return true;
    }
    case Kind::kUint64: {
      const auto real = static_cast<double>(value.uint64);
      if (real >= 0x1p64 || static_cast<uint64_t>(real) != value.uint64) {
        return AppendOtherNumber(value, place, out);
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
    case Kind::kGroups:
      return AppendSpelled<AppendAsFloat64>(value, place, out);
    default:
      return AppendNatural(value, place, out);
  }
}

bool AppendAsSingle(const SourceValue& value, Place place, std::string* out) {
  if (value.IsText() || value.kind == Kind::kNumber) {
    return AppendNumber<merkle::AppendFloat32Text>(value, place, out);
  }
  if (value.kind == Kind::kGroups) return AppendSpelled<AppendAsSingle>(value, place, out);
  return AppendAsFloat64(value, place, out);
}

}  // namespace driftwood::agent
