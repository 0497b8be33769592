#include "coordinator/report/table_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merkle/text/display.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;

std::string Of(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(TableTextTest, ShortTextsStayAsTheyAre) {
  EXPECT_THAT(Shortened({"a", "", Of(120, "x")}, 120), ElementsAre("a", "", Of(120, "x")));
  EXPECT_THAT(Shortened({Of(60, "日")}, 120), ElementsAre(Of(60, "日")));
}

TEST(TableTextTest, LongTextsAreCutToWhereTheyDiffer) {
  EXPECT_THAT(Shortened({Of(1'000'000, "a"), Of(999'999, "a") + "b"}, 120),
              ElementsAre("…" + Of(33, "a") + " (1,000,000 bytes)",
                          "…" + Of(32, "a") + "b (1,000,000 bytes)"));
  EXPECT_THAT(Shortened({"b" + Of(300, "a"), "c"}, 120),
              ElementsAre("b" + Of(94, "a") + "… (301 bytes)", "c"));
  EXPECT_THAT(Shortened({Of(300, "a")}, 120), ElementsAre(Of(95, "a") + "… (300 bytes)"));
  // One is the beginning of the other.
  EXPECT_THAT(Shortened({Of(250, "a"), Of(251, "a")}, 120),
              ElementsAre("…" + Of(32, "a") + " (250 bytes)", "…" + Of(33, "a") + " (251 bytes)"));
  // Where there is little room, or what was cut is not much, it is not said how long it is.
  EXPECT_THAT(Shortened({Of(300, "a") + "b", Of(300, "a") + "c"}, 12),
              ElementsAre("…aaaab", "…aaaac"));
  EXPECT_THAT(Shortened({Of(150, "a")}, 120), ElementsAre(Of(119, "a") + "…"));
}

TEST(TableTextTest, NoCharacterIsCutInTwo) {
  for (size_t before = 100; before < 104; ++before) {
    for (const std::string& text : Shortened(
             {Of(before, "a") + Of(200, "ä") + "1", Of(before, "a") + Of(200, "ä") + "2"}, 120)) {
      const size_t begin = text.find("…") + std::string("…").size();
      EXPECT_NE(static_cast<unsigned char>(text[begin]) & 0xC0, 0x80) << text;
      EXPECT_LE(DisplayWidth(text), 120u);
    }
    const std::string first = Shortened({Of(before, "ä") + Of(200, "ä")}, 120).front();
    EXPECT_EQ(first.substr(0, 2), "ä");
    EXPECT_LE(DisplayWidth(first), 120u);
  }
}

TEST(TableTextTest, LinesAreBrokenAtBlanksAndIndented) {
  EXPECT_EQ(Wrapped("one two three", 0, 2), "one two three");
  EXPECT_EQ(Wrapped("one two three", 13, 2), "one two three");
  EXPECT_EQ(Wrapped("one two three", 9, 2), "one two\n  three");
  EXPECT_EQ(Wrapped("  one  two", 6, 4), "  one\n    two");
  EXPECT_EQ(Wrapped("日本 日本", 8, 0), "日本\n日本");
}

// It may be a path that somebody wants to copy.
TEST(TableTextTest, AWordThatIsTooLongStaysWhole) {
  EXPECT_EQ(Wrapped("a /data/orders.csv b", 8, 2), "a\n  /data/orders.csv\n  b");
  EXPECT_EQ(Wrapped("/data/orders.csv", 8, 2), "/data/orders.csv");
}

TEST(TableTextTest, WhatIsClippedSaysSo) {
  EXPECT_EQ(Clipped("abc", 3), "abc");
  EXPECT_EQ(Clipped("abcd", 3), "ab…");
  EXPECT_EQ(Clipped("日本", 3), "日…");
  EXPECT_EQ(Clipped("abc", 0), "…");
}

}  // namespace
}  // namespace driftwood::coordinator
