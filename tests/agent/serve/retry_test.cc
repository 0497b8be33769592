// Scans that lose their source begin anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/serve/dataset.h"
#include "tests/agent/source/fake_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

class RetryTest : public ::testing::Test {
 protected:
  RetryTest() {
    agreement_.schema.key = {{"id", merkle::ColumnType::kInteger}};
    agreement_.schema.values = {{"value", merkle::ColumnType::kText}};
    agreement_.key_id = merkle::DigestKey::Unkeyed().KeyId();
    options_.name = "rows";
    options_.folder = folder_ / "rows";
    options_.key = merkle::DigestKey::Unkeyed();
    options_.threads = 2;
    options_.retry_after = {milliseconds(1), milliseconds(1), milliseconds(1)};
    options_.log = [this](const std::string& line) { log_ += line + "\n"; };
    std::vector<FakeRow> rows;
    for (int id = 1; id <= 20; ++id) rows.push_back({std::to_string(id), "v"});
    auto store = std::make_unique<FakeStore>(rows);
    store_ = store.get();
    owned_ = std::move(store);
  }

  absl::StatusOr<PrepareResult> Prepare() {
    auto dataset = Dataset::Open(options_, std::move(owned_));
    if (!dataset.ok()) return dataset.status();
    return (*dataset)->Prepare(agreement_, false, &control_);
  }

  testing::TempDir folder_;
  merkle::Agreement agreement_;
  DatasetOptions options_;
  FakeStore* store_ = nullptr;
  std::unique_ptr<Store> owned_;
  CallControl control_;
  std::string log_;
};

TEST_F(RetryTest, AScanThatLostItsSourceBeginsAnewAndHasEachRowOnce) {
  store_->plan.scans_lost = 3;
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->root.count, 20u);
  EXPECT_THAT(log_, HasSubstr("the scan of rows begins anew in 1 ms: the connection was lost"));
}

TEST_F(RetryTest, AfterTheLastTryItHasFailedAndSaysHowOftenItWasTried) {
  store_->plan.scans_lost = 4;
  const absl::Status status = Prepare().status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("(tried 4 times)"));
}

TEST_F(RetryTest, OtherFailuresAreFinal) {
  store_->plan.next_fails_at = 1;
  const absl::Status status = Prepare().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("tried")));
  EXPECT_EQ(log_, "");
}

// A scan never loses its server more often in all than there are retries.
TEST_F(RetryTest, WhatAScanRetriedByItselfCountsToo) {
  options_.resume = true;
  store_->plan.scans_lost = 2;
  store_->plan.on_next = [this](size_t batch) {
    if (batch == 0) {
      EXPECT_TRUE(store_->retries->Next());
    }
  };
  auto dataset = Dataset::Open(options_, std::move(owned_));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const absl::Status status = (*dataset)->Prepare(agreement_, false, &control_).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("(tried 4 times)"));
  EXPECT_EQ(store_->plan.scans_started, 2);
}

TEST_F(RetryTest, AScanGoesOnByItselfOnlyIfThatIsAllowed) {
  const auto dataset = Dataset::Open(options_, std::move(owned_));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(store_->retries, nullptr);
}

TEST_F(RetryTest, EachCallHasAllRetries) {
  options_.resume = true;
  auto dataset = Dataset::Open(options_, std::move(owned_));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  for (int i = 0; i < 3; ++i) {
    store_->plan.scans_lost = store_->plan.scans_started + 3;
    const auto prepared = (*dataset)->Prepare(agreement_, true, &control_);
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    EXPECT_EQ(store_->retries->taken(), 3u);
  }
}

TEST_F(RetryTest, WaitingForTheNextTryCanBeCancelled) {
  options_.retry_after = {std::chrono::hours(1)};
  store_->plan.scans_lost = 1;
  options_.log = [this](const std::string&) { control_.cancellation.Cancel(); };
  EXPECT_TRUE(absl::IsCancelled(Prepare().status()));
}

}  // namespace
}  // namespace driftwood::agent
