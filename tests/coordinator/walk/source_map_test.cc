#include "coordinator/walk/source_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using merkle::Summary;
using ::testing::ElementsAre;

TEST(SourceMapTest, ByDefaultEachReplicaIsOneSource) {
  const SourceMap map(3);
  EXPECT_EQ(map.sources(), 3u);
  EXPECT_EQ(map.replicas(), 3u);
  EXPECT_EQ(map.ReplicaOf(2), 2u);
  EXPECT_FALSE(map.sharded());
}

TEST(SourceMapTest, TheSummaryOfAReplicaIsTheSumOfItsSources) {
  const SourceMap map({1, 0, 1});
  EXPECT_EQ(map.sources(), 3u);
  EXPECT_EQ(map.replicas(), 2u);
  EXPECT_TRUE(map.sharded());
  EXPECT_EQ(map.SourcesOf(0), 1u);
  EXPECT_EQ(map.SourcesOf(1), 2u);
  const std::vector<Summary> sums = map.Sum({{1, {1, 2}}, {5, {7, 7}}, {2, {10, 20}}});
  EXPECT_THAT(sums, ElementsAre(Summary{5, {7, 7}}, Summary{3, {11, 22}}));
}

TEST(SourceMapDeathTest, AReplicaWithoutSourcesIsABug) {
  EXPECT_DEATH(SourceMap({0, 2}), "SourcesOf");
}

}  // namespace
}  // namespace driftwood::coordinator
