#include "merkle/text/unicode.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/testing/seed.h"

namespace driftwood::merkle {
namespace {

TEST(UnicodeTest, NormalFormsAreComposed) {
  EXPECT_EQ(NormaliseNfc(""), "");
  EXPECT_EQ(NormaliseNfc("plain"), "plain");
  EXPECT_EQ(NormaliseNfc("e\xCC\x81"), "\xC3\xA9");                     // e and an acute accent
  EXPECT_EQ(NormaliseNfc("\xE2\x84\xAB"), "\xC3\x85");                  // the Angstrom sign
  EXPECT_EQ(NormaliseNfc("\xE1\x84\x80\xE1\x85\xA1"), "\xEA\xB0\x80");  // two jamo
  EXPECT_EQ(NormaliseNfc("q\xCC\x87\xCC\xA3"), "q\xCC\xA3\xCC\x87");    // marks in their order
  EXPECT_EQ(NormaliseNfc("\xE0\xA5\x98"), "\xE0\xA4\x95\xE0\xA4\xBC");  // never composed
  EXPECT_EQ(NormaliseNfc("\xEF\xAC\x81"), "\xEF\xAC\x81");              // the ligature stays
  EXPECT_EQ(NormaliseNfc(std::string_view("a\0e\xCC\x81", 5)), std::string("a\0\xC3\xA9", 4));
}

TEST(UnicodeTest, CaseIsFoldedInFull) {
  EXPECT_EQ(FoldCase(""), "");
  EXPECT_EQ(FoldCase("Stra\xC3\x9F"
                     "E"),
            "strasse");
  EXPECT_EQ(FoldCase("\xC3\x89"), "\xC3\xA9");
  EXPECT_EQ(FoldCase("\xCE\xA3\xCF\x82\xCF\x83"), "\xCF\x83\xCF\x83\xCF\x83");  // three sigmas
  EXPECT_EQ(FoldCase("\xC4\xB0"), "i\xCC\x87");  // İ; not as in Turkish
  EXPECT_EQ(FoldCase("I"), "i");
  // Not normalised: the accent stays apart.
  EXPECT_EQ(FoldCase("E\xCC\x81"), "e\xCC\x81");
  EXPECT_EQ(FoldCase(std::string_view("A\0B", 3)), std::string("a\0b", 3));
}

// A euro sign behind a text composes with nothing and folds to itself, but takes it off the fast
// path of ASCII.
TEST(UnicodeTest, AsciiIsMappedAsItIsBesideOtherCharacters) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const std::string euro = "\xE2\x82\xAC";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = static_cast<char>(random() % 128);
    const std::string apart = text + euro;
    for (const auto map : {NormaliseNfc, NormaliseNfkc, FoldCase}) {
      const auto fast = map(text);
      ASSERT_TRUE(fast);
      EXPECT_EQ(map(apart), *fast + euro) << text;
    }
  }
}

TEST(UnicodeTest, WhatIsNotUtf8HasNone) {
  for (const char* const bad : {"\xFF", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                "a\x80"
                                "b",
                                "\xE2\x84"}) {
    EXPECT_EQ(NormaliseNfc(bad), std::nullopt);
    EXPECT_EQ(FoldCase(bad), std::nullopt);
  }
}

TEST(UnicodeTest, BothChangeNothingASecondTime) {
  for (char32_t c = 1; c < 0x3000; ++c) {
    std::string text;
    if (c < 0x80) {
      text = static_cast<char>(c);
    } else if (c < 0x800) {
      text = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    } else {
      text = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
              static_cast<char>(0x80 | (c & 0x3F))};
    }
    const auto normal = NormaliseNfc(text), folded = FoldCase(text);
    ASSERT_TRUE(normal && folded) << static_cast<uint32_t>(c);
    EXPECT_EQ(NormaliseNfc(*normal), normal) << static_cast<uint32_t>(c);
    EXPECT_EQ(FoldCase(*folded), folded) << static_cast<uint32_t>(c);
  }
}

}  // namespace
}  // namespace driftwood::merkle
