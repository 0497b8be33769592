#include "agent/index/row_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <set>

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;

SourceValue Number(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kNumber, text);
}
SourceValue Json(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kJson, text);
}
SourceValue Text(std::string_view text) { return SourceValue::Text(text); }
SourceValue Stored(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kStored, text);
}
SourceValue String(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kString, text);
}
SourceValue Opaque(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kOpaque, text);
}
SourceValue Bits(std::string_view digits) {
  return SourceValue::OfText(SourceValue::Kind::kBits, digits);
}
SourceValue Int(int64_t value) { return SourceValue::Int64(value); }
SourceValue Real(double value) { return SourceValue::Double(value); }

// One value, read as a column of `type`, as it comes back: "integer 7", "mismatched-text x !" where
// the mark says that it was counted.
std::string TagName(const Value& value) {
  switch (value.tag) {
    case Tag::kNull:
      return "null";
    case Tag::kFalse:
    case Tag::kTrue:
      return "bool";
    case Tag::kInteger:
    case Tag::kUnsigned:
      return "integer";
    case Tag::kDecimal:
      return "decimal";
    case Tag::kFloat64:
      return "float64";
    case Tag::kText:
      return "text";
    case Tag::kBytes:
      return "bytes";
    case Tag::kDate:
      return "date";
    case Tag::kTime:
      return "time";
    case Tag::kTimestamp:
      return "timestamp";
    case Tag::kTimestampTz:
      return "timestamptz";
    case Tag::kUuid:
      return "uuid";
    case Tag::kJson:
      return "json";
    case Tag::kUnparsedText:
      return "mismatched-text";
    case Tag::kUnparsedBytes:
      return "mismatched-bytes";
    case Tag::kForeignText:
      return "foreign-text(" + value.name + ")";
    case Tag::kOpaque:
      return "opaque(" + value.name + ")";
    case Tag::kBits:
      return "bits";
    case Tag::kList:
      return "list";
    case Tag::kSet:
      return "set";
  }
  return "?";
}

merkle::Column ColumnOf(const std::string& name, ColumnType type) {
  merkle::Column column{name, type};
  if (type == ColumnType::kOpaque) column.opaque = "tsrange";
  return column;
}

std::string Read(ColumnType type, const SourceValue& source) {
  RowEncoder as_value({{{"k", ColumnType::kInteger}}, {ColumnOf("v", type)}}, {});
  const std::vector<SourceValue> row = {Int(1), source};
  EXPECT_TRUE(as_value.Encode(row).ok());
  const auto values = merkle::DecodeValues(as_value.value(), 1);
  if (!values.ok()) return std::string(values.status().message());

  // In all three places the value is the same.
  RowEncoder as_key({{ColumnOf("a", type), ColumnOf("b", type)}, {}}, {});
  EXPECT_TRUE(as_key.Encode(std::vector<SourceValue>{source, source}).ok());
  const auto key = merkle::DecodeKey(as_key.key(), 2);
  if (!key.ok()) return std::string(key.status().message());
  for (const Value& in_key : *key) {
    EXPECT_EQ(in_key.tag, (*values)[0].tag);
    EXPECT_EQ(in_key.ToDisplay(), (*values)[0].ToDisplay());
  }
  EXPECT_EQ(as_key.unparsed(), 2 * as_value.unparsed());

  const Value& value = (*values)[0];
  return TagName(value) + " " + value.ToDisplay() + (as_value.unparsed() == 0 ? "" : " !");
}

TEST(RowEncoderTest, IntegersReadFromNumbersTextAndIntegralReals) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kInteger, v); };
  EXPECT_EQ(read(Int(-7)), "integer -7");
  EXPECT_EQ(read(SourceValue::Uint64(18446744073709551615u)), "integer 18446744073709551615");
  EXPECT_EQ(read(Text("007")), "integer 7");
  EXPECT_EQ(read(Text("-9223372036854775808")), "integer -9223372036854775808");
  EXPECT_EQ(read(Number("12")), "integer 12");
  for (const char* one : {"1.0", "1e0", "1E+0", "10e-1", "0.01e2", "100000e-5"}) {
    EXPECT_EQ(read(Number(one)), "integer 1") << one;
  }
  // From the text of a file just as from JSON.
  for (const char* one : {"1.0", "1.", "+1", "1e0", "1E+0", "10e-1", "0.01e2", "100000e-5"}) {
    EXPECT_EQ(read(Text(one)), "integer 1") << one;
    EXPECT_EQ(read(SourceValue::OfText(SourceValue::Kind::kString, one)), "integer 1") << one;
  }
  EXPECT_EQ(read(Text("9223372036854775807.0")), "integer 9223372036854775807");
  EXPECT_EQ(read(Text("18446744073709551615.00")), "integer 18446744073709551615");
  EXPECT_EQ(read(Text("18446744073709551616.0")), "mismatched-text 18446744073709551616.0 !");
  EXPECT_EQ(read(Text("-9223372036854775808.0")), "integer -9223372036854775808");
  EXPECT_EQ(read(Text("-9223372036854775809.0")), "mismatched-text -9223372036854775809.0 !");
  EXPECT_EQ(read(Number("-2.50e1")), "integer -25");
  EXPECT_EQ(read(Number("-0.0")), "integer 0");
  EXPECT_EQ(read(Number("0e999999999999")), "integer 0");
  EXPECT_EQ(read(Number("1.8446744073709551615e19")), "integer 18446744073709551615");
  EXPECT_EQ(read(Real(1.0)), "integer 1");
  EXPECT_EQ(read(Real(-0.0)), "integer 0");
  EXPECT_EQ(read(Real(9007199254740992.0)), "integer 9007199254740992");
}

TEST(RowEncoderTest, WhatIsNoIntegerStaysWhatItIs) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kInteger, v); };
  EXPECT_EQ(read(Number("1.5")), "decimal 1.5 !");
  EXPECT_EQ(read(Number("1e30")), "decimal 1e+30 !");
  EXPECT_EQ(read(Number("1e-999999999999")).substr(0, 8), "decimal ");
  EXPECT_EQ(read(Real(1.5)), "float64 1.5 !");
  EXPECT_EQ(read(Real(9007199254740994.0)).substr(0, 7), "float64");
  EXPECT_EQ(read(Real(std::nan(""))), "float64 NaN !");
  EXPECT_EQ(read(Text("1.5")), "mismatched-text 1.5 !");
  EXPECT_EQ(read(Text("1e30")), "mismatched-text 1e30 !");
  EXPECT_EQ(read(Text("1,000")), "mismatched-text 1,000 !");
  EXPECT_EQ(read(Text("1e400000000000000000000")), "mismatched-text 1e400000000000000000000 !");
  EXPECT_EQ(read(Text("NaN")), "mismatched-text NaN !");
  EXPECT_EQ(read(Text(" 1")), "mismatched-text  1 !");
  EXPECT_EQ(read(Text("")), "mismatched-text  !");
  EXPECT_EQ(read(Text("\xff")), "foreign-text() \\xff !");
  EXPECT_EQ(read(SourceValue::Bytes("1")), "bytes \\x31 !");
  EXPECT_EQ(read(SourceValue::Bool(true)), "bool true !");
  EXPECT_EQ(read(Json("[1]")), "json [1] !");
}

TEST(RowEncoderTest, DecimalsOfEqualValueAgreeWhateverTheyCameAs) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kDecimal, v); };
  for (const SourceValue& v : {Int(3000), SourceValue::Uint64(3000), Text("3000.00"),
                               Text("3000.0"), Number("3e3"), Real(3000.0)}) {
    EXPECT_EQ(read(v), "decimal 3000");
  }
  EXPECT_EQ(read(Text(".14")), read(Real(0.14)));
  EXPECT_EQ(read(Real(0.1)), "decimal 0.1");
  EXPECT_EQ(read(Text("NaN")), read(Real(std::nan(""))));
  EXPECT_EQ(read(Text("12x")), "mismatched-text 12x !");
  EXPECT_EQ(read(SourceValue::Bool(false)), "bool false !");
}

// Ledger row 12.
TEST(RowEncoderTest, Ledger12BigDecimalsAndIntegersKeepEveryDigit) {
  const auto decimal = [](const SourceValue& v) { return Read(ColumnType::kDecimal, v); };
  EXPECT_NE(decimal(Text("123456789012345678901234567890.123456789")),
            decimal(Text("123456789012345678901234567890.123456788")));
  EXPECT_NE(decimal(Int(9007199254740993)), decimal(Int(9007199254740992)));
  EXPECT_EQ(decimal(Int(9007199254740993)), decimal(Number("9007199254740993")));
  const auto integer = [](const SourceValue& v) { return Read(ColumnType::kInteger, v); };
  EXPECT_NE(integer(SourceValue::Uint64(9223372036854775808u)), integer(Int(INT64_MAX)));
  EXPECT_NE(integer(Number("9223372036854775809")), integer(Number("9223372036854775808")));
}

TEST(RowEncoderTest, Float64TakesOnlyIntegersThatItHolds) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kFloat64, v); };
  EXPECT_EQ(read(Real(0.1)), read(Text("0.1")));
  EXPECT_EQ(read(Real(0.1)), read(Number("0.1000000000000000055")));
  EXPECT_EQ(read(Real(-0.0)), read(Int(0)));
  EXPECT_EQ(read(Int(1)), read(Number("1")));
  EXPECT_EQ(read(Int(INT64_MIN)), read(Real(-0x1p63)));
  EXPECT_EQ(read(Int(9007199254740993)), "integer 9007199254740993 !");
  EXPECT_EQ(read(Int(INT64_MAX)), "integer 9223372036854775807 !");
  EXPECT_EQ(read(SourceValue::Uint64(UINT64_MAX)), "integer 18446744073709551615 !");
  EXPECT_EQ(read(SourceValue::Uint64(uint64_t{1} << 63)), read(Real(0x1p63)));
  EXPECT_EQ(read(Text("zero")), "mismatched-text zero !");
}

// Ledger rows 9 and 10.
TEST(RowEncoderTest, Ledger10NullIsNeitherZeroNorFalseNorEmpty) {
  const std::string null = Read(ColumnType::kFloat64, SourceValue::Null());
  EXPECT_EQ(null, "null NULL");
  EXPECT_NE(null, Read(ColumnType::kFloat64, Real(0.0)));
  EXPECT_NE(null, Read(ColumnType::kInteger, Int(0)));
  EXPECT_NE(null, Read(ColumnType::kBool, SourceValue::Bool(false)));
  EXPECT_NE(null, Read(ColumnType::kBytes, SourceValue::Bytes("")));
}

TEST(RowEncoderTest, Ledger9NullIsNotTheEmptyTextNorItsOwnName) {
  const std::string null = Read(ColumnType::kText, SourceValue::Null());
  EXPECT_EQ(null, "null NULL");
  EXPECT_EQ(Read(ColumnType::kText, Text("")), "text ");
  EXPECT_EQ(Read(ColumnType::kText, Text("NULL")), "text NULL");
}

// Ledger row 8.
TEST(RowEncoderTest, Ledger8ColumnsDoNotRunIntoEachOther) {
  const merkle::Schema schema{{{"k", ColumnType::kText}, {"l", ColumnType::kText}},
                              {{"v", ColumnType::kText}, {"w", ColumnType::kText}}};
  RowEncoder left(schema, {});
  RowEncoder right(schema, {});
  EXPECT_TRUE(
      left.Encode(std::vector<SourceValue>{Text("ab"), Text("c"), Text("ab"), Text("c")}).ok());
  EXPECT_TRUE(
      right.Encode(std::vector<SourceValue>{Text("a"), Text("bc"), Text("a"), Text("bc")}).ok());
  EXPECT_NE(left.key(), right.key());
  EXPECT_NE(left.value(), right.value());
}

TEST(RowEncoderTest, BooleansHaveManySpellings) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kBool, v); };
  for (const SourceValue& v : {SourceValue::Bool(true), Int(1), SourceValue::Uint64(1), Number("1"),
                               Text("t"), Text("TRUE"), Text("1")}) {
    EXPECT_EQ(read(v), "bool true");
  }
  EXPECT_EQ(read(Int(0)), "bool false");
  EXPECT_EQ(read(Int(2)), "integer 2 !");
  EXPECT_EQ(read(SourceValue::Uint64(2)), "integer 2 !");
  EXPECT_EQ(read(Number("2")), "decimal 2 !");
  EXPECT_EQ(read(Text("maybe")), "mismatched-text maybe !");
}

TEST(RowEncoderTest, TextTakesTextOnly) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kText, v); };
  EXPECT_EQ(read(Text(std::string_view("a\0b ", 4))).substr(0, 5), "text ");
  EXPECT_NE(read(Text("a")), read(Text("a ")));
  EXPECT_EQ(read(Text("\xc3\x28")), "foreign-text() \\xc328 !");
  EXPECT_EQ(read(Int(7)), "integer 7 !");
  EXPECT_EQ(read(Number("7.0")), "decimal 7 !");
  EXPECT_EQ(read(SourceValue::Bytes("a")), "bytes \\x61 !");
  EXPECT_EQ(read(Json("{}")), "json {} !");
}

TEST(RowEncoderTest, BytesMayBeWrittenInHexadecimal) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kBytes, v); };
  EXPECT_EQ(read(SourceValue::Bytes("\x0a\xff")), "bytes \\x0aff");
  EXPECT_EQ(read(Text("\\x0aFf")), "bytes \\x0aff");
  EXPECT_EQ(read(Text("\\x")), "bytes \\x");
  EXPECT_EQ(read(Text("\\x0")), "mismatched-text \\x0 !");
  EXPECT_EQ(read(Text("\\x0g")), "mismatched-text \\x0g !");
  EXPECT_EQ(read(Text("0aff")), "mismatched-text 0aff !");
  EXPECT_EQ(read(Int(1)), "integer 1 !");
}

TEST(RowEncoderTest, TemporalColumnsReadTextAndKeepTheRest) {
  EXPECT_EQ(Read(ColumnType::kDate, Text("2024-02-29")), "date 2024-02-29");
  EXPECT_EQ(Read(ColumnType::kDate, Text("2023-02-29")), "mismatched-text 2023-02-29 !");
  EXPECT_EQ(Read(ColumnType::kDate, Int(19782)), "integer 19782 !");
  EXPECT_EQ(Read(ColumnType::kTime, Text("12:34:56.5")).substr(0, 5), "time ");
  EXPECT_EQ(Read(ColumnType::kTimestamp, Text("2024-02-29 12:00:00")),
            Read(ColumnType::kTimestamp, Text("2024-02-29T12:00:00.000")));
  EXPECT_EQ(Read(ColumnType::kTimestampTz, Text("2024-02-29 12:00:00Z")),
            Read(ColumnType::kTimestampTz, Text("2024-02-29T14:00:00+02")));
  EXPECT_EQ(Read(ColumnType::kTimestamp, Real(1.5)), "float64 1.5 !");
}

TEST(RowEncoderTest, UuidsReadFromTextAndSixteenBytes) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kUuid, v); };
  const std::string canonical = "uuid 00112233-4455-6677-8899-aabbccddeeff";
  EXPECT_EQ(read(Text("{00112233-4455-6677-8899-AABBCCDDEEFF}")), canonical);
  EXPECT_EQ(read(SourceValue::Bytes(std::string_view(
                "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16))),
            canonical);
  EXPECT_EQ(read(SourceValue::Bytes("short")), "bytes \\x73686f7274 !");
  EXPECT_EQ(read(Text("not one")), "mismatched-text not one !");
}

TEST(RowEncoderTest, JsonComesAsTextNumbersAndBooleans) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kJson, v); };
  EXPECT_EQ(read(Json("{ \"b\": 1.0, \"a\": [] }")), read(Text("{\"a\":[],\"b\":1}")));
  for (const SourceValue& v :
       {Number("1.0"), Text("1e0"), Int(1), SourceValue::Uint64(1), Real(1)}) {
    EXPECT_EQ(read(v), "json 1");
  }
  EXPECT_EQ(read(SourceValue::Bool(true)), "json true");
  EXPECT_EQ(read(Text("\"a\"")), "json \"a\"");
  EXPECT_EQ(read(Text("a")), "mismatched-text a !");
  EXPECT_EQ(read(Real(std::numeric_limits<double>::infinity())), "float64 Infinity !");
  EXPECT_EQ(read(SourceValue::Bytes("{}")), "bytes \\x7b7d !");
}

TEST(RowEncoderTest, WithoutATypeNumbersOfEqualValueAgree) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kDynamic, v); };
  for (const SourceValue& v : {Int(1), SourceValue::Uint64(1), Real(1), Number("1.0")}) {
    EXPECT_EQ(read(v), "decimal 1");
  }
  EXPECT_EQ(read(Text("1")), "text 1");
  EXPECT_EQ(read(SourceValue::Bytes("1")), "bytes \\x31");
  EXPECT_EQ(read(SourceValue::Bool(true)), "bool true");
  EXPECT_EQ(read(Json("{\"a\": 1.0}")), "json {\"a\":1}");
  EXPECT_EQ(read(SourceValue::Null()), "null NULL");
}

// Ledger row 6.
TEST(RowEncoderTest, Ledger6AVeryLargeValueIsEncodedWhole) {
  std::string large(20'000'000, 'x');
  RowEncoder encoder({{{"k", ColumnType::kInteger}}, {{"v", ColumnType::kBytes}}}, {});
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{Int(1), SourceValue::Bytes(large)}).ok());
  const std::string whole(encoder.value());
  EXPECT_GT(whole.size(), large.size());
  large.back() = 'y';
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{Int(1), SourceValue::Bytes(large)}).ok());
  EXPECT_NE(encoder.value(), whole);
}

// Ledger row 6.
TEST(RowEncoderTest, Ledger6AVeryLargeValueIsHashedWhole) {
  std::string large(20'000'000, 'x');
  RowEncoder encoder({{{"k", ColumnType::kInteger}}, {{"v", ColumnType::kBytes}}}, {},
                     merkle::DigestKey::Unkeyed());
  EXPECT_TRUE(
      encoder.EncodeHashed(std::vector<SourceValue>{Int(1), SourceValue::Bytes(large)}).ok());
  const std::string whole(encoder.value());
  for (const size_t at : {size_t{0}, size_t{10'000'000}, large.size() - 1}) {
    large[at] = 'y';
    EXPECT_TRUE(
        encoder.EncodeHashed(std::vector<SourceValue>{Int(1), SourceValue::Bytes(large)}).ok());
    EXPECT_NE(encoder.value(), whole) << at;
    large[at] = 'x';
  }
}

TEST(RowEncoderTest, TextThatIsNoUnicodeIsOfAKindOfItsOwnInEveryColumn) {
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

// What one store gives for one column: different values are different records. In columns of other
// types values may be equal that are spelled in two ways, but text is never bytes.
TEST(RowEncoderTest, DifferentValuesOfOneStoreNeverShareBytes) {
  using Kind = SourceValue::Kind;
  std::vector<std::string> texts;
  for (const char* piece : {"", "a", "\xff", "\xd8\x80", "UTF-16LE", "\\x61", "5", "[]", "0"}) {
    for (const std::string& end : {std::string(), std::string(1, '\0'), std::string("\xff\xfe"),
                                   std::string(200, 'x'), std::string(70'000, 'x')}) {
      texts.push_back(piece + end);
    }
  }
  for (int number = 1; merkle::IsColumnType(static_cast<ColumnType>(number)); ++number) {
    const auto type = static_cast<ColumnType>(number);
    RowEncoder encoder({{ColumnOf("k", type)}, {ColumnOf("v", type)}}, {},
                       merkle::DigestKey::Unkeyed());
    std::map<std::string, std::string> seen;  // encoded, and from what
    for (const std::string& text : texts) {
      const SourceValue values[] = {
          SourceValue::OfText(Kind::kStored, text), SourceValue::Bytes(text),
          SourceValue::ForeignText("UTF-16LE", text), SourceValue::ForeignText("UTF-16BE", text)};
      for (size_t i = 0; i < std::size(values); ++i) {
        const std::vector<SourceValue> row = {values[i], values[i]};
        const std::string from = std::to_string(i) + " " + text;
        ASSERT_TRUE(encoder.EncodeHashed(row).ok());
        for (const std::string_view encoded : {encoder.key(), encoder.value()}) {
          const auto [found, inserted] = seen.emplace(std::string(encoded), from);
          ASSERT_TRUE(inserted || found->second == from || found->second[0] == from[0])
              << merkle::ColumnTypeName(type) << " " << from << " and " << found->second;
          const bool injective = type == ColumnType::kText || type == ColumnType::kBytes ||
                                 type == ColumnType::kDynamic || type == ColumnType::kOpaque;
          ASSERT_TRUE(!injective || found->second == from)
              << merkle::ColumnTypeName(type) << " " << from << " and " << found->second;
        }
      }
    }
  }
}

// Bits of one length, arrays and other text as a server writes them: under whatever type their
// column is compared, no two of them are one.
TEST(RowEncoderTest, DifferentValuesOfATypeOfTheServersOwnNeverShareBytes) {
  std::vector<SourceValue> bits, arrays, others;
  std::deque<std::string> kept;
  for (int number = 0; number < 256; ++number) {
    std::string& digits = kept.emplace_back();
    for (int i = 7; i >= 0; --i) digits += (number >> i & 1) != 0 ? '1' : '0';
    bits.push_back(Bits(digits));
  }
  for (const char* text :
       {"{}", "{1}", "{2}", "{1,2}", "{2,1}", "{12}", "{NULL}", "{1,NULL}", "{NULL,1}", "{{1}}",
        "{{1,2}}", "{{1},{2}}", "{{{1}}}", "{1,1}", "[0:0]={1}", "[1:1]={1}", "[0:1]={1,2}"}) {
    arrays.push_back(Opaque(text));
  }
  for (const char* text :
       {"",           "{}",        "[]",    "[1,2]",   "[1,2)", "(1,2)", "(,)",
        "(\"\",)",    "1",         "01",    "true",    "t",     "null",  "\"a\"",
        "{\"a\": 1}", "{\"a\":1}", "a",     "A",       "a ",    "\xff",  "\xff\xff",
        "2024-01-01", "20240101",  "1 day", "24:00:00"}) {
    others.push_back(Opaque(text));
  }
  const auto expect_apart = [](const merkle::ValueType& type,
                               const std::vector<SourceValue>& values) {
    const merkle::Column key{"k", type.type, type.opaque, type.element};
    const merkle::Column column{"v", type.type, type.opaque, type.element};
    RowEncoder encoder({{key}, {column}}, {}, merkle::DigestKey::Unkeyed());
    std::set<std::string> keys, encoded;
    for (const SourceValue& value : values) {
      ASSERT_TRUE(encoder.EncodeHashed(std::vector<SourceValue>{value, value}).ok());
      EXPECT_TRUE(keys.insert(std::string(encoder.key())).second)
          << merkle::TypeText(type) << " " << value.text;
      EXPECT_TRUE(encoded.insert(std::string(encoder.value())).second)
          << merkle::TypeText(type) << " " << value.text;
    }
  };
  for (int number = 1; merkle::IsColumnType(static_cast<ColumnType>(number)); ++number) {
    const auto type = static_cast<ColumnType>(number);
    const merkle::ValueType value_type =
        type == ColumnType::kOpaque ? merkle::ValueType::Opaque("tsrange") : type;
    expect_apart(value_type, bits);
    if (type != ColumnType::kSet) expect_apart(value_type, arrays);
    if (type != ColumnType::kSet && type != ColumnType::kList) expect_apart(value_type, others);
    if (!merkle::IsElementType(type)) continue;
    const merkle::ValueType list = merkle::ValueType::ListOf(value_type);
    expect_apart(list, bits);
    // What is read as its elements may have several spellings in untyped text, but no server's
    // array has two.
    if (type == ColumnType::kInteger || type == ColumnType::kText) expect_apart(list, arrays);
  }
  expect_apart(
      merkle::ValueType::Opaque("interval"),
      {Opaque("P1M"), Opaque("P30D"), Opaque("PT720H"), Opaque("P-1M"), Opaque("PT0S"),
       Opaque("infinity"), Opaque("-infinity"), Opaque("PT0.000001S"), Opaque("P1Y"), Opaque("")});
}

TEST(RowEncoderTest, OpaqueTextIsOfItsColumnsType) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kOpaque, v); };
  EXPECT_EQ(read(Text("[2024-01-01,)")), "opaque(tsrange) [2024-01-01,)");
  EXPECT_EQ(read(Text("")), "opaque(tsrange) ");
  EXPECT_EQ(read(Int(7)), "integer 7 !");
  EXPECT_EQ(read(SourceValue::Bytes("a")), "bytes \\x61 !");
}

TEST(RowEncoderTest, BitsReadFromTheirDigits) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kBits, v); };
  EXPECT_EQ(read(Text("0101")), "bits 0101");
  EXPECT_EQ(read(Text("000000001")), "bits 000000001");
  EXPECT_EQ(read(Text("")), "bits ");
  EXPECT_EQ(read(Bits("0101")), "bits 0101");
  EXPECT_EQ(read(Opaque("0101")), "bits 0101");
  for (const char* literal : {"B'0101'", "b'0101'"}) EXPECT_EQ(read(Text(literal)), "bits 0101");
  for (const char* other : {"012", "5", "0x05", "B'0101", "B0101", "X'5'", " 01"}) {
    EXPECT_EQ(read(Text(other)), "mismatched-text " + std::string(other) + " !");
  }
  EXPECT_EQ(read(Int(1)), "integer 1 !");
}

// 00000101 are bits, and never a hundred and one.
TEST(RowEncoderTest, BitsAreTheNumberThatTheyAreInBinary) {
  const auto read = [](ColumnType type, const char* bits) { return Read(type, Bits(bits)); };
  EXPECT_EQ(read(ColumnType::kInteger, "00000101"), "integer 5");
  EXPECT_EQ(read(ColumnType::kDecimal, "00000101"), "decimal 5");
  EXPECT_EQ(read(ColumnType::kInteger, std::string(64, '1').c_str()),
            "integer 18446744073709551615");
  EXPECT_EQ(read(ColumnType::kInteger, ("1" + std::string(64, '0')).c_str()),
            "bits 1" + std::string(64, '0') + " !");
  EXPECT_EQ(read(ColumnType::kBool, "1"), "bool true");
  EXPECT_EQ(read(ColumnType::kBool, "0"), "bool false");
  EXPECT_EQ(read(ColumnType::kBool, "01"), "bits 01 !");
  EXPECT_EQ(read(ColumnType::kText, "0101"), "text 0101");
  for (const ColumnType type : {ColumnType::kJson, ColumnType::kFloat64, ColumnType::kUuid,
                                ColumnType::kDate, ColumnType::kList, ColumnType::kOpaque}) {
    EXPECT_EQ(read(type, "1"), "bits 1 !") << merkle::ColumnTypeName(type);
  }
}

TEST(RowEncoderTest, WhatAServerWritesForATypeOfItsOwnIsReadAsNothingElse) {
  for (const char* text : {"{}", "[1,2]", "1", "true", "2024-01-01", "12:00:00",
                           "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}) {
    for (int number = 1; merkle::IsColumnType(static_cast<ColumnType>(number)); ++number) {
      const auto type = static_cast<ColumnType>(number);
      const std::string read = Read(type, Opaque(text));
      if (type == ColumnType::kText) {
        EXPECT_EQ(read, "text " + std::string(text));
      } else if (type == ColumnType::kOpaque) {
        EXPECT_EQ(read, "opaque(tsrange) " + std::string(text));
      } else if (type != ColumnType::kBits && type != ColumnType::kList &&
                 type != ColumnType::kSet) {
        EXPECT_EQ(read, "mismatched-text " + std::string(text) + " !")
            << merkle::ColumnTypeName(type);
      }
    }
  }
}

// How one column of a type reads a value.
std::string ReadAs(const merkle::ValueType& type, const SourceValue& source) {
  const merkle::Column column{"v", type.type, type.opaque, type.element};
  RowEncoder encoder({{{"k", ColumnType::kInteger}}, {column}}, {});
  const std::vector<SourceValue> row = {Int(1), source};
  EXPECT_TRUE(encoder.Encode(row).ok());
  const Value value = merkle::DecodeValues(encoder.value(), 1).value()[0];
  return TagName(value) + " " + value.ToDisplay() + (encoder.unparsed() == 0 ? "" : " !");
}

TEST(RowEncoderTest, ListsReadFromArraysAndJsonAsTheirDeclaredElements) {
  const auto integers = [](const SourceValue& v) {
    return ReadAs(merkle::ValueType::ListOf(ColumnType::kInteger), v);
  };
  for (const SourceValue& value : {Opaque("{1,NULL}"), Text("{1,NULL}"), Text("[1,null]"),
                                   Stored("[1, null]"), Json("[1,null]"), String("{1,NULL}")}) {
    EXPECT_EQ(integers(value), "list {1,NULL}") << value.text;
  }
  EXPECT_EQ(integers(Opaque("{{1,2},{3,4}}")), "list {{1,2},{3,4}}");
  // No list: its bounds would be lost.
  EXPECT_EQ(integers(Opaque("[0:1]={1,2}")), "mismatched-text [0:1]={1,2} !");
  // An object of a store that has JSON is no empty array.
  EXPECT_EQ(integers(Stored("{}")), "mismatched-text {} !");
  EXPECT_EQ(integers(Json("{}")), "json {} !");
  EXPECT_EQ(integers(Opaque("{}")), "list {}");
  EXPECT_EQ(integers(Opaque("[]")), "mismatched-text [] !");
  EXPECT_EQ(integers(String("[1]")), "mismatched-text [1] !");
  EXPECT_EQ(integers(Json("[\"1\"]")), "json [\"1\"] !");
  const merkle::ValueType intervals =
      merkle::ValueType::ListOf(merkle::ValueType::Opaque("interval"));
  EXPECT_EQ(ReadAs(intervals, Text("{\"1 day\"}")), "list {P1D}");
  EXPECT_EQ(ReadAs(intervals, Json("[\"P1D\"]")), "list {P1D}");
}

TEST(RowEncoderTest, IntervalsReadInAllStyles) {
  const auto read = [](const SourceValue& v) {
    return ReadAs(merkle::ValueType::Opaque("interval"), v);
  };
  for (const SourceValue& value :
       {Opaque("P1DT2H"), Text("1 day 02:00:00"), String("@ 1 day 2 hours"), Stored("1 2:00:00")}) {
    EXPECT_EQ(read(value), "opaque(interval) P1DT2H") << value.text;
  }
  EXPECT_EQ(read(Text("soon")), "mismatched-text soon !");
  EXPECT_EQ(read(Text("\xff")), "foreign-text() \\xff !");
  EXPECT_EQ(read(Text(std::string(70'000, '1'))).substr(0, 16), "mismatched-text ");
}

TEST(RowEncoderTest, SetsReadFromTheirTextAndFromArrays) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kSet, v); };
  EXPECT_EQ(read(Stored("b,a")), "set {a,b}");
  EXPECT_EQ(read(Text("a,b,a")), "set {a,b}");
  EXPECT_EQ(read(Stored("")), "set {}");
  EXPECT_EQ(read(Opaque("{b,a}")), "set {a,b}");
  EXPECT_EQ(read(Stored("[\"a\"]")), "mismatched-text [\"a\"] !");
  EXPECT_EQ(read(Text("{a,b}")), "mismatched-text {a,b} !");
}

TEST(RowEncoderTest, ListsAndSetsReadFromJsonArraysOfScalars) {
  const auto list = [](const SourceValue& v) { return Read(ColumnType::kList, v); };
  EXPECT_EQ(list(Json("[ 1.0, \"a\\u0041\\n\", null, true, [2, []] ]")),
            "list {1,aA\n,NULL,true,{2,{}}}");
  EXPECT_EQ(list(Text("[]")), "list {}");
  EXPECT_EQ(list(Json("[{}]")), "json [{}] !");
  EXPECT_EQ(list(Text("{1,2}")), "list {1,2}");
  EXPECT_EQ(list(SourceValue::OfText(SourceValue::Kind::kString, "[1]")), "mismatched-text [1] !");
  EXPECT_EQ(list(Json(std::string(17, '[') + std::string(17, ']'))).substr(0, 5), "json ");
  const auto set = [](const SourceValue& v) { return Read(ColumnType::kSet, v); };
  EXPECT_EQ(set(Json("[\"b\",\"a\",\"b\"]")), "set {a,b}");
  EXPECT_EQ(set(Json("[1.0, 1, 1e0]")), "set {1}");
}

std::string EncodedUnder(const std::vector<std::string>& rules, ColumnType type,
                         const SourceValue& value) {
  RowEncoder encoder({{{"a", type}, {"k", type}}, {{"v", type}}}, rules);
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{value, value, value}).ok());
  return std::string(encoder.key()) + "|" + std::string(encoder.value()) + "|" +
         std::to_string(encoder.unparsed());
}

TEST(RowEncoderTest, ARuleChangesItsColumnOnlyAndEveryPlaceAlike) {
  const auto text = [](const char* rule, const std::string& value) {
    return EncodedUnder({rule}, ColumnType::kText, SourceValue::Text(value));
  };
  const std::string plain = EncodedUnder({}, ColumnType::kText, SourceValue::Text("x"));
  EXPECT_NE(text("v:rtrim", "x "), plain) << "the key keeps its space";
  EXPECT_EQ(
      EncodedUnder({"a:rtrim", "k:rtrim", "v:rtrim"}, ColumnType::kText, SourceValue::Text("x  ")),
      plain);
  EXPECT_EQ(EncodedUnder({"other:rtrim"}, ColumnType::kText, SourceValue::Text("x")), plain);
}

TEST(RowEncoderTest, ARuleActsOnTheValueAndNotOnItsSpelling) {
  const std::vector<std::string> rules = {"a:round=1", "k:round=1", "v:round=1"};
  const auto decimal = [&](const SourceValue& value) {
    return EncodedUnder(rules, ColumnType::kDecimal, value);
  };
  EXPECT_EQ(decimal(SourceValue::Text("2.45")), decimal(Real(2.5)));
  EXPECT_EQ(decimal(SourceValue::Text("2.449")), decimal(SourceValue::Text("2.4")));
  EXPECT_EQ(decimal(SourceValue::Int64(2)), decimal(SourceValue::Text("1.99")));
  EXPECT_NE(decimal(SourceValue::Null()), decimal(SourceValue::Int64(0)));
}

TEST(RowEncoderTest, WhatDidNotParseIsCountedUnderRulesTooUnlessTheyMakeItNull) {
  const auto unparsed = [](const std::string& rule, const std::string& value) {
    RowEncoder encoder({{{"k", ColumnType::kInteger}}, {{"v", ColumnType::kInteger}}}, {rule});
    EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{Int(1), SourceValue::Text(value)}).ok());
    return encoder.unparsed();
  };
  EXPECT_EQ(unparsed("v:empty=null", "x"), 1u);
  EXPECT_EQ(unparsed("v:empty=null", ""), 0u);
}

TEST(RowEncoderTest, UnparsedValuesAddUpOverRows) {
  RowEncoder encoder({{{"k", ColumnType::kInteger}}, {{"v", ColumnType::kDate}}}, {});
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{Int(1), Text("today")}).ok());
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{Text("one"), Text("tomorrow")}).ok());
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{Int(3), Text("2024-01-01")}).ok());
  EXPECT_EQ(encoder.unparsed(), 3u);
}

TEST(RowEncoderTest, ScanColumnsAreTheKeyThenTheValues) {
  EXPECT_EQ(ScanColumns({{{"z", ColumnType::kText}, {"b", ColumnType::kText}},
                         {{"a", ColumnType::kText}, {"c", ColumnType::kText}}}),
            (std::vector<std::string>{"z", "b", "a", "c"}));
}

TEST(RowEncoderTest, DatesTimestampsAndUuidsAreTheirTextsAndNothingElse) {
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
