#include "agent/index/row_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <set>

#include "tests/agent/index/read_value.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;

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
    RowEncoder encoder({{ColumnNamed("k", type)}, {ColumnNamed("v", type)}}, {},
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

}  // namespace
}  // namespace driftwood::agent
