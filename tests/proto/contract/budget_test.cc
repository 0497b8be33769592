#include "proto/contract/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace driftwood {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::chrono::steady_clock::time_point now;
Budget::Now Clock() {
  return [] { return now; };
}

TEST(BudgetTest, WhatIsOverALimitIsRefusedAndStaysSo) {
  Budget bytes("the reply", {10, 100});
  EXPECT_TRUE(bytes.Charge(10).ok());
  EXPECT_EQ(bytes.bytes_left(), 0u);
  const absl::Status over = bytes.Charge(1);
  EXPECT_EQ(over.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(over.message()), HasSubstr("the reply has more than 10 bytes"));
  EXPECT_FALSE(bytes.Charge(0, 0).ok());
  Budget items("the reply", {10, 2});
  EXPECT_TRUE(items.Charge(0).ok());
  EXPECT_TRUE(items.Charge(0).ok());
  EXPECT_THAT(std::string(items.Charge(0).message()), HasSubstr("2 parts"));
}

TEST(BudgetTest, AChargeThatWouldWrapAroundIsOver) {
  Budget budget("it", {10, 10});
  EXPECT_TRUE(budget.Charge(5, 5).ok());
  EXPECT_FALSE(budget.Charge(SIZE_MAX, 1).ok());
  Budget other("it", {10, 10});
  EXPECT_TRUE(other.Charge(5, 5).ok());
  EXPECT_FALSE(other.Charge(1, SIZE_MAX).ok());
}

TEST(BudgetTest, TimeIsALimitToo) {
  Budget budget("it", {10, 10, milliseconds(100)}, Clock());
  now += milliseconds(100);
  EXPECT_TRUE(budget.Charge(1).ok());
  now += milliseconds(1);
  EXPECT_EQ(budget.Charge(1).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(BudgetTest, APoolIsGivenBackAndHasRoomForOneWhateverItsSize) {
  BudgetPool pool(100);
  {
    const auto first = pool.Take(60);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(pool.Take(41).status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(pool.Take(40).ok());
    EXPECT_EQ(pool.Take(SIZE_MAX).status().code(), absl::StatusCode::kResourceExhausted);
  }
  const auto whole = pool.Take(1000);
  EXPECT_TRUE(whole.ok());
  EXPECT_FALSE(pool.Take(1).ok());
}

}  // namespace
}  // namespace driftwood
