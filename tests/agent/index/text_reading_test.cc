#include "agent/index/text_reading.h"

#include <gtest/gtest.h>

#include "tests/agent/index/read_value.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

TEST(TextReadingTest, TextTakesTextOnly) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kText, v); };
  EXPECT_EQ(read(Text(std::string_view("a\0b ", 4))).substr(0, 5), "text ");
  EXPECT_NE(read(Text("a")), read(Text("a ")));
  EXPECT_EQ(read(Text("\xc3\x28")), "foreign-text() \\xc328 !");
  EXPECT_EQ(read(Int(7)), "integer 7 !");
  EXPECT_EQ(read(Number("7.0")), "decimal 7 !");
  EXPECT_EQ(read(SourceValue::Bytes("a")), "bytes \\x61 !");
  EXPECT_EQ(read(Json("{}")), "json {} !");
}

TEST(TextReadingTest, BytesMayBeWrittenInHexadecimal) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kBytes, v); };
  EXPECT_EQ(read(SourceValue::Bytes("\x0a\xff")), "bytes \\x0aff");
  EXPECT_EQ(read(Text("\\x0aFf")), "bytes \\x0aff");
  EXPECT_EQ(read(Text("\\x")), "bytes \\x");
  EXPECT_EQ(read(Text("\\x0")), "mismatched-text \\x0 !");
  EXPECT_EQ(read(Text("\\x0g")), "mismatched-text \\x0g !");
  EXPECT_EQ(read(Text("0aff")), "mismatched-text 0aff !");
  EXPECT_EQ(read(Int(1)), "integer 1 !");
}

TEST(TextReadingTest, UuidsReadFromTextAndSixteenBytes) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kUuid, v); };
  const std::string canonical = "uuid 00112233-4455-6677-8899-aabbccddeeff";
  EXPECT_EQ(read(Text("{00112233-4455-6677-8899-AABBCCDDEEFF}")), canonical);
  EXPECT_EQ(read(SourceValue::Bytes(std::string_view(
                "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16))),
            canonical);
  EXPECT_EQ(read(SourceValue::Bytes("short")), "bytes \\x73686f7274 !");
  EXPECT_EQ(read(Text("not one")), "mismatched-text not one !");
}

TEST(TextReadingTest, BitsReadFromTheirDigits) {
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

}  // namespace
}  // namespace driftwood::agent
