// Covers multiset_builder.cc too.
#include "merkle/tree/multiset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "merkle/record/encoding.h"
#include "merkle/tree/external_sort.h"
#include "merkle/tree/index.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::merkle {
namespace {

TEST(MultisetHasherTest, AKeyIsTheDigestOfARecordWithoutOneAsAColumnOfBytes) {
  const DigestKey key = *DigestKey::FromBytes(std::string(32, 'k'));
  MultisetHasher hasher(key);
  std::string columns;
  AppendText("row", Place::kValue, &columns);
  const std::string encoded(hasher.Key(columns));
  const auto decoded = DecodeKey(encoded, 1);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->at(0).tag, Tag::kBytes);
  std::string digest;
  RecordHasher(key).Hash("", columns).AppendTo(&digest);
  EXPECT_EQ(decoded->at(0).text, digest);
}

TEST(MultisetHasherTest, TheNumberOfCopiesIsTheValue) {
  const DigestKey key = DigestKey::Unkeyed();
  MultisetHasher hasher(key);
  std::string value;
  AppendInteger(300, Place::kValue, &value);
  EXPECT_EQ(hasher.DigestOf("k", 300), RecordHasher(key).Hash("k", value));
}

TEST(MultisetHasherTest, CopiesAreFoundAgainFromTheirDigest) {
  MultisetHasher hasher(DigestKey::Random());
  for (const uint64_t copies : {1u, 2u, 3u, 1000u, 100'000u}) {
    const Digest digest = hasher.DigestOf("key", copies);
    EXPECT_EQ(hasher.CopiesOf("key", digest, 1, copies + 1), copies);
    EXPECT_EQ(hasher.CopiesOf("key", digest, 1, copies), std::nullopt);
    EXPECT_EQ(hasher.CopiesOf("key", digest, copies + 1, copies + 9), std::nullopt);
    EXPECT_EQ(hasher.CopiesOf("kez", digest, 1, 10), std::nullopt);
  }
}

class MultisetBuilderTest : public ::testing::Test {
 protected:
  MultisetBuilderTest() { options_.multiset = true; }

  absl::StatusOr<Summary> Build(const std::vector<std::string>& keys) {
    auto builder = IndexBuilder::Create(path_, options_);
    if (!builder.ok()) return builder.status();
    for (const std::string& key : keys) {
      const absl::Status added = (*builder)->Add(key, {});
      if (!added.ok()) return added;
    }
    return (*builder)->Finish("here");
  }
  void ExpectIndexOf(const std::map<std::string, uint64_t>& counts) {
    MultisetHasher hasher(options_.key);
    MemoryTree twin(options_.key, options_.params);
    for (const auto& [key, copies] : counts) twin.Put(key, hasher.DigestOf(key, copies));
    const auto index = Index::Open(path_, options_);
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_TRUE((*index)->Verify().ok());
    EXPECT_EQ(*(*index)->Root(), twin.root());
    EXPECT_EQ(*(*index)->source_position(), "here");
    ExpectSameViews(**(*index)->Snapshot(), twin, random_, 5);
  }
  size_t FilesBeside() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }

  const driftwood::testing::TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "index";
  IndexOptions options_;
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  Random random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

TEST_F(MultisetBuilderTest, CopiesAreCountedWhateverTheOrderAndHoweverManyRunsAreSpilled) {
  for (const size_t memory_bytes : {size_t{1}, size_t{3000}, size_t{100'000}, size_t{64} << 20}) {
    options_.sort_memory_bytes = memory_bytes;
    for (const size_t letters : {1u, 3u, 40u, 5000u}) {
      SCOPED_TRACE(std::to_string(memory_bytes) + " bytes, " + std::to_string(letters));
      std::vector<std::string> keys;
      std::map<std::string, uint64_t> counts;
      while (keys.size() < (memory_bytes == 1 ? 700 : 6000)) {
        // Few of them are frequent, most are rare.
        const size_t n = RandomBelow(random_, 1 + RandomBelow(random_, letters));
        keys.push_back("key " + std::to_string(n));
        ++counts[keys.back()];
      }
      if (RandomBelow(random_, 3) == 0) std::sort(keys.begin(), keys.end());
      const auto root = Build(keys);
      ASSERT_TRUE(root.ok()) << root.status();
      ExpectIndexOf(counts);
      EXPECT_EQ(FilesBeside(), 1u);
    }
  }
}

TEST_F(MultisetBuilderTest, OneKeyMillionsOfTimesTakesNoRoom) {
  options_.sort_memory_bytes = 64 << 10;
  auto builder = IndexBuilder::Create(path_, options_);
  ASSERT_TRUE(builder.ok());
  std::map<std::string, uint64_t> counts;
  for (uint64_t i = 0; i < 3'000'000; ++i) {
    // Now and then something else, so that it is spilled in between.
    const std::string key = i % 100 == 99 ? "rare " + std::to_string(i) : "common";
    ASSERT_TRUE((*builder)->Add(key, {}).ok());
    ++counts[key];
  }
  ASSERT_EQ(counts["common"], 2'970'000u);
  ASSERT_TRUE((*builder)->Finish("here").ok());
  ExpectIndexOf(counts);
}

TEST_F(MultisetBuilderTest, NoRecordsAreAnEmptyIndex) {
  const auto root = Build({});
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(*root, Summary());
  ExpectIndexOf({});
}

TEST_F(MultisetBuilderTest, AKeyThatIsNoneIsRefusedForGood) {
  auto builder = IndexBuilder::Create(path_, options_);
  ASSERT_TRUE((*builder)->Add("a", {}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument((*builder)->Add("", {})));
  EXPECT_TRUE(absl::IsInvalidArgument((*builder)->Add("a", {})));
  EXPECT_TRUE(absl::IsInvalidArgument((*builder)->Finish("").status()));
}

TEST(ExternalSorterTest, SumsOfEqualKeysAreExactOverManyGenerationsOfRuns) {
  const driftwood::testing::TempDir folder;
  ExternalSorter sorter(folder.path(), 1, EqualKeys::kAddUp);  // each record a run of its own
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(sorter.Add(i % 7 == 0 ? "seven" : "other", {1, 0}).ok());
  }
  auto merged = MergeSources(*sorter.Finish());
  ASSERT_TRUE(merged.ok());
  const auto sums = AddUpEqualKeys(*std::move(merged));
  ASSERT_TRUE(*sums->Advance());
  EXPECT_EQ(sums->key(), "other");
  EXPECT_EQ(sums->digest(), (Digest{8571, 0}));
  ASSERT_TRUE(*sums->Advance());
  EXPECT_EQ(sums->key(), "seven");
  EXPECT_EQ(sums->digest(), (Digest{1429, 0}));
  EXPECT_FALSE(*sums->Advance());
}

}  // namespace
}  // namespace driftwood::merkle
