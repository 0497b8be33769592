#include "merkle/text/display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merkle/text/names.h"

namespace driftwood {
namespace {

using ::testing::ElementsAre;

TEST(DisplayTest, NearestNameForgivesATypoAndLetterCaseButNotAnotherWord) {
  EXPECT_EQ(NearestName("order_di", {"amount", "order_id"}), "order_id");
  EXPECT_EQ(NearestName("ID", {"amount", "id"}), "id");
  EXPECT_EQ(NearestName("customer", {"amount", "id"}), std::nullopt);
}

TEST(DisplayTest, ListsSplitAtCommasAndKeepEscapedOnes) {
  EXPECT_THAT(SplitList("a,b%2Cc,100%,50%25"), ElementsAre("a", "b,c", "100%", "50%"));
  EXPECT_THAT(SplitList(""), ElementsAre(""));
}

TEST(DisplayTest, AnItemOfAListIsReadBackAsItWas) {
  for (const char* const item : {"a", "a,b", "100%", "%2C", ""}) {
    EXPECT_THAT(SplitList(ListItem(item)), ElementsAre(item));
  }
}

TEST(DisplayTest, DigitsAreGrouped) {
  EXPECT_EQ(GroupDigits(0), "0");
  EXPECT_EQ(GroupDigits(999), "999");
  EXPECT_EQ(GroupDigits(1000), "1,000");
  EXPECT_EQ(GroupDigits(5000000), "5,000,000");
}

TEST(DisplayTest, NothingThatATerminalActsOnIsShownAsItIs) {
  EXPECT_EQ(EscapeForDisplay("a\nb\tc\x1b[31m\x7f"), "a\\nb\\tc\\x1b[31m\\x7f");
  EXPECT_EQ(EscapeForDisplay("\xff\xc3\x28"), "\\xff\\xc3(");
  EXPECT_EQ(EscapeForDisplay("Grüße 日本"), "Grüße 日本");
  EXPECT_EQ(EscapeForDisplay("a\xe2\x80\xae"
                             "b"),
            "a\\xe2\\x80\\xaeb");                         // right-to-left override
  EXPECT_EQ(EscapeForDisplay("\xc2\x9b"), "\\xc2\\x9b");  // C1 control
}

TEST(DisplayTest, WhatIsToBeKeptIsKept) {
  EXPECT_EQ(EscapeForDisplay("a\nb\tc\rd\x1b", "\n\t"), "a\nb\tc\\rd\\x1b");
}

TEST(DisplayTest, WideCharactersTakeTwoCells) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("Grüße"), 5u);
  EXPECT_EQ(DisplayWidth("日本"), 4u);
  EXPECT_EQ(DisplayWidth("cafe\u0301"), 4u);
  EXPECT_EQ(DisplayWidth("a\xff"), 2u);
}

TEST(DisplayTest, TextIsCutBetweenCharacters) {
  EXPECT_EQ(CutToWidth("abc", 3), "abc");
  EXPECT_EQ(CutToWidth("abc", 2), "ab");
  EXPECT_EQ(CutToWidth("日本", 3), "日");
  EXPECT_EQ(CutToWidth("e\u0301a", 1), "e\u0301");
  EXPECT_EQ(CutToWidth("", 0), "");
}

TEST(DisplayTest, NamesAreJoined) {
  EXPECT_EQ(JoinAnd({"left", "right"}), "left and right");
  EXPECT_EQ(JoinAnd({"r1", "r2", "r3"}), "r1, r2 and r3");
  EXPECT_EQ(JoinNames({"a", "b", "c"}, 2), "a, b and 1 more");
}

}  // namespace
}  // namespace driftwood
