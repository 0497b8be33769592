#include "agent/source/load_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/serve/dataset.h"
#include "agent/source/mapped_store.h"
#include "agent/source/pacer.h"
#include "agent/source/transient.h"
#include "merkle/record/encoding.h"
#include "proto/contract/fault.h"
#include "tests/agent/source/fake_store.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LoadLimitsTest, AreRunningQueriesAndLagAndHow) {
  EXPECT_EQ(ParseLoadLimits("running=20")->running, 20u);
  EXPECT_EQ(ParseLoadLimits("running=0")->running, 0u);
  EXPECT_FALSE(ParseLoadLimits("running=20")->lag);
  EXPECT_EQ(ParseLoadLimits("running=20")->hold, seconds(60));
  EXPECT_FALSE(ParseLoadLimits("lag=1500ms")->running);
  EXPECT_EQ(ParseLoadLimits("lag=1500ms")->lag, milliseconds(1500));
  const LoadLimits all = *ParseLoadLimits("hold=5min,lag=10,running=3");
  EXPECT_EQ(all.running, 3u);
  EXPECT_EQ(all.lag, seconds(10));
  EXPECT_EQ(all.hold, minutes(5));
}

TEST(LoadLimitsTest, WhatIsNoLimitIsRefusedAndSaysWhatToWrite) {
  for (const char* text : {"",
                           "20",
                           "running",
                           "running=",
                           "running=-1",
                           "running=x",
                           "running=1 ",
                           "running=1.5",
                           "running=99999999999",
                           "lag=0",
                           "lag=",
                           "lag=10parsec",
                           "hold=60s",
                           "hold=0,running=1",
                           "running=1,",
                           ",running=1",
                           "running=1,running=2",
                           "lag=1s,lag=1s",
                           "hold=1s,running=1,hold=1s",
                           "Running=1",
                           "load=3",
                           " running=1"}) {
    const absl::Status status = ParseLoadLimits(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("write running=20")) << text;
  }
  EXPECT_THAT(std::string(ParseLoadLimits("hold=60s").status().message()),
              HasSubstr("neither running nor lag"));
}

ServerLoad Running(uint64_t queries) { return {queries, {}, ""}; }

// A server with a table of 20 rows, in a world where time passes only while somebody waits.
class LoadGateTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kLimit = 1;

  LoadGateTest() : store_(Rows()) {
    options_.limits.running = kLimit;
    options_.limits.hold = seconds(10);
    options_.clock = [this] { return now_; };
    options_.sleep = [this](nanoseconds time, const std::stop_token& stop) {
      EXPECT_GT(time, nanoseconds(0));
      if (on_sleep_) on_sleep_();
      if (stop.stop_requested()) return;
      now_ += time;
      slept_ += time;
      if (store_.plan.scans_open > 0) slept_in_scans_ += time;
    };
    options_.cancellation = &cancellation_;
    options_.on_wait = [this](const std::string& why) {
      if (said_.empty() || said_.back() != why) said_.push_back(why);
    };
    store_.plan.load = [this]() -> absl::StatusOr<ServerLoad> {
      ++looks_;
      return load_;
    };
  }
  static std::vector<FakeRow> Rows() {
    std::vector<FakeRow> rows;
    for (int id = 1; id <= 20; ++id) rows.push_back({std::to_string(id), "v"});
    return rows;
  }
  std::unique_ptr<Store> Gated() { return MakeGatedStore(&store_, options_); }
  // The load from so much later on.
  void LoadAfter(nanoseconds time, absl::StatusOr<ServerLoad> load) {
    const auto then = now_ + time;
    store_.plan.load = [this, then, load]() -> absl::StatusOr<ServerLoad> {
      ++looks_;
      return now_ >= then ? load : load_;
    };
  }

  FakeStore store_;
  LoadGateOptions options_;
  steady_clock::time_point now_{};
  nanoseconds slept_{};
  nanoseconds slept_in_scans_{};
  std::function<void()> on_sleep_;
  absl::StatusOr<ServerLoad> load_ = Running(0);
  int looks_ = 0;
  Cancellation cancellation_;
  std::vector<std::string> said_;
};

TEST_F(LoadGateTest, AScanBeginsOnceTheLoadIsLowHoweverLongThatTakes) {
  load_ = Running(kLimit + 1);
  LoadAfter(minutes(100), Running(kLimit));
  const auto gated = Gated();
  const auto scan = gated->StartScan({"id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(slept_, minutes(100));
  EXPECT_EQ(slept_in_scans_, nanoseconds(0));
  EXPECT_EQ(looks_, 6001);
  EXPECT_THAT(said_, ElementsAre("2 queries of others run (limit 1)", ""));
  EXPECT_EQ(ReadScan(**scan).rows.size(), 20u);
}

TEST_F(LoadGateTest, TheLoadIsLookedAtOnceASecondAtMost) {
  const auto gated = Gated();
  store_.plan.on_next = [this](size_t) { now_ += milliseconds(300); };
  EXPECT_EQ(ReadAll(*gated, {"id"}).rows.size(), 20u);  // 8 batches, the last one empty
  EXPECT_EQ(looks_, 2);
  EXPECT_EQ(slept_, nanoseconds(0));
  EXPECT_TRUE(said_.empty());
}

TEST_F(LoadGateTest, AScanIsPausedAndGoesOnWhereItWas) {
  const auto gated = Gated();
  auto scan = gated->StartScan({"id"});
  ASSERT_TRUE(scan.ok());
  ASSERT_TRUE((*scan)->Next().ok());
  now_ += seconds(1);
  load_ = Running(kLimit + 1);
  LoadAfter(seconds(9), Running(kLimit));
  const ScanOutcome rest = ReadScan(**scan);
  ASSERT_TRUE(rest.status.ok()) << rest.status;
  EXPECT_EQ(rest.rows.size(), 17u);
  EXPECT_EQ(slept_, seconds(9));
  EXPECT_EQ(store_.plan.scans_started, 1);
  EXPECT_EQ(rest.end.position, "position 1");
}

TEST_F(LoadGateTest, AfterTheHoldTheSnapshotIsGivenBackAndTheScanHasFailedForNow) {
  const auto gated = Gated();
  auto scan = gated->StartScan({"id"});
  ASSERT_TRUE(scan.ok());
  ASSERT_TRUE((*scan)->Next().ok());
  now_ += seconds(1);
  load_ = Running(7);
  const absl::Status status = (*scan)->Next().status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_TRUE(IsTransient(status)) << status;
  EXPECT_EQ(
      status.message(),
      "the snapshot was given back, since the scan was paused for 10 s and still 7 queries of "
      "others run (limit 1)");
  EXPECT_EQ(slept_, seconds(10));
  EXPECT_EQ(store_.plan.scans_open, 0);
  // It is no end of data, whatever becomes of the load.
  load_ = Running(0);
  EXPECT_TRUE(IsTransient((*scan)->Next().status()));
  EXPECT_TRUE(IsTransient((*scan)->Finish().status()));
  EXPECT_EQ((*scan)->Progress(), 3u);
}

TEST_F(LoadGateTest, AShortHoldIsKeptToo) {
  options_.limits.hold = milliseconds(10);
  const auto gated = Gated();
  auto scan = gated->StartScan({"id"});
  ASSERT_TRUE(scan.ok());
  now_ += seconds(1);
  load_ = Running(7);
  EXPECT_TRUE(IsTransient((*scan)->Next().status()));
  EXPECT_EQ(slept_, milliseconds(10));
}

TEST_F(LoadGateTest, AScanThatFollowsOneThatWasGivenBackWaitsAtOnce) {
  const auto gated = Gated();
  {
    auto scan = gated->StartScan({"id"});
    ASSERT_TRUE(scan.ok());
    now_ += seconds(1);
    load_ = Running(7);
    ASSERT_TRUE(IsTransient((*scan)->Next().status()));
  }
  LoadAfter(seconds(30), Running(0));
  EXPECT_EQ(ReadAll(*gated, {"id"}).rows.size(), 20u);
  EXPECT_EQ(slept_, seconds(40));
  EXPECT_EQ(slept_in_scans_, seconds(10));
}

TEST_F(LoadGateTest, AWaitEndsAtOnceWhenItIsCancelled) {
  load_ = Running(7);
  on_sleep_ = [this] { cancellation_.Cancel(); };
  EXPECT_TRUE(absl::IsCancelled(Gated()->StartScan({"id"}).status()));
  EXPECT_LE(slept_, milliseconds(50));
  EXPECT_EQ(store_.plan.scans_started, 0);
}

TEST_F(LoadGateTest, APauseEndsAtOnceWhenItIsCancelled) {
  const auto gated = Gated();
  auto scan = gated->StartScan({"id"});
  ASSERT_TRUE(scan.ok());
  now_ += seconds(1);
  load_ = Running(7);
  on_sleep_ = [this] { cancellation_.Cancel(); };
  const absl::Status status = (*scan)->Next().status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_FALSE(IsTransient(status));
  EXPECT_LE(slept_, milliseconds(50));
}

TEST_F(LoadGateTest, ALoadThatCantBeReadIsNeverNone) {
  const auto start = [this] { return Gated()->StartScan({"id"}).status(); };
  load_ = absl::PermissionDeniedError("grant pg_monitor");
  EXPECT_TRUE(absl::IsPermissionDenied(start()));
  load_ = absl::UnavailableError("gone");
  EXPECT_TRUE(IsTransient(start()));
  EXPECT_EQ(FaultOf(start()), Fault::kSource);
  load_ = absl::DeadlineExceededError("slow");
  EXPECT_EQ(FaultOf(start()), Fault::kSource);
  EXPECT_EQ(store_.plan.scans_started, 0);
}

TEST_F(LoadGateTest, ALoadThatCantBeReadAnyMoreEndsTheScan) {
  for (const absl::Status& error :
       {absl::UnavailableError("gone"), absl::PermissionDeniedError("revoked"),
        absl::DeadlineExceededError("slow"), absl::InternalError("what")}) {
    load_ = Running(0);
    const auto gated = Gated();
    auto scan = gated->StartScan({"id"});
    ASSERT_TRUE(scan.ok());
    now_ += seconds(1);
    load_ = error;
    const absl::Status status = (*scan)->Next().status();
    EXPECT_EQ(FaultOf(status), Fault::kSource) << status;
    EXPECT_EQ(IsTransient(status), absl::IsUnavailable(error)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(error.message())));
  }
}

TEST_F(LoadGateTest, LagIsLimitedToo) {
  options_.limits.running.reset();
  options_.limits.lag = seconds(2);
  load_ = ServerLoad{1000, seconds(2), ""};
  EXPECT_TRUE(Gated()->StartScan({"id"}).ok());
  EXPECT_EQ(slept_, nanoseconds(0));
  load_ = ServerLoad{0, milliseconds(2500), ""};
  LoadAfter(seconds(5), ServerLoad{0, {}, "replication has stopped"});
  on_sleep_ = [this] {
    if (said_.size() == 2) cancellation_.Cancel();
  };
  EXPECT_TRUE(absl::IsCancelled(Gated()->StartScan({"id"}).status()));
  EXPECT_THAT(said_,
              ElementsAre("replication lags by 2.5 s (limit 2 s)", "replication has stopped"));
}

TEST_F(LoadGateTest, BothLimitsAreNamedWhereBothArePassed) {
  options_.limits.lag = seconds(2);
  load_ = ServerLoad{2, seconds(3), ""};
  on_sleep_ = [this] { cancellation_.Cancel(); };
  EXPECT_TRUE(absl::IsCancelled(Gated()->StartScan({"id"}).status()));
  EXPECT_THAT(said_, ElementsAre("2 queries of others run (limit 1), replication lags by 3 s "
                                 "(limit 2 s)"));
}

TEST_F(LoadGateTest, LookupsOfOneCallWaitForTheHoldInAll) {
  load_ = Running(7);
  const auto gated = Gated();
  // This store has no lookup; that it said so shows that it was asked.
  EXPECT_TRUE(absl::IsUnimplemented(gated->Lookup({"id"}, {"id"}, {}).status()));
  EXPECT_EQ(slept_, seconds(10));
  EXPECT_TRUE(absl::IsUnimplemented(gated->LookupAlike({"id"}, {"id"}, {}).status()));
  EXPECT_TRUE(absl::IsUnimplemented(gated->Lookup({"id"}, {"id"}, {}).status()));
  EXPECT_EQ(slept_, seconds(10));
  // The scan that stands in for it waits as any scan.
  LoadAfter(minutes(1), Running(0));
  EXPECT_TRUE(gated->StartScan({"id"}).ok());
  EXPECT_EQ(slept_, minutes(1) + seconds(10));
}

TEST_F(LoadGateTest, ALookupWhoseLoadCantBeReadIsAnError) {
  load_ = absl::PermissionDeniedError("grant pg_monitor");
  EXPECT_TRUE(absl::IsPermissionDenied(Gated()->Lookup({"id"}, {"id"}, {}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Gated()->LookupAlike({"id"}, {"id"}, {}).status()));
}

TEST_F(LoadGateTest, AStoreWithoutAServerIsReadAtOnce) {
  store_.plan.load = nullptr;
  const auto gated = Gated();
  store_.plan.on_next = [this](size_t) { now_ += minutes(1); };
  EXPECT_EQ(ReadAll(*gated, {"id"}).rows.size(), 20u);
  EXPECT_TRUE(absl::IsUnimplemented(gated->Lookup({"id"}, {"id"}, {}).status()));
  EXPECT_EQ(slept_, nanoseconds(0));
}

TEST_F(LoadGateTest, StoresAroundAStoreHaveItsLoad) {
  auto inner = std::make_unique<FakeStore>(Rows());
  inner->plan.load = [this] { return load_; };
  load_ = Running(7);
  const auto wrapped = MakePacedStore(MapColumns(std::move(inner), ColumnMapping{}, "fake:rows"),
                                      std::make_shared<Pacer>(Rate{}));
  const auto meter = MakeGatedStore(wrapped.get(), options_)->MeasureLoad({true, false});
  ASSERT_TRUE(meter.ok()) << meter.status();
  EXPECT_EQ((*meter)->Read()->running, 7u);
}

class GatedDatasetTest : public LoadGateTest {
 protected:
  GatedDatasetTest() {
    agreement_.schema.key = {{"id", merkle::ColumnType::kInteger}};
    agreement_.schema.values = {{"value", merkle::ColumnType::kText}};
    agreement_.key_id = merkle::DigestKey::Unkeyed().KeyId();
    dataset_.name = "rows";
    dataset_.folder = folder_ / "rows";
    dataset_.key = merkle::DigestKey::Unkeyed();
    dataset_.threads = 2;
    dataset_.retry_after = {milliseconds(1), milliseconds(1)};
    dataset_.log = [this](const std::string& line) { log_.push_back(line); };
    auto store = std::make_unique<FakeStore>(Rows());
    plan_ = &store->plan;
    owned_ = std::move(store);
    plan_->load = [this]() -> absl::StatusOr<ServerLoad> { return load_; };
    options_.sleep = [this](nanoseconds time, const std::stop_token& stop) {
      if (on_sleep_) on_sleep_();
      if (stop.stop_requested()) return;
      now_ += time;
      if (plan_->scans_open > 0) slept_in_scans_ += time;
    };
  }
  void Open() {
    dataset_.load_gate = options_;
    auto opened = Dataset::Open(dataset_, std::move(owned_));
    ASSERT_TRUE(opened.ok()) << opened.status();
    opened_ = *std::move(opened);
  }

  testing::TempDir folder_;
  merkle::Agreement agreement_;
  DatasetOptions dataset_;
  FakePlan* plan_ = nullptr;
  std::unique_ptr<Store> owned_;
  std::unique_ptr<Dataset> opened_;
  CallControl control_;
  std::vector<std::string> log_;
};

TEST_F(GatedDatasetTest, AScanThatWasHeldTooLongBeginsAnewOnceTheLoadIsLow) {
  plan_->on_next = [this](size_t batch) {
    now_ += seconds(1);
    if (batch == 1 && plan_->scans_started == 1) load_ = Running(7);
  };
  std::string waiting;
  on_sleep_ = [this, &waiting] {
    waiting = control_.waiting();
    if (slept_in_scans_ >= seconds(10) && now_ >= steady_clock::time_point(minutes(30))) {
      load_ = Running(0);
    }
  };
  Open();
  const auto prepared = opened_->Prepare(agreement_, false, &control_);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->root.count, 20u);
  EXPECT_EQ(prepared->not_point_in_time, "");
  EXPECT_EQ(plan_->scans_started, 2);
  EXPECT_EQ(slept_in_scans_, seconds(10));
  EXPECT_GE(now_, steady_clock::time_point(minutes(30)));
  EXPECT_EQ(waiting, "7 queries of others run (limit 1)");
  EXPECT_EQ(control_.waiting(), "");
  EXPECT_THAT(log_, ElementsAre("reading rows waits: 7 queries of others run (limit 1)",
                                "reading rows waits no longer",
                                HasSubstr("begins anew in 1 ms: the snapshot was given back"),
                                "reading rows waits: 7 queries of others run (limit 1)",
                                "reading rows waits no longer"));
}

TEST_F(GatedDatasetTest, ItIsBegunAsOftenAsThereAreRetries) {
  plan_->on_next = [this](size_t) {
    now_ += seconds(1);
    load_ = Running(7);
  };
  on_sleep_ = [this] {
    if (plan_->scans_open == 0) load_ = Running(0);
  };
  Open();
  const absl::Status status = opened_->Prepare(agreement_, false, &control_).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("(tried 3 times)"));
  EXPECT_EQ(plan_->scans_started, 3);
}

TEST_F(GatedDatasetTest, ACallThatIsCancelledWaitsNoLonger) {
  load_ = Running(7);
  on_sleep_ = [this] { control_.cancellation.Cancel(); };
  Open();
  EXPECT_TRUE(absl::IsCancelled(opened_->Prepare(agreement_, false, &control_).status()));
  EXPECT_LE(now_, steady_clock::time_point(milliseconds(50)));
  EXPECT_EQ(plan_->scans_started, 0);
}

TEST_F(GatedDatasetTest, ReadingRecordsAgainWaitsToo) {
  Open();
  const auto prepared = opened_->Prepare(agreement_, false, &control_);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  load_ = Running(7);
  on_sleep_ = [this] { control_.cancellation.Cancel(); };
  // With values, so that the index does not answer.
  std::string key;
  merkle::AppendInteger(7, merkle::Place::kKeyLast, &key);
  const auto read = opened_->Read(agreement_.Fingerprint(), {key}, true, &control_);
  EXPECT_TRUE(absl::IsCancelled(read.status())) << read.status();
  EXPECT_EQ(plan_->scans_started, 1);
  CallControl control;
  on_sleep_ = [this] { load_ = Running(1); };
  const auto again = opened_->Read(agreement_.Fingerprint(), {key}, true, &control);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->size(), 1u);
}

}  // namespace
}  // namespace driftwood::agent
