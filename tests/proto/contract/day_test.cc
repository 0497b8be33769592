#include "proto/contract/day.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace driftwood {
namespace {

TEST(DayTest, ADayIsWrittenInOneWay) {
  ASSERT_TRUE(ParseDay("2026-11-28"));
  EXPECT_EQ(DayText(*ParseDay("2026-11-28")), "2026-11-28");
  EXPECT_EQ(DayText(*ParseDay("2024-02-29")), "2024-02-29");
  for (const char* const text :
       {"", "2026-11-8", "20261128", "2026-13-01", "2026-02-29", "2026-11-00", "2026-11-31",
        "2026/11/28", "2026-11-28 ", "-026-11-28", "latest"}) {
    EXPECT_FALSE(ParseDay(text)) << text;
  }
}

TEST(DayTest, TheDayBeforeIsThatOfTheCalendar) {
  EXPECT_EQ(DayText(DayBefore(*ParseDay("2026-12-01"))), "2026-11-30");
  EXPECT_EQ(DayText(DayBefore(*ParseDay("2024-03-01"))), "2024-02-29");
  EXPECT_EQ(DayText(DayBefore(*ParseDay("2027-01-01"))), "2026-12-31");
}

TEST(DayTest, ADayBeginsAtMidnightOfTheMachinesZone) {
  const char* const before = std::getenv("TZ");
  const std::string kept = before == nullptr ? "" : before;
  const auto day_in = [](const char* zone, const std::chrono::sys_seconds& time) {
    ::setenv("TZ", zone, 1);
    ::tzset();
    return DayText(LocalDay(time));
  };
  const std::chrono::sys_seconds evening =
      std::chrono::sys_days(*ParseDay("2026-11-28")) + std::chrono::minutes(23 * 60 + 30);
  EXPECT_EQ(day_in("UTC", evening), "2026-11-28");
  EXPECT_EQ(day_in("XXX-1", evening), "2026-11-29");
  EXPECT_EQ(day_in("XXX+12", evening), "2026-11-28");
  before == nullptr ? ::unsetenv("TZ") : ::setenv("TZ", kept.c_str(), 1);
  ::tzset();
}

}  // namespace
}  // namespace driftwood
