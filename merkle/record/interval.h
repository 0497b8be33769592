// Intervals as text: PostgreSQL's three numbers, which it keeps apart (12 months are a year, but
// 30 days are no month). Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

struct Interval {
  int64_t months = 0;  // 32 bits
  int64_t days = 0;    // 32 bits
  int64_t micros = 0;

  friend bool operator==(const Interval&, const Interval&) = default;
};

// What PostgreSQL writes, in each IntervalStyle, of which no text means two things:
//   iso_8601          "P-1Y-2M3DT4H5M6.5S", "PT0S"
//   postgres          "-1 years -2 mons +3 days 04:05:06.5", "00:00:00"
//   postgres_verbose  "@ 1 year 2 mons -3 days 4 hours 5 mins 6.5 secs ago", "@ 0"
//   sql_standard      "-1-2 +3 +4:05:06.5", "3 4:05:06", "1-2", "0"
// Nothing if it is none of those, or does not fit.
std::optional<Interval> ParseInterval(std::string_view text);

// In the style iso_8601, as PostgreSQL writes it.
std::string IntervalText(const Interval& interval);

}  // namespace driftwood::merkle
