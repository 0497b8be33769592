// Whole audits of indexes that move meanwhile: each snapshot is walked with its own root.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/serve/service.h"
#include "coordinator/audit/audit.h"
#include "merkle/record/encoding.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/integration/service_peer.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::testing {
namespace {

using agent::LiveIndex;
using agent::ScriptedAgreement;
using agent::ScriptedDigest;
using agent::ScriptedKey;
using agent::ScriptedSource;
using agent::ScriptedStore;
using agent::TestKey;
using coordinator::Report;
using coordinator::Verdict;
using merkle::Before;
using merkle::Change;
using Rows = std::map<int64_t, std::string>;

enum class When { kBeforeOpening, kAfterOpening, kBeforeQuery, kAfterQuery };

// Something happens beside the calls of an audit.
class MovingPeer final : public coordinator::Peer {
 public:
  MovingPeer(agent::Service* service, std::string dataset, std::function<void(When)> happens)
      : peer_(service, std::move(dataset)), happens_(std::move(happens)) {}

  absl::StatusOr<DatasetDescription> Describe() override { return peer_.Describe(); }
  absl::StatusOr<PrepareResult> Prepare(const merkle::Agreement& agreement, bool force,
                                        const ProgressCallback& on_progress) override {
    return peer_.Prepare(agreement, force, on_progress);
  }
  absl::StatusOr<OpenedSnapshot> OpenSnapshot(const merkle::Agreement& agreement) override {
    happens_(When::kBeforeOpening);
    auto opened = peer_.OpenSnapshot(agreement);
    happens_(When::kAfterOpening);
    return opened;
  }
  absl::StatusOr<std::string> Query(std::string_view questions) override {
    happens_(When::kBeforeQuery);
    auto answers = peer_.Query(questions);
    happens_(When::kAfterQuery);
    return answers;
  }
  absl::StatusOr<std::vector<FoundRecord>> ReadRecords(const merkle::Agreement& agreement,
                                                       const std::vector<std::string>& keys,
                                                       bool with_values) override {
    return peer_.ReadRecords(agreement, keys, with_values);
  }
  absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override {
    return peer_.ReadIndexed(agreement, keys);
  }
  absl::StatusOr<std::vector<AlikeKey>> FindAlike(const merkle::Agreement& agreement,
                                                  const std::vector<std::string>& keys) override {
    return peer_.FindAlike(agreement, keys);
  }
  void CloseSnapshot() override { peer_.CloseSnapshot(); }
  void Cancel() override { peer_.Cancel(); }

 private:
  ServicePeer peer_;
  const std::function<void(When)> happens_;
};

// A replica whose source is written to, with each write told to its index.
struct Replica {
  std::string name;
  std::shared_ptr<ScriptedSource> source = std::make_shared<ScriptedSource>();
  Rows rows{};
  uint64_t number = 0;
  std::optional<Rows> walked{};  // what its snapshot has
  std::function<void(When)> happens = [](When) {};
};

class LiveIndexAuditTest : public ::testing::Test {
 protected:
  LiveIndexAuditTest() {
    agent::ServiceOptions options;
    options.key = TestKey();
    options.state_dir = folder_.path();
    options.version = "1";
    options.threads = 1;
    service_ = std::make_unique<agent::Service>(options);
    for (Replica* const replica : {&left_, &right_}) {
      for (int64_t id = 1; id <= 2000; ++id) {
        replica->source->Put(id, "order");
        replica->rows[id] = "order";
      }
      EXPECT_TRUE(service_
                      ->AddDataset(replica->name, "scripted:" + replica->name,
                                   std::make_unique<ScriptedStore>(replica->source))
                      .ok());
    }
    audit_.salt = std::string(16, 's');
    audit_.now_seconds = [] { return 0.0; };
    audit_.walk = {};
  }

  // Both threads of an audit may write at one time: each its own replica.
  absl::Status Tell(Replica* replica, const std::vector<Change>& changes) {
    const auto live = service_->Live(replica->name, Fingerprint());
    if (!live.ok()) return live.status();
    return (*live)->Apply(changes, Pushed{"epoch", ++replica->number});
  }
  std::string Fingerprint() const { return fingerprint_; }
  void Write(Replica* replica, int64_t id, const std::optional<std::string>& note) {
    const auto at = replica->rows.find(id);
    Change change{ScriptedKey(id), std::nullopt, Before::Absent()};
    if (at != replica->rows.end()) change.before = Before::Holding(ScriptedDigest(id, at->second));
    if (note) change.digest = ScriptedDigest(id, *note);
    const absl::Status told = Tell(replica, {change});
    EXPECT_TRUE(told.ok()) << told;
    if (note) {
      replica->source->Put(id, *note);
      replica->rows[id] = *note;
    } else {
      replica->source->Delete(id);
      replica->rows.erase(id);
    }
  }

  Report Audit() {
    MovingPeer left(service_.get(), "left", [this](When when) { left_.happens(when); });
    MovingPeer right(service_.get(), "right", [this](When when) { right_.happens(when); });
    coordinator::Interrupt interrupt;
    return RunAudit(plan_, {&left, &right}, audit_, nullptr, &interrupt);
  }
  static std::set<int64_t> Found(const Report& report) {
    std::set<int64_t> found;
    for (const auto& record : report.records) found.insert(record.key.columns->at(0).number);
    return found;
  }
  static std::set<int64_t> Differing(const Rows& left, const Rows& right) {
    std::set<int64_t> ids;
    for (const auto& [id, note] : left) {
      const auto at = right.find(id);
      if (at == right.end() || at->second != note) ids.insert(id);
    }
    for (const auto& [id, note] : right) {
      if (!left.contains(id)) ids.insert(id);
    }
    return ids;
  }

  const TempDir folder_;
  std::unique_ptr<agent::Service> service_;
  Replica left_{"left"};
  Replica right_{"right"};
  coordinator::AuditPlan plan_{.replicas = {{"left", {"left"}}, {"right", {"right"}}}};
  coordinator::AuditOptions audit_;
  std::string fingerprint_ = ScriptedAgreement().Fingerprint();
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

TEST_F(LiveIndexAuditTest, WhatIsAppliedBeforeOpeningIsWalked) {
  left_.happens = [this](When when) {
    if (when == When::kBeforeOpening) Write(&left_, 77, "changed after it was prepared");
  };
  const Report report = Audit();
  EXPECT_EQ(report.verdict, Verdict::kDivergent) << VerdictLine(report);
  EXPECT_EQ(Found(report), std::set<int64_t>{77});
  right_.happens = [this](When when) {
    if (when == When::kBeforeOpening) Write(&right_, 77, "changed after it was prepared");
  };
  left_.happens = [](When) {};
  const Report healed = Audit();
  EXPECT_EQ(healed.verdict, Verdict::kIdentical) << VerdictLine(healed);
}

TEST_F(LiveIndexAuditTest, WhatIsAppliedAfterOpeningMovesNoSnapshot) {
  left_.source->Put(5, "drifted");
  left_.rows[5] = "drifted";
  left_.happens = [this](When when) {
    if (when == When::kAfterOpening) Write(&left_, 77, "too late for this audit");
    if (when == When::kBeforeQuery) Write(&left_, 1000, std::nullopt);
    if (when == When::kAfterQuery) Write(&left_, 1000, "here again");
  };
  const Report report = Audit();
  EXPECT_EQ(report.verdict, Verdict::kDivergent) << VerdictLine(report);
  EXPECT_EQ(Found(report), std::set<int64_t>{5});
  left_.happens = [](When) {};
  EXPECT_EQ(Found(Audit()), (std::set<int64_t>{5, 77, 1000}));
}

// Without confirmation an audit's result is that of its snapshots, whatever happens beside it.
TEST_F(LiveIndexAuditTest, UnderWritesAtEveryStepTheResultIsThatOfTheSnapshots) {
  plan_.recheck.enabled = false;
  std::mt19937 left_random(static_cast<uint32_t>(seed_));
  std::mt19937 right_random(static_cast<uint32_t>(seed_) + 1);
  const auto moves = [this](Replica* replica, std::mt19937* random) {
    return [this, replica, random](When when) {
      if (when == When::kAfterOpening) replica->walked = replica->rows;
      for (auto i = (*random)() % 4; i > 0; --i) {
        const auto id = static_cast<int64_t>(1 + (*random)() % 2100);
        std::optional<std::string> note;
        if ((*random)() % 3 != 0) note = "note " + std::to_string((*random)() % 5);
        Write(replica, id, note);
      }
    };
  };
  left_.happens = moves(&left_, &left_random);
  right_.happens = moves(&right_, &right_random);
  for (int round = 0; round < 10 && !HasFailure(); ++round) {
    const Report report = Audit();
    ASSERT_TRUE(left_.walked && right_.walked);
    const std::set<int64_t> expected = Differing(*left_.walked, *right_.walked);
    EXPECT_EQ(Found(report), expected);
    EXPECT_EQ(report.total, expected.size());
    EXPECT_EQ(report.verdict, expected.empty() ? Verdict::kIdentical : Verdict::kDivergent)
        << VerdictLine(report);
  }
}

TEST_F(LiveIndexAuditTest, AContradictionDuringTheWalkIsNeverIdenticalAndTheNextAuditScansAnew) {
  left_.source->Put(5, "drifted");
  bool once = false;
  left_.happens = [this, &once](When when) {
    if (when != When::kBeforeQuery || std::exchange(once, true)) return;
    EXPECT_FALSE(
        Tell(&left_, {{ScriptedKey(6), ScriptedDigest(6, "inserted"), Before::Absent()}}).ok());
  };
  const Report report = Audit();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << VerdictLine(report);
  const int scans = left_.source->scans();
  const Report next = Audit();
  EXPECT_EQ(next.verdict, Verdict::kDivergent) << VerdictLine(next);
  EXPECT_EQ(Found(next), std::set<int64_t>{5});
  EXPECT_GT(left_.source->scans(), scans);
}

TEST_F(LiveIndexAuditTest, AContradictionBeforeOpeningIsScannedAnewInTheSameAudit) {
  bool once = false;
  left_.happens = [this, &once](When when) {
    if (when != When::kBeforeOpening || std::exchange(once, true)) return;
    EXPECT_FALSE(Tell(&left_, {{ScriptedKey(6000), std::nullopt, Before::Present()}}).ok());
  };
  const Report report = Audit();
  EXPECT_EQ(report.verdict, Verdict::kIdentical) << VerdictLine(report);
  EXPECT_EQ(left_.source->scans(), 2);
}

}  // namespace
}  // namespace driftwood::testing
