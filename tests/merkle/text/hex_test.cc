#include "merkle/text/hex.h"

#include <gtest/gtest.h>

#include <cctype>

namespace driftwood {
namespace {

TEST(HexTest, DigitsOfBothCasesAreKnownAndNothingElse) {
  for (int byte = 0; byte < 256; ++byte) {
    const int wanted =
        std::isxdigit(byte) == 0 ? -1 : std::stoi(std::string(1, char(byte)), {}, 16);
    EXPECT_EQ(HexDigit(static_cast<char>(byte)), wanted) << byte;
  }
}

TEST(HexTest, BytesAreTwoLowerCaseDigits) {
  EXPECT_EQ(Hex(std::string("\0\x0f\xaf", 3)), "000faf");
  EXPECT_EQ(Hex(""), "");
}

TEST(HexTest, DigitsInPairsAreBytesAgain) {
  EXPECT_EQ(BytesOfHex("000fAf"), std::string("\0\x0f\xaf", 3));
  EXPECT_EQ(BytesOfHex(""), "");
  for (const char* wrong : {"0", "000", "0g", "g0", " 00", "0x00"}) {
    EXPECT_EQ(BytesOfHex(wrong), std::nullopt) << wrong;
  }
}

TEST(HexTest, WhatIsCutOffIsSaid) {
  EXPECT_EQ(ShortHex("abc", 2), "6162...");
  EXPECT_EQ(ShortHex("abc", 3), "616263");
}

}  // namespace
}  // namespace driftwood
