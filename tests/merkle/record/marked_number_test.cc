#include "merkle/record/marked_number.h"

#include <gtest/gtest.h>

#include <string>

namespace driftwood::merkle {
namespace {

std::string Of(std::string_view text, char thousands, char point) {
  return UnmarkedNumber(text, thousands, point).value_or("none");
}

TEST(MarkedNumberTest, GroupsOfThreeAreReadWithoutTheirMarks) {
  EXPECT_EQ(Of("1,234,567.89", ',', '.'), "1234567.89");
  EXPECT_EQ(Of("-12,345", ',', '.'), "-12345");
  EXPECT_EQ(Of("+1,000.", ',', '.'), "1000");
  EXPECT_EQ(Of("1.234,50", '.', ','), "1234.50");
  EXPECT_EQ(Of("1 234,50", ' ', ','), "1234.50");
  EXPECT_EQ(Of("1\u00A0234\u202F567,5", ' ', ','), "1234567.5");
  EXPECT_EQ(Of("1'234.50", '\'', '.'), "1234.50");
  EXPECT_EQ(Of("1\u2019234.50", '\'', '.'), "1234.50");
  EXPECT_EQ(Of("1234,5", 0, ','), "1234.5");
}

TEST(MarkedNumberTest, OtherGroupsAreNoNumber) {
  for (const char* const text :
       {"1,23", "12,34.5", "1234,567", ",234", "1,234,", "1,,234", "0,123", "001,234", "1,2345",
        "1,234.5,6", "1.5,000", "1,234e5", "1 234", "", "-", ",", "1,23x", "--1,234", "1,234 "}) {
    EXPECT_EQ(Of(text, ',', '.'), "none") << text;
  }
  EXPECT_EQ(Of("1234.5", ',', '.'), "none") << "without a mark";
  EXPECT_EQ(Of("1.5", '.', ','), "none");
  EXPECT_EQ(Of("", 0, ','), "none");
  EXPECT_EQ(Of("1.5", 0, ','), "none");
}

}  // namespace
}  // namespace driftwood::merkle
