// Covers decoding.cc too.
#include "merkle/record/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/testing/golden.h"

namespace driftwood::merkle {
namespace {

using ::driftwood::testing::FromHex;
using ::testing::ElementsAre;
using TextParser = bool (*)(std::string_view, Place, std::string*);

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The column's bytes as a value; empty if it is refused.
std::string Parsed(TextParser parser, std::string_view text) {
  std::string bytes;
  parser(text, Place::kValue, &bytes);
  return bytes;
}

// As people read it.
std::string Display(TextParser parser, std::string_view text) {
  const std::string bytes = Parsed(parser, text);
  if (bytes.empty()) return "refused";
  return DecodeValues(bytes, 1).value().front().ToDisplay();
}

std::string TextColumn(std::string_view text, Place place) {
  std::string bytes;
  AppendText(text, place, &bytes);
  return bytes;
}

void ExpectOneEncoding(TextParser parser, const std::vector<std::string>& spellings) {
  for (const std::string& spelling : spellings) {
    EXPECT_NE(Parsed(parser, spelling), "") << spelling;
    EXPECT_EQ(Parsed(parser, spelling), Parsed(parser, spellings.front())) << spelling;
  }
}

void ExpectDifferentEncodings(TextParser parser, const std::vector<std::string>& texts) {
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_NE(Parsed(parser, texts[i]), "") << texts[i];
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NE(Parsed(parser, texts[i]), Parsed(parser, texts[j])) << texts[i] << texts[j];
    }
  }
}

void ExpectDoNotParse(TextParser parser, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    std::string bytes = "as it was";
    EXPECT_FALSE(parser(text, Place::kKey, &bytes)) << text;
    EXPECT_EQ(bytes, "as it was");
  }
}

TEST(EncodingTest, LedgerRow8ColumnsAreFramedApart) {
  EXPECT_NE(TextColumn("ab", Place::kValue) + TextColumn("c", Place::kValue),
            TextColumn("a", Place::kValue) + TextColumn("bc", Place::kValue));
  EXPECT_NE(TextColumn("ab", Place::kKey) + TextColumn("c", Place::kKeyLast),
            TextColumn("a", Place::kKey) + TextColumn("bc", Place::kKeyLast));
}

TEST(EncodingTest, LedgerRow9NullIsNoEmptyTextAndNoValueImitatesASeparator) {
  std::string null;
  AppendNull(&null);
  for (Place place : {Place::kKey, Place::kKeyLast, Place::kValue}) {
    EXPECT_NE(TextColumn("", place), null);
  }
  std::string empty_bytes;
  AppendBytes("", Place::kValue, &empty_bytes);
  EXPECT_NE(empty_bytes, TextColumn("", Place::kValue));
  // A text that contains what separates two columns is still one column.
  const std::string two = TextColumn("a", Place::kKey) + TextColumn("b", Place::kKey);
  EXPECT_NE(TextColumn(std::string_view("a\0\x20"
                                        "b",
                                        4),
                       Place::kKey),
            two);
}

TEST(EncodingTest, LedgerRow10ZeroIsNotNullAndNotFalse) {
  std::string null;
  std::string no;
  std::string integer;
  std::string real;
  AppendNull(&null);
  AppendBool(false, &no);
  AppendInteger(0, Place::kValue, &integer);
  AppendFloat64(0, Place::kValue, &real);
  const std::vector<std::string> all = {null, no, integer, real, Parsed(AppendDecimalText, "0")};
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(all[i], all[j]);
  }
}

TEST(EncodingTest, LedgerRow11NothingIsRoundedOrTrimmed) {
  ExpectDifferentEncodings(AppendDecimalText, {"1.00000000001", "1.000000000001", "1"});
  ExpectDifferentEncodings(AppendTimestampText,
                           {"2024-02-29 12:00:00", "2024-02-29 12:00:00.000001"});
  EXPECT_NE(TextColumn("a", Place::kValue), TextColumn("a ", Place::kValue));
  EXPECT_NE(TextColumn("a", Place::kValue), TextColumn("A", Place::kValue));
}

TEST(EncodingTest, LedgerRow12DecimalsArePreservedBeyond64BitsAndDoubles) {
  ExpectDifferentEncodings(
      AppendDecimalText, {"18446744073709551616", "18446744073709551617", "18446744073709551616.1",
                          "0.1", "0.10000000000000000555", "1e400", "1e401"});
  EXPECT_EQ(Display(AppendDecimalText, "123456789012345678901234567890.123456789"),
            "123456789012345678901234567890.123456789");
}

TEST(EncodingTest, LedgerRow29DecimalsOfEqualValueAndOtherScaleAreEqual) {
  ExpectOneEncoding(AppendDecimalText, {"3000", "3000.00", "3000.0", "3e3", "+3000", "03000."});
  ExpectOneEncoding(AppendDecimalText, {".14", "0.14", "0.1400", "14e-2"});
  std::string integer;
  AppendDecimalInteger(3000, Place::kValue, &integer);
  EXPECT_EQ(integer, Parsed(AppendDecimalText, "3000.00"));
  std::string real;
  AppendDecimalDouble(0.1, Place::kValue, &real);
  EXPECT_EQ(real, Parsed(AppendDecimalText, "0.1"));
}

// Not by all digits of the double's exact value, of which a whole number has more.
TEST(EncodingTest, ADoubleIsTheDecimalWithTheFewestDigits) {
  const std::vector<std::pair<double, std::string>> doubles = {
      {12345678901234567890.0, "12345678901234567000"},
      {-18446744073709551616.0, "-18446744073709552000"},
      {999999999999999.0, "999999999999999"},
      {1e15, "1000000000000000"},
      {9007199254740993.0, "9007199254740992"},
      {1e22, "1e22"},
      {123456.789, "123456.789"},
      {1e-7, "0.0000001"},
      {std::numeric_limits<double>::max(), "1.7976931348623157e308"},
      {-std::numeric_limits<double>::infinity(), "-Infinity"}};
  for (const auto& [value, text] : doubles) {
    std::string real;
    AppendDecimalDouble(value, Place::kValue, &real);
    EXPECT_EQ(real, Parsed(AppendDecimalText, text)) << text;
  }
}

TEST(EncodingTest, LedgerRow30TimestampsAreEqualAsInstantsAndInfinityOnlyToItself) {
  ExpectOneEncoding(AppendTimestampTzText, {"2024-02-29 12:00:00Z", "2024-02-29T13:00:00.000+01:00",
                                            "2024-02-29 02:30:00-0930", "2024-03-01 02:00:00+14"});
  ExpectOneEncoding(AppendTimestampText, {"2024-02-29 12:00:00", "2024-02-29T12:00:00.000000000"});
  ExpectDifferentEncodings(AppendTimestampText,
                           {"infinity", "-infinity", "294247-01-10 04:00:54.775807",
                            "290309-12-21 19:59:05.224192 BC", "0000-00-00 00:00:00"});
  std::string zoneless;
  AppendTimestamp(0, false, Place::kValue, &zoneless);
  EXPECT_NE(zoneless, Parsed(AppendTimestampTzText, "1970-01-01 00:00:00Z"));
}

TEST(EncodingTest, LedgerRow33JsonIsComparedByWhatItMeans) {
  ExpectOneEncoding(AppendJsonText, {R"({"a":1,"b":[1,2]})", R"( { "b" : [1.0, 2e0], "a" : 1 } )",
                                     R"({"\u0061":1.00,"b":[10e-1,2]})"});
  ExpectDifferentEncodings(
      AppendJsonText,
      {R"({"a":1})", R"({"a":1,"a":1})", R"({"a":2,"a":1})", R"({"a":1,"a":2})", R"({"a":"1"})",
       R"({"a":null})", R"({})", "0.1", "0.10000000000000001", "12345678901234567890"});
}

TEST(EncodingTest, LedgerRow34DoublesAreEqualByValueWhateverTheirDigits) {
  ExpectOneEncoding(AppendFloat64Text, {"0.1", "0.10000000000000001", ".1", "1e-1", "+0.1"});
  ExpectOneEncoding(AppendFloat64Text, {"0", "-0.0", "0e0"});
  ExpectOneEncoding(AppendFloat64Text, {"NaN", "nan"});
  ExpectDifferentEncodings(AppendFloat64Text, {"0.1", "0.10000000149011612", "NaN", "Infinity"});
  std::string quiet;
  std::string other;
  AppendFloat64(kNaN, Place::kKey, &quiet);
  AppendFloat64(-std::nan("7"), Place::kKey, &other);
  EXPECT_EQ(quiet, other);
}

TEST(EncodingTest, LedgerRow35UuidsAndBoolsHaveManySpellings) {
  ExpectOneEncoding(AppendUuidText,
                    {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8",
                     "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"});
  for (const char* spelling : {"1", "t", "T", "true", "True", "TRUE"}) {
    std::string bytes;
    EXPECT_TRUE(AppendBoolText(spelling, &bytes));
    EXPECT_EQ(bytes, "\x03");
  }
  for (const char* spelling : {"0", "f", "F", "false", "False", "FALSE"}) {
    std::string bytes;
    EXPECT_TRUE(AppendBoolText(spelling, &bytes));
    EXPECT_EQ(bytes, "\x02");
  }
  for (const char* spelling : {"", "y", "no", "2", "-1", "01", "on", " t", "tru", "\x14"}) {
    std::string bytes;
    EXPECT_FALSE(AppendBoolText(spelling, &bytes));
    EXPECT_EQ(bytes, "");
  }
}

TEST(EncodingTest, EqualIntegersHaveOneEncodingWhateverTheyCameAs) {
  std::string from_signed;
  std::string from_unsigned;
  AppendInteger(std::numeric_limits<int64_t>::max(), Place::kKey, &from_signed);
  AppendUnsigned(static_cast<uint64_t>(std::numeric_limits<int64_t>::max()), Place::kKey,
                 &from_unsigned);
  EXPECT_EQ(from_signed, from_unsigned);
  ExpectOneEncoding(AppendIntegerText, {"7", "+7", "007", "00000000000000000000000000000007", "7.0",
                                        "7.", "7e0", "70e-1", "0.07e2", "+7.000"});
  ExpectOneEncoding(AppendIntegerText, {"0", "-0", "+0", "000", "0.0", "-0e99999999999999999999"});
  EXPECT_EQ(Display(AppendIntegerText, "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(Display(AppendIntegerText, "18446744073709551615"), "18446744073709551615");
  ExpectDoNotParse(AppendIntegerText, {"",
                                       "-",
                                       "+",
                                       ".",
                                       " 7",
                                       "7 ",
                                       "7.5",
                                       "7,0",
                                       "0x7",
                                       "7e",
                                       "7e-1",
                                       "1e20",
                                       "NaN",
                                       "inf",
                                       "1e99999999999999999999",
                                       "1.0000000000000000000000001",
                                       "--7",
                                       "18446744073709551616",
                                       "18446744073709551616.0",
                                       "-9223372036854775808.5",
                                       "-9223372036854775809",
                                       "99999999999999999999",
                                       "1234567890123456789x",
                                       "12345678901234567890x",
                                       "٧"});
}

TEST(EncodingTest, DoublesSortWithNaNAboveInfinity) {
  const std::vector<double> ascending = {-kInfinity, -1e308, -1.0, -1e-308, -5e-324,   0.0,
                                         5e-324,     1e-308, 1.0,  1e308,   kInfinity, kNaN};
  for (size_t i = 1; i < ascending.size(); ++i) {
    std::string before;
    std::string after;
    AppendFloat64(ascending[i - 1], Place::kKeyLast, &before);
    AppendFloat64(ascending[i], Place::kKeyLast, &after);
    EXPECT_LT(before, after) << ascending[i];
  }
  ExpectDoNotParse(AppendFloat64Text, {"", "1e999", "-1e999", "1e-999", "0x1p3", "1,5", "nan(1)",
                                       "+-1", "1 ", "infinit"});
  EXPECT_EQ(Display(AppendFloat64Text, "5e-324"), "5e-324");
}

TEST(EncodingTest, TextThatIsNotUtf8IsEncodedAsForeignText) {
  for (const char* text : {"\xFF", "a\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3",
                           "\xE2\x82", "\xF0\x9F\x8C", "12345678901234567\xC3"}) {
    std::string bytes;
    EXPECT_FALSE(AppendText(text, Place::kValue, &bytes));
    const Value value = DecodeValues(bytes, 1).value().front();
    EXPECT_EQ(value.tag, Tag::kForeignText);
    EXPECT_EQ(value.text, text);
    std::string unparsed;
    AppendUnparsedText(text, Place::kValue, &unparsed);
    EXPECT_EQ(unparsed, bytes);
  }
  for (const char* text : {"", "\x7F", "é", "€", "🌊", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF4\x8F\xBF\xBF", "0123456789abcdefé0123456789abcdef"}) {
    std::string bytes;
    EXPECT_TRUE(AppendText(text, Place::kValue, &bytes));
    EXPECT_EQ(DecodeValues(bytes, 1).value().front().text, text);
  }
}

TEST(EncodingTest, ABadByteIsFoundWhereverItStandsInATextOfAnyLength) {
  for (size_t size = 0; size <= 40; ++size) {
    const std::string ascii(size, 'a');
    std::string bytes;
    EXPECT_TRUE(AppendText(ascii, Place::kValue, &bytes));
    for (size_t at = 0; at < size; ++at) {
      std::string bad = ascii;
      bad[at] = '\x80';
      EXPECT_FALSE(AppendText(bad, Place::kValue, &bytes)) << at << " of " << size;
      std::string good = ascii;
      good.replace(at, 1, "é");
      EXPECT_TRUE(AppendText(good, Place::kValue, &bytes)) << at << " of " << size;
    }
  }
}

TEST(EncodingTest, WhatDidNotParseIsNoTextAndNoNumber) {
  std::string unparsed;
  AppendUnparsedText("12abc", Place::kValue, &unparsed);
  EXPECT_NE(unparsed, TextColumn("12abc", Place::kValue));
  std::string number;
  AppendUnparsedText("12", Place::kValue, &number);
  EXPECT_NE(number, Parsed(AppendIntegerText, "12"));
}

TEST(EncodingTest, AKeyDecodesToItsColumns) {
  std::string key;
  AppendText(std::string_view("a\0b", 3), Place::kKey, &key);
  AppendInteger(-7, Place::kKey, &key);
  AppendText(std::string_view("\0", 1), Place::kKeyLast, &key);
  const std::vector<Value> columns = DecodeKey(key, 3).value();
  ASSERT_EQ(columns.size(), 3u);
  EXPECT_EQ(columns[0].text, std::string("a\0b", 3));
  EXPECT_EQ(columns[1].number, -7);
  EXPECT_EQ(columns[2].text, std::string(1, '\0'));
  EXPECT_FALSE(DecodeKey(key, 2).ok());
  EXPECT_FALSE(DecodeKey(key, 4).ok());
}

TEST(EncodingTest, BytesThatNoValueEncodesToDoNotDecode) {
  const std::vector<std::string> values = {
      "",                      // no column
      "00",                    // no tag
      "ff",                    //
      "0101",                  // two columns
      "10800000000000",        // cut short
      "1080000000000000000a",  // too long
      "110000000000000001",    // an integer that fits kInteger
      "138000",                // cut short
      "137fffffffffffffff",    // -0.0
      "13fff8000000000001",    // another NaN
      "130007ffffffffffff",    // a negative NaN
      "20000000056162",        // a length beyond the end
      "20ffffffff",            //
      "2000000001ff",          // text that is not UTF-8
      "5000000001ff",          // mismatched text that is not UTF-8
      "1200000000",            // a decimal without a body
      "12000000028014",        // more than the body
      "12000000029000",        // 0 written as a finite number
      "1200000004910064",      // a length beyond the end
      "3000",                  // no such kind of date
      "3005",                  //
      "3003800000",            // cut short
      "406ba7b8",              // cut short
      "410000000131"
      "00",                  // more after the column
      "410000000420312020",  // JSON with white space
      "4100000003312e30",    // 1.0
      "41000000022d30",      // -0
      "4100000001"
      "7b",                                    // no JSON
      "410000000d7b2262223a312c2261223a327d",  // members out of order
  };
  for (const std::string& hex : values) EXPECT_FALSE(DecodeValues(FromHex(hex), 1).ok()) << hex;
  // Escaped text that does not end, and a key column that takes the end for a length.
  EXPECT_FALSE(DecodeKey(FromHex("206162"
                                 "01"),
                         2)
                   .ok());
  EXPECT_FALSE(DecodeKey(FromHex("2061ff"
                                 "0001"),
                         2)
                   .ok());
  EXPECT_FALSE(DecodeKey(FromHex("206100ff"), 2).ok());
  EXPECT_TRUE(DecodeKey(FromHex("206100ff0001"), 2).ok());
  EXPECT_EQ(DecodeValues("\x01", std::numeric_limits<size_t>::max()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(EncodingTest, AnErrorSaysWhichColumnAndWhere) {
  const absl::Status status = DecodeValues(FromHex("01"
                                                   "2000000001ff"),
                                           2)
                                  .status();
  EXPECT_EQ(status.message(),
            "encoded values: column 2 of 2, at byte 1 of 7, is not in canonical form");
}

TEST(EncodingTest, EveryPrefixOfARecordIsRefused) {
  std::string values;
  AppendText("text", Place::kValue, &values);
  AppendDecimalDouble(-0.125, Place::kValue, &values);
  AppendTimestamp(1, true, Place::kValue, &values);
  ASSERT_TRUE(AppendJsonText(R"({"a":[1]})", Place::kValue, &values));
  ASSERT_TRUE(AppendUuidText("6ba7b8109dad11d180b400c04fd430c8", Place::kValue, &values));
  EXPECT_TRUE(DecodeValues(values, 5).ok());
  for (size_t size = 0; size < values.size(); ++size) {
    EXPECT_FALSE(DecodeValues(values.substr(0, size), 5).ok()) << size;
  }
}

}  // namespace
}  // namespace driftwood::merkle
