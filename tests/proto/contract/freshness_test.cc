#include "proto/contract/freshness.h"

#include <gtest/gtest.h>

namespace driftwood {
namespace {

WallTime At(int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

TEST(FreshnessTest, IsSaidForPeople) {
  EXPECT_EQ(DescribeFreshness(ProvedUnchanged{At(1'700'000'000)}),
            "scan as of 2023-11-14 22:13:20Z");
  EXPECT_EQ(DescribeFreshness(Followed{"7301", "0/16B3748", At(0)}),
            "stream up to 0/16B3748 of 7301, proven at 1970-01-01 00:00:00Z");
  EXPECT_EQ(DescribeFreshness(Pushed{"three", 17, At(60)}),
            "pushed up to number 17 of epoch three, complete up to 1970-01-01 00:01:00Z");
  EXPECT_EQ(DescribeFreshness(Pushed{"three", 17}),
            "pushed up to number 17 of epoch three, complete up to no time that was told");
}

TEST(FreshnessTest, WhatOthersNamedIsMadeHarmlessAndShort) {
  const std::string text =
      DescribeFreshness(Followed{"a\nb\x1b", std::string(100'000, 'x'), At(0)});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 1000u);
}

}  // namespace
}  // namespace driftwood
