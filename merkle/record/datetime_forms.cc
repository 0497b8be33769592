#include "merkle/record/datetime_forms.h"

#include <array>
#include <charconv>
#include <map>

#include "merkle/record/decimal.h"

namespace driftwood::merkle {
namespace {

constexpr size_t kMicrosecondDigits = 6;
constexpr int64_t kDay = int64_t{86'400} * 1'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// How many digits stand at the front.
size_t Digits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) ++count;
  return count;
}

// A text without the digits after the sixth behind its first point, and whether any was not zero.
struct CutText {
  std::string text;
  bool cut = false;
};

CutText WithoutFinerDigits(std::string_view text) {
  CutText result{std::string(text)};
  const size_t point = text.find('.');
  if (point == std::string_view::npos) return result;
  const size_t digits = Digits(text.substr(point + 1));
  if (digits <= kMicrosecondDigits) return result;
  const std::string_view finer =
      text.substr(point + 1 + kMicrosecondDigits, digits - kMicrosecondDigits);
  result.cut = finer.find_first_not_of('0') != std::string_view::npos;
  result.text.erase(point + 1 + kMicrosecondDigits, finer.size());
  return result;
}

// "20240229" as "2024-02-29" at the front, and then "123456" behind 'T' or ' ' as "12:34:56".
void ExpandBasicForm(std::string* text) {
  constexpr size_t kDateDigits = 8;
  if (Digits(*text) != kDateDigits) return;
  text->insert(6, "-").insert(4, "-");
  constexpr size_t kTime = kDateDigits + 3;  // where the time begins
  if (text->size() <= kTime || ((*text)[kTime - 1] != 'T' && (*text)[kTime - 1] != ' ')) return;
  const size_t digits = Digits(std::string_view(*text).substr(kTime));
  if (digits == 6) text->insert(kTime + 4, ":");
  if (digits == 6 || digits == 4) text->insert(kTime + 2, ":");
}

// "12:34:56 UTC" as "12:34:56Z", "12:34:56 +0200" as "12:34:56+0200". " BC" stays at the end.
void JoinZone(std::string* text) {
  const bool bc = text->ends_with(" BC");
  if (bc) text->resize(text->size() - 3);
  for (const std::string_view name : {" UTC", " GMT", " Z", " z", "z"}) {
    if (!text->ends_with(name)) continue;
    text->resize(text->size() - name.size());
    *text += 'Z';
    break;
  }
  // The last space is that before a zone only if another one or a 'T' ends the date.
  const size_t space = text->rfind(' ');
  if (space != std::string::npos && space + 1 < text->size() &&
      ((*text)[space + 1] == '+' || (*text)[space + 1] == '-')) {
    text->erase(space, 1);
  }
  if (bc) *text += " BC";
}

}  // namespace

std::optional<int64_t> ReadTime(std::string_view text, FinerDigits finer) {
  if (const std::optional<int64_t> time = ParseTime(text)) return time;
  if (finer == FinerDigits::kRefuse) return std::nullopt;
  const CutText cut = WithoutFinerDigits(text);
  std::optional<int64_t> time = ParseTime(cut.text);
  if (time && cut.cut && text.starts_with('-')) --*time;
  return time;
}

std::optional<Instant> ReadTimestamp(std::string_view text, bool zoned, FinerDigits finer) {
  if (const std::optional<Instant> instant = ParseTimestamp(text, zoned)) return instant;
  std::string plain(text);
  if (zoned) JoinZone(&plain);
  if (plain.size() > 10 && plain[10] == 't') plain[10] = 'T';
  ExpandBasicForm(&plain);
  if (finer == FinerDigits::kCut) plain = WithoutFinerDigits(plain).text;
  if (const std::optional<Instant> instant = ParseTimestamp(plain, zoned)) return instant;
  if (zoned) return std::nullopt;
  std::optional<Instant> date = ParseDate(plain);
  if (!date || date->special != SpecialInstant::kNone) return date;
  if (__builtin_mul_overflow(date->number, kDay, &date->number)) return std::nullopt;
  return date;
}

std::optional<Instant> ReadDate(std::string_view text) {
  if (const std::optional<Instant> date = ParseDate(text)) return date;
  std::string plain(text);
  ExpandBasicForm(&plain);
  if (const std::optional<Instant> date = ParseDate(plain)) return date;
  std::optional<Instant> instant = ParseTimestamp(plain, /*zoned=*/false);
  if (!instant || instant->special != SpecialInstant::kNone) return instant;
  if (instant->number % kDay != 0) return std::nullopt;
  instant->number /= kDay;
  return instant;
}

std::optional<int64_t> ReadUnixTime(std::string_view text, int64_t unit_us, FinerDigits finer) {
  const std::optional<Decimal> number = ParseDecimal(text);
  if (!number) return std::nullopt;
  if (number->kind == Decimal::Kind::kZero) return 0;
  if (number->kind != Decimal::Kind::kFinite) return std::nullopt;
  std::string digits(number->digits);
  std::erase(digits, '.');
  digits.resize(number->digit_count);
  int64_t shift = 0;  // unit_us is a power of ten
  for (int64_t unit = unit_us; unit > 1; unit /= 10) ++shift;
  constexpr int64_t kWholeDigitsMax = 19;              // of an int64
  const int64_t whole = number->exponent + shift + 1;  // digits before the point, in microseconds
  if (whole > kWholeDigitsMax) return std::nullopt;
  const auto kept = static_cast<size_t>(whole < 0 ? 0 : whole);
  const bool cut = kept < digits.size();
  if (cut && finer == FinerDigits::kRefuse) return std::nullopt;
  digits.resize(kept, '0');
  if (digits.empty()) digits = "0";
  if (number->negative) digits.insert(0, "-");
  int64_t microseconds = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), microseconds);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (cut && number->negative && __builtin_sub_overflow(microseconds, 1, &microseconds)) {
    return std::nullopt;
  }
  return microseconds;
}

absl::StatusOr<MomentFormat> MomentFormat::Parse(std::string_view format, bool timed, bool zoned) {
  const auto malformed = [&](const std::string& why) {
    return absl::InvalidArgumentError("the format '" + std::string(format) + "' " + why);
  };
  std::map<char, int> seen;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      if (IsDigit(format[i])) return malformed("has a digit that is no part of the moment");
      continue;
    }
    const char word = ++i < format.size() ? format[i] : '\0';
    if (word == '%') continue;
    if (word == '\0' || std::string_view("YmdHMSfz").find(word) == std::string_view::npos) {
      return malformed("has a word that isn't known; there are %Y %m %d %H %M %S %f %z and %%");
    }
    if (seen[word]++ > 0) return malformed(std::string("has %") + word + " twice");
    const bool digits_follow = i + 1 < format.size() && format[i + 1] == '%' &&
                               i + 2 < format.size() && format[i + 2] != '%' &&
                               format[i + 2] != 'z';
    if (word == 'f' && digits_follow) return malformed("has no border behind %f");
  }
  const auto has = [&](char word) { return seen.contains(word); };
  if (!has('Y') || !has('m') || !has('d')) return malformed("needs %Y, %m and %d");
  const bool has_time = has('H') || has('M') || has('S') || has('f');
  if (!timed && (has_time || has('z'))) return malformed("has a time of day, and a date has none");
  if ((has('M') && !has('H')) || (has('S') && !has('M')) || (has('f') && !has('S'))) {
    return malformed("has a part of the time of day without the larger ones");
  }
  if (zoned != has('z')) {
    return malformed(zoned ? "has no zone (%z), which a timestamptz needs"
                           : "has a zone (%z), which only a timestamptz has");
  }
  MomentFormat result;
  result.format_ = format;
  result.timed_ = timed;
  result.zoned_ = zoned;
  return result;
}

bool MomentFormat::Rewrite(std::string_view text, std::string* plain) const {
  std::array<std::string_view, 128> parts{};
  bool after_word = false;
  for (size_t i = 0; i < format_.size(); ++i) {
    const bool is_word = format_[i] == '%' && format_[i + 1] != '%';
    if (!is_word) {
      if (format_[i] == '%') ++i;
      if (text.empty() || text.front() != format_[i]) return false;
      text.remove_prefix(1);
      after_word = false;
      continue;
    }
    const char word = format_[++i];
    size_t size = Digits(text);
    if (word == 'z') {
      size = text.starts_with('Z') ? 1 : 0;
      if (text.starts_with('+') || text.starts_with('-')) {
        size = 1 + Digits(text.substr(1));
        if (size == 3 && text.substr(size).starts_with(':')) size += 1 + Digits(text.substr(4));
      }
      if (size == 0) return false;
    } else if (word == 'Y') {
      if (size < 4) return false;
      size = 4;
    } else if (word != 'f') {
      const bool word_follows =
          i + 2 < format_.size() && format_[i + 1] == '%' && format_[i + 2] != '%';
      // "2026011" is of two days by "%Y%m%d".
      if (size == 0 || ((word_follows || after_word) && size < 2)) return false;
      if (size > 2 && !word_follows) return false;
      size = size > 2 ? 2 : size;
    } else if (size == 0) {
      return false;
    }
    parts[static_cast<unsigned char>(word)] = text.substr(0, size);
    text.remove_prefix(size);
    after_word = true;
  }
  if (!text.empty()) return false;
  const auto two = [&](char word) {
    const std::string_view digits = parts[static_cast<unsigned char>(word)];
    return std::string(2 - digits.size(), '0') + std::string(digits);
  };
  *plain = std::string(parts['Y']) + "-" + two('m') + "-" + two('d');
  if (!timed_) return true;
  *plain += " " + two('H') + ":" + two('M') + ":" + two('S');
  if (!parts['f'].empty()) *plain += "." + std::string(parts['f']);
  *plain += parts['z'];
  return true;
}

}  // namespace driftwood::merkle
