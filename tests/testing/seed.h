// The seed of a test's random choices.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace driftwood::testing {

// Another one in each run, or that of --gtest_random_seed. While it lives, each failure says it.
class Seed {
 public:
  Seed() {}  // clang 14 makes no const member of a class that has none
  uint64_t value() const { return value_; }

 private:
  const uint64_t value_ = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  const ::testing::ScopedTrace trace_{__FILE__, __LINE__,
                                      "--gtest_random_seed=" + std::to_string(value_)};
};

}  // namespace driftwood::testing
