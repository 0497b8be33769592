#include "merkle/tree/tree_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merkle/tree/index.h"
#include "tests/testing/files.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::merkle {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using namespace std::string_literals;

class TreeWriterTest : public ::testing::Test {
 protected:
  std::unique_ptr<TreeWriter> Create() const { return Create(path_); }
  std::unique_ptr<TreeWriter> Create(const fs::path& path) const {
    auto writer = TreeWriter::Create(path, Leveler(options_.key, options_.params),
                                     /*durable=*/true);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }
  static void Add(const Records& records, TreeWriter* writer) {
    for (const auto& [key, digest] : records) {
      const absl::Status added = writer->Add(key, digest);
      ASSERT_TRUE(added.ok()) << added;
    }
  }
  // And ends the writer, whose lock keeps others from opening the index.
  absl::StatusOr<Summary> MoveIntoPlace(std::unique_ptr<TreeWriter> writer) const {
    Metadata metadata;
    metadata.params = options_.params;
    metadata.key_id = options_.key.KeyId();
    metadata.fingerprint = options_.fingerprint;
    metadata.source_position = "position";
    return writer->MoveIntoPlace(metadata, options_.key);
  }

  // In key order, each key once.
  Records RandomRecords(size_t count, size_t key_bytes_max) {
    std::map<std::string, Digest> records;
    for (size_t i = 0; i < count; ++i) {
      records[RandomKey(random_, key_bytes_max)] = RandomDigest(random_);
    }
    return Records(records.begin(), records.end());
  }
  MemoryTree TwinOf(const Records& records) const {
    MemoryTree twin(options_.key, options_.params);
    for (const auto& [key, digest] : records) twin.Put(key, digest);
    return twin;
  }
  // The index that was moved into place is the one of these records.
  void ExpectIndexOf(const Records& records) {
    const auto index = Index::Open(path_, options_);
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_TRUE((*index)->Verify().ok()) << (*index)->Verify();
    EXPECT_EQ(*(*index)->source_position(), "position");
    ExpectSameViews(**(*index)->Snapshot(), TwinOf(records), random_, 20);
  }
  static Records ReadAll(RecordSource* source) {
    Records records;
    for (;;) {
      const absl::StatusOr<bool> more = source->Advance();
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return records;
      records.emplace_back(source->key(), source->digest());
    }
  }
  static void Write(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  const driftwood::testing::TempDir folder_;
  const fs::path path_ = folder_ / "index";
  IndexOptions options_ = [] {
    IndexOptions options;
    options.params = {3, 3};
    options.fingerprint = std::string(32, 'f');
    return options;
  }();
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  Random random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

TEST_F(TreeWriterTest, AnEmptyTreeIsWhole) {
  auto writer = Create();
  EXPECT_EQ(writer->last_key(), "");
  const auto root = MoveIntoPlace(std::move(writer));
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(*root, Summary{});
  ExpectIndexOf({});
}

TEST_F(TreeWriterTest, RandomRecordsGiveTheTreeOfTheTwin) {
  for (const size_t count : {1u, 2u, 10u, 300u, 3000u}) {
    for (const size_t key_bytes : {3u, 12u, 600u}) {
      options_.params = {2 + static_cast<uint32_t>(RandomBelow(random_, 20)),
                         2 + static_cast<uint32_t>(RandomBelow(random_, 20))};
      const Records records = RandomRecords(count, key_bytes);
      auto writer = Create();
      Add(records, writer.get());
      EXPECT_EQ(writer->last_key(), records.back().first);
      const auto root = MoveIntoPlace(std::move(writer));
      ASSERT_TRUE(root.ok()) << root.status();
      EXPECT_EQ(*root, TwinOf(records).root());
      ExpectIndexOf(records);
    }
  }
}

// The file grows in steps of 8 MiB and more, and in each the next transaction goes on.
TEST_F(TreeWriterTest, ATreeOfManyStepsIsWhole) {
  options_.params = {};
  Records records;
  for (int i = 0; i < 20'000; ++i) {
    std::string key = std::to_string(1'000'000 + i);
    key.resize(1500, 'k');
    records.emplace_back(std::move(key), RandomDigest(random_));
  }
  auto writer = Create();
  Add(records, writer.get());
  const auto root = MoveIntoPlace(std::move(writer));
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_GT(fs::file_size(path_), size_t{16} << 20);
  ExpectIndexOf(records);
}

// Keys that are equal for longer than cut points look stay together, in one leaf of any size.
TEST_F(TreeWriterTest, KeysWithOneCutPrefixAreInOneLeaf) {
  Records records = {{std::string(kCutPrefixBytes, 'k'), RandomDigest(random_)}};
  for (int i = 1000; i < 3000; ++i) {
    records.emplace_back(std::string(kCutPrefixBytes, 'k') + std::to_string(i),
                         RandomDigest(random_));
  }
  records.emplace_back(std::string(kCutPrefixBytes, 'l'), RandomDigest(random_));
  auto writer = Create();
  Add(records, writer.get());
  ASSERT_TRUE(MoveIntoPlace(std::move(writer)).ok());
  ExpectIndexOf(records);
}

TEST_F(TreeWriterTest, WhatWasAddedIsReadBackAsItCame) {
  for (const size_t count : {0u, 1u, 7u, 2000u}) {
    const Records records = RandomRecords(count, 20);
    const auto writer = Create();
    Add(records, writer.get());
    const auto source = writer->ReadBack();
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ(ReadAll(source->get()), records);
    EXPECT_FALSE(*(*source)->Advance()) << "the end is the end";
  }
  EXPECT_THAT(Files(), ElementsAre());
}

TEST_F(TreeWriterTest, ReadBackSpansTheStepsOfTheFile) {
  Records records;
  for (int i = 0; i < 10'000; ++i) {
    records.emplace_back(std::to_string(1'000'000 + i) + std::string(1500, 'k'), Digest{1, 2});
  }
  const auto writer = Create();
  Add(records, writer.get());
  const auto source = writer->ReadBack();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(ReadAll(source->get()), records);
}

// ---- files ----

TEST_F(TreeWriterTest, UntilItIsMovedIntoPlaceNothingIsThereAndThenNothingElse) {
  Write(path_, "what was there before");
  {
    const auto given_up = Create();
    Add(RandomRecords(100, 10), given_up.get());
    EXPECT_EQ(Files().size(), 2u);
  }
  EXPECT_THAT(Files(), ElementsAre("index"));
  EXPECT_EQ(driftwood::testing::ReadFile(path_), "what was there before");
  {
    auto writer = Create();
    ASSERT_TRUE(MoveIntoPlace(std::move(writer)).ok());
    EXPECT_THAT(Files(), ElementsAre("index"));
  }
  ExpectIndexOf({});
}

TEST_F(TreeWriterTest, FilesOfKilledBuildsAreRemovedAndThoseOfOthersAreNot) {
  const auto running = Create();
  ASSERT_EQ(Files().size(), 1u);
  const std::string theirs = Files().front();
  for (const char* const name : {"index.build-killed", "indexer.build-x", "index", "index.build"}) {
    Write(folder_ / name, "x");
  }
  const auto writer = Create();
  const std::vector<std::string> files = Files();
  EXPECT_EQ(files.size(), 5u) << "with ours, which has any name";
  EXPECT_THAT(files, IsSupersetOf({theirs, "indexer.build-x"s, "index"s, "index.build"s}));
}

// A link that somebody put there is not followed.
TEST_F(TreeWriterTest, ALinkThatLooksLikeAnAbandonedBuildIsNotFollowed) {
  Write(folder_ / "other", "theirs");
  fs::create_symlink(folder_ / "other", folder_ / "index.build-link");
  const auto writer = Create();
  EXPECT_EQ(driftwood::testing::ReadFile(folder_ / "other"), "theirs");
  EXPECT_TRUE(fs::is_symlink(folder_ / "index.build-link"));
}

TEST_F(TreeWriterTest, TwoWritersOfOnePathDoNotMeetAndTheLastOneStays) {
  const Records one = RandomRecords(50, 8), two = RandomRecords(70, 8);
  auto first = Create(), second = Create();
  Add(one, first.get());
  Add(two, second.get());
  ASSERT_TRUE(MoveIntoPlace(std::move(first)).ok());
  ExpectIndexOf(one);
  ASSERT_TRUE(MoveIntoPlace(std::move(second)).ok());
  ExpectIndexOf(two);
}

TEST_F(TreeWriterTest, ADirectoryThatIsNotThereIsNotFound) {
  const auto writer =
      TreeWriter::Create(folder_ / "none" / "index", Leveler(options_.key, options_.params),
                         /*durable=*/true);
  EXPECT_EQ(writer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(writer.status().message()), HasSubstr("none/index.build-"));
}

TEST_F(TreeWriterTest, ADirectoryInThePlaceOfTheIndexIsAnErrorAndStays) {
  fs::create_directory(path_);
  {
    auto writer = Create();
    const auto root = MoveIntoPlace(std::move(writer));
    EXPECT_FALSE(root.ok());
    EXPECT_THAT(std::string(root.status().message()), HasSubstr("cannot rename to"));
  }
  EXPECT_THAT(Files(), ElementsAre("index"));
}

}  // namespace
}  // namespace driftwood::merkle
