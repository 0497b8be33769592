// When an index may be served: proofs, restarts, failures, damage (service.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/agent/serve/service_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

// ---- Freshness ----

TEST_F(ServiceTest, AnUnchangedSourceIsNotScannedAgain) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  const auto second = Prepare();
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(second->root, first->root);
  EXPECT_EQ(orders_->scans(), 1);
}

TEST_F(ServiceTest, AChangedSourceIsScannedAgain) {
  const auto first = Prepare();
  orders_->Put(7, "changed");
  const auto second = Prepare();
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->reused);
  EXPECT_NE(second->root, first->root);
  EXPECT_EQ(second->root.count, first->root.count);
  EXPECT_EQ(Open()->root, second->root);
}

TEST_F(ServiceTest, ForceScansAgain) {
  ASSERT_TRUE(Prepare().ok());
  const auto forced = Prepare("orders", true);
  ASSERT_TRUE(forced.ok());
  EXPECT_FALSE(forced->reused);
  EXPECT_EQ(orders_->scans(), 2);
}

TEST_F(ServiceTest, AKeptIndexIsReusedByTheNextAgentOnProof) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(second->root, first->root);
  EXPECT_EQ(orders_->scans(), 1);
  EXPECT_EQ(*QueryRoot(Open()->id), first->root);
}

// Ledger row 20: what an agent left behind is not trusted until it is proven.
TEST_F(ServiceTest, Ledger20AnIndexOfAnEarlierAgentIsNotServedUntilProven) {
  ASSERT_TRUE(Prepare().ok());
  Restart();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Read({ScriptedKey(1)}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServiceTest, Ledger20AnIndexThatIsStaleAfterARestartIsBuiltAnew) {
  const auto first = Prepare();
  orders_->Delete(3);
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->reused);
  EXPECT_EQ(second->root.count, first->root.count - 1);
  EXPECT_EQ(Open()->root, second->root);
}

TEST_F(ServiceTest, Ledger20HalfBuiltFilesOfAKilledAgentAreRemoved) {
  ASSERT_TRUE(Prepare().ok());
  service_.reset();
  const auto kept = IndexFile();
  const std::string half = kept.string() + ".building";
  std::ofstream(half) << "half";
  std::ofstream(folder_ / "orders" / "index-0000000000000000.1") << "of another URL";
  Restart();
  EXPECT_FALSE(std::filesystem::exists(half));
  EXPECT_TRUE(Prepare()->reused);
  EXPECT_EQ(IndexFile(), kept);
}

// Ledger row 24: without a proof that the source is the same there is no reuse.
TEST_F(ServiceTest, Ledger24WithoutAProofAnIndexIsNeverReused) {
  orders_->gives_proof = false;
  ASSERT_TRUE(Prepare().ok());
  EXPECT_FALSE(Prepare()->reused);
  Restart();
  EXPECT_FALSE(Prepare()->reused);
  // Nor does a proof given later make up for the one that was missing at the scan.
  orders_->gives_proof = true;
  EXPECT_FALSE(Prepare()->reused);
  EXPECT_TRUE(Prepare()->reused);
}

// An index that this very agent could have kept, but for its records' encoding.
TEST_F(ServiceTest, Ledger21AKeptIndexOfAnotherEncodingVersionIsBuiltAnew) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  service_.reset();
  merkle::IndexOptions options;
  options.key = TestKey();
  options.params = agreement_.params;
  options.fingerprint = agreement_.Fingerprint();
  std::string position;
  {
    const auto index = merkle::Index::Open(IndexFile(), options);
    ASSERT_TRUE(index.ok()) << index.status();
    position = (*index)->source_position().value();
  }
  merkle::Agreement older = agreement_;
  --older.encoding_version;
  options.fingerprint = older.Fingerprint();
  {
    auto builder = merkle::IndexBuilder::Create(IndexFile(), options);
    ASSERT_TRUE(builder.ok()) << builder.status();
    ASSERT_TRUE((*builder)->Add(ScriptedKey(1), {1, 1}).ok());
    ASSERT_TRUE((*builder)->Finish(position).ok());
  }
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->reused);
  EXPECT_EQ(second->root, first->root);
}

TEST_F(ServiceTest, AnotherUrlOrVersionOrAgreementReusesNothing) {
  ASSERT_TRUE(Prepare().ok());
  url_ = "scripted:rows?null=none";
  Restart();
  EXPECT_FALSE(Prepare()->reused);
  options_.version = "2";
  Restart();
  EXPECT_FALSE(Prepare()->reused);
  Restart();
  agreement_.params.leaf_size = 8;
  EXPECT_FALSE(Prepare()->reused);
}

TEST_F(ServiceTest, WhatIsNotOfOnePointInTimeIsSaidInEveryReplyAndNotReused) {
  orders_->not_point_in_time = "it changed";
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok());
  EXPECT_EQ(prepared->not_point_in_time, "it changed");
  EXPECT_EQ(Open()->not_point_in_time, "it changed");
  EXPECT_FALSE(Prepare()->reused);
  Restart();
  EXPECT_FALSE(Prepare()->reused);
}

// ---- Failure ----

TEST_F(ServiceTest, AFailedBuildLeavesNothingToServe) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Put(1000, "new");
  orders_->scan_error = absl::InvalidArgumentError("orders.csv: line 7: quote is not closed");
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  orders_->scan_error = absl::OkStatus();
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->root.count, 251u);
  EXPECT_EQ(Open()->root, prepared->root);
}

TEST_F(ServiceTest, AFailedFirstBuildLeavesNothingToServeAlsoAfterARestart) {
  orders_->scan_error = absl::UnavailableError("gone");
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  Restart();
  orders_->scan_error = absl::OkStatus();
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok());
  EXPECT_FALSE(prepared->reused);
}

TEST_F(ServiceTest, NothingIsServedWhileTheSourceIsScannedAgain) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Put(1, "changed");
  std::atomic<int> refused{0};
  orders_->on_next = [&] {
    if (Open().status().code() == absl::StatusCode::kFailedPrecondition) ++refused;
  };
  ASSERT_TRUE(Prepare().ok());
  EXPECT_GT(refused, 0);
}

TEST_F(ServiceTest, AnOpenSnapshotOutlivesNewBuildsAndDoesNotMove) {
  const auto before = Prepare();
  const auto opened = Open();
  for (int i = 0; i < 3; ++i) {
    orders_->Put(i, "round " + std::to_string(i));
    ASSERT_TRUE(Prepare().ok());
    ASSERT_TRUE(Open().ok());
  }
  EXPECT_EQ(*QueryRoot(opened->id), before->root);
}

TEST_F(ServiceTest, ADamagedIndexIsPutAsideAndBuiltAnew) {
  const auto first = Prepare();
  service_.reset();
  auto file = IndexFile();
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->reused);
  EXPECT_EQ(second->root, first->root);
  EXPECT_TRUE(std::filesystem::exists(file.replace_extension(".damaged"))) << log_;
  EXPECT_THAT(log_, HasSubstr("damaged"));
  EXPECT_TRUE(Prepare()->reused);
}

// Damage in a leaf is met by a query only; the agent that met it may end before the next Prepare().
TEST_F(ServiceTest, DamageThatAQueryMetIsRememberedAfterARestart) {
  for (int64_t id = 1; id <= 10'000; ++id) orders_->Put(id, "order");
  ASSERT_TRUE(Prepare().ok());
  service_.reset();
  const auto file = IndexFile();
  std::string good(std::filesystem::file_size(file), '\0');
  std::ifstream(file, std::ios::binary)
      .read(good.data(), static_cast<std::streamsize>(good.size()));
  merkle::Question digests;
  digests.kind = merkle::QuestionKind::kDigests;

  bool met = false;
  for (size_t at = good.size() / 2; !met && at < good.size(); at += 997) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    service_.reset();
    std::filesystem::remove_all(folder_ / "orders");
    std::filesystem::create_directory(folder_ / "orders");
    std::ofstream(file, std::ios::binary) << bad;
    Restart();
    const auto prepared = Prepare();
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    if (!prepared->reused) continue;  // met while it was opened
    const auto answer = service_->Query(Open()->id, merkle::EncodeQuestions({digests}));
    met = absl::IsDataLoss(answer.status());
  }
  ASSERT_TRUE(met);
  Restart();
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_FALSE(prepared->reused);
}

TEST_F(ServiceTest, AFileThatIsNoIndexIsPutAsideOrReplaced) {
  ASSERT_TRUE(Prepare().ok());
  service_.reset();
  const auto file = IndexFile();
  std::ofstream(file, std::ios::trunc) << std::string(100'000, 'x');
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->reused);
}

}  // namespace
}  // namespace driftwood::agent
