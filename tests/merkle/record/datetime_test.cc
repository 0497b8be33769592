#include "merkle/record/datetime.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace driftwood::merkle {
namespace {

constexpr int64_t kHour = 3'600'000'000;

std::string DateDisplay(int64_t days) {
  std::string text;
  AppendDateDisplay(days, &text);
  return text;
}

std::string TimestampDisplay(int64_t microseconds, bool zoned) {
  std::string text;
  AppendTimestampDisplay(microseconds, zoned, &text);
  return text;
}

std::string TimeDisplay(int64_t microseconds) {
  std::string text;
  AppendTimeDisplay(microseconds, &text);
  return text;
}

std::optional<int64_t> Days(std::string_view text) {
  const std::optional<Instant> date = ParseDate(text);
  if (!date || date->special != SpecialInstant::kNone) return std::nullopt;
  return date->number;
}

std::optional<int64_t> Microseconds(std::string_view text, bool zoned = false) {
  const std::optional<Instant> instant = ParseTimestamp(text, zoned);
  if (!instant || instant->special != SpecialInstant::kNone) return std::nullopt;
  return instant->number;
}

TEST(DatetimeTest, KnownDaysAreWhereTheyBelong) {
  EXPECT_EQ(Days("1970-01-01"), 0);
  EXPECT_EQ(Days("1969-12-31"), -1);
  EXPECT_EQ(Days("2000-03-01"), 11'017);
  EXPECT_EQ(Days("2024-02-29"), 19'782);
  EXPECT_EQ(Days("0001-01-01"), -719'162);
  EXPECT_EQ(Days("0001-12-31 BC"), -719'163);
  EXPECT_EQ(Days("4714-11-24 BC"), -2'440'588);     // Julian day 0
  EXPECT_EQ(Days("5874897-12-31"), 2'145'042'905);  // PostgreSQL's last
}

TEST(DatetimeTest, ADayIsOneThatTheCalendarHas) {
  for (int64_t year = -401; year <= 2400; ++year) {
    int days = 0;
    for (unsigned month = 0; month <= 13; ++month) {
      for (unsigned day = 0; day <= 32; ++day) {
        const CivilDate date{year, month, day};
        if (!IsDay(date)) continue;
        ++days;
        ASSERT_EQ(CivilFromDays(DaysFromCivil(date)), date);
      }
    }
    ASSERT_EQ(days, DaysFromCivil({year + 1, 1, 1}) - DaysFromCivil({year, 1, 1}));
  }
}

TEST(DatetimeTest, YearsBeforeChristHaveTwoSpellings) {
  EXPECT_EQ(Days("0044-03-15 BC"), Days("-0043-03-15"));
  EXPECT_EQ(Days("0001-02-29 BC"), Days("0000-02-29"));
  EXPECT_EQ(Days("-0000-02-29"), std::nullopt);
  EXPECT_EQ(Days("0000-02-29 BC"), std::nullopt);
  EXPECT_EQ(Days("-0043-03-15 BC"), std::nullopt);
  EXPECT_EQ(Days("+0043-03-15 BC"), std::nullopt);
  EXPECT_EQ(Days("+12024-01-01"), Days("12024-01-01"));
}

TEST(DatetimeTest, EveryDayOfFourCenturiesFollowsTheOneBefore) {
  CivilDate before = CivilFromDays(-1);
  EXPECT_EQ(before, (CivilDate{1969, 12, 31}));
  for (int64_t days = 0; days < 146'097; ++days) {
    const CivilDate date = CivilFromDays(days);
    ASSERT_EQ(DaysFromCivil(date), days);
    const bool next_day = date == CivilDate{before.year, before.month, before.day + 1};
    const bool next_month = date == CivilDate{before.year, before.month + 1, 1};
    const bool next_year = date == CivilDate{before.year + 1, 1, 1} && before.month == 12;
    ASSERT_TRUE(next_day || next_month || next_year) << DateDisplay(days);
    ASSERT_EQ(Days(DateDisplay(days)), days);
    before = date;
  }
}

TEST(DatetimeTest, WhatIsNoDateDoesNotParse) {
  for (const char* text : {"",
                           "2024",
                           "2024-02",
                           "2024-2-9",
                           "2024-02-30",
                           "2023-02-29",
                           "1900-02-29",
                           "2024-13-01",
                           "2024-00-10",
                           "2024-01-00",
                           "2024-01-32",
                           "2024-04-31",
                           "24-01-01",
                           "024-01-01",
                           "2024-01-01 ",
                           " 2024-01-01",
                           "2024/01/01",
                           "20240101",
                           "2024-01-01T00:00:00",
                           "1234567890-01-01",
                           "2024-01-01 bc",
                           "2024-01-01BC",
                           " BC",
                           "--2024-01-01",
                           "+-2024-01-01",
                           "infinit",
                           "+-infinity",
                           "-",
                           "00000-00-00",
                           "0000-00-00 BC",
                           "2024-01-0x"}) {
    EXPECT_FALSE(ParseDate(text).has_value()) << text;
  }
}

TEST(DatetimeTest, SpecialDatesAreThemselves) {
  EXPECT_EQ(ParseDate("infinity")->special, SpecialInstant::kPlusInfinity);
  EXPECT_EQ(ParseDate("-Infinity")->special, SpecialInstant::kMinusInfinity);
  EXPECT_EQ(ParseDate("0000-00-00")->special, SpecialInstant::kZeroDate);
  EXPECT_EQ(ParseTimestamp("infinity", true)->special, SpecialInstant::kPlusInfinity);
  EXPECT_EQ(ParseTimestamp("0000-00-00 00:00:00.000", false)->special, SpecialInstant::kZeroDate);
  EXPECT_EQ(ParseTimestamp("0000-00-00 00:00:00+00", true)->special, SpecialInstant::kZeroDate);
  EXPECT_FALSE(ParseTimestamp("0000-00-00 00:00:01", false).has_value());
  EXPECT_FALSE(ParseTimestamp("0000-00-00 00:00:00Z", false).has_value());
}

TEST(DatetimeTest, TimesGoBeyondADay) {
  EXPECT_EQ(ParseTime("00:00:00"), 0);
  EXPECT_EQ(ParseTime("-00:00:00"), 0);
  EXPECT_EQ(ParseTime("24:00:00"), 24 * kHour);
  EXPECT_EQ(ParseTime("-838:59:59.999999"), -(839 * kHour - 1));
  EXPECT_EQ(ParseTime("12:34:56.7"), ParseTime("12:34:56.700000000000000000000000"));
  for (const char* text :
       {"", "-", "12", "12:3", "1:02:03", "0012:00:00", "839:00:00", "12:60:00", "12:00:60",
        "12:00:00.", "12:00:00.1234567", "12:00:00.12345678x", "12:00:00Z", "12:00:00+00",
        "12:34:56 PM", " 12:00", "+12:00:00", "12:00:00,5", "99999999999999999999:00:00"}) {
    EXPECT_FALSE(ParseTime(text).has_value()) << text;
  }
  EXPECT_EQ(TimeDisplay(std::numeric_limits<int64_t>::min()), "-2562047788:00:54.775808");
  EXPECT_EQ(TimeDisplay(-500'000), "-00:00:00.5");
}

TEST(DatetimeTest, OffsetsAreTakenOff) {
  const auto utc = Microseconds("2024-02-29 12:34:56.5Z", true);
  for (const char* text :
       {"2024-02-29T12:34:56.5+00", "2024-02-29 14:34:56.5+02", "2024-02-29 14:34:56.5+0200",
        "2024-02-29 14:34:56.5+02:00", "2024-02-29 03:04:56.5-09:30",
        "2024-02-29 12:54:28.5+00:19:32", "2024-02-28 12:35:56.5-23:59"}) {
    EXPECT_EQ(Microseconds(text, true), utc) << text;
  }
  for (const char* zone : {"", "z", "+", "+2", "+24", "+02:", "+02:6", "+02:60",
                           "+02:00:", "+02:00:60", "+020000", " +02", "UTC", "Z ", "+02 BC "}) {
    EXPECT_FALSE(Microseconds(std::string("2024-02-29 12:34:56.5") + zone, true)) << zone;
  }
}

TEST(DatetimeTest, WhatIsNoTimestampDoesNotParse) {
  for (const char* text : {"", "2024-02-29", "2024-02-29 ", "2024-02-29 12", "2024-02-29 12:00:00 ",
                           "2024-02-29  12:00", "2024-02-29_12:00", "2024-02-29 24:00:00",
                           "2024-02-29 12:60", "2024-02-30 12:00", "2024-02-29 012:00",
                           "2024-02-29 12:00:00.1234567", "294247-01-10 04:00:54.775808",
                           "290309-12-21 19:59:05.224191 BC", "999999999-01-01 00:00:00"}) {
    EXPECT_FALSE(ParseTimestamp(text, false).has_value()) << text;
  }
}

TEST(DatetimeTest, TheFirstAndTheLastMicrosecondAreDisplayedAndParse) {
  for (const bool zoned : {false, true}) {
    for (const int64_t limit :
         {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
      const std::string text = TimestampDisplay(limit, zoned);
      EXPECT_EQ(Microseconds(text, zoned), limit) << text;
    }
  }
  EXPECT_EQ(TimestampDisplay(std::numeric_limits<int64_t>::min(), true),
            "290309-12-21 19:59:05.224192Z BC");
  EXPECT_EQ(Microseconds("294247-01-11 04:00:54.775807+24", true), std::nullopt);
  EXPECT_EQ(Microseconds("294247-01-11 04:00:54.775807+23:59", true), std::nullopt);
  EXPECT_EQ(Microseconds("294247-01-11 03:59:54.775807+23:59", true),
            std::numeric_limits<int64_t>::max());
  EXPECT_EQ(DateDisplay(std::numeric_limits<int64_t>::max()).substr(0, 5), "25252");
  EXPECT_TRUE(DateDisplay(std::numeric_limits<int64_t>::min()).ends_with(" BC"));
}

TEST(DatetimeTest, RandomInstantsAreDisplayedAndParse) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50'000; ++round) {
    const int64_t any = static_cast<int64_t>(random());
    const int64_t instant = any >> (random() % 40);
    const std::string text = TimestampDisplay(instant, round % 2 == 0);
    ASSERT_EQ(Microseconds(text, round % 2 == 0), instant) << text;
    const int64_t days = any >> 28;
    ASSERT_EQ(Days(DateDisplay(days)), days) << DateDisplay(days);
  }
}

}  // namespace
}  // namespace driftwood::merkle
