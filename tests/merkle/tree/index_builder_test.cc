#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "merkle/tree/index.h"
#include "tests/testing/files.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::merkle {
namespace {

Digest DigestOf(uint64_t number) { return {number * 0x9E3779B97F4A7C15, ~number}; }

class IndexBuilderTest : public ::testing::Test {
 protected:
  // Records in key order, as many as that under distinct keys.
  Records RandomRecords(size_t count, size_t key_bytes_max) {
    MemoryTree keys(options_.key, options_.params);
    while (keys.records().size() < count) {
      keys.Put(RandomKey(random_, key_bytes_max), RandomDigest(random_));
    }
    return RecordsOf(keys);
  }
  void ExpectIndexOf(const Records& records) {
    MemoryTree twin(options_.key, options_.params);
    for (const auto& [key, digest] : records) twin.Put(key, digest);
    const auto index = Index::Open(path_, options_);
    ASSERT_TRUE(index.ok()) << index.status();
    const absl::Status verified = (*index)->Verify();
    EXPECT_TRUE(verified.ok()) << verified;
    ExpectSameViews(**(*index)->Snapshot(), twin, random_, 5);
  }
  std::vector<std::string> FilesBeside() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // Adds until something is refused, then finishes: the first error there is.
  absl::Status FirstError(const Records& records) {
    return BuildIndex(path_, options_, records, "").status();
  }

  const driftwood::testing::TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "index";
  IndexOptions options_;
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  Random random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

TEST_F(IndexBuilderTest, InputInAnyOrderGivesTheSameFileContents) {
  const Records records = RandomRecords(3000, 12);
  for (const size_t memory_bytes : {size_t{1}, size_t{2000}, size_t{20'000}, size_t{64} << 20}) {
    options_.sort_memory_bytes = memory_bytes;
    for (const size_t in_order : {0u, 1u, 1500u, 2999u}) {
      Records input = records;
      std::shuffle(input.begin() + static_cast<ptrdiff_t>(in_order), input.end(), random_);
      ASSERT_TRUE(BuildIndex(path_, options_, input, "").ok());
      ExpectIndexOf(records);
      EXPECT_EQ(FilesBeside(), std::vector<std::string>{"index"});
    }
  }
}

// From a few records, for which little is allocated ahead, to many steps.
TEST_F(IndexBuilderTest, WhatIsNotDurableIsTheSameAndTakesNoChanges) {
  options_.durable = false;
  for (const size_t count : {0u, 10u, 3000u, 30'000u}) {
    const Records records = RandomRecords(count, 60);
    ASSERT_TRUE(BuildIndex(path_, options_, records, "position").ok());
    ExpectIndexOf(records);
    const auto index = Index::Open(path_, options_);
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ(*(*index)->source_position(), "position");
    const std::vector<Change> changes = {{"key", DigestOf(1), {}}};
    EXPECT_TRUE(absl::IsFailedPrecondition((*index)->Apply(changes, "later")));
    EXPECT_EQ(FilesBeside(), std::vector<std::string>{"index"});
  }
}

TEST_F(IndexBuilderTest, InputInDescendingOrderIsSorted) {
  options_.sort_memory_bytes = 10'000;
  Records records = RandomRecords(2000, 9);
  std::reverse(records.begin(), records.end());
  ASSERT_TRUE(BuildIndex(path_, options_, records, "").ok());
  ExpectIndexOf(records);
}

// Keys that share long prefixes, end inside the sort's window, or differ in trailing zeros only.
TEST_F(IndexBuilderTest, KeysThatDifferLateOrInTrailingZerosOnlyAreSorted) {
  std::set<std::string> keys;
  for (size_t length = 1; length < 60; ++length) {
    keys.insert(std::string(length, '\0'));
    keys.insert(std::string(length, 'a'));
    keys.insert("common prefix of them all" + std::string(length, '\0'));
    keys.insert(std::string(3000, 'x') + std::string(length, '\0'));
    keys.insert(std::string(3000 + length, 'x') + "y");
  }
  Records records;
  for (const std::string& key : keys) records.emplace_back(key, DigestOf(records.size()));
  const Records sorted = records;
  for (const size_t memory_bytes : {size_t{1000}, size_t{100'000}, size_t{64} << 20}) {
    options_.sort_memory_bytes = memory_bytes;
    std::shuffle(records.begin(), records.end(), random_);
    ASSERT_TRUE(BuildIndex(path_, options_, records, "").ok());
    ExpectIndexOf(sorted);
  }
}

TEST_F(IndexBuilderTest, MoreRunsThanAreMergedAtOnceAreMergedInGenerations) {
  options_.sort_memory_bytes = 300;  // a handful of records a run
  Records records;
  for (uint64_t i = 0; i < 40'000; ++i) records.emplace_back(std::to_string(i), DigestOf(i));
  std::shuffle(records.begin(), records.end(), random_);
  ASSERT_TRUE(BuildIndex(path_, options_, records, "").ok());
  ExpectIndexOf(records);
}

TEST_F(IndexBuilderTest, KeysOf1MiBAreSortedInLittleMemory) {
  options_.sort_memory_bytes = 1000;
  Records records;
  for (uint64_t i = 0; i < 8; ++i) {
    std::string key(kKeyBytesMax, 'k');
    key.back() = static_cast<char>('h' - static_cast<char>(i));
    records.emplace_back(std::move(key), DigestOf(i));
  }
  ASSERT_TRUE(BuildIndex(path_, options_, records, "").ok());
  ExpectIndexOf(records);
}

TEST_F(IndexBuilderTest, ADuplicateKeyIsFoundInSortedInput) {
  const absl::Status status =
      FirstError({{"a", DigestOf(1)}, {"b", DigestOf(2)}, {"b", DigestOf(2)}});
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(DuplicateKeyOf(status), "b");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(IndexBuilderTest, ADuplicateKeyIsFoundAcrossSpilledRuns) {
  for (const size_t memory_bytes : {size_t{500}, size_t{5000}, size_t{64} << 20}) {
    options_.sort_memory_bytes = memory_bytes;
    for (int round = 0; round < 5; ++round) {
      Records records = RandomRecords(1000, 10);
      const std::string twice = records[RandomBelow(random_, records.size())].first;
      std::shuffle(records.begin(), records.end(), random_);
      const auto place = static_cast<ptrdiff_t>(RandomBelow(random_, records.size()));
      records.insert(records.begin() + place, {twice, DigestOf(5)});
      const absl::Status status = FirstError(records);
      EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
      EXPECT_EQ(DuplicateKeyOf(status), twice);
    }
  }
}

// In order up to the end, and the last record equals one of the run that was already written.
TEST_F(IndexBuilderTest, ADuplicateOfARecordWrittenBeforeTheInputGotOutOfOrderIsFound) {
  Records records = RandomRecords(1000, 10);
  records.push_back(records[10]);
  const absl::Status status = FirstError(records);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_EQ(DuplicateKeyOf(status), records[10].first);
}

TEST_F(IndexBuilderTest, AStatusAboutNoDuplicateNamesNone) {
  EXPECT_EQ(DuplicateKeyOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(DuplicateKeyOf(absl::AlreadyExistsError("a file")), std::nullopt);
}

TEST_F(IndexBuilderTest, KeysOfABadLengthAreRefusedAndNothingIsFinishedWithoutThem) {
  for (const std::string& key : {std::string(), std::string(kKeyBytesMax + 1, 'k')}) {
    auto builder = IndexBuilder::Create(path_, options_).value();
    ASSERT_TRUE(builder->Add("a", DigestOf(1)).ok());
    EXPECT_EQ(builder->Add(key, DigestOf(1)).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(builder->Add("b", DigestOf(1)).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(builder->Finish("").status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(FilesBeside().empty());
}

TEST_F(IndexBuilderTest, BadParametersAndFoldersAreRefused) {
  options_.params.fanout = 1;
  EXPECT_EQ(IndexBuilder::Create(path_, options_).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(IndexBuilder::Create(folder_.path() / "absent" / "index", {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(IndexBuilderTest, ABuilderDestroyedBeforeItsEndLeavesThePathAsItWas) {
  for (const bool out_of_order : {false, true}) {
    ASSERT_TRUE(BuildIndex(path_, options_, RandomRecords(500, 8), "old").ok());
    const std::string before = testing::ReadFile(path_);
    {
      auto builder = IndexBuilder::Create(path_, options_).value();
      for (const auto& [key, digest] : RandomRecords(500, 8)) {
        ASSERT_TRUE(builder->Add(key, digest).ok());
      }
      if (out_of_order) {
        ASSERT_TRUE(builder->Add(std::string(1, '\0'), DigestOf(1)).ok() || true);
      }
    }
    EXPECT_EQ(testing::ReadFile(path_), before);
    EXPECT_EQ(FilesBeside(), std::vector<std::string>{"index"});
  }
}

TEST_F(IndexBuilderTest, ABuildThatFailsLeavesThePathAsItWas) {
  ASSERT_TRUE(BuildIndex(path_, options_, RandomRecords(500, 8), "old").ok());
  const std::string before = testing::ReadFile(path_);
  EXPECT_FALSE(FirstError({{"a", DigestOf(1)}, {"a", DigestOf(1)}}).ok());
  EXPECT_FALSE(FirstError({{"b", DigestOf(1)}, {"a", DigestOf(1)}, {"b", DigestOf(1)}}).ok());
  EXPECT_EQ(testing::ReadFile(path_), before);
  EXPECT_EQ(FilesBeside(), std::vector<std::string>{"index"});
}

TEST_F(IndexBuilderTest, WhatAKilledBuildLeftIsRemovedByTheNextOneAndAnotherBuildIsNot) {
  std::ofstream(path_.string() + ".build-killed") << "leftover";
  const auto other = IndexBuilder::Create(path_, options_).value();
  const auto builder = IndexBuilder::Create(path_, options_).value();
  EXPECT_EQ(FilesBeside().size(), 2u);
  ASSERT_TRUE(other->Add("k", DigestOf(1)).ok());
  ASSERT_TRUE(builder->Add("l", DigestOf(2)).ok());
  EXPECT_TRUE(builder->Finish("").ok());
  EXPECT_TRUE(other->Finish("").ok());
  ExpectIndexOf({{"k", DigestOf(1)}});
}

TEST_F(IndexBuilderTest, AFinishedBuilderTakesNothingMore) {
  const auto builder = IndexBuilder::Create(path_, options_).value();
  ASSERT_TRUE(builder->Finish("").ok());
  EXPECT_EQ(builder->Add("k", DigestOf(1)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(builder->Finish("").status().code(), absl::StatusCode::kFailedPrecondition);
}

// Large enough for the file to be committed and grown in several steps.
TEST_F(IndexBuilderTest, AFileOfManyStepsIsWhole) {
  Records records;
  for (uint64_t i = 0; i < 400'000; ++i) {
    std::string key = std::to_string(1'000'000 + i);
    key.resize(60, '.');
    records.emplace_back(std::move(key), DigestOf(i));
  }
  Summary root;
  for (const auto& [key, digest] : records) root.Add(digest);
  EXPECT_EQ(BuildIndex(path_, options_, records, std::string(100'000, 'p')).value(), root);
  const auto index = Index::Open(path_, options_).value();
  EXPECT_TRUE(index->Verify().ok());
  EXPECT_EQ(index->Root().value(), root);
  EXPECT_EQ(index->source_position().value(), std::string(100'000, 'p'));
}

}  // namespace
}  // namespace driftwood::merkle
