#include "merkle/tree/external_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::merkle {
namespace {

using Pairs = std::vector<std::pair<std::string, Digest>>;

Digest Number(uint64_t number) { return {number, 0}; }

class ExternalSortTest : public ::testing::Test {
 protected:
  // Keys of the kinds that the sort treats apart: equal windows of eight bytes and long shared
  // beginnings, keys that are the beginning of others, zeros at their ends.
  std::string RandomKey(const std::string& shared) {
    std::string key = random_() % 4 == 0 ? "" : shared;
    for (uint64_t i = random_() % 20; i > 0; --i) {
      key += random_() % 3 == 0 ? '\0' : static_cast<char>('a' + random_() % 3);
    }
    return key + (key.empty() || random_() % 4 == 0 ? std::string(1, '\0') : "");
  }

  // All of it merged.
  Pairs Sorted(ExternalSorter* sorter, bool add_up = false) {
    auto sources = sorter->Finish();
    EXPECT_TRUE(sources.ok()) << sources.status();
    auto merged = MergeSources(*std::move(sources));
    EXPECT_TRUE(merged.ok()) << merged.status();
    std::unique_ptr<RecordSource> source = *std::move(merged);
    if (add_up) source = AddUpEqualKeys(std::move(source));
    Pairs sorted;
    for (;;) {
      const auto more = source->Advance();
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return sorted;
      sorted.emplace_back(source->key(), source->digest());
    }
  }
  static Pairs ByKeyAndDigest(Pairs pairs) {
    std::sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second.low < b.second.low;
    });
    return pairs;
  }

  const testing::Seed seed_;
  std::mt19937_64 random_{seed_.value()};
  testing::TempDir directory_;
};

TEST_F(ExternalSortTest, WhateverTheMemoryAndTheKeysItSortsAsStdSortDoes) {
  for (const size_t memory : {size_t{1}, size_t{500}, size_t{20'000}, size_t{1} << 20}) {
    for (int round = 0; round < 6; ++round) {
      SCOPED_TRACE("memory " + std::to_string(memory));
      ExternalSorter sorter(directory_.path(), memory);
      const std::string shared(random_() % 40, 's');
      Pairs pairs;
      // With no room at all each record is a run of its own.
      for (uint64_t i = random_() % (memory < 1000 ? 200 : 3000); i > 0; --i) {
        pairs.emplace_back(RandomKey(shared), Number(i));
        ASSERT_TRUE(sorter.Add(pairs.back().first, pairs.back().second).ok());
      }
      const Pairs sorted = Sorted(&sorter);
      ASSERT_TRUE(std::is_sorted(sorted.begin(), sorted.end(),
                                 [](const auto& a, const auto& b) { return a.first < b.first; }));
      ASSERT_EQ(ByKeyAndDigest(sorted), ByKeyAndDigest(pairs));
      // What it spilled has no name.
      EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
    }
  }
}

TEST_F(ExternalSortTest, EqualKeysAddUpHoweverTheyAreSpread) {
  for (const size_t memory : {size_t{1}, size_t{1000}, size_t{1} << 20}) {
    ExternalSorter sorter(directory_.path(), memory, EqualKeys::kAddUp);
    std::map<std::string, uint64_t> counts;
    for (int i = memory < 500 ? 4900 : 0; i < 5000; ++i) {
      const std::string key = std::to_string(random_() % 70);
      ++counts[key];
      ASSERT_TRUE(sorter.Add(key, Number(1)).ok());
    }
    Pairs expected;
    for (const auto& [key, count] : counts) expected.emplace_back(key, Number(count));
    EXPECT_EQ(Sorted(&sorter, true), expected) << "memory " << memory;
  }
}

TEST_F(ExternalSortTest, NothingIsSortedToNothing) {
  ExternalSorter sorter(directory_.path(), 1000);
  EXPECT_EQ(Sorted(&sorter), Pairs());
}

TEST_F(ExternalSortTest, ADirectoryThatIsNotThereIsAnErrorWhenItIsNeeded) {
  ExternalSorter sorter(directory_ / "missing", 1);
  absl::Status status = sorter.Add("a", Number(1));
  for (int i = 0; i < 3 && status.ok(); ++i) status = sorter.Add("b", Number(2));
  EXPECT_FALSE(status.ok());
}

}  // namespace
}  // namespace driftwood::merkle
