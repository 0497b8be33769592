#include "merkle/hash/level.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace driftwood::merkle {
namespace {

TEST(LevelTest, LevelsComeWithTheStatedProbabilities) {
  const Leveler leveler(DigestKey::Unkeyed(), TreeParams{16, 32});
  std::array<int, kLevelMax + 1> at_least{};
  constexpr int kKeys = 1'000'000;
  for (int i = 0; i < kKeys; ++i) {
    const int level = leveler.Level("key " + std::to_string(i));
    for (int l = 0; l <= level; ++l) ++at_least[static_cast<size_t>(l)];
  }
  EXPECT_NEAR(at_least[1], kKeys / 16, 1500);  // six standard deviations
  EXPECT_NEAR(at_least[2], kKeys / 16 / 32, 270);
  EXPECT_NEAR(at_least[3], kKeys / 16 / 32 / 32, 48);
}

TEST(LevelTest, OnlyTheFirst480BytesDecide) {
  const Leveler leveler(DigestKey::Unkeyed(), TreeParams{2, 2});
  for (int i = 0; i < 100; ++i) {
    const std::string prefix(kCutPrefixBytes, static_cast<char>(i));
    EXPECT_EQ(leveler.Level(prefix), leveler.Level(prefix + "anything"));
    EXPECT_EQ(leveler.Tag(prefix), leveler.Tag(prefix + "anything"));
  }
}

TEST(LevelTest, TheDigestKeyDecidesTheShape) {
  const Leveler one(DigestKey::Unkeyed(), TreeParams{2, 2});
  const Leveler two(DigestKey::FromBytes(std::string(32, 'x')).value(), TreeParams{2, 2});
  int different = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i);
    different += one.Level(key) != two.Level(key) ? 1 : 0;
  }
  EXPECT_GT(different, 300);
}

TEST(LevelTest, ParametersOutsideTheirLimitsAreRefused) {
  EXPECT_TRUE((TreeParams{2, 4096}.Validate().ok()));
  EXPECT_EQ((TreeParams{1, 32}.Validate().code()), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((TreeParams{16, 0}.Validate().code()), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((TreeParams{16, 4097}.Validate().code()), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace driftwood::merkle
