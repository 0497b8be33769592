// Dates, times and timestamps as text: proleptic Gregorian calendar, microseconds. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// Years are astronomical: 0 is 1 BC, -43 is 44 BC.
struct CivilDate {
  int64_t year = 1970;
  unsigned month = 1;  // 1 to 12
  unsigned day = 1;    // 1 to 31

  friend bool operator==(const CivilDate&, const CivilDate&) = default;
};

// Whether the calendar has that day, of any year.
bool IsDay(const CivilDate& date);
// `year` within ±10^15; a valid month and day.
int64_t DaysFromCivil(const CivilDate& date);
// Any number of days.
CivilDate CivilFromDays(int64_t days_since_1970);

// Special dates and timestamps, which compare equal only with themselves.
enum class SpecialInstant : uint8_t { kNone, kMinusInfinity, kPlusInfinity, kZeroDate };

// A date in days, or a timestamp in microseconds, since 1970; 0 where it is special.
struct Instant {
  SpecialInstant special = SpecialInstant::kNone;
  int64_t number = 0;
};

// "2024-02-29", "12024-02-29", "0044-03-15 BC" or "-0043-03-15", "infinity", "-infinity",
// "0000-00-00". Years have four to nine digits.
std::optional<Instant> ParseDate(std::string_view text);

// "12:34:56.123456", "12:34", "24:00:00", up to ±838:59:59.999999.
std::optional<int64_t> ParseTime(std::string_view text);

// A date, ' ' or 'T', and a time from 00:00 to before 24:00; if `zoned` also 'Z' or an offset
// ("+02", "+02:00", "-0930", "+00:19:32"), else none. " BC" comes last. Special are "infinity",
// "-infinity" and a zero date at 00:00.
std::optional<Instant> ParseTimestamp(std::string_view text, bool zoned);

// Append what the functions above parse.
void AppendDateDisplay(int64_t days_since_1970, std::string* out);
void AppendTimeDisplay(int64_t microseconds, std::string* out);
void AppendTimestampDisplay(int64_t microseconds_since_1970, bool zoned, std::string* out);

}  // namespace driftwood::merkle
