// Covers audit_sources.cc and live_reader.cc too.
#include "coordinator/audit/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "proto/contract/fault.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() {
    options_.salt = std::string(16, 's');
    options_.now_seconds = [this] { return time_ += 1; };
  }

  FakePeer* Add(const std::string& name, FakePeer::Rows rows) {
    peers_.push_back(std::make_unique<FakePeer>(std::move(rows)));
    plan_.replicas.push_back({name, {"fake:" + name}});
    return peers_.back().get();
  }

  Report Run() { return RunAudit(plan_, Pointers(peers_), options_, nullptr, &interrupt_); }

  AuditPlan plan_;
  AuditOptions options_;
  Interrupt interrupt_;
  std::vector<std::unique_ptr<FakePeer>> peers_;
  std::atomic<int> time_{0};
};

std::vector<int64_t> Ids(const Report& report) {
  std::vector<int64_t> ids;
  for (const ReportRecord& record : report.records) ids.push_back(record.key.columns->at(0).number);
  return ids;
}

TEST_F(AuditTest, EqualReplicasAreIdenticalInOneRoundTrip) {
  Add("left", ManyRows(1000));
  Add("right", ManyRows(1000));
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_EQ(ExitCode(report), 0);
  EXPECT_TRUE(report.complete);
  EXPECT_TRUE(report.exact);
  EXPECT_EQ(report.records_proven_equal, 1000u);
  EXPECT_EQ(report.round_trips, 1u);
  EXPECT_EQ(peers_[0]->queries, 0);
  EXPECT_FALSE(report.error);
}

TEST_F(AuditTest, EveryDivergenceIsListedWithTheStateOfEachReplica) {
  FakePeer::Rows rows = ManyRows(5000);
  Add("left", rows);
  rows[17] = "changed";
  rows.erase(100);
  rows[9999] = "new";
  Add("right", rows);
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(ExitCode(report), 1);
  EXPECT_THAT(Ids(report), ElementsAre(17, 100, 9999));
  EXPECT_EQ(report.total, 3u);
  EXPECT_EQ(report.changed, 1u);
  EXPECT_THAT(report.missing, ElementsAre(1, 1));
  EXPECT_TRUE(report.records[0].states[0] && report.records[0].states[1]);
  EXPECT_FALSE(report.records[1].states[1]);
  EXPECT_FALSE(report.records[2].states[0]);
  EXPECT_EQ(report.records_proven_equal, 4998u);
}

TEST_F(AuditTest, ThreeReplicasAreComparedAtOnce) {
  FakePeer::Rows rows = ManyRows(2000);
  Add("a", rows);
  rows[5] = "b only";
  Add("b", rows);
  rows.erase(5);
  Add("c", rows);
  const Report report = Run();
  EXPECT_THAT(Ids(report), ElementsAre(5));
  EXPECT_EQ(report.records[0].kind(), "missing");
  EXPECT_THAT(report.missing, ElementsAre(0, 0, 1));
}

TEST_F(AuditTest, Ledger16TotalsStayExactWhenTheListIsCapped) {
  FakePeer::Rows rows = ManyRows(8000);
  Add("left", rows);
  for (int64_t id = 5001; id <= 8000; ++id) rows.erase(id);  // a run
  for (int64_t id = 1; id <= 40; ++id) rows[id] = "x";
  Add("right", rows);
  plan_.records_listed_max = 10;
  Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 3040u);
  EXPECT_EQ(report.changed, 40u);
  EXPECT_THAT(report.missing, ElementsAre(0, 3000));
  EXPECT_THAT(report.records, SizeIs(10));
  plan_.records_listed_max = 0;
  report = Run();
  EXPECT_EQ(report.total, 3040u);
  EXPECT_THAT(report.records, SizeIs(0));
  plan_.records_listed_max = 100000;
  report = Run();
  EXPECT_THAT(report.records, SizeIs(3040));
  EXPECT_TRUE(
      std::is_sorted(report.records.begin(), report.records.end(),
                     [](const auto& a, const auto& b) { return a.key.encoded < b.key.encoded; }));
}

TEST_F(AuditTest, Ledger22ZeroRecordsOnEverySideWarns) {
  Add("left", {});
  Add("right", {});
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("zero records")));
}

TEST_F(AuditTest, ValuesAreShownWithTheColumnsThatDiffer) {
  Add("left", {{1, "a"}, {2, "b"}});
  Add("right", {{1, "A"}, {3, "c"}});
  plan_.show_values = true;
  const Report report = Run();
  ASSERT_THAT(Ids(report), ElementsAre(1, 2, 3));
  EXPECT_EQ((*report.records[0].values[0])[0].text, "a");
  EXPECT_EQ((*report.records[0].values[1])[0].text, "A");
  EXPECT_THAT(report.records[0].differs, ElementsAre(true));
  EXPECT_FALSE(report.records[1].values[1]);
  EXPECT_THAT(report.records[0].notes, SizeIs(0));
}

TEST_F(AuditTest, ARecordThatChangedSinceTheWalkIsNoted) {
  Add("left", {{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}});
  FakePeer* right = Add("right", {{1, "A"}, {2, "B"}, {4, "d"}});
  right->before_query = [right] { right->SetRows({{1, "A2"}, {3, "c"}, {4, "d"}}); };
  plan_.show_values = true;
  plan_.recheck.enabled = false;
  const Report report = Run();
  ASSERT_THAT(Ids(report), ElementsAre(1, 2, 3));
  EXPECT_THAT(report.records[0].notes, ElementsAre(HasSubstr("right: the record has changed")));
  EXPECT_THAT(report.records[1].notes, ElementsAre(HasSubstr("right: the record has gone")));
  EXPECT_THAT(report.records[2].notes, ElementsAre(HasSubstr("right: the record has appeared")));
}

TEST_F(AuditTest, ValuesThatCannotBeReadAreSaidSoAndTheVerdictStays) {
  Add("left", {{1, "a"}});
  Add("right", {{1, "A"}})->fail_always["read"] = absl::UnavailableError("gone");
  plan_.show_values = true;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("right: the values could not be read"),
                                           HasSubstr("right: rows that differ could not be")));
  EXPECT_THAT(report.records[0].notes, SizeIs(1));
}

TEST_F(AuditTest, OfAnAgentThatKeepsValuesBackNoneAreAskedForAndTheReportSaysSo) {
  Add("left", {{1, "a"}});
  FakePeer* const right = Add("right", {{1, "A"}});
  right->description.values_allowed = false;
  plan_.show_values = true;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_FALSE(report.values_shown);
  EXPECT_THAT(report.values_withheld, ElementsAre(1));
  EXPECT_THAT(report.records[0].values, SizeIs(0));
  EXPECT_EQ(right->reads, 1);
}

// What is wrong once rows flow is not the user's, whatever its code; and a database server that
// can't be reached is no lost agent.
TEST_F(AuditTest, AStatedFaultDecidesBetweenErrorAndIncomplete) {
  for (int code = 1; code <= 16; ++code) {
    for (const Fault fault : {Fault::kUser, Fault::kSource, Fault::kTransport, Fault::kOurs}) {
      const auto status_code = static_cast<absl::StatusCode>(code);
      SCOPED_TRACE(absl::StatusCodeToString(status_code));
      peers_.clear();
      plan_.replicas.clear();
      Add("left", ManyRows(300));
      Add("right", ManyRows(299));
      peers_[1]->fail_always["prepare"] = WithFault(absl::Status(status_code, "broken"), fault);
      EXPECT_EQ(ExitCode(Run()), fault == Fault::kUser ? 2 : 3);
    }
  }
}

// Every call of every replica, with every code: never a success, and the replica is named.
TEST_F(AuditTest, AnyFailureOfAnyCallIsNeitherIdenticalNorDivergent) {
  for (const std::string call : {"describe", "prepare", "open", "query"}) {
    for (int code = 1; code <= 16; ++code) {
      for (size_t failing = 0; failing < 2; ++failing) {
        SCOPED_TRACE(call + " fails with " + std::to_string(code));
        peers_.clear();
        plan_.replicas.clear();
        Add("left", ManyRows(300));
        Add("right", ManyRows(299));
        const auto status_code = static_cast<absl::StatusCode>(code);
        const absl::Status broken(status_code, "broken");
        peers_[failing]->fail_always[call] = broken;
        const Report report = Run();
        const bool before_scan = call == "describe";
        // A dataset that is not prepared a moment after it was: nothing that a user did wrong.
        const bool in_use = call == "open" && status_code == absl::StatusCode::kFailedPrecondition;
        const bool error =
            call != "query" && !in_use && (before_scan || FaultOf(broken) == Fault::kUser);
        EXPECT_EQ(ExitCode(report), error ? 2 : 3);
        ASSERT_TRUE(report.error);
        EXPECT_EQ(report.error->replica, failing);
        EXPECT_FALSE(report.complete);
        EXPECT_FALSE(report.exact);
        EXPECT_THAT(report.replicas, SizeIs(2));
        EXPECT_EQ(report.gaps.empty(), error);
      }
    }
  }
}

TEST_F(AuditTest, Ledger17BothFailuresAreInTheReport) {
  Add("left", {})->fail_always["describe"] = absl::NotFoundError("no such file: a");
  Add("right", {})->fail_always["describe"] = absl::NotFoundError("no such file: b");
  const Report report = Run();
  EXPECT_EQ(report.error->message, "no such file: a; and right: no such file: b");
  EXPECT_EQ(ErrorLine(report), "left: no such file: a; and right: no such file: b");
  EXPECT_THAT(report.warnings, SizeIs(0));
}

// Its agent was restarted, or another comparison had it prepared under another agreement.
TEST_F(AuditTest, WhatIsNotPreparedAnyMoreIsPreparedOnceMore) {
  Add("left", ManyRows(10));
  Add("right", ManyRows(10))->fail_once["open"] = absl::FailedPreconditionError("not prepared");
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_THAT(peers_[1]->prepared_with_force, ElementsAre(false, false));
}

TEST_F(AuditTest, ALostAgentIsNotAskedAgainForValuesOrGoodbye) {
  FakePeer::Rows rows = ManyRows(20'000);
  Add("left", rows);
  rows[7] = "x";
  rows[15'000] = "y";
  FakePeer* right = Add("right", rows);
  right->before_query = [right] {
    if (right->queries > 0) right->fail_always["query"] = absl::UnavailableError("killed");
  };
  plan_.show_values = true;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(right->reads, 0);
  EXPECT_EQ(right->closed, 0);
  EXPECT_EQ(peers_[0]->closed, 1);
}

TEST_F(AuditTest, Ledger26AnAgentLostBeforeTheFirstDivergenceIsIncomplete) {
  Add("left", ManyRows(1000));
  Add("right", ManyRows(999))->fail_always["query"] =
      absl::UnavailableError("its agent was killed");
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(report.total, 0u);
  EXPECT_EQ(report.error->code, absl::StatusCode::kUnavailable);
  EXPECT_THAT(VerdictLine(report), HasSubstr("right: its agent was killed"));
}

TEST_F(AuditTest, OneFailureEndsTheOthersScans) {
  Add("left", ManyRows(10))->hang_in_prepare = true;
  Add("right", ManyRows(10))->fail_always["prepare"] =
      absl::AlreadyExistsError("duplicate key 7: lines 3 and 9");
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 2);
  EXPECT_EQ(report.error->replica, 1u);
  EXPECT_EQ(report.error->message, "duplicate key 7: lines 3 and 9");
}

TEST_F(AuditTest, ADamagedIndexIsRebuiltOnce) {
  Add("left", ManyRows(10))->fail_once["prepare"] = absl::DataLossError("checksum");
  Add("right", ManyRows(10))->fail_once["open"] = absl::DataLossError("checksum");
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_THAT(peers_[0]->prepared_with_force, ElementsAre(false, true));
  EXPECT_THAT(peers_[1]->prepared_with_force, ElementsAre(false, true));
}

TEST_F(AuditTest, AnExpiredSnapshotBeginsTheWalkAnewFromNewRoots) {
  Add("left", ManyRows(1000));
  Add("right", ManyRows(990))->fail_once["query"] = absl::NotFoundError("no such snapshot");
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 10u);
  EXPECT_EQ(peers_[0]->opened, 2);
}

TEST_F(AuditTest, SnapshotsThatAlwaysExpireEndIncomplete) {
  Add("left", ManyRows(1000));
  Add("right", ManyRows(990))->fail_always["query"] = absl::NotFoundError("no such snapshot");
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 3);
  EXPECT_EQ(peers_[0]->opened, 1 + options_.restarts_max);
}

TEST_F(AuditTest, Ledger21AnAgentWithAnotherAgreementIsRefused) {
  Add("left", ManyRows(10));
  Add("right", ManyRows(10))->change_agreement = [](merkle::Agreement* agreement) {
    agreement->schema.values[0].type = merkle::ColumnType::kBytes;
  };
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 2);
  EXPECT_THAT(report.error->message, HasSubstr("right"));
}

TEST_F(AuditTest, WhatIsNotPointInTimeIsNeverIdentical) {
  Add("left", ManyRows(10));
  Add("right", ManyRows(10))->not_point_in_time = "the file changed while it was read";
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 3);
  ASSERT_THAT(report.gaps, SizeIs(1));
  EXPECT_EQ(report.gaps[0].replica, 1u);
  EXPECT_THAT(report.gaps[0].reason, HasSubstr("changed while it was read"));
}

TEST_F(AuditTest, WhatIsNotPointInTimeAndAllowedToBeIsSaidBesideTheVerdict) {
  FakePeer::Rows rows = ManyRows(10);
  Add("left", rows);
  FakePeer* const right = Add("right", rows);
  right->not_point_in_time = "its engine has no snapshots";
  plan_.replicas[0].allow_not_point_in_time = true;
  EXPECT_EQ(ExitCode(Run()), 3);  // that was another
  plan_.replicas[1].allow_not_point_in_time = true;
  const Report identical = Run();
  EXPECT_EQ(identical.verdict, Verdict::kIdentical);
  EXPECT_THAT(identical.not_point_in_time, ElementsAre(1));
  EXPECT_THAT(VerdictLine(identical), EndsWith("; not a consistent snapshot: right"));
  EXPECT_THAT(identical.warnings, ElementsAre(HasSubstr("its engine has no snapshots")));
  rows[5] = "x";
  right->SetRows(rows);
  const Report divergent = Run();
  EXPECT_EQ(divergent.verdict, Verdict::kDivergent);
  EXPECT_THAT(VerdictLine(divergent), EndsWith("; not a consistent snapshot: right"));
}

TEST_F(AuditTest, AWrongAnswerIsIncompleteAndNamesTheAgent) {
  Add("left", ManyRows(1000));
  Add("right", ManyRows(900))->twist = [](std::string answer) {
    if (!answer.empty()) answer.pop_back();
    return answer;
  };
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 3);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->replica, 1u);
}

TEST_F(AuditTest, AnInterruptWhileIndexingEndsItWith130) {
  Add("left", ManyRows(10))->hang_in_prepare = true;
  Add("right", ManyRows(10))->fail_always["prepare"] = absl::OkStatus();
  class RaiseOnProgress final : public AuditObserver {
   public:
    explicit RaiseOnProgress(Interrupt* interrupt) : interrupt_(interrupt) {}
    void OnPhase(Phase) override {}
    void OnDescribed(size_t, const DatasetDescription&) override {}
    void OnIndexing(size_t, const PrepareProgress&) override { interrupt_->Raise(); }
    void OnIndexed(size_t, uint64_t) override {}
    void OnRound(uint32_t) override {}

   private:
    Interrupt* const interrupt_;
  } observer(&interrupt_);
  const Report report = RunAudit(plan_, Pointers(peers_), options_, &observer, &interrupt_);
  EXPECT_EQ(ExitCode(report), 130);
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.error->message, "interrupted");
}

TEST_F(AuditTest, AnInterruptInTheWalkNeverLooksComplete) {
  Add("left", ManyRows(1000));
  Add("right", ManyRows(900))->before_query = [this] { interrupt_.Raise(); };
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 130);
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_FALSE(report.exact);
}

TEST_F(AuditTest, UnparsedAndUnkeyedAreReported) {
  peers_.push_back(std::make_unique<FakePeer>(ManyRows(3), merkle::DigestKey::Unkeyed()));
  peers_.push_back(std::make_unique<FakePeer>(ManyRows(3), merkle::DigestKey::Unkeyed()));
  plan_.replicas = {{"left", {""}}, {"right", {""}}};
  peers_[1]->unparsed = 5;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_TRUE(report.replicas[0].unkeyed);
  EXPECT_EQ(report.replicas[1].unparsed, 5u);
  EXPECT_THAT(report.warnings,
              ElementsAre(HasSubstr("right: 5 type mismatches: values that can't be")));
}

}  // namespace
}  // namespace driftwood::coordinator
