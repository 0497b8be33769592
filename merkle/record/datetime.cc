#include "merkle/record/datetime.h"

namespace driftwood::merkle {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kTimeMax = 839 * kHour - 1;
constexpr int64_t kDaysInEra = 146'097;  // 400 years

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

unsigned DaysInMonth(int64_t year, unsigned month) {
  static constexpr unsigned char kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[month - 1] + (leap ? 1U : 0U);
}

// Reads a text from its front; what does not match stays.
class DateTimeReader {
 public:
  explicit DateTimeReader(std::string_view text) : p_(text.data()), end_(p_ + text.size()) {}

  bool done() const { return p_ == end_; }
  char peek() const { return p_ == end_ ? '\0' : *p_; }
  bool Take(char c) {
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }
  // As many digits as there are, nine at most for the number to be right.
  size_t Digits(unsigned* number) {
    const char* const begin = p_;
    *number = 0;
    for (; p_ != end_ && Digit(*p_) <= 9; ++p_) *number = *number * 10 + Digit(*p_);
    return static_cast<size_t>(p_ - begin);
  }
  bool TwoDigits(unsigned* number) {
    if (end_ - p_ < 2 || Digit(p_[0]) > 9 || Digit(p_[1]) > 9) return false;
    *number = Digit(p_[0]) * 10 + Digit(p_[1]);
    p_ += 2;
    return true;
  }
  // ".5" as 500000 microseconds. Digits after the sixth must be zeros.
  bool Fraction(int64_t* microseconds) {
    int64_t unit = 100'000;
    const char* const begin = p_;
    for (; p_ != end_ && Digit(*p_) <= 9; ++p_) {
      if (unit == 0 && *p_ != '0') return false;
      *microseconds += unit * Digit(*p_);
      unit /= 10;
    }
    return p_ != begin;
  }

 private:
  static unsigned Digit(char c) { return static_cast<unsigned>(c) - '0'; }

  const char* p_;
  const char* end_;
};

bool IsWord(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

std::optional<Instant> ParseInfinity(std::string_view text) {
  if (text.empty() || (text.back() | 0x20) != 'y') return std::nullopt;
  const char sign = text.front();
  if (sign == '-' || sign == '+') text.remove_prefix(1);
  if (!IsWord(text, "infinity")) return std::nullopt;
  return Instant{sign == '-' ? SpecialInstant::kMinusInfinity : SpecialInstant::kPlusInfinity, 0};
}

bool RemoveBc(std::string_view* text) {
  if (!text->ends_with(" BC")) return false;
  text->remove_suffix(3);
  return true;
}

// The date part: days, or the zero date.
bool ReadDate(DateTimeReader* reader, bool bc, Instant* date) {
  const char sign = reader->peek() == '-' || reader->peek() == '+' ? reader->peek() : '\0';
  if (sign != '\0') reader->Take(sign);
  unsigned year = 0;
  CivilDate civil;
  const size_t digits = reader->Digits(&year);
  if (digits < 4 || digits > 9 || !reader->Take('-') || !reader->TwoDigits(&civil.month) ||
      !reader->Take('-') || !reader->TwoDigits(&civil.day)) {
    return false;
  }
  if (year == 0 && (bc || sign == '-')) return false;
  if (bc && sign != '\0') return false;
  if (year == 0 && civil.month == 0 && civil.day == 0 && digits == 4 && sign == '\0') {
    date->special = SpecialInstant::kZeroDate;
    return true;
  }
  civil.year = bc ? 1 - int64_t{year} : (sign == '-' ? -int64_t{year} : int64_t{year});
  if (!IsDay(civil)) return false;
  date->number = DaysFromCivil(civil);
  return true;
}

// What follows the hours: ":MM", ":MM:SS" or ":MM:SS.ffffff", added to `microseconds`.
bool ReadMinutes(DateTimeReader* reader, int64_t* microseconds) {
  unsigned minutes = 0;
  unsigned seconds = 0;
  if (!reader->Take(':') || !reader->TwoDigits(&minutes) || minutes > 59) return false;
  *microseconds += int64_t{minutes} * 60 * kSecond;
  if (!reader->Take(':')) return true;
  if (!reader->TwoDigits(&seconds) || seconds > 59) return false;
  *microseconds += int64_t{seconds} * kSecond;
  return !reader->Take('.') || reader->Fraction(microseconds);
}

bool ReadTimeOfDay(DateTimeReader* reader, int64_t* microseconds) {
  unsigned hours = 0;
  if (!reader->TwoDigits(&hours) || hours > 23) return false;
  *microseconds = hours * kHour;
  return ReadMinutes(reader, microseconds);
}

// The offset from UTC in microseconds.
bool ReadZone(DateTimeReader* reader, int64_t* offset) {
  *offset = 0;
  if (reader->Take('Z')) return true;
  const bool negative = reader->peek() == '-';
  if (!reader->Take('-') && !reader->Take('+')) return false;
  unsigned hours = 0;
  unsigned minutes = 0;
  unsigned seconds = 0;
  if (!reader->TwoDigits(&hours) || hours > 23) return false;
  const bool colon = reader->Take(':');
  if (colon || !reader->done()) {
    if (!reader->TwoDigits(&minutes) || minutes > 59) return false;
    if (colon && reader->Take(':') && (!reader->TwoDigits(&seconds) || seconds > 59)) return false;
  }
  *offset = hours * kHour + (int64_t{minutes} * 60 + seconds) * kSecond;
  if (negative) *offset = -*offset;
  return true;
}

void AppendPadded(uint64_t number, size_t width, std::string* out) {
  const std::string digits = std::to_string(number);
  if (digits.size() < width) out->append(width - digits.size(), '0');
  out->append(digits);
}

// "2024-02-29", and whether " BC" must follow at the end.
bool AppendCivil(int64_t days, std::string* out) {
  const CivilDate date = CivilFromDays(days);
  const bool bc = date.year < 1;
  AppendPadded(static_cast<uint64_t>(bc ? 1 - date.year : date.year), 4, out);
  out->push_back('-');
  AppendPadded(date.month, 2, out);
  out->push_back('-');
  AppendPadded(date.day, 2, out);
  return bc;
}

}  // namespace

bool IsDay(const CivilDate& date) {
  return date.month >= 1 && date.month <= 12 && date.day >= 1 &&
         date.day <= DaysInMonth(date.year, date.month);
}

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
int64_t DaysFromCivil(const CivilDate& date) {
  const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const int64_t era = FloorDivide(year, 400);
  const unsigned year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned month = date.month > 2 ? date.month - 3 : date.month + 9;
  const unsigned day_of_year = (153 * month + 2) / 5 + date.day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysInEra + day_of_era - 719'468;
}

CivilDate CivilFromDays(int64_t days_since_1970) {
  // Days from 0000-03-01, era and day of era apart so that nothing overflows.
  const int64_t remainder = days_since_1970 % kDaysInEra;
  const int64_t shifted = remainder + (remainder < 0 ? kDaysInEra : 0) + 719'468;
  const int64_t era = FloorDivide(days_since_1970, kDaysInEra) + shifted / kDaysInEra;
  const unsigned day_of_era = static_cast<unsigned>(shifted % kDaysInEra);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = day_of_year - (153 * month + 2) / 5 + 1;
  date.month = month < 10 ? month + 3 : month - 9;
  date.year = era * 400 + year_of_era + (date.month <= 2 ? 1 : 0);
  return date;
}

std::optional<Instant> ParseDate(std::string_view text) {
  if (std::optional<Instant> infinity = ParseInfinity(text)) return infinity;
  const bool bc = RemoveBc(&text);
  DateTimeReader reader(text);
  Instant date;
  if (!ReadDate(&reader, bc, &date) || !reader.done()) return std::nullopt;
  return date;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  DateTimeReader reader(text);
  const bool negative = reader.Take('-');
  unsigned hours = 0;
  const size_t digits = reader.Digits(&hours);
  if (digits < 2 || digits > 3) return std::nullopt;
  int64_t microseconds = hours * kHour;
  if (!ReadMinutes(&reader, &microseconds) || !reader.done()) return std::nullopt;
  if (microseconds > kTimeMax) return std::nullopt;
  return negative ? -microseconds : microseconds;
}

std::optional<Instant> ParseTimestamp(std::string_view text, bool zoned) {
  if (std::optional<Instant> infinity = ParseInfinity(text)) return infinity;
  const bool bc = RemoveBc(&text);
  DateTimeReader reader(text);
  Instant instant;
  int64_t time = 0;
  int64_t offset = 0;
  if (!ReadDate(&reader, bc, &instant)) return std::nullopt;
  if (!reader.Take(' ') && !reader.Take('T')) return std::nullopt;
  if (!ReadTimeOfDay(&reader, &time)) return std::nullopt;
  if (instant.special == SpecialInstant::kZeroDate) {
    // It is no moment, so a zone says nothing.
    if (time != 0) return std::nullopt;
    if (zoned && !reader.done() && !ReadZone(&reader, &offset)) return std::nullopt;
    return reader.done() ? std::optional<Instant>(instant) : std::nullopt;
  }
  if (zoned && !ReadZone(&reader, &offset)) return std::nullopt;
  if (!reader.done()) return std::nullopt;
  // In seconds nothing overflows; the last second before the limits may only on the way.
  const int64_t seconds = instant.number * (kDay / kSecond) + time / kSecond - offset / kSecond;
  const int64_t borrowed = seconds < 0 ? 1 : 0;
  if (__builtin_mul_overflow(seconds + borrowed, kSecond, &instant.number) ||
      __builtin_add_overflow(instant.number, time % kSecond - borrowed * kSecond,
                             &instant.number)) {
    return std::nullopt;
  }
  return instant;
}

void AppendDateDisplay(int64_t days_since_1970, std::string* out) {
  if (AppendCivil(days_since_1970, out)) out->append(" BC");
}

void AppendTimeDisplay(int64_t microseconds, std::string* out) {
  uint64_t rest = static_cast<uint64_t>(microseconds);
  if (microseconds < 0) {
    out->push_back('-');
    rest = uint64_t{0} - rest;
  }
  AppendPadded(rest / kHour, 2, out);
  out->push_back(':');
  AppendPadded(rest / (60 * kSecond) % 60, 2, out);
  out->push_back(':');
  AppendPadded(rest / kSecond % 60, 2, out);
  if (rest % kSecond == 0) return;
  out->push_back('.');
  AppendPadded(rest % kSecond, 6, out);
  while (out->back() == '0') out->pop_back();
}

void AppendTimestampDisplay(int64_t microseconds_since_1970, bool zoned, std::string* out) {
  const int64_t days = FloorDivide(microseconds_since_1970, kDay);
  const bool bc = AppendCivil(days, out);
  out->push_back(' ');
  // Not microseconds - days * kDay: that product can overflow.
  const int64_t rest = microseconds_since_1970 % kDay;
  AppendTimeDisplay(rest < 0 ? rest + kDay : rest, out);
  if (zoned) out->push_back('Z');
  if (bc) out->append(" BC");
}

}  // namespace driftwood::merkle
