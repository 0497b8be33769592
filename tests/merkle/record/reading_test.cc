#include "merkle/record/reading.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "merkle/record/rule.h"

namespace driftwood::merkle {
namespace {

TEST(ReadingTest, EachIsOfOneKindOfType) {
  const auto valid = [](ColumnType type, const std::string& reading) {
    return Reading::Of(type, reading).ok();
  };
  EXPECT_TRUE(valid(ColumnType::kText, ""));
  EXPECT_TRUE(valid(ColumnType::kFloat64, "single"));
  EXPECT_TRUE(valid(ColumnType::kText, "padded"));
  EXPECT_TRUE(valid(ColumnType::kDecimal, "money"));
  EXPECT_TRUE(valid(ColumnType::kList, "money"));
  for (const ColumnType type : {ColumnType::kTimestamp, ColumnType::kTimestampTz}) {
    EXPECT_TRUE(valid(type, "unix"));
    EXPECT_TRUE(valid(type, "unix_ms"));
  }
  EXPECT_TRUE(valid(ColumnType::kDate, "%d.%m.%Y"));
  EXPECT_TRUE(valid(ColumnType::kTimestampTz, "%d.%m.%Y %H:%M %z"));
  EXPECT_FALSE(valid(ColumnType::kDecimal, "single"));
  EXPECT_FALSE(valid(ColumnType::kInteger, "money"));
  EXPECT_FALSE(valid(ColumnType::kList, "single"));
  EXPECT_FALSE(valid(ColumnType::kDate, "unix"));
  EXPECT_FALSE(valid(ColumnType::kTime, "%H:%M"));
  EXPECT_FALSE(valid(ColumnType::kDate, "iso"));
  EXPECT_FALSE(valid(ColumnType::kDate, "%d.%m.%Y %H:%M"));
}

TEST(ReadingTest, MoneyIsReadWhereItHasOneReading) {
  EXPECT_EQ(PlainMoney("$1,234.50"), "1234.50");
  EXPECT_EQ(PlainMoney("-$5.00"), "-5.00");
  EXPECT_EQ(PlainMoney("$0.00"), "0.00");
  EXPECT_EQ(PlainMoney("$92,233,720,368,547,758.07"), "92233720368547758.07");
  EXPECT_EQ(PlainMoney("$1234.50"), "1234.50");
  for (const char* text :
       {"", "$", "1234.50", "$1,234", "$1,23.50", "$,234.50", "$1.234,50", "1.234,50 €", "$1,234.5",
        "$1,234.500", "$-5.00", "$12,34,567.00", "$1,,234.00", "$.50", "¥1,234", "$1,234.5x"}) {
    EXPECT_EQ(PlainMoney(text), std::nullopt) << text;
  }
}

// What is a type mismatch for its digits alone.
TEST(ReadingTest, ARuleThatCutsDigitsGetsTheDigits) {
  const auto under = [](const std::string& rule, const Column& column, const std::string& text) {
    Value value;
    value.tag = Tag::kUnparsedText;
    value.text = text;
    ApplyRule(ParseRule(rule).value(), column, &value);
    return value.ToDisplay();
  };
  const Column local{"c", ColumnType::kTimestamp};
  const Column zoned{"c", ColumnType::kTimestampTz};
  EXPECT_EQ(under("precision=us", local, "2024-01-02 03:04:05.9999999"),
            "2024-01-02 03:04:05.999999");
  EXPECT_EQ(under("precision=ms", zoned, "2024-01-02T03:04:05.9999999Z"),
            "2024-01-02 03:04:05.999Z");
  EXPECT_EQ(under("precision=s", {"c", ColumnType::kTime}, "-00:00:00.0000001"), "-00:00:01");
  EXPECT_EQ(under("precision=us", {"c", ColumnType::kTimestampTz, "", ColumnType::kDynamic, "unix"},
                  "0.0000001"),
            "1970-01-01 00:00:00Z");
  // Anything else stays what it is.
  EXPECT_EQ(under("precision=us", local, "2024-01-02 03:04:05.9999999Z"),
            "2024-01-02 03:04:05.9999999Z");
  EXPECT_EQ(under("precision=us", {"c", ColumnType::kDate}, "2024-01-02 00:00:00.0000001"),
            "2024-01-02 00:00:00.0000001");
  EXPECT_EQ(under("empty=null", local, "2024-01-02 03:04:05.9999999"),
            "2024-01-02 03:04:05.9999999");
}

TEST(ReadingTest, ATypesTextHasItsReading) {
  EXPECT_EQ(ColumnTypeText({"c", ColumnType::kTimestamp, "", ColumnType::kDynamic, "unix"}),
            "timestamp:unix");
  EXPECT_EQ(ColumnTypeText({"c", ColumnType::kText}), "text");
}

TEST(ReadingTest, ACanonicalIntegerHasOneText) {
  for (const char* text : {"0", "7", "-7", "10", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_TRUE(IsCanonicalInteger(text)) << text;
  }
  for (const char* text : {"", "-", "-0", "+7", "007", "00", "-07", "7.0", "7e0", " 7", "7 ", "0x7",
                           "9223372036854775808", "-9223372036854775809", "7\n", "\xd9\xa7"}) {
    EXPECT_FALSE(IsCanonicalInteger(text)) << text;
  }
  EXPECT_TRUE(Reading::Of(ColumnType::kInteger, "inferred").ok());
  EXPECT_FALSE(Reading::Of(ColumnType::kText, "inferred").ok());
}

TEST(ReadingTest, TypesHaveTheNamesThatDatabasesGiveThem) {
  EXPECT_EQ(ColumnTypeFromAnyName("int"), ColumnType::kInteger);
  EXPECT_EQ(ColumnTypeFromAnyName("string"), ColumnType::kText);
  EXPECT_EQ(ColumnTypeFromAnyName("datetime"), ColumnType::kTimestamp);
  EXPECT_EQ(ColumnTypeFromAnyName("uuid"), ColumnType::kUuid);
  EXPECT_EQ(ColumnTypeFromAnyName("varchar"), ColumnType::kText);
  EXPECT_EQ(ColumnTypeFromAnyName("integre"), std::nullopt);
  // Each is one type here and another there.
  for (const char* name : {"float", "real", "number"}) {
    EXPECT_EQ(ColumnTypeFromAnyName(name), std::nullopt) << name;
  }
  EXPECT_EQ(ColumnTypeFromName("int"), std::nullopt) << "the protocol has one name for each";
}

}  // namespace
}  // namespace driftwood::merkle
