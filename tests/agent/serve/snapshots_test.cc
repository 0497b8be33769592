#include "agent/serve/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "merkle/tree/index.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/questions.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr uint64_t kFirstId = 1000;

// Snapshots of one index of 300 records, and a clock that the test turns.
class SnapshotsTest : public ::testing::Test {
 protected:
  SnapshotsTest() {
    limits_.open_max = 4;
    limits_.lease = milliseconds(100);
    merkle::Records records;
    for (int64_t id = 0; id < 300; ++id) {
      records.emplace_back(ScriptedKey(id), ScriptedDigest(id, "note"));
    }
    merkle::IndexOptions options;
    options.key = TestKey();
    options.params = agreement_.params;
    options.fingerprint = agreement_.Fingerprint();
    const WallTime time{};
    const IndexedState state{"v1", 0, "", records.size(), ProvedUnchanged{time}};
    EXPECT_TRUE(merkle::BuildIndex(path_, options, records, state.Encode()).ok());
    auto index = LiveIndex::Open(path_, TestKey(), agreement_);
    EXPECT_TRUE(index.ok()) << index.status();
    index_ = *std::move(index);
    Restart();
  }

  void Restart() {
    snapshots_ = std::make_unique<Snapshots>(
        limits_,
        [this] { return std::chrono::steady_clock::time_point(milliseconds(now_ms_.load())); },
        kFirstId);
  }
  absl::StatusOr<uint64_t> Open() {
    return snapshots_->Open(index_, index_->Snapshot().value().view);
  }
  absl::Status Ask(uint64_t id) { return snapshots_->Query(id, testing::WholeQuestion()).status(); }
  // Leaves about 300 cells behind.
  absl::Status AskForCells(uint64_t id) {
    merkle::Question question;
    question.kind = merkle::QuestionKind::kPartition;
    question.level = 1;
    return snapshots_->Query(id, merkle::EncodeQuestions({question})).status();
  }
  void ExpectNotFound(uint64_t id) {
    const absl::Status status = Ask(id);
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  }

  const testing::TempDir folder_;
  const std::filesystem::path path_ = folder_ / "index";
  const merkle::Agreement agreement_ = [] {
    merkle::Agreement agreement = ScriptedAgreement();
    agreement.params = {2, 2};
    return agreement;
  }();
  std::atomic<int64_t> now_ms_{5000};
  SnapshotLimits limits_;
  std::shared_ptr<LiveIndex> index_;
  std::unique_ptr<Snapshots> snapshots_;
};

TEST_F(SnapshotsTest, IdsCountUpAndAreNotGivenTwice) {
  EXPECT_EQ(*Open(), kFirstId);
  EXPECT_EQ(*Open(), kFirstId + 1);
  snapshots_->Close(kFirstId + 1);
  EXPECT_EQ(*Open(), kFirstId + 2);
  snapshots_->CloseAll();
  EXPECT_EQ(*Open(), kFirstId + 3);
  EXPECT_EQ(snapshots_->open_count(), 1u);
}

TEST_F(SnapshotsTest, ASnapshotStaysAsItWasWhenTheIndexMoves) {
  const uint64_t before = *Open();
  const auto root = snapshots_->Query(before, testing::WholeQuestion());
  ASSERT_TRUE(root.ok()) << root.status();
  ASSERT_TRUE(index_
                  ->Apply(std::vector<merkle::Change>{{ScriptedKey(5), std::nullopt}},
                          Pushed{"epoch", 1, WallTime()})
                  .ok());
  EXPECT_EQ(*snapshots_->Query(before, testing::WholeQuestion()), *root);
  EXPECT_NE(*snapshots_->Query(*Open(), testing::WholeQuestion()), *root);
}

TEST_F(SnapshotsTest, WhatWasNeverOpenedOrIsClosedIsNotFound) {
  for (const uint64_t id : {uint64_t{0}, kFirstId - 1, kFirstId, UINT64_MAX}) ExpectNotFound(id);
  const uint64_t id = *Open();
  EXPECT_TRUE(Ask(id).ok());
  ExpectNotFound(id + 1);
  snapshots_->Close(id + 1);
  EXPECT_EQ(snapshots_->open_count(), 1u);
  snapshots_->Close(id);
  snapshots_->Close(id);
  ExpectNotFound(id);
}

TEST_F(SnapshotsTest, EveryCallEndsThoseWhoseLeaseIsOver) {
  const std::vector<std::function<void()>> calls = {
      [&] { ExpectNotFound(0); },
      [&] { snapshots_->Close(0); },
      [&] { snapshots_->Sweep(); },
  };
  for (const auto& call : calls) {
    ASSERT_TRUE(Open().ok());
    now_ms_ += 99;
    call();
    EXPECT_EQ(snapshots_->open_count(), 1u);
    now_ms_ += 1;
    call();
    EXPECT_EQ(snapshots_->open_count(), 0u);
  }
  for (size_t i = 0; i < limits_.open_max; ++i) ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kResourceExhausted);
  now_ms_ += 100;
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(snapshots_->open_count(), 1u);
}

// However long it takes: the lease goes on from its end.
TEST_F(SnapshotsTest, ALeaseDoesNotEndDuringAQuery) {
  const uint64_t id = *Open();
  bool asked = false;
  const auto answers = snapshots_->Query(id, testing::WholeQuestion(), [&] {
    now_ms_ += 1000;
    snapshots_->Sweep();
    EXPECT_EQ(snapshots_->open_count(), 1u);
    asked = true;
    return false;
  });
  EXPECT_TRUE(answers.ok()) << answers.status();
  EXPECT_TRUE(asked);
  now_ms_ += 99;
  EXPECT_TRUE(Ask(id).ok());
  now_ms_ += 100;
  ExpectNotFound(id);
}

TEST_F(SnapshotsTest, ASnapshotThatIsClosedDuringAQueryIsUsedToItsEnd) {
  const uint64_t id = *Open();
  const auto answers = snapshots_->Query(id, testing::WholeQuestion(), [&] {
    snapshots_->Close(id);
    return false;
  });
  EXPECT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ(snapshots_->open_count(), 0u);
  ExpectNotFound(id);
}

TEST_F(SnapshotsTest, AStoppedOrMalformedQueryLeavesTheSnapshotAndRenewsItsLease) {
  const uint64_t id = *Open();
  now_ms_ += 90;
  EXPECT_EQ(snapshots_->Query(id, testing::WholeQuestion(), [] { return true; }).status().code(),
            absl::StatusCode::kCancelled);
  now_ms_ += 90;
  for (const std::string& malformed : {std::string("\xff\xff\xff"), std::string(50, '\x01')}) {
    EXPECT_EQ(snapshots_->Query(id, malformed).status().code(), absl::StatusCode::kInvalidArgument);
  }
  now_ms_ += 90;
  EXPECT_TRUE(Ask(id).ok());
}

TEST_F(SnapshotsTest, AboveTheCellsOfAllNobodyIsAnsweredUntilOneEnds) {
  limits_.cell_bytes_max = 1;
  Restart();
  const uint64_t one = *Open(), two = *Open();
  EXPECT_TRUE(Ask(two).ok()) << "it keeps one cell, whose bytes count from now on";
  snapshots_->Close(two);
  EXPECT_TRUE(AskForCells(one).ok()) << "each may have added what a query allows";
  const uint64_t three = *Open();
  for (const uint64_t id : {one, three}) {
    const absl::Status refused = Ask(id);
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("of at most 1; close one"));
  }
  snapshots_->Close(one);
  EXPECT_TRUE(AskForCells(three).ok());
}

TEST_F(SnapshotsTest, AfterAContradictionNoOpenSnapshotIsAnsweredFrom) {
  const uint64_t id = *Open();
  ASSERT_TRUE(Ask(id).ok());
  const merkle::Change wrong{ScriptedKey(7), std::nullopt,
                             merkle::Before::Holding(ScriptedDigest(7, "another"))};
  EXPECT_EQ(
      index_->Apply(std::vector<merkle::Change>{wrong}, Pushed{"epoch", 1, WallTime()}).code(),
      absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Ask(id).code(), absl::StatusCode::kDataLoss);
}

// Whoever holds a view keeps pages of the index from being reused, so each must end.
TEST_F(SnapshotsTest, NothingHoldsTheIndexOnceAllAreClosed) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Open().ok());
  EXPECT_EQ(index_.use_count(), 4);
  snapshots_->CloseAll();
  EXPECT_EQ(index_.use_count(), 1);
  ASSERT_TRUE(Open().ok());
  snapshots_.reset();
  EXPECT_EQ(index_.use_count(), 1);
}

// The naive twin is a map of ids and the times at which their leases end.
TEST_F(SnapshotsTest, RandomCallsGiveTheSameAsTheTwin) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  std::map<uint64_t, int64_t> open;
  uint64_t next = kFirstId;
  const int64_t lease = limits_.lease.count();
  for (int round = 0; round < 3000; ++round) {
    now_ms_ += static_cast<int64_t>(random() % 40);
    const int64_t now = now_ms_;
    std::erase_if(open, [now](const auto& snapshot) { return snapshot.second <= now; });
    const uint64_t id = next - random() % 6;
    switch (random() % 5) {
      case 0:
        if (open.size() < limits_.open_max) {
          ASSERT_EQ(*Open(), next);
          open[next++] = now + lease;
        } else {
          ASSERT_EQ(Open().status().code(), absl::StatusCode::kResourceExhausted);
        }
        break;
      case 1:
        snapshots_->Close(id);
        open.erase(id);
        break;
      case 2:
        if (round % 100 == 0) snapshots_->CloseAll(), open.clear();
        snapshots_->Sweep();
        break;
      default:
        ASSERT_EQ(Ask(id).code(),
                  open.contains(id) ? absl::StatusCode::kOk : absl::StatusCode::kNotFound);
        if (open.contains(id)) open[id] = now + lease;
    }
    snapshots_->Sweep();
    ASSERT_EQ(snapshots_->open_count(), open.size());
  }
}

TEST_F(SnapshotsTest, QueriesOfOneSnapshotTakeTurnsAndThoseOfOthersRunBeside) {
  const uint64_t id = *Open();
  const auto expected = snapshots_->Query(id, testing::WholeQuestion());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const uint64_t own = t < 2 ? id : Open().value();
      for (int i = 0; i < 200; ++i) {
        const auto answers = snapshots_->Query(own, testing::WholeQuestion());
        if (!answers.ok() || *answers != *expected) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(snapshots_->open_count(), 3u);
}

}  // namespace
}  // namespace driftwood::agent
