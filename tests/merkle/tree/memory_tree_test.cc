// The naive twin that other tests compare the tree with: its own arithmetic.
#include "tests/testing/memory_tree.h"

#include <gtest/gtest.h>

#include <string>

namespace driftwood::merkle {
namespace {

TEST(MemoryTreeTest, CellsTileTheRangeAndAddUp) {
  MemoryTree tree(DigestKey::Unkeyed(), TreeParams{4, 4});
  RecordHasher hasher(DigestKey::Unkeyed());
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key " + std::to_string(i);
    tree.Put(key, hasher.Hash(key, "value"));
  }
  for (int level = 1; level <= kLevelMax; ++level) {
    Summary total;
    std::string last = "not yet";
    ASSERT_TRUE(tree.Partition(Range::All(), level,
                               [&](std::string_view begin, const Summary& summary) {
                                 if (last == "not yet") {
                                   EXPECT_EQ(begin, "");
                                 } else {
                                   EXPECT_LT(last, begin);
                                   EXPECT_GE(tree.leveler().Level(begin), level);
                                 }
                                 last = begin;
                                 total += summary;
                                 return true;
                               })
                    .ok());
    EXPECT_EQ(total, tree.root());
    EXPECT_EQ(total.count, 1000u);
  }
}

}  // namespace
}  // namespace driftwood::merkle
