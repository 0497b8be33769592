#include "merkle/text/look_alike.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood {
namespace {

using ::testing::ElementsAre;

TEST(LookAlikeTest, WhatShowsNothingIsWrittenAsItsCodePoint) {
  EXPECT_EQ(ShowInvisible("a b"), "a b");
  EXPECT_EQ(ShowInvisible("a\u00A0b\u200Bc\uFEFF\u2003"), "a<U+00A0>b<U+200B>c<U+FEFF><U+2003>");
  EXPECT_EQ(ShowInvisible("a\u202Eb"), "a<U+202E>b");
  EXPECT_EQ(ShowInvisible("a\uFE0F\u3164"), "a<U+FE0F><U+3164>");
  EXPECT_EQ(ShowInvisible("a\n\x1b\xff"), "a\\n\\x1b\\xff");
  EXPECT_EQ(ShowInvisible("Grüße, 日本"), "Grüße, 日本");
}

TEST(LookAlikeTest, TextsThatLookTheSameAreToldApartByTheirCodePoints) {
  EXPECT_THAT(ShowApart({"pay", "p\u0430y"}), ElementsAre("pay", "p<U+0430>y"));
  EXPECT_THAT(ShowApart({"caf\u00E9 au", "cafe\u0301 au"}),
              ElementsAre("caf<U+00E9> au", "cafe<U+0301> au"));
  EXPECT_THAT(ShowApart({"1-2", "1\u20132"}), ElementsAre("1-2", "1<U+2013>2"));
  EXPECT_THAT(ShowApart({"A", "\uFF21", "\u0410"}), ElementsAre("A", "<U+FF21>", "<U+0410>"));
}

TEST(LookAlikeTest, OtherTextsStayAsTheyAre) {
  EXPECT_THAT(ShowApart({"m\u00FCller", "muller"}), ElementsAre("m\u00FCller", "muller"));
  EXPECT_THAT(ShowApart({"日本", "日"}), ElementsAre("日本", "日"));
  EXPECT_THAT(ShowApart({"same", "same"}), ElementsAre("same", "same"));
  EXPECT_THAT(ShowApart({"", "a"}), ElementsAre("", "a"));
}

}  // namespace
}  // namespace driftwood
