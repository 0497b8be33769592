#include "agent/index/natural_value.h"

#include <gtest/gtest.h>

#include "tests/agent/index/read_value.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::Value;

TEST(NaturalValueTest, TextThatIsNoUnicodeIsOfAKindOfItsOwnInEveryColumn) {
  for (int type = 1; merkle::IsColumnType(static_cast<ColumnType>(type)); ++type) {
    const auto read = [type](const SourceValue& v) {
      return Read(static_cast<ColumnType>(type), v);
    };
    EXPECT_EQ(read(SourceValue::ForeignText("UTF-16LE", std::string_view("\0\xd8", 2))),
              "foreign-text(UTF-16LE) \\x00d8 !");
    EXPECT_EQ(read(SourceValue::ForeignText("UTF-16BE", "\xd8\x80")),
              "foreign-text(UTF-16BE) \\xd880 !");
    for (const auto kind : {SourceValue::Kind::kText, SourceValue::Kind::kString,
                            SourceValue::Kind::kStored, SourceValue::Kind::kJson}) {
      EXPECT_EQ(read(SourceValue::OfText(kind, "\xff")), "foreign-text() \\xff !");
    }
    EXPECT_EQ(read(SourceValue::Bytes("\xff")).substr(0, 10), "bytes \\xff");
  }
}

TEST(NaturalValueTest, DatesTimestampsAndUuidsAreTheirTextsAndNothingElse) {
  using Kind = SourceValue::Kind;
  const std::string uuid = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10";
  const struct {
    SourceValue value;
    ColumnType type;
    const char* text;
  } cases[] = {
      {SourceValue::Moment(Kind::kDate, -1), ColumnType::kDate, "1969-12-31"},
      {SourceValue::Moment(Kind::kTime, 86'400'000'000), ColumnType::kTime, "24:00:00"},
      {SourceValue::Moment(Kind::kTimestamp, -1), ColumnType::kTimestamp,
       "1969-12-31 23:59:59.999999"},
      {SourceValue::Moment(Kind::kTimestampTz, 1), ColumnType::kTimestampTz,
       "1970-01-01 00:00:00.000001Z"},
      {SourceValue::SpecialMoment(Kind::kDate, Value::Special::kPlusInfinity), ColumnType::kDate,
       "infinity"},
      {SourceValue::SpecialMoment(Kind::kTimestamp, Value::Special::kMinusInfinity),
       ColumnType::kTimestamp, "-infinity"},
      {SourceValue::OfText(Kind::kUuid, uuid), ColumnType::kUuid,
       "01020304-0506-0708-090a-0b0c0d0e0f10"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto encode = [](const SourceValue& value, ColumnType type, uint64_t unparsed) {
      RowEncoder encoder({{}, {{"x", type}}}, {});
      EXPECT_TRUE(encoder.Encode(std::span(&value, 1)).ok());
      EXPECT_EQ(encoder.unparsed(), unparsed);
      return std::string(encoder.value());
    };
    const std::string own = encode(c.value, c.type, 0);
    EXPECT_EQ(own, encode(SourceValue::Text(c.text), c.type, 0));
    EXPECT_EQ(own, encode(c.value, ColumnType::kDynamic, 0));
    EXPECT_EQ(own, encode(c.value, ColumnType::kInteger, 1));
    EXPECT_EQ(encode(c.value, ColumnType::kText, 0),
              encode(SourceValue::Text(c.text), ColumnType::kText, 0));
  }
  // A zone is never made up.
  RowEncoder zoned({{}, {{"x", ColumnType::kTimestampTz}}}, {});
  const SourceValue local = SourceValue::Moment(Kind::kTimestamp, 0);
  EXPECT_TRUE(zoned.Encode(std::span(&local, 1)).ok());
  EXPECT_EQ(zoned.unparsed(), 1u);
}

}  // namespace
}  // namespace driftwood::agent
