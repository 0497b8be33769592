#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/record/value.h"
#include "tests/testing/seed.h"

namespace driftwood::merkle {
namespace {

using Special = Value::Special;

// Encoded, decoded, displayed.
template <typename Append>
std::string Displayed(const Append& append) {
  std::string bytes;
  append(&bytes);
  return DecodeValues(bytes, 1).value().front().ToDisplay();
}
constexpr Place kPlace = Place::kValue;

std::string Text(std::string_view text) {
  return Displayed([&](std::string* out) { AppendText(text, kPlace, out); });
}
std::string Bytes(std::string_view bytes) {
  return Displayed([&](std::string* out) { AppendBytes(bytes, kPlace, out); });
}
std::string Integer(int64_t value) {
  return Displayed([&](std::string* out) { AppendInteger(value, kPlace, out); });
}
std::string Real(double value) {
  return Displayed([&](std::string* out) { AppendFloat64(value, kPlace, out); });
}
std::string Decimal(std::string_view text) {
  return Displayed([&](std::string* out) { ASSERT_TRUE(AppendDecimalText(text, kPlace, out)); });
}
std::string Date(int64_t days) {
  return Displayed([&](std::string* out) { AppendDate(days, kPlace, out); });
}
std::string Time(int64_t microseconds) {
  return Displayed([&](std::string* out) { AppendTime(microseconds, kPlace, out); });
}
std::string Timestamp(int64_t microseconds, bool zoned) {
  return Displayed([&](std::string* out) { AppendTimestamp(microseconds, zoned, kPlace, out); });
}
std::string SpecialOf(Tag tag, Special special) {
  return Displayed([&](std::string* out) { AppendSpecial(tag, special, kPlace, out); });
}
std::string Bits(std::string_view digits) {
  return Displayed([&](std::string* out) { ASSERT_TRUE(AppendBitsText(digits, kPlace, out)); });
}
std::string List(std::string_view json) {
  return Displayed([&](std::string* out) { ASSERT_TRUE(AppendListJson(json, kPlace, out)); });
}
std::string Set(std::string_view json) {
  return Displayed([&](std::string* out) { ASSERT_TRUE(AppendSetJson(json, kPlace, out)); });
}

TEST(ValueDisplayTest, NullAndTruthHaveWords) {
  EXPECT_EQ(Value().ToDisplay(), "NULL");
  EXPECT_EQ(Displayed([](std::string* out) { AppendNull(out); }), "NULL");
  EXPECT_EQ(Displayed([](std::string* out) { AppendBool(true, out); }), "true");
  EXPECT_EQ(Displayed([](std::string* out) { AppendBool(false, out); }), "false");
}

TEST(ValueDisplayTest, IntegersHaveAllTheirDigits) {
  EXPECT_EQ(Integer(0), "0");
  EXPECT_EQ(Integer(-7), "-7");
  EXPECT_EQ(Integer(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(Integer(std::numeric_limits<int64_t>::max()), "9223372036854775807");
  const auto unsigned_value = [](uint64_t value) {
    return Displayed([&](std::string* out) { AppendUnsigned(value, kPlace, out); });
  };
  EXPECT_EQ(unsigned_value(7), "7");
  EXPECT_EQ(unsigned_value(uint64_t{1} << 63), "9223372036854775808");
  EXPECT_EQ(unsigned_value(UINT64_MAX), "18446744073709551615");
}

TEST(ValueDisplayTest, DecimalsAreInTheirCanonicalText) {
  EXPECT_EQ(Decimal("-012.50"), "-12.5");
  EXPECT_EQ(Decimal("1e3"), "1000");
  EXPECT_EQ(Decimal("1e999"), "1e+999");
  EXPECT_EQ(Decimal("-0"), "0");
  EXPECT_EQ(Decimal("NaN"), "NaN");
  EXPECT_EQ(Decimal("-Infinity"), "-Infinity");
}

TEST(ValueDisplayTest, RealsAreTheShortestTextThatReadsBack) {
  EXPECT_EQ(Real(0.1), "0.1");
  EXPECT_EQ(Real(-0.0), "0");
  EXPECT_EQ(Real(1e300), "1e+300");
  EXPECT_EQ(Real(5e-324), "5e-324");
  EXPECT_EQ(Real(std::numeric_limits<double>::infinity()), "Infinity");
  EXPECT_EQ(Real(-std::numeric_limits<double>::infinity()), "-Infinity");
  EXPECT_EQ(Real(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(Real(-std::numeric_limits<double>::quiet_NaN()), "NaN");
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 20'000; ++round) {
    const auto real = std::bit_cast<double>(random());
    if (!std::isfinite(real)) continue;
    ASSERT_EQ(std::strtod(Real(real).c_str(), nullptr), real) << Real(real);
  }
}

TEST(ValueDisplayTest, DatesAndTimesAreInIso8601WithASpace) {
  EXPECT_EQ(Date(0), "1970-01-01");
  EXPECT_EQ(Date(19'782), "2024-02-29");
  EXPECT_EQ(Date(-719'162), "0001-01-01");
  EXPECT_EQ(Date(-719'163), "0001-12-31 BC");
  EXPECT_EQ(Time(45'296'123'456), "12:34:56.123456");
  EXPECT_EQ(Time(-500'000), "-00:00:00.5");
  EXPECT_EQ(Timestamp(1'709'208'000'500'000, false), "2024-02-29 12:00:00.5");
  EXPECT_EQ(Timestamp(1'709'208'000'500'000, true), "2024-02-29 12:00:00.5Z");
  EXPECT_EQ(Timestamp(-1, true), "1969-12-31 23:59:59.999999Z");
}

TEST(ValueDisplayTest, MomentsThatAreNoneHaveWords) {
  for (const Tag tag : {Tag::kDate, Tag::kTimestamp, Tag::kTimestampTz}) {
    EXPECT_EQ(SpecialOf(tag, Special::kMinusInfinity), "-infinity");
    EXPECT_EQ(SpecialOf(tag, Special::kPlusInfinity), "infinity");
  }
  EXPECT_EQ(SpecialOf(Tag::kDate, Special::kZeroDate), "0000-00-00");
  EXPECT_EQ(SpecialOf(Tag::kTimestamp, Special::kZeroDate), "0000-00-00 00:00:00");
  EXPECT_EQ(SpecialOf(Tag::kTimestampTz, Special::kZeroDate), "0000-00-00 00:00:00");
}

// Escaping is for who writes it somewhere (merkle/text/display.h).
TEST(ValueDisplayTest, TextIsAsItIs) {
  for (const std::string_view text : {std::string_view(""), std::string_view("NULL"),
                                      std::string_view("a\0b\n\x1b", 5), std::string_view("ä€😀")}) {
    EXPECT_EQ(Text(text), text);
  }
  EXPECT_EQ(Displayed([](std::string* out) { AppendUnparsedText("12abc", kPlace, out); }), "12abc");
  EXPECT_EQ(Displayed([](std::string* out) { AppendOpaque("int4range", "[1,2)", kPlace, out); }),
            "[1,2)");
  EXPECT_EQ(Displayed([](std::string* out) {
              ASSERT_TRUE(AppendUuidText("6BA7B8109DAD11D180B400C04FD430C8", kPlace, out));
            }),
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(Displayed([](std::string* out) {
              ASSERT_TRUE(AppendJsonText("{\"b\" : 1.0, \"a\": []}", kPlace, out));
            }),
            "{\"a\":[],\"b\":1}");
}

TEST(ValueDisplayTest, BytesAndForeignTextAreHexadecimal) {
  EXPECT_EQ(Bytes(""), "\\x");
  EXPECT_EQ(Bytes(std::string_view("\x00\x0a\xff", 3)), "\\x000aff");
  EXPECT_EQ(Displayed([](std::string* out) { AppendUnparsedBytes("ab", kPlace, out); }), "\\x6162");
  EXPECT_EQ(Displayed([](std::string* out) { AppendForeignText("latin1", "\xe4", kPlace, out); }),
            "\\xe4");
  EXPECT_EQ(Text("\xe4"), "\\xe4") << "no UTF-8";
}

TEST(ValueDisplayTest, BitsAreTheirDigits) {
  EXPECT_EQ(Bits(""), "");
  EXPECT_EQ(Bits("1"), "1");
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (size_t size = 0; size < 70; ++size) {
    std::string digits(size, '0');
    for (char& c : digits) c = random() % 2 == 0 ? '0' : '1';
    EXPECT_EQ(Bits(digits), digits);
  }
}

TEST(ValueDisplayTest, ListsAndSetsShowTheirElements) {
  EXPECT_EQ(List("[]"), "{}");
  EXPECT_EQ(List("[1, null, \"a\", true, [2.50, []]]"), "{1,NULL,a,true,{2.5,{}}}");
  EXPECT_EQ(List("[\"\"]"), "{}") << "as an empty one: it is not injective";
  EXPECT_EQ(List("[\"\",\"\"]"), "{,}");
  EXPECT_EQ(Set("[\"b\",\"a\",\"b\"]"), "{a,b}");
  std::string deep, shown;
  for (int i = 0; i < kListDepthMax; ++i) deep = "[" + deep + "]", shown = "{" + shown + "}";
  EXPECT_EQ(List(deep), shown);
}

// Values that no decoder makes: what can be read of them is shown, and nothing else is read.
TEST(ValueDisplayTest, AListOfRandomBytesIsShownUpToWhatIsNone) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  std::string list;
  ASSERT_TRUE(AppendListJson("[1,\"a\",[null,2.5]]", kPlace, &list));
  const std::string body = DecodeValues(list, 1).value().front().text;
  for (int round = 0; round < 20'000; ++round) {
    Value value;
    value.tag = random() % 2 == 0 ? Tag::kList : Tag::kSet;
    value.text = body;
    for (size_t n = random() % 3; n > 0; --n) {
      value.text[random() % body.size()] = static_cast<char>(random());
    }
    value.text.resize(random() % (body.size() + 1));
    const std::string shown = value.ToDisplay();
    ASSERT_TRUE(shown.starts_with('{') && shown.ends_with('}')) << shown;
  }
}

}  // namespace
}  // namespace driftwood::merkle
