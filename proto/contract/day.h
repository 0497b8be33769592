// Days of files that come each day. Pure, but for the machine's time zone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace driftwood {

using Day = std::chrono::year_month_day;

// "2026-11-28", a day that there is.
std::optional<Day> ParseDay(std::string_view text);
std::string DayText(const Day& day);
// That of the machine's time zone (TZ). Any thread.
Day LocalDay(std::chrono::sys_seconds time);
Day DayBefore(const Day& day);

}  // namespace driftwood
