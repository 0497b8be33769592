#include "agent/index/number_reading.h"

#include <gtest/gtest.h>

#include "tests/agent/index/read_value.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

TEST(NumberReadingTest, IntegersReadFromNumbersTextAndIntegralReals) {
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
  EXPECT_EQ(read(Text("18446744073709551616.0")), "decimal 18446744073709551616 !");
  EXPECT_EQ(read(Text("-9223372036854775808.0")), "integer -9223372036854775808");
  EXPECT_EQ(read(Text("-9223372036854775809.0")), "decimal -9223372036854775809 !");
  EXPECT_EQ(read(Number("-2.50e1")), "integer -25");
  EXPECT_EQ(read(Number("-0.0")), "integer 0");
  EXPECT_EQ(read(Number("0e999999999999")), "integer 0");
  EXPECT_EQ(read(Number("1.8446744073709551615e19")), "integer 18446744073709551615");
  EXPECT_EQ(read(Real(1.0)), "integer 1");
  EXPECT_EQ(read(Real(-0.0)), "integer 0");
  EXPECT_EQ(read(Real(9007199254740992.0)), "integer 9007199254740992");
}

TEST(NumberReadingTest, WhatIsNoIntegerStaysWhatItIs) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kInteger, v); };
  EXPECT_EQ(read(Number("1.5")), "decimal 1.5 !");
  EXPECT_EQ(read(Number("1e30")), "decimal 1e+30 !");
  EXPECT_EQ(read(Number("1e-999999999999")).substr(0, 8), "decimal ");
  EXPECT_EQ(read(Real(1.5)), "decimal 1.5 !");
  EXPECT_EQ(read(Real(9007199254740994.0)).substr(0, 7), "decimal");
  EXPECT_EQ(read(Real(std::nan(""))), "float64 NaN !");
  EXPECT_EQ(read(Text("1.5")), "decimal 1.5 !");
  EXPECT_EQ(read(Text("1e30")), "decimal 1e+30 !");
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

TEST(NumberReadingTest, DecimalsOfEqualValueAgreeWhateverTheyCameAs) {
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

TEST(NumberReadingTest, Float64TakesOnlyIntegersThatItHolds) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kFloat64, v); };
  EXPECT_EQ(read(Real(0.1)), read(Text("0.1")));
  EXPECT_EQ(read(Real(0.1)), read(Number("0.1000000000000000055")));
  EXPECT_EQ(read(Real(-0.0)), read(Int(0)));
  EXPECT_EQ(read(Int(1)), read(Number("1")));
  EXPECT_EQ(read(Int(INT64_MIN)), read(Real(-0x1p63)));
  EXPECT_EQ(read(Int(9007199254740993)), "decimal 9007199254740993 !");
  EXPECT_EQ(read(Int(INT64_MAX)), "decimal 9223372036854775807 !");
  EXPECT_EQ(read(SourceValue::Uint64(UINT64_MAX)), "decimal 18446744073709551615 !");
  EXPECT_EQ(read(SourceValue::Uint64(uint64_t{1} << 63)), read(Real(0x1p63)));
  EXPECT_EQ(read(Text("zero")), "mismatched-text zero !");
}

TEST(NumberReadingTest, BooleansHaveManySpellings) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kBool, v); };
  for (const SourceValue& v : {SourceValue::Bool(true), Int(1), SourceValue::Uint64(1), Number("1"),
                               Text("t"), Text("TRUE"), Text("1")}) {
    EXPECT_EQ(read(v), "bool true");
  }
  EXPECT_EQ(read(Int(0)), "bool false");
  EXPECT_EQ(read(Int(2)), "mismatched-text 2 !");
  EXPECT_EQ(read(SourceValue::Uint64(2)), "mismatched-text 2 !");
  EXPECT_EQ(read(Number("2")), "mismatched-text 2 !");
  EXPECT_EQ(read(Text("maybe")), "mismatched-text maybe !");
}

// 00000101 are bits, and never a hundred and one.
TEST(NumberReadingTest, BitsAreTheNumberThatTheyAreInBinary) {
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

}  // namespace
}  // namespace driftwood::agent
