#include "coordinator/walk/align.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/testing/seed.h"

namespace driftwood::coordinator {
namespace {

using Tags = std::vector<uint16_t>;

// The length of a longest common subsequence, by its definition.
size_t LongestCommon(const Tags& a, const Tags& b) {
  std::vector<std::vector<size_t>> longest(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      longest[i][j] = a[i - 1] == b[j - 1] ? longest[i - 1][j - 1] + 1
                                           : std::max(longest[i - 1][j], longest[i][j - 1]);
    }
  }
  return longest[a.size()][b.size()];
}

template <typename Keys>
void ExpectPairsOfEqualsThatAscend(const Keys& a, const Keys& b, const CommonCuts& common) {
  for (size_t i = 0; i < common.size(); ++i) {
    ASSERT_LT(common[i].first, a.size());
    ASSERT_LT(common[i].second, b.size());
    EXPECT_EQ(a[common[i].first], b[common[i].second]);
    if (i == 0) continue;
    EXPECT_LT(common[i - 1].first, common[i].first);
    EXPECT_LT(common[i - 1].second, common[i].second);
  }
}

Tags RandomTags(std::mt19937_64& random, size_t count) {
  Tags tags(count);
  for (uint16_t& tag : tags) tag = static_cast<uint16_t>(random());
  return tags;
}

TEST(AlignTest, EqualTagsAreAlignedOneByOne) {
  const Tags tags = {7, 7, 1, 7, 65535, 0};
  const CommonCuts common = AlignTags(tags, tags);
  ASSERT_EQ(common.size(), tags.size());
  for (uint32_t i = 0; i < tags.size(); ++i) EXPECT_EQ(common[i], std::pair(i, i));
}

TEST(AlignTest, NothingIsCommonToNothing) {
  EXPECT_TRUE(AlignTags({}, {}).empty());
  EXPECT_TRUE(AlignTags(Tags{1}, {}).empty());
  EXPECT_TRUE(AlignTags({}, Tags{1}).empty());
  EXPECT_TRUE(AlignTags(Tags{1}, Tags{2}).empty());
  EXPECT_TRUE(AlignKeys({}, std::vector<std::string>{"a"}).empty());
}

// What one side has more or less of is skipped; what stands before and behind it is found.
TEST(AlignTest, CutsThatOneSideLacksAreSkipped) {
  EXPECT_EQ(AlignTags(Tags{1, 2, 3, 4}, Tags{1, 3, 4}), (CommonCuts{{0, 0}, {2, 1}, {3, 2}}));
  EXPECT_EQ(AlignTags(Tags{2, 3}, Tags{1, 2, 3, 4}), (CommonCuts{{0, 1}, {1, 2}}));
  EXPECT_EQ(AlignTags(Tags{1, 9, 2, 8, 3}, Tags{1, 5, 2, 6, 3}),
            (CommonCuts{{0, 0}, {2, 2}, {4, 4}}));
}

// The end of the shorter side may be its beginning too: no cut is used twice.
TEST(AlignTest, RepeatedTagsAreUsedOnce) {
  EXPECT_EQ(AlignTags(Tags{5}, Tags{5, 5, 5}), (CommonCuts{{0, 0}}));
  EXPECT_EQ(AlignTags(Tags{5, 5}, Tags{5, 6, 5}), (CommonCuts{{0, 0}, {1, 2}}));
}

TEST(AlignTest, SmallRandomTagsHaveALongestCommonSubsequence) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 3000; ++round) {
    // So few that chance is never taken for the reason.
    Tags a(random() % 9), b(random() % 9);
    const uint64_t letters = 1 + random() % 6;
    for (uint16_t& tag : a) tag = static_cast<uint16_t>(random() % letters);
    for (uint16_t& tag : b) tag = static_cast<uint16_t>(random() % letters);
    const CommonCuts common = AlignTags(a, b);
    ExpectPairsOfEqualsThatAscend(a, b, common);
    const size_t longest = LongestCommon(a, b);
    EXPECT_LE(common.size(), longest);
    // One or two equal tags of a middle that is longer than they are four times say nothing.
    EXPECT_GE(common.size() + 1, longest);
  }
}

TEST(AlignTest, RandomEditsAreUndone) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 50; ++round) {
    const Tags a = RandomTags(random, 500 + random() % 500);
    Tags b;
    size_t kept = 0;
    for (const uint16_t tag : a) {
      if (random() % 20 == 0) b.push_back(static_cast<uint16_t>(random()));
      if (random() % 20 == 0) continue;
      b.push_back(tag);
      ++kept;
    }
    const CommonCuts common = AlignTags(a, b);
    ExpectPairsOfEqualsThatAscend(a, b, common);
    EXPECT_GE(common.size(), kept);
    EXPECT_EQ(common.size(), LongestCommon(a, b));
  }
}

TEST(AlignTest, UnrelatedTagsAreTakenToHaveNothingInCommon) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 20; ++round) {
    const Tags a = RandomTags(random, 3000), b = RandomTags(random, 3000);
    // Those at either end are equal by chance alone.
    EXPECT_LE(AlignTags(a, b).size(), 2u);
  }
}

// Else a hostile agent could have the pairs of all with all made.
TEST(AlignTest, ManyEqualTagsTakeNoTimeAndSayNothing) {
  Tags a(200'000, 1), b(200'000, 1);
  a.front() = a.back() = 2;
  EXPECT_TRUE(AlignTags(a, b).empty());
}

TEST(AlignTest, RandomKeysHaveTheirIntersection) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const auto keys = [&] {
    std::vector<std::string> some;
    for (char c = 'a'; c <= 'z'; ++c) {
      if (random() % 2 == 0) some.emplace_back(1, c);
      if (random() % 2 == 0) some.push_back(std::string(1, c) + '\0');
    }
    return some;
  };
  for (int round = 0; round < 200; ++round) {
    const std::vector<std::string> a = keys(), b = keys();
    std::vector<std::string> both, found;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    const CommonCuts common = AlignKeys(a, b);
    ExpectPairsOfEqualsThatAscend(a, b, common);
    for (const auto& pair : common) found.push_back(a[pair.first]);
    EXPECT_EQ(found, both);
  }
}

}  // namespace
}  // namespace driftwood::coordinator
