// The confirmation within an audit: what is re-read and when, and what the report makes of it.
// Covers settle.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "coordinator/audit/audit.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AuditConfirmTest : public ::testing::Test {
 protected:
  AuditConfirmTest() {
    options_.salt = std::string(16, 's');
    options_.now_seconds = [this] { return time_ += 1; };
    options_.wait_seconds = [this](double seconds) {
      waits_.push_back(seconds);
      if (on_wait_) on_wait_();
    };
  }

  FakePeer* Add(const std::string& name, FakePeer::Rows rows) {
    peers_.push_back(std::make_unique<FakePeer>(std::move(rows)));
    plan_.replicas.push_back({name, {"fake:" + name}});
    return peers_.back().get();
  }
  // The stores change once the walk is over: before the first record is re-read.
  void AfterTheWalk(const std::function<void()>& change) {
    plan_.recheck.seconds = 1;
    on_wait_ = [this, change] {
      if (waits_.size() == 1) change();
    };
  }

  Report Run() {
    const Report report = RunAudit(plan_, Pointers(peers_), options_, nullptr, &interrupt_);
    EXPECT_EQ(report.total, report.statuses.divergent());
    uint64_t missing_or_changed = report.changed;
    for (const uint64_t missing : report.missing) missing_or_changed += missing;
    if (plan_.replicas.size() == 2) {
      EXPECT_EQ(missing_or_changed, report.total);
    }
    return report;
  }

  static std::vector<std::string> Listed(const Report& report) {
    std::vector<std::string> listed;
    for (const ReportRecord& record : report.records) {
      listed.push_back(std::to_string(record.key.columns->at(0).number) + " " +
                       std::string(record.kind()) + " " +
                       std::string(RecordStatusName(record.status)));
    }
    return listed;
  }

  AuditPlan plan_;
  AuditOptions options_;
  Interrupt interrupt_;
  std::vector<double> waits_;
  std::function<void()> on_wait_;
  std::vector<std::unique_ptr<FakePeer>> peers_;
  std::atomic<int> time_{0};
};

TEST_F(AuditConfirmTest, WhatStaysAsItWasFoundIsConfirmedWithoutAPauseForFiles) {
  FakePeer::Rows rows = ManyRows(3000);
  Add("left", rows);
  rows[17] = "changed";
  rows.erase(100);
  Add("right", rows);
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(Listed(report), ElementsAre("17 changed confirmed", "100 missing confirmed"));
  EXPECT_EQ(report.statuses.confirmed, 2u);
  EXPECT_EQ(report.passes, 1u);
  EXPECT_THAT(waits_, IsEmpty());
  EXPECT_EQ(peers_[0]->reads, 1);
}

TEST_F(AuditConfirmTest, IdenticalReplicasAreNotReadAgain) {
  Add("left", ManyRows(100));
  Add("right", ManyRows(100));
  EXPECT_EQ(Run().verdict, Verdict::kIdentical);
  EXPECT_EQ(peers_[0]->reads, 0);
}

TEST_F(AuditConfirmTest, ALiveSourceIsGivenTimeAndAnOptionDecides) {
  Add("left", ManyRows(10));
  Add("right", ManyRows(9))->description.live = true;
  Run();
  EXPECT_THAT(waits_, ElementsAre(kLiveRecheckSeconds));
  waits_.clear();
  plan_.recheck.seconds = 0.5;
  Run();
  EXPECT_THAT(waits_, ElementsAre(0.5));
  waits_.clear();
  plan_.recheck.seconds = 0;
  Run();
  EXPECT_THAT(waits_, IsEmpty());
}

TEST_F(AuditConfirmTest, Ledger28AllInFlightIsIdenticalWithTheirNumberOnTheFirstLine) {
  FakePeer::Rows rows = ManyRows(5000);
  FakePeer* left = Add("left", rows);
  FakePeer::Rows behind = rows;
  behind[17] = "old";
  behind.erase(100);
  behind[9999] = "deleted on the other side";
  for (int64_t id = 3001; id <= 5000; ++id) behind.erase(id);  // a run
  FakePeer* right = Add("right", behind);
  AfterTheWalk([=] {
    FakePeer::Rows later = rows;
    later.erase(4000);  // gone everywhere
    left->SetRows(later);
    right->SetRows(later);
  });
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_EQ(ExitCode(report), 0);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.total, 0u);
  EXPECT_EQ(report.statuses.in_flight, 2003u);
  EXPECT_THAT(report.records, IsEmpty());
  EXPECT_THAT(report.runs, IsEmpty());
  EXPECT_EQ(VerdictLine(report),
            "IDENTICAL: 2,998 rows in left and right agree; 2,003 rows in flight (differed when "
            "compared, agree now: 2,001 equal, 2 gone everywhere)");
}

TEST_F(AuditConfirmTest, WhatHasOnlyLeftAFilterIsNotInFlight) {
  FakePeer::Rows rows = ManyRows(100);
  FakePeer* left = Add("left", rows);
  FakePeer::Rows other = rows;
  other.erase(1);          // never there
  other.erase(2);          // only under the filter not, and another
  other.erase(3);          // only under the filter not, and the same
  other[4] = "different";  // leaves both filters
  other.erase(5);          // will be deleted on the left side
  FakePeer* right = Add("right", other);
  left->description.filter = right->description.filter = "updated_at > now() - '1 hour'";
  left->unfiltered = rows;
  left->unfiltered->erase(5);
  right->unfiltered = other;
  (*right->unfiltered)[2] = "different";
  (*right->unfiltered)[3] = rows[3];
  AfterTheWalk([=] {
    FakePeer::Rows later = rows;
    for (int64_t id = 1; id <= 5; ++id) later.erase(id);
    left->SetRows(later);
    right->SetRows(later);
  });
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(Listed(report),
              ElementsAre("1 missing confirmed", "2 changed confirmed", "4 changed confirmed"));
  EXPECT_THAT(report.records[0].notes, ElementsAre(HasSubstr("under its filter any more")));
  EXPECT_EQ(report.statuses.in_flight, 2u);
  EXPECT_EQ(report.statuses.gone, 1u);
  EXPECT_THAT(VerdictLine(report), HasSubstr("agree now: 1 equal, 1 gone everywhere)"));
}

TEST_F(AuditConfirmTest, AReplicaWithoutAFilterIsNotAskedForMoreThanItHas) {
  FakePeer::Rows rows = ManyRows(100);
  FakePeer* left = Add("left", rows);
  left->description.filter = "id < 50";
  left->unfiltered = rows;
  rows.erase(7);
  FakePeer* right = Add("right", rows);
  AfterTheWalk([=] { left->SetRows(rows); });
  const Report report = Run();
  EXPECT_THAT(Listed(report), ElementsAre("7 missing confirmed"));
  EXPECT_FALSE(right->unfiltered);
}

TEST_F(AuditConfirmTest, WhatCannotBeReadWithoutTheFilterStaysUnconfirmed) {
  for (const bool fails : {true, false}) {
    peers_.clear(), plan_.replicas.clear(), waits_.clear();
    FakePeer::Rows rows = ManyRows(100);
    FakePeer* left = Add("left", rows);
    left->description.filter = "id < 50";
    FakePeer::Rows other = rows;
    other.erase(7);
    other[8] = "other";
    FakePeer* right = Add("right", other);
    right->description.filter = "id < 50";
    right->unfiltered = other;
    if (fails) {
      left->unfiltered = rows;
      left->fail_always["unfiltered"] = absl::AbortedError("not now");
    }
    AfterTheWalk([=] { left->SetRows(other); });
    const Report report = Run();
    EXPECT_EQ(report.verdict, Verdict::kDivergent);
    EXPECT_THAT(Listed(report), ElementsAre("7 missing unconfirmed"));
    EXPECT_EQ(report.statuses.in_flight, 1u);
    EXPECT_THAT(report.warnings, Contains(HasSubstr(fails ? "not now" : "without its filter")));
  }
}

// The last reading, of the values, judges once more.
TEST_F(AuditConfirmTest, ShownValuesDoNotMakeOfWhatLeftAFilterWhatIsInFlight) {
  FakePeer::Rows rows = ManyRows(100);
  FakePeer* left = Add("left", rows);
  left->description.filter = "id < 50";
  left->unfiltered = rows;
  FakePeer::Rows other = rows;
  other.erase(7);
  Add("right", other);
  plan_.show_values = true;
  left->before_read = [=] {
    if (left->reads == 2) left->SetRows(other);
  };
  const Report report = Run();
  EXPECT_THAT(Listed(report), ElementsAre("7 missing confirmed"));
  EXPECT_THAT(report.records[0].notes, ElementsAre(HasSubstr("under its filter any more")));
}

TEST_F(AuditConfirmTest, EachClassIsCountedAndListedApart) {
  FakePeer::Rows rows = ManyRows(3000);
  Add("left", rows);
  rows[1] = "confirmed";
  rows[2] = "in flight";
  rows[3] = "unstable";
  rows.erase(4);
  FakePeer* right = Add("right", rows);
  plan_.recheck.seconds = 1;
  on_wait_ = [&] {
    rows[2] = ManyRows(3000)[2];
    rows[3] += "!";
    rows[4] = "came, but not as it is on the left";
    right->SetRows(rows);
  };
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(Listed(report),
              ElementsAre("1 changed confirmed", "3 changed unstable", "4 changed confirmed"));
  EXPECT_EQ(report.statuses.in_flight, 1u);
  EXPECT_EQ(report.changed, 3u);
  EXPECT_THAT(report.missing, ElementsAre(0, 0));
  EXPECT_THAT(waits_, SizeIs(3));
  EXPECT_EQ(report.passes, 3u);
  EXPECT_EQ(peers_[0]->keys_read, 4u + 2u + 1u);
  EXPECT_EQ(StatusLine(report), "2 confirmed, 1 unstable, 1 in flight");
}

TEST_F(AuditConfirmTest, ARunIsReadAgainKeyByKeyAlsoWhereItIsNotListed) {
  FakePeer::Rows rows = ManyRows(8000);
  Add("left", rows);
  for (int64_t id = 5001; id <= 8000; ++id) rows.erase(id);
  FakePeer* right = Add("right", rows);
  plan_.records_listed_max = 3;
  AfterTheWalk([&] {
    for (int64_t id = 5001; id <= 6500; ++id) rows[id] = "name " + std::to_string(id);
    rows[7000] = "came, but not as it is on the left";
    right->SetRows(rows);
  });
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 1500u);
  EXPECT_EQ(report.statuses.in_flight, 1500u);
  EXPECT_EQ(report.statuses.confirmed, 1500u);
  EXPECT_THAT(report.missing, ElementsAre(0, 1499));
  EXPECT_EQ(report.changed, 1u);
  ASSERT_THAT(report.runs, SizeIs(1));
  // The run's first keys share a leaf with others, and were found one by one.
  const ReportRun& run = report.runs[0];
  EXPECT_EQ(run.counts[1], 0u);
  EXPECT_EQ(run.statuses.confirmed, 1500u);
  EXPECT_EQ(run.statuses.in_flight + run.statuses.confirmed, run.counts[0]);
  EXPECT_THAT(Listed(report), ElementsAre("6501 missing confirmed", "6502 missing confirmed",
                                          "6503 missing confirmed"));
}

TEST_F(AuditConfirmTest, BeyondTheMaximumNothingIsConfirmedNorDismissed) {
  FakePeer::Rows rows = ManyRows(8000);
  Add("left", rows);
  FakePeer::Rows behind = rows;
  for (int64_t id = 5001; id <= 8000; ++id) behind.erase(id);
  for (int64_t id = 1; id <= 5; ++id) behind[id] = "x";
  FakePeer* right = Add("right", behind);
  plan_.recheck.keys_max = 105;
  AfterTheWalk([=] { right->SetRows(rows); });
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.statuses.in_flight, 105u);
  EXPECT_EQ(report.statuses.unconfirmed, 2900u);
  EXPECT_EQ(report.total, 2900u);
  EXPECT_THAT(report.missing, ElementsAre(0, 2900));
  EXPECT_THAT(report.warnings,
              ElementsAre("2,900 rows that differ were not re-read: that is done with at most 105 "
                          "(recheck.keys_max)"));
  EXPECT_THAT(Listed(report), Not(IsEmpty()));
}

TEST_F(AuditConfirmTest, SwitchedOffAllIsUnconfirmedAndNothingIsRead) {
  FakePeer::Rows rows = ManyRows(8000);
  Add("left", rows);
  for (int64_t id = 5001; id <= 8000; ++id) rows.erase(id);
  rows[1] = "x";
  Add("right", rows);
  plan_.recheck.enabled = false;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.statuses.unconfirmed, 3001u);
  EXPECT_EQ(report.total, 3001u);
  EXPECT_EQ(peers_[0]->reads, 0);
  EXPECT_THAT(report.warnings, IsEmpty());
}

// With every code, of either replica: the divergence stands.
TEST_F(AuditConfirmTest, AnyFailureOfTheReReadLeavesTheDivergence) {
  for (int code = 1; code <= 16; ++code) {
    for (size_t failing = 0; failing < 2; ++failing) {
      SCOPED_TRACE("fails with " + std::to_string(code));
      peers_.clear();
      plan_.replicas.clear();
      waits_.clear();
      FakePeer::Rows rows = ManyRows(300);
      Add("left", rows);
      rows[7] = "x";
      FakePeer* right = Add("right", rows);
      peers_[failing]->fail_always["read"] =
          absl::Status(static_cast<absl::StatusCode>(code), "broken");
      // Even if it would agree.
      AfterTheWalk([=] { right->SetRows(ManyRows(300)); });
      const Report report = Run();
      EXPECT_EQ(ExitCode(report), 1);
      EXPECT_EQ(report.verdict, Verdict::kDivergent);
      EXPECT_EQ(report.statuses.unconfirmed, 1u);
      EXPECT_THAT(Listed(report), ElementsAre("7 changed unconfirmed"));
      EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("could not be re-read: broken")));
      EXPECT_THAT(report.warnings[0], HasSubstr(failing == 0 ? "left: " : "right: "));
    }
  }
}

TEST_F(AuditConfirmTest, AFailureThatPassesIsForgotten) {
  Add("left", ManyRows(10));
  Add("right", ManyRows(9))->fail_once["read"] = absl::ResourceExhaustedError("busy");
  const Report report = Run();
  EXPECT_EQ(report.statuses.confirmed, 1u);
  EXPECT_THAT(report.warnings, IsEmpty());
}

TEST_F(AuditConfirmTest, ALostAgentIsNotAskedForThePassesToCome) {
  Add("left", ManyRows(10));
  FakePeer* right = Add("right", ManyRows(9));
  right->fail_always["read"] = absl::UnavailableError("killed");
  const Report report = Run();
  EXPECT_EQ(right->reads, 1);
  EXPECT_EQ(right->closed, 0);
  EXPECT_EQ(report.statuses.unconfirmed, 1u);
  EXPECT_EQ(ExitCode(report), 1);
}

// Else what it leaves out would count as gone.
TEST_F(AuditConfirmTest, AnAgentThatNamesOtherRecordsHasNotAnswered) {
  Add("left", ManyRows(10));
  Add("right", ManyRows(9))->twist_read = [](std::vector<FoundRecord>* records) {
    records->push_back({FakePeer::Key(77), {}, ""});
  };
  const Report report = Run();
  EXPECT_EQ(report.statuses.unconfirmed, 1u);
  EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("right: rows that differ could not be")));
}

TEST_F(AuditConfirmTest, IncompleteStaysIncompleteThoughAllFoundIsInFlight) {
  FakePeer::Rows rows = ManyRows(1000);
  Add("left", rows);
  FakePeer::Rows behind = rows;
  behind[5] = "x";
  FakePeer* right = Add("right", behind);
  right->not_point_in_time = "the file changed while it was read";
  AfterTheWalk([=] { right->SetRows(rows); });
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(ExitCode(report), 3);
  EXPECT_EQ(report.statuses.in_flight, 1u);
  EXPECT_FALSE(report.complete);
}

TEST_F(AuditConfirmTest, AnAgentLostInTheWalkLeavesWhatWasFoundUnconfirmed) {
  FakePeer::Rows rows = ManyRows(20'000);
  Add("left", rows);
  rows[7] = "x";
  rows[15'000] = "y";
  FakePeer* right = Add("right", rows);
  right->before_query = [right] {
    if (right->queries > 0) right->fail_always["query"] = absl::UnavailableError("killed");
  };
  plan_.recheck.seconds = 1;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(report.statuses.in_flight + report.statuses.confirmed, 0u);
  EXPECT_THAT(waits_, IsEmpty());
  EXPECT_EQ(peers_[0]->reads, 0);
}

TEST_F(AuditConfirmTest, ThreeReplicasAreReadAtOnceAndMustAllAgree) {
  FakePeer::Rows rows = ManyRows(2000);
  FakePeer::Rows b = rows;
  FakePeer::Rows c = rows;
  b[5] = "late";
  c[6] = "late";
  c.erase(7);
  Add("a", rows);
  FakePeer* const second = Add("b", b);
  FakePeer* const third = Add("c", c);
  AfterTheWalk([=] {
    FakePeer::Rows later = rows;
    second->SetRows(later);
    later[6] = "late again";
    third->SetRows(later);
  });
  const Report report = Run();
  EXPECT_EQ(report.statuses.in_flight, 2u);  // 5 and 7
  EXPECT_THAT(Listed(report), ElementsAre("6 changed confirmed"));
  EXPECT_THAT(report.missing, ElementsAre(0, 0, 0));
}

TEST_F(AuditConfirmTest, ValuesShownAreThoseOfTheStateReported) {
  Add("left", {{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}});
  FakePeer* right = Add("right", {{1, "A"}, {2, "B"}, {4, "d"}});
  plan_.show_values = true;
  // Confirmed first; what changes after that is seen when the values are read.
  right->before_read = [right] {
    if (right->reads == 2) right->SetRows({{1, "A2"}, {2, "b"}, {3, "C"}, {4, "d"}});
  };
  const Report report = Run();
  EXPECT_THAT(Listed(report), ElementsAre("1 changed unstable", "3 changed unstable"));
  EXPECT_EQ(report.statuses.in_flight, 1u);
  EXPECT_EQ((*report.records[0].values[1])[0].text, "A2");
  EXPECT_EQ((*report.records[1].values[1])[0].text, "C");
  EXPECT_THAT(report.records[0].differs, ElementsAre(true));
  for (const ReportRecord& record : report.records) EXPECT_THAT(record.notes, IsEmpty());
  EXPECT_EQ(report.changed, 2u);
}

TEST_F(AuditConfirmTest, ValuesThatCantBeReadLeaveTheConfirmationAsItWas) {
  Add("left", {{1, "a"}});
  FakePeer* right = Add("right", {{1, "A"}});
  plan_.show_values = true;
  right->before_read = [right] {
    if (right->reads == 2) right->fail_always["read"] = absl::UnavailableError("gone");
  };
  const Report report = Run();
  EXPECT_THAT(Listed(report), ElementsAre("1 changed confirmed"));
  EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("right: the values could not be read")));
}

TEST_F(AuditConfirmTest, AnInterruptInThePauseEndsItWith130AndReadsNothing) {
  Add("left", ManyRows(10));
  Add("right", ManyRows(9));
  plan_.recheck.seconds = 3600;
  options_.wait_seconds = nullptr;  // the interrupt's own wait
  interrupt_.Raise();
  EXPECT_TRUE(interrupt_.WaitFor(3600));
  const Report report = RunAudit(plan_, Pointers(peers_), options_, nullptr, &interrupt_);
  EXPECT_EQ(ExitCode(report), 130);

  Interrupt other;
  peers_.clear();
  plan_.replicas.clear();
  Add("left", ManyRows(10));
  Add("right", ManyRows(9));
  options_.wait_seconds = [&](double) { other.Raise(); };
  const Report paused = RunAudit(plan_, Pointers(peers_), options_, nullptr, &other);
  EXPECT_EQ(ExitCode(paused), 130);
  EXPECT_EQ(paused.verdict, Verdict::kIncomplete);
  EXPECT_EQ(paused.statuses.unconfirmed, 1u);
  EXPECT_EQ(peers_[0]->reads, 0);
}

TEST(InterruptTest, AWaitEndsWhenItIsRaisedOnAnotherThread) {
  Interrupt interrupt;
  EXPECT_FALSE(interrupt.WaitFor(0));
  EXPECT_FALSE(interrupt.WaitFor(1e-3));
  std::thread raiser([&] { interrupt.Raise(); });
  EXPECT_TRUE(interrupt.WaitFor(3600));
  raiser.join();
}

}  // namespace
}  // namespace driftwood::coordinator
