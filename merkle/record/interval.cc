// The texts of src/backend/utils/adt/datetime.c, EncodeInterval(), read back.
#include "merkle/record/interval.h"

#include <array>
#include <limits>

namespace driftwood::merkle {
namespace {

constexpr int64_t kSecondMicros = 1'000'000;
constexpr int64_t kMinuteMicros = 60 * kSecondMicros;
constexpr int64_t kHourMicros = 60 * kMinuteMicros;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Sums up fields; false once one of the numbers does not fit.
class Sum {
 public:
  bool Months(int64_t count, int64_t unit) { return Add(count, unit, &interval_.months); }
  bool Days(int64_t count) { return Add(count, 1, &interval_.days); }
  bool Micros(int64_t count, int64_t unit) { return Add(count, unit, &interval_.micros); }

  std::optional<Interval> Take(bool is_negated) const {
    constexpr int64_t kMin = std::numeric_limits<int32_t>::min();
    constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
    Interval result = interval_;
    if (is_negated) {
      if (result.micros == std::numeric_limits<int64_t>::min()) return std::nullopt;
      result = {-result.months, -result.days, -result.micros};
    }
    const bool fits = result.months >= kMin && result.months <= kMax && result.days >= kMin &&
                      result.days <= kMax;
    return fits ? std::optional<Interval>(result) : std::nullopt;
  }

 private:
  static bool Add(int64_t count, int64_t unit, int64_t* total) {
    int64_t product = 0;
    return !__builtin_mul_overflow(count, unit, &product) &&
           !__builtin_add_overflow(*total, product, total);
  }

  Interval interval_;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  char next() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool Take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  // "-", "+" or nothing.
  bool TakeMinus() {
    if (Take("-")) return true;
    Take("+");
    return false;
  }
  // Digits alone.
  bool TakeNumber(int64_t* number) {
    if (!IsDigit(next())) return false;
    for (*number = 0; IsDigit(next()); rest_.remove_prefix(1)) {
      if (__builtin_mul_overflow(*number, 10, number) ||
          __builtin_add_overflow(*number, next() - '0', number)) {
        return false;
      }
    }
    return true;
  }
  // What stands behind a point, in microseconds; without a point nothing.
  bool TakeFraction(int64_t* micros, bool* has_point) {
    *micros = 0;
    *has_point = Take(".");
    if (!*has_point) return true;
    if (!IsDigit(next())) return false;
    int64_t unit = kSecondMicros / 10;
    for (; IsDigit(next()); rest_.remove_prefix(1), unit /= 10) {
      if (unit == 0 && next() != '0') return false;
      *micros += (next() - '0') * unit;
    }
    return true;
  }
  std::string_view TakeLetters() {
    size_t size = 0;
    while (size < rest_.size() && rest_[size] >= 'a' && rest_[size] <= 'z') ++size;
    const std::string_view letters = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return letters;
  }

  // "4:05:06.5" behind its first number.
  bool TakeClock(int64_t hours, bool is_negative, Sum* sum) {
    int64_t minutes = 0, seconds = 0, micros = 0;
    bool has_point = false;
    if (!Take(":") || !TakeNumber(&minutes) || minutes > 59 || !Take(":") ||
        !TakeNumber(&seconds) || seconds > 59 || !TakeFraction(&micros, &has_point)) {
      return false;
    }
    const int64_t sign = is_negative ? -1 : 1;
    return sum->Micros(sign * hours, kHourMicros) && sum->Micros(sign * minutes, kMinuteMicros) &&
           sum->Micros(sign * seconds, kSecondMicros) && sum->Micros(sign * micros, 1);
  }

 private:
  std::string_view rest_;
};

// Behind the "P". Each field once, in their order.
std::optional<Interval> ParseIso(Reader in) {
  constexpr std::string_view kFields = "YMDHMS";
  Sum sum;
  size_t from = 0;
  bool in_time = false;
  while (!in.at_end()) {
    if (!in_time && in.Take("T")) {
      in_time = true;
      from = 3;
      if (in.at_end()) return std::nullopt;
    }
    const bool is_negative = in.TakeMinus();
    int64_t number = 0, micros = 0;
    bool has_point = false;
    if (!in.TakeNumber(&number) || !in.TakeFraction(&micros, &has_point)) return std::nullopt;
    const size_t field = kFields.find(in.next(), from);
    if (in.at_end() || field == std::string_view::npos || (field > 2) != in_time ||
        (has_point && field != 5)) {
      return std::nullopt;
    }
    in.Take(kFields.substr(field, 1));
    from = field + 1;
    if (is_negative) number = -number, micros = -micros;
    const std::array<int64_t, 6> units = {12, 1, 1, kHourMicros, kMinuteMicros, kSecondMicros};
    const bool fits = field < 2    ? sum.Months(number, units[field])
                      : field == 2 ? sum.Days(number)
                                   : sum.Micros(number, units[field]) && sum.Micros(micros, 1);
    if (!fits) return std::nullopt;
  }
  return from == 0 ? std::nullopt : sum.Take(false);
}

// Which unit a word is: year, mon, day, hour, min, sec, also in the plural; -1 for another.
int UnitOf(std::string_view word) {
  constexpr std::array<std::string_view, 6> kUnits = {"year", "mon", "day", "hour", "min", "sec"};
  if (word.ends_with('s')) word.remove_suffix(1);
  for (size_t i = 0; i < kUnits.size(); ++i) {
    if (word == kUnits[i]) return static_cast<int>(i);
  }
  return -1;
}

// "1 year -2 mons 04:05:06", or, of the verbose style, "1 year 6.5 secs ago".
std::optional<Interval> ParseWords(Reader in, bool is_verbose) {
  constexpr std::array<int64_t, 6> kUnits = {12, 1, 1, kHourMicros, kMinuteMicros, kSecondMicros};
  Sum sum;
  bool is_ago = false;
  for (int last = -1; !in.at_end();) {
    if (last >= 0 && !in.Take(" ")) return std::nullopt;
    if (is_verbose && last >= 0 && in.Take("ago")) {
      is_ago = true;
      if (!in.at_end()) return std::nullopt;
      break;
    }
    const bool is_negative = in.TakeMinus();
    int64_t number = 0, micros = 0;
    bool has_point = false;
    if (!in.TakeNumber(&number)) return std::nullopt;
    if (!is_verbose && in.next() == ':') {  // the last of all
      if (!in.TakeClock(number, is_negative, &sum) || !in.at_end()) return std::nullopt;
      break;
    }
    if (!in.TakeFraction(&micros, &has_point) || !in.Take(" ")) return std::nullopt;
    const int unit = UnitOf(in.TakeLetters());
    if (unit <= last || (!is_verbose && unit > 2) || (has_point && unit != 5)) return std::nullopt;
    last = unit;
    if (is_negative) number = -number, micros = -micros;
    const int64_t size = kUnits[static_cast<size_t>(unit)];
    const bool fits = unit < 2    ? sum.Months(number, size)
                      : unit == 2 ? sum.Days(number)
                                  : sum.Micros(number, size) && sum.Micros(micros, 1);
    if (!fits) return std::nullopt;
  }
  return sum.Take(is_ago);
}

// "1-2", "3 4:05:06", "4:05:06" under one sign; or with three signs "+1-2 -3 +4:05:06".
std::optional<Interval> ParseSqlStandard(Reader in) {
  Sum sum;
  const bool has_sign = in.next() == '-' || in.next() == '+';
  const bool is_negative = in.TakeMinus();
  const int64_t sign = is_negative ? -1 : 1;
  int64_t first = 0, second = 0;
  if (!in.TakeNumber(&first)) return std::nullopt;
  if (in.next() == ':') {
    return in.TakeClock(first, is_negative, &sum) && in.at_end() ? sum.Take(false) : std::nullopt;
  }
  if (in.Take("-")) {
    if (!in.TakeNumber(&second) || second > 11 || !sum.Months(sign * first, 12) ||
        !sum.Months(sign * second, 1)) {
      return std::nullopt;
    }
    if (in.at_end()) return sum.Take(false);
    // Each of the three has its sign.
    if (!has_sign || !in.Take(" ") || (in.next() != '-' && in.next() != '+')) return std::nullopt;
    const int64_t days_sign = in.TakeMinus() ? -1 : 1;
    if (!in.TakeNumber(&first) || !sum.Days(days_sign * first) || !in.Take(" ") ||
        (in.next() != '-' && in.next() != '+')) {
      return std::nullopt;
    }
    const bool clock_is_negative = in.TakeMinus();
    if (!in.TakeNumber(&first) || !in.TakeClock(first, clock_is_negative, &sum)) {
      return std::nullopt;
    }
    return in.at_end() ? sum.Take(false) : std::nullopt;
  }
  // The one sign is of both.
  if (!in.Take(" ") || !sum.Days(sign * first) || !in.TakeNumber(&first) ||
      !in.TakeClock(first, is_negative, &sum) || !in.at_end()) {
    return std::nullopt;
  }
  return sum.Take(false);
}

}  // namespace

std::optional<Interval> ParseInterval(std::string_view text) {
  if (text == "0" || text == "@ 0") return Interval();
  Reader in(text);
  if (in.Take("P")) return ParseIso(in);
  if (in.Take("@ ")) return in.at_end() ? std::nullopt : ParseWords(in, /*is_verbose=*/true);
  if (text.empty()) return std::nullopt;
  if (const auto interval = ParseSqlStandard(in)) return interval;
  return ParseWords(in, /*is_verbose=*/false);
}

std::string IntervalText(const Interval& interval) {
  if (interval == Interval()) return "PT0S";
  std::string text = "P";
  const auto add = [&text](int64_t number, char unit) {
    if (number != 0) text += std::to_string(number) + unit;
  };
  add(interval.months / 12, 'Y');
  add(interval.months % 12, 'M');
  add(interval.days, 'D');
  if (interval.micros == 0) return text;
  text += 'T';
  add(interval.micros / kHourMicros, 'H');
  add(interval.micros % kHourMicros / kMinuteMicros, 'M');
  const int64_t micros = interval.micros % kMinuteMicros;
  if (micros == 0) return text;
  // The sign by hand: -0.5 has no other digit that would carry it.
  const int64_t size = micros < 0 ? -micros : micros;
  text += (micros < 0 ? "-" : "") + std::to_string(size / kSecondMicros);
  if (size % kSecondMicros != 0) {
    const std::string fraction = std::to_string(kSecondMicros + size % kSecondMicros).substr(1);
    text += "." + fraction.substr(0, fraction.find_last_not_of('0') + 1);
  }
  return text + "S";
}

}  // namespace driftwood::merkle
