#include "merkle/record/datetime_forms.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {
namespace {

constexpr auto kCut = FinerDigits::kCut;

std::optional<int64_t> NumberOf(const std::optional<Instant>& instant) {
  if (!instant || instant->special != SpecialInstant::kNone) return std::nullopt;
  return instant->number;
}

std::optional<int64_t> Zoned(std::string_view text, FinerDigits finer = FinerDigits::kRefuse) {
  return NumberOf(ReadTimestamp(text, true, finer));
}

std::optional<int64_t> Local(std::string_view text, FinerDigits finer = FinerDigits::kRefuse) {
  return NumberOf(ReadTimestamp(text, false, finer));
}

TEST(DatetimeFormsTest, AZoneMayStandBehindASpaceAndHaveAName) {
  const auto utc = Zoned("2024-03-01 10:20:30Z");
  ASSERT_TRUE(utc.has_value());
  for (const char* text :
       {"2024-03-01 10:20:30 UTC", "2024-03-01 10:20:30 GMT", "2024-03-01T10:20:30 Z",
        "2024-03-01 12:20:30 +0200", "2024-03-01 12:20:30 +02:00", "2024-03-01 12:20:30+02",
        "2024-03-01 00:50:30 -0930", "2024-03-01t10:20:30z", "20240301T102030Z",
        "20240301T122030+0200", "20240301 10:20:30 UTC"}) {
    EXPECT_EQ(Zoned(text), utc) << text;
  }
  for (const char* text :
       {"2024-03-01 10:20:30", "2024-03-01 10:20:30 CET", "2024-03-01 10:20:30  UTC",
        "2024-03-01 10:20:30UTC", "2024-03-01 UTC", "2024-03-01", "2024-03-01 +0200", "2024-03-01Z",
        "20240301T1020.5Z", "20240301", "2024-03-01 10:20:30 utc", "20240301T102030"}) {
    EXPECT_FALSE(Zoned(text).has_value()) << text;
  }
}

TEST(DatetimeFormsTest, WithoutAZoneNothingIsSaidOfOne) {
  const auto local = Local("2024-03-01 10:20:30");
  for (const char* text : {"2024-03-01T10:20:30.000", "20240301T102030", "20240301 102030",
                           "2024-03-01t10:20:30", "20240301T10:20:30"}) {
    EXPECT_EQ(Local(text), local) << text;
  }
  for (const char* text : {"2024-03-01 10:20:30Z", "2024-03-01 10:20:30 UTC", "20240301T102030Z",
                           "2024-03-01 10:20:30 +0200", "20240301T10203", "2024030T102030",
                           "20241301T102030", "20240301_102030"}) {
    EXPECT_FALSE(Local(text).has_value()) << text;
  }
}

TEST(DatetimeFormsTest, ADateAndItsMidnightAreOne) {
  const auto date = NumberOf(ReadDate("2020-06-03"));
  for (const char* text : {"2020-06-03 00:00:00", "2020-06-03T00:00:00.000", "20200603",
                           "2020-06-03 00:00", "20200603T000000"}) {
    EXPECT_EQ(NumberOf(ReadDate(text)), date) << text;
  }
  EXPECT_EQ(Local("2020-06-03"), Local("2020-06-03 00:00:00"));
  EXPECT_EQ(Local("20200603"), Local("2020-06-03 00:00:00"));
  EXPECT_EQ(NumberOf(ReadDate("1969-12-31 00:00:00")), -1);
  EXPECT_EQ(NumberOf(ReadDate("0044-03-15 00:00:00 BC")), NumberOf(ReadDate("0044-03-15 BC")));
  EXPECT_EQ(ReadDate("0000-00-00 00:00:00")->special, SpecialInstant::kZeroDate);
  EXPECT_EQ(ReadTimestamp("0000-00-00", false)->special, SpecialInstant::kZeroDate);
  for (const char* text :
       {"2020-06-03 00:00:01", "2020-06-03 00:00:00.000001", "2020-06-03 00:00:00Z",
        "2020-06-03 00:00:00+00", "2020060", "202006031", "20201301", "2020-06-03 "}) {
    EXPECT_FALSE(ReadDate(text).has_value()) << text;
  }
}

TEST(DatetimeFormsTest, FinerDigitsAreCutTowardsThePastIfSaid) {
  EXPECT_FALSE(Local("2024-01-02 03:04:05.9999999").has_value());
  EXPECT_EQ(Local("2024-01-02 03:04:05.9999990"), Local("2024-01-02 03:04:05.999999"));
  EXPECT_EQ(Local("2024-01-02 03:04:05.999999999", kCut), Local("2024-01-02 03:04:05.999999"));
  EXPECT_EQ(Zoned("1969-12-31 23:59:59.9999999999999999Z", kCut), -1);
  EXPECT_EQ(Zoned("2024-01-02 03:04:05.1234567 +0200", kCut),
            Zoned("2024-01-02 03:04:05.123456+02:00"));
  EXPECT_EQ(Zoned("20240102T030405.1234567Z", kCut), Zoned("2024-01-02 03:04:05.123456Z"));
  EXPECT_FALSE(ReadTime("12:34:56.1234567").has_value());
  EXPECT_EQ(ReadTime("12:34:56.1234567", kCut), ReadTime("12:34:56.123456"));
  EXPECT_EQ(ReadTime("-12:34:56.1234567", kCut), *ReadTime("-12:34:56.123456") - 1);
  EXPECT_EQ(ReadTime("-12:34:56.1234560", kCut), ReadTime("-12:34:56.123456"));
  EXPECT_FALSE(ReadTime("12:34:56.1234567x", kCut).has_value());
  EXPECT_FALSE(Local("2024-01-02 03:04:05.1234567x", kCut).has_value());
}

TEST(DatetimeFormsTest, NumbersCountFrom1970) {
  constexpr int64_t kSecond = 1'000'000;
  EXPECT_EQ(ReadUnixTime("1709210096", kSecond), 1'709'210'096'000'000);
  EXPECT_EQ(ReadUnixTime("1709210096.5", kSecond), 1'709'210'096'500'000);
  EXPECT_EQ(ReadUnixTime("1.7e9", kSecond), 1'700'000'000'000'000);
  EXPECT_EQ(ReadUnixTime("-1", kSecond), -kSecond);
  EXPECT_EQ(ReadUnixTime("0.0", kSecond), 0);
  EXPECT_EQ(ReadUnixTime("1709210096123", 1000), 1'709'210'096'123'000);
  EXPECT_EQ(ReadUnixTime("0.0000001", kSecond), std::nullopt);
  EXPECT_EQ(ReadUnixTime("0.0000001", kSecond, kCut), 0);
  EXPECT_EQ(ReadUnixTime("-0.0000001", kSecond, kCut), -1);
  EXPECT_EQ(ReadUnixTime("-1.0000001", kSecond, kCut), -1'000'001);
  EXPECT_EQ(ReadUnixTime("9223372036854.775807", kSecond), std::numeric_limits<int64_t>::max());
  for (const char* text : {"", "x", "NaN", "Infinity", "9223372036854.775808", "1e400",
                           "1e999999999999", "2024-01-01", "1,5", " 1"}) {
    EXPECT_EQ(ReadUnixTime(text, kSecond), std::nullopt) << text;
  }
}

std::optional<int64_t> ByFormat(std::string_view format, std::string_view text, bool timed = false,
                                bool zoned = false, FinerDigits finer = FinerDigits::kRefuse) {
  const auto parsed = MomentFormat::Parse(format, timed, zoned);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  if (!parsed.ok()) return std::nullopt;
  return NumberOf(parsed->Read(text, finer, [] { return std::optional<Instant>(); }));
}

TEST(DatetimeFormsTest, AFormatSaysHowDatesAreWritten) {
  const auto day = NumberOf(ReadDate("2024-02-03"));
  EXPECT_EQ(ByFormat("%d.%m.%Y", "03.02.2024"), day);
  EXPECT_EQ(ByFormat("%d.%m.%Y", "3.2.2024"), day);
  EXPECT_EQ(ByFormat("%m/%d/%Y", "02/03/2024"), day);
  EXPECT_EQ(ByFormat("%Y%m%d", "20240203"), day);
  EXPECT_EQ(ByFormat("le %d/%m, %Y (%%)", "le 3/02, 2024 (%)"), day);
}

// "2026011" may be a day of January or the first of November.
TEST(DatetimeFormsTest, WordsWithoutABorderHaveTheirNumberOfDigits) {
  for (const char* text : {"2026011", "202611", "2026111", "20260111 ", "202601011"}) {
    EXPECT_EQ(ByFormat("%Y%m%d", text), std::nullopt) << text;
  }
  EXPECT_EQ(ByFormat("%d%m%Y", "1012026"), std::nullopt);
  EXPECT_EQ(ByFormat("%Y-%m%d", "2026-111"), std::nullopt);
  EXPECT_EQ(ByFormat("%Y%m%dT%H%M", "20260101T123", true), std::nullopt);
  EXPECT_EQ(ByFormat("%Y%m%dT%H", "20260101T3", true), Local("2026-01-01 03:00"));
}

TEST(DatetimeFormsTest, AFormatReadsTimesAndZones) {
  EXPECT_EQ(ByFormat("%d.%m.%Y %H:%M", "03.02.2024 4:05", true), Local("2024-02-03 04:05"));
  EXPECT_EQ(ByFormat("%Y/%m/%d %H:%M:%S.%f", "2024/02/03 04:05:06.25", true),
            Local("2024-02-03 04:05:06.25"));
  EXPECT_EQ(ByFormat("%Y/%m/%d %H:%M:%S.%f", "2024/02/03 04:05:06.1234567", true), std::nullopt);
  EXPECT_EQ(ByFormat("%Y/%m/%d %H:%M:%S.%f", "2024/02/03 04:05:06.1234567", true, false, kCut),
            Local("2024-02-03 04:05:06.123456"));
  EXPECT_EQ(ByFormat("%d.%m.%Y %H:%M:%S %z", "03.02.2024 04:05:06 +0200", true, true),
            Zoned("2024-02-03 04:05:06+02"));
  EXPECT_EQ(ByFormat("%d.%m.%Y %H:%M:%S%z", "03.02.2024 04:05:06Z", true, true),
            Zoned("2024-02-03 04:05:06Z"));
}

TEST(DatetimeFormsTest, WhatHasTheShapeAndIsNoDayIsNotReadInAnotherWay) {
  const auto format = MomentFormat::Parse("%Y-%d-%m", false, false).value();
  const auto iso = [](std::string_view text) { return [text] { return ReadDate(text); }; };
  EXPECT_EQ(NumberOf(format.Read("2024-13-02", FinerDigits::kRefuse, iso("2024-13-02"))),
            NumberOf(ReadDate("2024-02-13")));
  EXPECT_FALSE(format.Read("2024-02-13", FinerDigits::kRefuse, iso("2024-02-13")).has_value());
  const auto german = MomentFormat::Parse("%d.%m.%Y", false, false).value();
  EXPECT_EQ(NumberOf(german.Read("2024-02-13", FinerDigits::kRefuse, iso("2024-02-13"))),
            NumberOf(ReadDate("2024-02-13")));
  for (const char* text : {"32.01.2024", "29.02.2023", "00.01.2024", "001.02.2024", "1.2.24",
                           "1.2.2024 ", " 1.2.2024", "1.2.20245", "1-2-2024"}) {
    EXPECT_FALSE(ByFormat("%d.%m.%Y", text).has_value()) << text;
  }
}

TEST(DatetimeFormsTest, WhatIsNoFormatIsRefused) {
  const auto refused = [](std::string_view format, bool timed, bool zoned) {
    return !MomentFormat::Parse(format, timed, zoned).ok();
  };
  for (const char* format : {"%d.%m", "%d.%m.%y", "%", "%d.%m.%Y%", "%d.%m.%Y %d", "%Y-%m-%d 1",
                             "%d.%m.%Y %H", "%d.%m.%Y %z", "%b %d %Y"}) {
    EXPECT_TRUE(refused(format, false, false)) << format;
  }
  EXPECT_TRUE(refused("%Y-%m-%d %M", true, false));
  EXPECT_TRUE(refused("%Y-%m-%d %H:%M:%f", true, false));
  EXPECT_TRUE(refused("%Y-%m-%d %H", true, true)) << "no zone";
  EXPECT_TRUE(refused("%Y-%m-%d %H %z", true, false)) << "a zone";
  EXPECT_TRUE(refused("%H%M%S%f%Y%m%d", true, false)) << "where the fraction ends";
  EXPECT_FALSE(refused("%Y-%m-%d %H:%M:%S.%f%z", true, true));
}

}  // namespace
}  // namespace driftwood::merkle
