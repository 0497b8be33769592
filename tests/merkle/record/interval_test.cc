#include "merkle/record/interval.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace driftwood::merkle {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;

std::string Read(std::string_view text) {
  const auto interval = ParseInterval(text);
  return interval ? IntervalText(*interval) : "none";
}

// What PostgreSQL 15 writes for one interval in each of its styles.
TEST(IntervalTest, AllStylesOfOneIntervalAreOne) {
  const struct {
    const char *iso, *postgres, *verbose, *sql;
  } rows[] = {
      {"PT0S", "00:00:00", "@ 0", "0"},
      {"P1M", "1 mon", "@ 1 mon", "0-1"},
      {"P1Y", "1 year", "@ 1 year", "1-0"},
      {"P30D", "30 days", "@ 30 days", "30 0:00:00"},
      {"PT24H", "24:00:00", "@ 24 hours", "24:00:00"},
      {"P-1Y-2M3D", "-1 years -2 mons +3 days", "@ 1 year 2 mons -3 days ago", "-1-2 +3 +0:00:00"},
      {"PT1.5S", "00:00:01.5", "@ 1.5 secs", "0:00:01.5"},
      {"PT-0.5S", "-00:00:00.5", "@ 0.5 secs ago", "-0:00:00.5"},
      {"P-1Y-2M", "-1 years -2 mons", "@ 1 year 2 mons ago", "-1-2"},
      {"P-3DT-4H-5M-6S", "-3 days -04:05:06", "@ 3 days 4 hours 5 mins 6 secs ago", "-3 4:05:06"},
      {"P-3DT4H5M6S", "-3 days +04:05:06", "@ 3 days -4 hours -5 mins -6 secs ago",
       "+0-0 -3 +4:05:06"},
      {"P1Y2M-3DT4H5M6.789012S", "1 year 2 mons -3 days +04:05:06.789012",
       "@ 1 year 2 mons -3 days 4 hours 5 mins 6.789012 secs", "+1-2 -3 +4:05:06.789012"},
      {"PT-1H-0.000001S", "-01:00:00.000001", "@ 1 hour 0.000001 secs ago", "-1:00:00.000001"},
      {"PT2562047788H54.775807S", "2562047788:00:54.775807", "@ 2562047788 hours 54.775807 secs",
       "2562047788:00:54.775807"},
  };
  for (const auto& row : rows) {
    for (const char* text : {row.iso, row.postgres, row.verbose, row.sql}) {
      EXPECT_EQ(Read(text), row.iso) << text;
    }
  }
}

TEST(IntervalTest, ItsThreeNumbersAreKeptApart) {
  EXPECT_EQ(ParseInterval("1 year"), ParseInterval("12 mons"));
  EXPECT_NE(ParseInterval("30 days"), ParseInterval("1 mon"));
  EXPECT_NE(ParseInterval("24:00:00"), ParseInterval("1 day"));
  EXPECT_EQ(ParseInterval("P1Y2M-3DT4H"), (Interval{14, -3, 4 * kHour}));
  EXPECT_EQ(ParseInterval("-3 4:00:00"), (Interval{0, -3, -4 * kHour}));
}

TEST(IntervalTest, WhatNoStyleWritesIsNone) {
  for (const char* text : {"",
                           "P",
                           "PT",
                           "P1",
                           "1",
                           "-0",
                           "1 week",
                           "P1W",
                           "1 mon ago",
                           "@",
                           "@ ",
                           "@ 1",
                           "@ ago",
                           "1 day 1 day",
                           "1 day 1 year",
                           "P1D1Y",
                           "PT1S1M",
                           "P1.5D",
                           "1.5 days",
                           "1:2",
                           "1:60:00",
                           "1:00:60",
                           "00:00:00 ",
                           " 00:00:00",
                           "1-12",
                           "1-2 3",
                           "1-2 3 4:05:06",
                           "+1-2 3 4:05:06",
                           "+1-2 +3 4:05:06",
                           "04:05:06.1234567",
                           "1 year 04:05",
                           "1 YEAR",
                           "PT1H ",
                           "@ 1 year 04:05:06",
                           "99999999999 days",
                           "P999999999999999999999Y",
                           "2562047789:00:00",
                           "0x1 days",
                           "{}",
                           "1  day",
                           "--1 day",
                           "infinity"}) {
    EXPECT_EQ(Read(text), "none") << text;
  }
  EXPECT_EQ(Read("04:05:06.1234560"), "PT4H5M6.123456S");
}

TEST(IntervalTest, EveryIntervalReadsBack) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto some = [&random](int64_t max) {
    const int shift = static_cast<int>(random() % 62);
    const auto size = static_cast<int64_t>(random() >> 1 >> shift) % max;
    return random() % 4 == 0 ? 0 : random() % 2 == 0 ? size : -size;
  };
  constexpr int64_t kInt32 = std::numeric_limits<int32_t>::max();
  for (int i = 0; i < 20'000; ++i) {
    const Interval interval{some(kInt32), some(kInt32), some(std::numeric_limits<int64_t>::max())};
    const std::string text = IntervalText(interval);
    ASSERT_EQ(ParseInterval(text), interval) << text;
  }
  const Interval least{-kInt32 - 1, -kInt32 - 1, std::numeric_limits<int64_t>::min()};
  EXPECT_EQ(ParseInterval(IntervalText(least)), least) << IntervalText(least);
}

}  // namespace
}  // namespace driftwood::merkle
