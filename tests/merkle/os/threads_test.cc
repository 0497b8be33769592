#include "merkle/os/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace driftwood::merkle {
namespace {

TEST(ThreadsTest, WhatIsThrownIsAStatus) {
  EXPECT_TRUE(absl::IsResourceExhausted(Guarded([]() -> absl::Status { throw std::bad_alloc(); })));
  const absl::Status other = Guarded([]() -> absl::Status { throw std::runtime_error("odd"); });
  EXPECT_TRUE(absl::IsInternal(other));
  EXPECT_NE(other.message().find("odd"), std::string::npos);
  EXPECT_TRUE(Guarded([] { return absl::OkStatus(); }).ok());
}

TEST(ThreadsTest, AGroupReturnsTheFirstErrorAndLeavesNoThread) {
  ThreadGroup group;
  std::atomic<int> ended{0};
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(group.Start([&ended, i]() -> absl::Status {
      ++ended;
      if (i == 2) throw std::bad_alloc();
      return absl::OkStatus();
    }));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(group.Join()));
  EXPECT_EQ(ended, 4);
}

TEST(ThreadsTest, EachNumberIsDoneOnceAndTheLowestErrorCounts) {
  std::vector<std::atomic<int>> done(9);
  const absl::Status status = ForEachOnThreads(done.size(), [&done](size_t i) -> absl::Status {
    ++done[i];
    if (i == 5) return absl::DataLossError("five");
    if (i == 7) throw std::bad_alloc();
    return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  for (const std::atomic<int>& times : done) EXPECT_EQ(times, 1);
  EXPECT_TRUE(ForEachOnThreads(0, [](size_t) { return absl::InternalError("none"); }).ok());
}

}  // namespace
}  // namespace driftwood::merkle
