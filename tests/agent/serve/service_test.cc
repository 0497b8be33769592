#include "agent/serve/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/agent/serve/service_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServiceTest, APreparedDatasetAnswersFromItsSnapshot) {
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->root.count, 250u);
  EXPECT_FALSE(prepared->reused);
  const auto opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->root, prepared->root);
  EXPECT_EQ(opened->agreement, agreement_);
  EXPECT_EQ(*QueryRoot(opened->id), prepared->root);
}

TEST_F(ServiceTest, DescribeSaysWhatTheStoreSays) {
  CallControl control;
  const auto description = service_->Describe("orders", &control);
  ASSERT_TRUE(description.ok());
  EXPECT_EQ(description->columns.size(), 2u);
  orders_->describe_error = absl::PermissionDeniedError("no");
  EXPECT_EQ(service_->Describe("orders", &control).status(), orders_->describe_error);
}

TEST_F(ServiceTest, AnUnknownDatasetIsNotFoundAndTheKnownOnesAreNotTold) {
  const auto opened = Open("order");
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(opened.status().message()), Not(HasSubstr("orders")));
  EXPECT_THAT(std::string(opened.status().message()), Not(HasSubstr("parts")));
}

TEST_F(ServiceTest, ANameThatIsNoFolderNameIsRefused) {
  for (const char* name : {"", ".", "..", ".x", "a/b", "a b", "\xC3\xA9"}) {
    EXPECT_EQ(service_->AddDataset(name, url_, std::make_unique<ScriptedStore>(orders_)).code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(service_->AddDataset("orders", url_, std::make_unique<ScriptedStore>(orders_)).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, TwoDatasetsHaveNothingToDoWithEachOther) {
  ASSERT_TRUE(Prepare("orders").ok());
  EXPECT_EQ(Open("parts").status().code(), absl::StatusCode::kFailedPrecondition);
  const auto parts = Prepare("parts");
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->root.count, 50u);
  const auto orders_snapshot = Open("orders");
  const auto parts_snapshot = Open("parts");
  EXPECT_EQ(QueryRoot(orders_snapshot->id)->count, 250u);
  EXPECT_EQ(QueryRoot(parts_snapshot->id)->count, 50u);
}

TEST_F(ServiceTest, ASecondAgentMayNotUseTheSameStateFolder) {
  Service other(options_);
  const absl::Status refused =
      other.AddDataset("orders", url_, std::make_unique<ScriptedStore>(orders_));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another agent"));
}

// ---- Agreement ----

// Ledger row 21.
TEST_F(ServiceTest, Ledger21AnotherEncodingVersionIsRefused) {
  agreement_.encoding_version = merkle::kEncodingVersion + 1;
  const auto refused = Prepare();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("encoding version differs"));
  EXPECT_EQ(orders_->scans(), 0);
}

TEST_F(ServiceTest, AnotherDigestKeyIsRefused) {
  agreement_.key_id = merkle::DigestKey::Unkeyed().KeyId();
  const auto refused = Prepare();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("digest key differs"));
}

TEST_F(ServiceTest, ARuleThatTheAgentWouldNotApplyIsRefused) {
  agreement_.rules = {"note:sparkle"};
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, AMalformedAgreementIsAnInvalidArgument) {
  agreement_.schema.key.clear();
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, ASnapshotOfAnotherAgreementIsRefused) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(service_->OpenSnapshot("orders", "another").status().code(),
            absl::StatusCode::kFailedPrecondition);
  agreement_.schema.values.clear();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Prepare().ok());
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(service_->OpenSnapshot("orders", ScriptedAgreement().Fingerprint()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// ---- Snapshots ----

TEST_F(ServiceTest, ALeaseEndsAfterTheLastUse) {
  ASSERT_TRUE(Prepare().ok());
  const uint64_t id = Open()->id;
  const int64_t lease_ms = options_.snapshots.lease.count();
  for (int i = 0; i < 3; ++i) {
    now_ms_ += lease_ms - 1;
    EXPECT_TRUE(QueryRoot(id).ok());
  }
  now_ms_ += lease_ms;
  EXPECT_EQ(QueryRoot(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(service_->open_snapshots(), 0u);
}

TEST_F(ServiceTest, SweepEndsWhatNobodyUses) {
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(Open().ok());
  service_->Sweep();
  EXPECT_EQ(service_->open_snapshots(), 1u);
  now_ms_ += options_.snapshots.lease.count();
  service_->Sweep();
  EXPECT_EQ(service_->open_snapshots(), 0u);
}

TEST_F(ServiceTest, AClosedSnapshotIsNotFound) {
  ASSERT_TRUE(Prepare().ok());
  const uint64_t id = Open()->id;
  service_->CloseSnapshot(id);
  service_->CloseSnapshot(id);
  EXPECT_EQ(QueryRoot(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(QueryRoot(id + 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ServiceTest, AnAgentThatIsAskedOnceClosesAnIndexWithItsSnapshot) {
  options_.asked_once = true;
  for (const bool durable : {true, false}) {
    options_.durable = durable;
    Restart();
    ASSERT_TRUE(Prepare().ok());
    const auto opened = Open();
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(*QueryRoot(opened->id), opened->root);
    service_->CloseSnapshot(opened->id);
    service_->CloseSnapshot(opened->id);  // does nothing more
    EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
    EXPECT_EQ(Read({ScriptedKey(7)})->size(), 1u) << "the store can still be read";
    const auto again = Prepare();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->reused, durable);
    EXPECT_EQ(again->root, opened->root);
    EXPECT_TRUE(Open().ok());
  }
  const std::filesystem::path kept = folder_ / "index-orders.2";
  EXPECT_TRUE(std::filesystem::exists(kept));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "index-orders.1"));
}

TEST_F(ServiceTest, TooManySnapshotsAreRefusedUntilOneEnds) {
  ASSERT_TRUE(Prepare().ok());
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < options_.snapshots.open_max; ++i) ids.push_back(Open()->id);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kResourceExhausted);
  service_->CloseSnapshot(ids[0]);
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kResourceExhausted);
  now_ms_ += options_.snapshots.lease.count();
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(service_->open_snapshots(), 1u);
}

TEST_F(ServiceTest, WhatAllSnapshotsKeepIsBounded) {
  options_.snapshots.cell_bytes_max = 1000;
  Restart();
  ASSERT_TRUE(Prepare().ok());
  merkle::Question cells;
  cells.kind = merkle::QuestionKind::kPartition;
  cells.level = 1;
  const std::string question = merkle::EncodeQuestions(std::vector(20, cells));
  const uint64_t first = Open()->id;
  const uint64_t second = Open()->id;
  ASSERT_TRUE(service_->Query(first, question).ok());
  EXPECT_EQ(service_->Query(second, question).status().code(),
            absl::StatusCode::kResourceExhausted);
  service_->CloseSnapshot(first);
  EXPECT_TRUE(service_->Query(second, question).ok());
}

TEST_F(ServiceTest, AMalformedQueryLeavesTheSnapshotAsItWas) {
  const auto prepared = Prepare();
  const uint64_t id = Open()->id;
  for (const std::string& bytes : {std::string("nonsense"), std::string(1000, '\xFF')}) {
    EXPECT_EQ(service_->Query(id, bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(service_->Query(id, std::string(options_.snapshots.query.request_bytes_max + 1, 'x'))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*QueryRoot(id), prepared->root);
}

// ---- Threads ----

TEST_F(ServiceTest, PreparationsAtOneTimeScanOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> ok{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { ok += Prepare().ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, 4);
  EXPECT_EQ(orders_->scans(), 1);
}

TEST_F(ServiceTest, TooManyWaitingCallsAreRefused) {
  options_.waiting_calls_max = 0;
  Restart();
  absl::Status meanwhile;
  orders_->on_next = [&] {
    CallControl control;
    meanwhile = service_->Describe("orders", &control).status();
  };
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(meanwhile.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ServiceTest, ACallThatWaitsForItsTurnCanBeCancelled) {
  absl::Status meanwhile;
  orders_->on_next = [&] {
    CallControl control;
    control.cancellation.Cancel();
    meanwhile = service_->Describe("orders", &control).status();
  };
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(meanwhile.code(), absl::StatusCode::kCancelled);
}

TEST_F(ServiceTest, ACancelledPreparationEndsItsScanAndLeavesNothingToServe) {
  CallControl control;
  orders_->endless = true;
  std::atomic<int> batches{0};
  orders_->on_next = [&] {
    if (++batches == 20) control.cancellation.Cancel();
  };
  EXPECT_EQ(service_->Prepare("orders", agreement_, false, &control).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServiceTest, StopCancelsWhatRunsAndRefusesWhatComes) {
  orders_->endless = true;
  std::atomic<int> batches{0};
  orders_->on_next = [&] {
    if (++batches == 20) service_->Stop();
  };
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Prepare("parts").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ServiceTest, QueriesExpiryAndNewBuildsAtOneTimeNeverGiveAWrongRoot) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> right{0};
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while ((!done || right == 0) && std::chrono::steady_clock::now() < end) {
        const auto opened = Open();
        if (!opened.ok()) continue;
        for (int j = 0; j < 4; ++j) {
          const auto root = QueryRoot(opened->id);
          if (!root.ok()) {
            wrong += root.status().code() == absl::StatusCode::kNotFound ? 0 : 1;
          } else {
            *root == opened->root ? ++right : ++wrong;
          }
        }
        service_->CloseSnapshot(opened->id);
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    if (i % 10 == 0) orders_->Put(i, "round");
    EXPECT_TRUE(Prepare().ok());
    now_ms_ += options_.snapshots.lease.count() / 2;
    service_->Sweep();
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(right, 0);
}

}  // namespace
}  // namespace driftwood::agent
