#include "agent/index/found_record.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/testing/memory_tree.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

TEST(FoundRecordTest, OfKeysThatAscendThoseThatAreThereAreFoundHoweverTheyLie) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 300; ++round) {
    merkle::MemoryTree tree(merkle::DigestKey::Unkeyed(), {});
    const uint64_t numbers = 1 + random() % 2000;
    const uint64_t share = 1 + random() % 20;
    const auto key = [](uint64_t number) { return "k" + std::to_string(10'000 + number); };
    for (uint64_t i = 0; i < numbers; ++i) {
      if (random() % share == 0) tree.Put(key(i), merkle::Digest{random(), random()});
    }
    const uint64_t wanted_share = 1 + random() % 200;
    std::vector<std::string> keys;
    std::vector<FoundRecord> expected;
    for (uint64_t i = 0; i < numbers + 5; ++i) {
      if (random() % wanted_share != 0) continue;
      keys.push_back(key(i));
      const auto at = tree.records().find(keys.back());
      if (at != tree.records().end()) expected.push_back({at->first, at->second});
    }
    const auto found = FindRecords(tree, keys);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(*found, expected);
  }
}

}  // namespace
}  // namespace driftwood::agent
