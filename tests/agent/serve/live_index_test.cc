#include "agent/serve/live_index.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "merkle/record/encoding.h"
#include "merkle/tree/node.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/files.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::agent {
namespace {

using merkle::Before;
using merkle::Change;
using merkle::Digest;
using merkle::MemoryTree;
using merkle::Random;
using merkle::RandomBelow;
using merkle::RandomDigest;
using merkle::RandomKey;
using ::testing::HasSubstr;
using testing::ReadFile;
using testing::WriteInPlace;

using Rows = std::map<std::string, Digest>;

WallTime At(int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

Freshness Number(uint64_t number) { return Pushed{"epoch", number, At(1000)}; }

// A live index and its twin: the rows that it must hold, and what it must say that it stands for.
class LiveIndexTest : public ::testing::Test {
 protected:
  LiveIndexTest() { agreement_.params = {3, 3}; }

  // As a scan leaves it.
  void Build(const Rows& rows) {
    index_.reset();
    merkle::IndexOptions options;
    options.key = TestKey();
    options.params = agreement_.params;
    options.fingerprint = agreement_.Fingerprint();
    IndexedState state{"v1", 2, "", rows.size(), ProvedUnchanged{At(500)}};
    const merkle::Records records(rows.begin(), rows.end());
    const auto root = merkle::BuildIndex(path_, options, records, state.Encode());
    ASSERT_TRUE(root.ok()) << root.status();
    rows_ = rows;
    freshness_ = state.freshness;
    Open();
  }
  void Open() {
    index_.reset();
    auto index = LiveIndex::Open(path_, TestKey(), agreement_);
    ASSERT_TRUE(index.ok()) << index.status();
    index_ = *std::move(index);
  }

  MemoryTree TwinOf(const Rows& rows) const {
    MemoryTree twin(TestKey(), agreement_.params);
    for (const auto& [key, digest] : rows) twin.Put(key, digest);
    return twin;
  }
  void ExpectSame(const LiveSnapshot& snapshot, const Rows& rows, const Freshness& freshness) {
    const MemoryTree twin = TwinOf(rows);
    merkle::ExpectSameViews(*snapshot.view, twin, random_, 1);
    EXPECT_EQ(snapshot.root, twin.root());
    EXPECT_EQ(snapshot.records, rows.size());
    EXPECT_EQ(DescribeFreshness(snapshot.state.freshness), DescribeFreshness(freshness));
    EXPECT_EQ(snapshot.state.freshness, freshness);
  }
  void ExpectSameAsTwin() {
    const absl::Status verified = index_->Verify();
    ASSERT_TRUE(verified.ok()) << verified;
    const auto snapshot = index_->Snapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    ExpectSame(*snapshot, rows_, freshness_);
  }

  // Changes that follow from `rows`, which become what they are afterwards. `strict`: each says
  // what was before.
  std::vector<Change> RandomBatch(bool strict, Rows* rows) {
    std::vector<Change> batch;
    for (size_t i = 1 + RandomBelow(random_, 8); i > 0; --i) {
      Change change{RandomKey(random_, 3), std::nullopt};
      if (RandomBelow(random_, 3) != 0) change.digest = RandomDigest(random_);
      const auto at = rows->find(change.key);
      if (strict) {
        change.before = at == rows->end()              ? Before::Absent()
                        : RandomBelow(random_, 2) == 0 ? Before::Present()
                                                       : Before::Holding(at->second);
      }
      if (change.digest) {
        (*rows)[change.key] = *change.digest;
      } else if (at != rows->end()) {
        rows->erase(at);
      }
      batch.push_back(std::move(change));
    }
    return batch;
  }
  Rows RandomRows() {
    Rows rows;
    for (size_t i = RandomBelow(random_, 60); i > 0; --i) {
      rows[RandomKey(random_, 3)] = RandomDigest(random_);
    }
    return rows;
  }
  void Apply(bool strict) {
    Rows after = rows_;
    const std::vector<Change> batch = RandomBatch(strict, &after);
    const Freshness freshness = Number(++number_);
    const absl::Status applied = index_->Apply(batch, freshness);
    ASSERT_TRUE(applied.ok()) << applied;
    rows_ = std::move(after);
    freshness_ = freshness;
  }

  // Runs `work` in a child, in which the index is open, and which ends without any last word.
  void InAChildThatIsKilled(const std::function<void(LiveIndex*)>& work) {
    index_.reset();
    const pid_t child = ::fork();
    if (child == 0) {
      auto index = LiveIndex::Open(path_, TestKey(), agreement_);
      if (!index.ok()) ::_exit(1);
      work(index->get());
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed";
    Open();
  }

  // Makes a change that can't be, and returns what Apply() said.
  absl::Status ApplyContradiction() {
    const auto some = rows_.begin();
    return index_->Apply(
        std::vector<Change>{{"new", RandomDigest(random_)},
                            {some->first, RandomDigest(random_), Before::Absent()}},
        Followed{"h", "0/77", At(3)});
  }

  const testing::TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "index.1";
  merkle::Agreement agreement_ = ScriptedAgreement();
  Rows rows_;
  Freshness freshness_;
  uint64_t number_ = 0;
  std::unique_ptr<LiveIndex> index_;
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  Random random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

TEST_F(LiveIndexTest, AsItWasBuiltItStandsForItsScan) {
  Build({{"a", {1, 1}}, {"b", {2, 2}}});
  ExpectSameAsTwin();
  const auto snapshot = index_->Snapshot();
  EXPECT_EQ(snapshot->state.position, "v1");
  EXPECT_EQ(snapshot->state.unparsed, 2u);
  EXPECT_FALSE(index_->contradicted());
}

TEST_F(LiveIndexTest, FreshnessOfEveryKindSurvivesAReopening) {
  Build({{"a", {1, 1}}});
  for (const Freshness& freshness :
       {Freshness(Followed{"h", "0/5", At(9)}), Freshness(Pushed{"e", 5}),
        Freshness(Pushed{"e", 6, At(9)}), Freshness(ProvedUnchanged{At(77)})}) {
    ASSERT_TRUE(index_->Apply({}, freshness).ok());
    freshness_ = freshness;
    ExpectSameAsTwin();
    Open();
    ExpectSameAsTwin();
  }
}

// What the store proves is the state that a scan read.
TEST_F(LiveIndexTest, NoProofOfTheScanIsLeftOnceItHasMoved) {
  Build({{"a", {1, 1}}});
  Apply(/*strict=*/true);
  EXPECT_EQ(index_->Snapshot()->state.position, "");
  index_->Prove("v1", At(600));
  index_->Prove("", At(700));
  ExpectSameAsTwin();
  Open();
  EXPECT_EQ(index_->Snapshot()->state.position, "");
}

TEST_F(LiveIndexTest, AProofCountsForTheStateThatItIsOf) {
  Build({{"a", {1, 1}}});
  index_->Prove("v0", At(700));
  ExpectSameAsTwin();
  index_->Prove("v1", At(800));
  freshness_ = ProvedUnchanged{At(800)};
  ExpectSameAsTwin();
  index_->Prove("v1", At(700));
  ExpectSameAsTwin();
  Open();  // another process has to prove it again
  freshness_ = ProvedUnchanged{At(500)};
  ExpectSameAsTwin();
  index_->Prove("v1", At(10));  // older than the scan
  ExpectSameAsTwin();
}

// ---- against the twin ----

TEST_F(LiveIndexTest, RandomSchedulesOfBatchesSnapshotsReopeningsAndCrashesAreThoseOfTheTwin) {
  struct Held {
    LiveSnapshot snapshot;
    Rows rows;
    Freshness freshness;
  };
  Build(RandomRows());
  std::vector<Held> held;
  std::array<int, 8> counts{};
  for (int step = 0; step < 400 && !HasFailure(); ++step) {
    const size_t what = RandomBelow(random_, counts.size());
    ++counts[what];
    // A snapshot must not outlive its index.
    if (what >= 4) held.clear();
    switch (what) {
      case 0:
        Apply(/*strict=*/true);
        break;
      case 1:
        Apply(/*strict=*/false);
        break;
      case 2:
        held.push_back({*index_->Snapshot(), rows_, freshness_});
        break;
      case 3:
        if (!held.empty()) {
          const size_t one = RandomBelow(random_, held.size());
          ExpectSame(held[one].snapshot, held[one].rows, held[one].freshness);
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(one));
        }
        break;
      case 4:
        Open();
        break;
      case 5: {  // killed after some batches
        std::vector<std::pair<std::vector<Change>, Freshness>> batches;
        for (size_t i = RandomBelow(random_, 3); i > 0; --i) {
          batches.emplace_back(RandomBatch(true, &rows_), Number(++number_));
          freshness_ = batches.back().second;
        }
        InAChildThatIsKilled([&](LiveIndex* index) {
          for (const auto& [batch, freshness] : batches) {
            if (!index->Apply(batch, freshness).ok()) ::_exit(1);
          }
        });
        break;
      }
      case 6: {  // killed in a commit, before its meta page was written
        const Rows rows = rows_;
        const Freshness freshness = freshness_;
        index_.reset();
        const std::string metas = ReadFile(path_).substr(0, 2 * 4096);
        Open();
        Apply(/*strict=*/true);
        index_.reset();
        WriteInPlace(path_, metas);
        Open();
        rows_ = rows;
        freshness_ = freshness;
        break;
      }
      default: {  // what contradicts it ends it, and a scan begins anew
        if (rows_.empty()) break;
        EXPECT_FALSE(ApplyContradiction().ok());
        EXPECT_TRUE(index_->Verify().ok()) << index_->Verify();
        EXPECT_EQ(index_->Snapshot().status().code(), absl::StatusCode::kDataLoss);
        Build(RandomRows());
      }
    }
    if (HasFailure()) break;
    ExpectSameAsTwin();
  }
  for (size_t what = 0; what < counts.size(); ++what) EXPECT_GT(counts[what], 0) << what;
}

// At whatever moment it dies: records and freshness are those of one and the same batch, and not of
// one before the last that was acknowledged.
TEST_F(LiveIndexTest, KilledAtAnyMomentItHoldsWhatItsFreshnessSays) {
  for (int round = 0; round < 12 && !HasFailure(); ++round) {
    Build(RandomRows());
    std::vector<Rows> states{rows_};
    std::vector<std::vector<Change>> batches;
    for (int i = 0; i < 200; ++i) {
      Rows after = states.back();
      batches.push_back(RandomBatch(true, &after));
      states.push_back(std::move(after));
    }
    index_.reset();
    int acknowledged[2];
    ASSERT_EQ(::pipe(acknowledged), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto index = LiveIndex::Open(path_, TestKey(), agreement_);
      for (size_t i = 0; index.ok() && i < batches.size(); ++i) {
        if (!(*index)->Apply(batches[i], Number(i + 1)).ok()) ::_exit(1);
        if (::write(acknowledged[1], "x", 1) != 1) ::_exit(1);
      }
      ::_exit(index.ok() ? 0 : 1);
    }
    ::close(acknowledged[1]);
    const size_t kill_after = RandomBelow(random_, 40);
    char byte = 0;
    for (size_t i = 0; i < kill_after; ++i) ASSERT_EQ(::read(acknowledged[0], &byte, 1), 1);
    ::kill(child, SIGKILL);
    size_t made = kill_after;
    while (::read(acknowledged[0], &byte, 1) == 1) ++made;
    ::close(acknowledged[0]);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    Open();
    const auto snapshot = index_->Snapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    ASSERT_TRUE(index_->Verify().ok()) << index_->Verify();
    const auto* const pushed = std::get_if<Pushed>(&snapshot->state.freshness);
    const size_t stands_at = pushed == nullptr ? 0 : pushed->sequence;
    EXPECT_GE(stands_at, made);
    EXPECT_LE(stands_at, made + 1);
    ASSERT_LT(stands_at, states.size());
    ExpectSame(*snapshot, states[stands_at], snapshot->state.freshness);
  }
}

TEST_F(LiveIndexTest, ASnapshotAnswersAsItWasWhileBatchesAreApplied) {
  Build(RandomRows());
  Apply(/*strict=*/true);
  const auto before = index_->Snapshot();
  const Rows rows = rows_;
  const Freshness freshness = freshness_;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    Random random(1);
    for (uint64_t i = 100; i < 200; ++i) {
      const std::vector<Change> batch{{RandomKey(random, 3), RandomDigest(random)}};
      EXPECT_TRUE(index_->Apply(batch, Number(i)).ok());
    }
    done = true;
  });
  uint64_t last = 0;
  while (!done) {
    ExpectSame(*before, rows, freshness);
    const auto now = index_->Snapshot();
    if (!now.ok()) {
      ADD_FAILURE() << now.status();
      break;
    }
    const uint64_t number = std::get<Pushed>(now->state.freshness).sequence;
    EXPECT_GE(number, last);
    last = number;
    EXPECT_EQ(*now->view->Summarize(merkle::Range::All()), now->root);
  }
  writer.join();
  ExpectSame(*before, rows, freshness);
}

// ---- contradictions ----

TEST_F(LiveIndexTest, AContradictionLeavesTheRecordsAndIsRemembered) {
  Build({{"a", {1, 1}}, {"b", {2, 2}}});
  Apply(/*strict=*/true);
  rows_["a"] = {9, 9};
  ASSERT_TRUE(index_->Apply({{Change{"a", Digest{9, 9}}}}, Number(50)).ok());
  std::optional<LiveSnapshot> open = *index_->Snapshot();
  const absl::Status refused = ApplyContradiction();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("key 0x"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("stream up to 0/77 of h"));
  const auto expected = ContradictedKey{rows_.begin()->first, Followed{"h", "0/77", At(3)}};
  for (const bool reopened : {false, true}) {
    if (!reopened) ExpectSame(*open, rows_, Number(50));
    open.reset();
    if (reopened) Open();
    EXPECT_EQ(index_->contradicted(), expected);
    EXPECT_FALSE(index_->damaged());
    const absl::Status unusable = index_->Snapshot().status();
    EXPECT_EQ(unusable.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(unusable.message()), HasSubstr("0/77"));
    EXPECT_TRUE(index_->Verify().ok()) << index_->Verify();
    EXPECT_EQ(index_->Apply({}, Number(51)).code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(LiveIndexTest, WhatWasRefusedIsNotInTheIndexThatRemembersIt) {
  Build({{"a", {1, 1}}, {"b", {2, 2}}});
  EXPECT_FALSE(ApplyContradiction().ok());
  index_.reset();
  merkle::IndexOptions options;
  options.key = TestKey();
  options.params = agreement_.params;
  options.fingerprint = agreement_.Fingerprint();
  const auto plain = merkle::Index::Open(path_, options);
  ASSERT_TRUE(plain.ok()) << plain.status();
  const auto view = (*plain)->Snapshot();
  merkle::ExpectSameViews(**view, TwinOf(rows_), random_, 3);
  const auto state = IndexedState::Decode((*view)->source_position());
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->freshness, freshness_);
  EXPECT_EQ(state->position, "");  // nothing proves it current
  ASSERT_TRUE(state->contradicted);
}

TEST_F(LiveIndexTest, ACrashBeforeAContradictionIsWrittenMeetsItAgain) {
  Build({{"a", {1, 1}}});
  index_.reset();
  const std::string metas = ReadFile(path_).substr(0, 2 * 4096);
  Open();
  EXPECT_FALSE(ApplyContradiction().ok());
  index_.reset();
  WriteInPlace(path_, metas);
  Open();
  ExpectSameAsTwin();
  EXPECT_FALSE(ApplyContradiction().ok());
  EXPECT_TRUE(index_->contradicted());
}

TEST_F(LiveIndexTest, AMultisetTakesNoChanges) {
  agreement_.schema.key.clear();
  agreement_.schema.multiset = true;
  merkle::IndexOptions options;
  options.key = TestKey();
  options.params = agreement_.params;
  options.fingerprint = agreement_.Fingerprint();
  options.multiset = true;
  {
    auto builder = merkle::IndexBuilder::Create(path_, options);
    ASSERT_TRUE(builder.ok()) << builder.status();
    std::string key;
    merkle::AppendBytes(std::string(16, 'd'), merkle::Place::kKeyLast, &key);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE((*builder)->Add(key, {}).ok());
    ASSERT_TRUE((*builder)->Finish(IndexedState{"", 0, "", 3}.Encode()).ok());
  }
  Open();
  EXPECT_EQ(index_->Snapshot()->records, 3u);
  EXPECT_EQ(index_->Snapshot()->root.count, 1u);
  EXPECT_TRUE(index_->Verify().ok()) << index_->Verify();
  EXPECT_EQ(index_->Apply({}, Number(1)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(index_->contradicted());
}

// ---- damage ----

TEST_F(LiveIndexTest, AStateThatCanNotBeReadIsDamage) {
  Build({{"a", {1, 1}}});
  merkle::IndexOptions options;
  options.key = TestKey();
  options.params = agreement_.params;
  options.fingerprint = agreement_.Fingerprint();
  index_.reset();
  ASSERT_TRUE((*merkle::Index::Open(path_, options))->Apply({}, "something else").ok());
  EXPECT_EQ(LiveIndex::Open(path_, TestKey(), agreement_).status().code(),
            absl::StatusCode::kDataLoss);
}

// Whoever may write to the file claims a later position for the records that are there, with a
// checksum that is right.
TEST_F(LiveIndexTest, AForgedPositionIsRefusedOpenOrNot) {
  Build({{"a", {1, 1}}});
  ASSERT_TRUE(index_->Apply({}, Followed{"h", "0/1111", At(9)}).ok());
  std::string bytes = ReadFile(path_);
  const size_t position = bytes.find("0/1111");
  ASSERT_NE(position, std::string::npos);
  ASSERT_EQ(bytes.find("0/1111", position + 1), std::string::npos);
  const size_t begin = bytes.rfind("driftidx", position) - merkle::kChecksumBytes;
  const size_t end = position + 6 + 8 + 1 + 16;  // the time, the flag, and the signature
  bytes.replace(position, 6, "0/2222");
  merkle::Seal(merkle::kMetadataKey, bytes.data() + begin, end - begin);
  WriteInPlace(path_, bytes);
  EXPECT_EQ(index_->Snapshot().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(index_->damaged());
  EXPECT_EQ(index_->Apply({}, Number(1)).code(), absl::StatusCode::kDataLoss);
  index_.reset();
  const absl::Status opened = LiveIndex::Open(path_, TestKey(), agreement_).status();
  EXPECT_EQ(opened.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(opened.message()), HasSubstr("signed"));
}

TEST_F(LiveIndexTest, AFlippedBitInThePositionIsRefused) {
  Build({{"a", {1, 1}}});
  ASSERT_TRUE(index_->Apply({}, Followed{"h", "0/1111", At(9)}).ok());
  index_.reset();
  const std::string bytes = ReadFile(path_);
  const size_t position = bytes.find("0/1111");
  for (size_t i = 0; i < 6 * 8; ++i) {
    std::string flipped = bytes;
    flipped[position + i / 8] = static_cast<char>(flipped[position + i / 8] ^ (1 << i % 8));
    WriteInPlace(path_, flipped);
    EXPECT_EQ(LiveIndex::Open(path_, TestKey(), agreement_).status().code(),
              absl::StatusCode::kDataLoss);
  }
  WriteInPlace(path_, bytes);
  Open();
}

}  // namespace
}  // namespace driftwood::agent
