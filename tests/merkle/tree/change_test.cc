#include "merkle/tree/change.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "merkle/tree/index.h"
#include "merkle/tree/node.h"
#include "tests/testing/files.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::merkle {
namespace {

using testing::ReadFile;
using testing::WriteInPlace;

using ::testing::HasSubstr;

TEST(BeforeTest, AllowsWhatItSays) {
  const Digest one{1, 1};
  const Digest other{2, 2};
  const std::optional<Digest> absent;
  for (const std::optional<Digest>& held : {absent, std::optional(one), std::optional(other)}) {
    EXPECT_TRUE(Before().Allows(held));
    EXPECT_EQ(Before::Absent().Allows(held), !held);
    EXPECT_EQ(Before::Present().Allows(held), held.has_value());
    EXPECT_EQ(Before::Holding(one).Allows(held), held == one);
  }
}

// An index, its twin, and changes that say what was before.
class StrictApplyTest : public ::testing::Test {
 protected:
  StrictApplyTest() {
    options_.params = {3, 3};
    options_.fingerprint = std::string(32, 'f');
  }
  void Build(const Records& records) {
    ASSERT_TRUE(BuildIndex(path_, options_, records, "scan").ok());
    for (const auto& [key, digest] : records) twin_.Put(key, digest);
    Open();
  }
  void Open() {
    index_.reset();
    auto index = Index::Open(path_, options_);
    ASSERT_TRUE(index.ok()) << index.status();
    index_ = *std::move(index);
  }
  void ExpectSameAsTwin() {
    ASSERT_TRUE(index_->Verify().ok()) << index_->Verify();
    const auto snapshot = index_->Snapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    ExpectSameViews(**snapshot, twin_, random_, 1);
    EXPECT_EQ((*snapshot)->root(), twin_.root());
  }
  void ExpectContradiction(const std::vector<Change>& batch, const std::string& key) {
    const std::string position = *index_->source_position();
    const absl::Status status = index_->Apply(batch, "refused");
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(ContradictedKeyOf(status), key) << status;
    EXPECT_EQ(*index_->source_position(), position);
    ExpectSameAsTwin();
  }
  // Adds to `batch` a change of a random key, right after those before it, and makes it in `now`.
  void AddChange(std::map<std::string, Digest>* now, std::vector<Change>* batch) {
    Change change{RandomKey(random_, 3), std::nullopt};
    if (RandomBelow(random_, 3) != 0) change.digest = RandomDigest(random_);
    const auto at = now->find(change.key);
    const bool there = at != now->end();
    switch (RandomBelow(random_, 3)) {
      case 0:
        break;
      case 1:
        change.before = there ? Before::Present() : Before::Absent();
        break;
      default:
        change.before = there ? Before::Holding(at->second) : Before::Absent();
    }
    if (change.digest) {
      (*now)[change.key] = *change.digest;
    } else {
      now->erase(change.key);
    }
    batch->push_back(std::move(change));
  }
  // Its last change made one that was said wrongly of what is there.
  void MakeWrong(const std::map<std::string, Digest>& before_last, std::vector<Change>* batch) {
    Change& last = batch->back();
    const auto at = before_last.find(last.key);
    if (at == before_last.end()) {
      last.before =
          RandomBelow(random_, 2) == 0 ? Before::Present() : Before::Holding(RandomDigest(random_));
    } else {
      last.before =
          RandomBelow(random_, 2) == 0 ? Before::Absent() : Before::Holding(RandomDigest(random_));
    }
  }

  const driftwood::testing::TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "index";
  IndexOptions options_;
  MemoryTree twin_{options_.key, {3, 3}};
  std::unique_ptr<Index> index_;
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  Random random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

TEST_F(StrictApplyTest, EachKindOfContradictionLeavesTheIndexAsItWas) {
  Build({{"a", {1, 1}}, {"b", {2, 2}}});
  const Digest digest{7, 7};
  ExpectContradiction({{"a", digest, Before::Absent()}}, "a");
  ExpectContradiction({{"c", digest, Before::Present()}}, "c");
  ExpectContradiction({{"c", std::nullopt, Before::Present()}}, "c");
  ExpectContradiction({{"b", digest, Before::Holding({1, 1})}}, "b");
  ExpectContradiction({{"b", std::nullopt, Before::Holding({1, 1})}}, "b");
  ExpectContradiction({{"c", digest, Before::Holding({1, 1})}}, "c");
  // All of a batch, or none of it.
  ExpectContradiction({{"a", digest}, {"b", std::nullopt}, {"c", digest, Before::Present()}}, "c");
}

TEST_F(StrictApplyTest, TheMessageHasTheKeyAndWhatWasWrong) {
  Build({{"a", {1, 1}}});
  const std::vector<Change> inserted{{"a", Digest{2, 2}, Before::Absent()}};
  EXPECT_THAT(std::string(index_->Apply(inserted, "").message()),
              HasSubstr("key 0x61 was not there, and it is"));
  const std::vector<Change> deleted{{"b", std::nullopt, Before::Present()}};
  EXPECT_THAT(std::string(index_->Apply(deleted, "").message()),
              HasSubstr("key 0x62 was there, and it is not"));
  const std::vector<Change> updated{{"a", Digest{2, 2}, Before::Holding({3, 3})}};
  EXPECT_THAT(std::string(index_->Apply(updated, "").message()),
              HasSubstr("key 0x61 held another record than it does"));
  EXPECT_FALSE(ContradictedKeyOf(absl::OkStatus()));
  EXPECT_FALSE(ContradictedKeyOf(index_->Apply({{Change{"", {}}}}, "")));
}

TEST_F(StrictApplyTest, ChangesOfOneKeyInABatchFollowEachOther) {
  Build({{"a", {1, 1}}});
  const std::vector<Change> chain{{"a", std::nullopt, Before::Holding({1, 1})},
                                  {"b", Digest{2, 2}, Before::Absent()},
                                  {"a", Digest{3, 3}, Before::Absent()},
                                  {"b", std::nullopt, Before::Holding({2, 2})},
                                  {"a", Digest{4, 4}, Before::Present()}};
  ASSERT_TRUE(index_->Apply(chain, "").ok());
  twin_.Put("a", {4, 4});
  ExpectSameAsTwin();
  ExpectContradiction(
      {{"c", Digest{1, 1}, Before::Absent()}, {"c", Digest{2, 2}, Before::Absent()}}, "c");
  ExpectContradiction({{"a", std::nullopt}, {"a", Digest{2, 2}, Before::Present()}}, "a");
  // What the first one says is of the index, whatever the last one says.
  ExpectContradiction({{"a", Digest{1, 1}, Before::Absent()}, {"a", Digest{2, 2}}}, "a");
}

TEST_F(StrictApplyTest, RandomBatchesThatAreRightAreMadeAndThoseThatAreNotAreRefused) {
  Build({});
  std::map<std::string, Digest> now;
  for (int step = 0; step < 300 && !HasFailure(); ++step) {
    std::vector<Change> batch;
    std::map<std::string, Digest> after = now;
    std::map<std::string, Digest> before_last;
    for (size_t i = 1 + RandomBelow(random_, 12); i > 0; --i) {
      before_last = after;
      AddChange(&after, &batch);
    }
    if (RandomBelow(random_, 3) == 0) {
      MakeWrong(before_last, &batch);
      ExpectContradiction(batch, batch.back().key);
      continue;
    }
    const absl::Status applied = index_->Apply(batch, std::to_string(step));
    ASSERT_TRUE(applied.ok()) << applied;
    now = std::move(after);
    for (const Change& change : batch) twin_.Erase(change.key);
    for (const auto& [key, digest] : now) twin_.Put(key, digest);
    ExpectSameAsTwin();
  }
}

// ---- root and source position belong together ----

// All metadata records in `bytes` with the position `from` have `to` instead, and a checksum that
// is right.
void Forge(const std::string& from, const std::string& to, std::string* bytes) {
  constexpr std::string_view kMagic = "driftidx";
  for (size_t at = bytes->find(kMagic); at != std::string::npos; at = bytes->find(kMagic, at + 1)) {
    const size_t begin = at - kChecksumBytes;
    const size_t position = bytes->find(from, at);
    if (position == std::string::npos || position > at + 200) continue;
    bytes->replace(position, from.size(), to);
    const size_t end = position + from.size() + 16;  // the MAC
    Seal(kMetadataKey, bytes->data() + begin, end - begin);
  }
}

TEST_F(StrictApplyTest, APositionThatIsForgedWhileTheIndexIsOpenIsNeitherReadNorSignedAnew) {
  Build({{"a", {1, 1}}});
  ASSERT_TRUE(index_->Apply({{Change{"b", Digest{2, 2}}}}, "position 5").ok());
  std::string bytes = ReadFile(path_);
  Forge("position 5", "position 6", &bytes);
  ASSERT_NE(bytes, ReadFile(path_));
  WriteInPlace(path_, bytes);
  const absl::Status opened = index_->Snapshot().status();
  EXPECT_EQ(opened.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(opened.message()), HasSubstr("signed"));
  EXPECT_EQ(index_->source_position().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(index_->Apply({{Change{"c", Digest{2, 2}}}}, "position 7").code(),
            absl::StatusCode::kDataLoss);
  index_.reset();
  EXPECT_EQ(Index::Open(path_, options_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(StrictApplyTest, AnOlderFilePutInThePlaceOfAnOpenOneIsRefused) {
  Build({{"a", {1, 1}}});
  std::vector<std::string> older{ReadFile(path_)};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(index_->Apply({{Change{"b", RandomDigest(random_)}}}, "later").ok());
    older.push_back(ReadFile(path_));
  }
  older.pop_back();
  for (const std::string& bytes : older) {
    WriteInPlace(path_, bytes);
    EXPECT_EQ(index_->Snapshot().status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace driftwood::merkle
