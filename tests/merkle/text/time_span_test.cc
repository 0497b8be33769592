#include "merkle/text/time_span.h"

#include <gtest/gtest.h>

namespace driftwood {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TimeSpanTest, ANumberWithAUnitAndSecondsWithoutOne) {
  EXPECT_EQ(*ParseTimeSpan("500ms"), milliseconds(500));
  EXPECT_EQ(*ParseTimeSpan("5s"), seconds(5));
  EXPECT_EQ(*ParseTimeSpan("5"), seconds(5));
  EXPECT_EQ(*ParseTimeSpan("0"), seconds(0));
  EXPECT_EQ(*ParseTimeSpan("1.5"), milliseconds(1500));
  EXPECT_EQ(*ParseTimeSpan("0.5min"), seconds(30));
  EXPECT_EQ(*ParseTimeSpan("576h"), std::chrono::hours(576));
}

TEST(TimeSpanTest, WhatHasAnotherReadingIsRefused) {
  for (const char* text : {"", "s", "5 s", "-1s", "-0", "1e3", "5m", "inf", "nan", "0x10", "577h",
                           "5s5", "1,5s", "99999999999999999999s"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTimeSpan(text).status())) << text;
  }
}

}  // namespace
}  // namespace driftwood
