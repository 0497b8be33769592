// The audit of replicas of several sources: three shards against an unsharded copy, with drift of
// each kind, and with each way in which one of several sources can fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "coordinator/audit/audit.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AuditShardsTest : public ::testing::Test {
 protected:
  AuditShardsTest() {
    options_.salt = std::string(16, 's');
    options_.now_seconds = [this] { return time_ += 1; };
    options_.wait_seconds = [](double) {};
  }

  FakePeer* AddPeer(FakePeer::Rows rows) {
    return peers_.emplace_back(std::make_unique<FakePeer>(std::move(rows))).get();
  }
  FakePeer* Add(const std::string& name, FakePeer::Rows rows) {
    FakePeer* const peer = AddPeer(std::move(rows));
    plan_.replicas.push_back({name, {"fake:" + name}});
    return peer;
  }
  // Sources a, b and c, by the remainder of the key: a has 3, 6, 9, …
  std::vector<FakePeer*> AddShards(const std::string& name, const FakePeer::Rows& rows) {
    std::vector<FakePeer::Rows> shards(3);
    for (const auto& [id, text] : rows) shards[static_cast<size_t>(id % 3)][id] = text;
    return AddSources(name, shards);
  }
  std::vector<FakePeer*> AddSources(const std::string& name,
                                    const std::vector<FakePeer::Rows>& shards) {
    std::vector<FakePeer*> peers;
    PlannedReplica replica{name, {}};
    for (size_t i = 0; i < shards.size(); ++i) {
      peers.push_back(AddPeer(shards[i]));
      replica.sources.push_back("fake:");
      replica.source_names.emplace_back(1, static_cast<char>('a' + i));
    }
    plan_.replicas.push_back(std::move(replica));
    return peers;
  }
  void Clear() {
    peers_.clear();
    plan_.replicas.clear();
  }

  Report Run() { return RunAudit(plan_, Pointers(peers_), options_, nullptr, &interrupt_); }

  AuditOptions options_;
  Interrupt interrupt_;
  std::vector<std::unique_ptr<FakePeer>> peers_;
  AuditPlan plan_;
  std::atomic<int> time_{0};
};

// "7 changed confirmed"
std::vector<std::string> Listed(const Report& report) {
  std::vector<std::string> listed;
  for (const ReportRecord& record : report.records) {
    listed.push_back(std::to_string(record.key.columns->at(0).number) + " " +
                     std::string(record.kind()) + " " +
                     std::string(RecordStatusName(record.status)));
  }
  return listed;
}

TEST_F(AuditShardsTest, ShardsThatHoldTheSameAsACopyAreIdentical) {
  Add("copy", ManyRows(1000));
  AddShards("shards", ManyRows(1000));
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_EQ(ExitCode(report), 0);
  EXPECT_EQ(report.round_trips, 1u);
  EXPECT_EQ(report.records_proven_equal, 1000u);
  ASSERT_THAT(report.replicas, SizeIs(2));
  EXPECT_EQ(report.replicas[1].records, 1000u);
  EXPECT_THAT(report.replicas[0].sources, IsEmpty());
  ASSERT_THAT(report.replicas[1].sources, SizeIs(3));
  EXPECT_EQ(report.replicas[1].sources[1].name, "b");
  EXPECT_EQ(report.replicas[1].sources[1].records, 334u);
}

TEST_F(AuditShardsTest, AShardWithoutRecordsIsNothingSpecial) {
  Add("copy", ManyRows(100));
  AddSources("shards", {ManyRows(100), {}, {}});
  EXPECT_EQ(Run().verdict, Verdict::kIdentical);
}

TEST_F(AuditShardsTest, DriftOfEachKindIsFoundAsWhatItIs) {
  Add("copy", ManyRows(3000));
  FakePeer::Rows rows = ManyRows(3000);
  rows[100] = "changed";
  rows.erase(200);
  rows[9000] = "new";
  const std::vector<FakePeer*> shards = AddShards("shards", rows);
  // 300 is in a; 400, 500 and 5000 in b, c and c.
  FakePeer::Rows with_duplicates;
  for (const auto& [id, text] : rows) {
    if (id % 3 == 0) with_duplicates[id] = text;
  }
  with_duplicates[400] = rows[400];
  with_duplicates[500] = "another value";
  shards[0]->SetRows(with_duplicates);
  plan_.show_values = true;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(ExitCode(report), 1);
  EXPECT_THAT(Listed(report), ElementsAre("100 changed confirmed", "200 missing confirmed",
                                          "400 duplicate confirmed", "500 duplicate confirmed",
                                          "9000 missing confirmed"));
  EXPECT_EQ(report.total, 5u);
  EXPECT_EQ(report.changed, 1u);
  EXPECT_EQ(report.duplicate, 2u);
  EXPECT_THAT(report.missing, ElementsAre(1, 1));
  EXPECT_EQ(report.records_proven_equal, 2996u);
  EXPECT_EQ(report.replicas[1].records, 3002u);
  const ReportRecord& same = report.records[2];
  ASSERT_THAT(same.duplicates, SizeIs(1));
  EXPECT_EQ(same.duplicates[0].replica, 1u);
  ASSERT_THAT(same.duplicates[0].held, SizeIs(2));
  EXPECT_EQ(same.duplicates[0].held[0].first, "a");
  EXPECT_EQ(same.duplicates[0].held[1].first, "b");
  EXPECT_EQ(same.duplicates[0].held[0].second, same.states[0]);
  EXPECT_EQ(same.states[0], same.states[1]);
  const ReportRecord& different = report.records[3];
  EXPECT_EQ(different.duplicates[0].held[1].second, different.states[0]);
  EXPECT_NE(different.duplicates[0].held[0].second, different.states[0]);
  EXPECT_EQ((*different.values[1])[0].text, "another value");
  EXPECT_THAT(different.differs, IsEmpty());
}

// Random shardings and drift: but for the sources, the report is that of unsharded copies.
TEST_F(AuditShardsTest, TheReportIsThatOfUnshardedCopies) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  plan_.explain = true;
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::vector<FakePeer::Rows> copies(2 + random() % 2, ManyRows(1 + random() % 3000));
    for (uint64_t i = random() % 60; i > 0; --i) {
      FakePeer::Rows& rows = copies[random() % copies.size()];
      const auto id = static_cast<int64_t>(1 + random() % 3200);
      random() % 2 == 0 ? (void)rows.erase(id) : (void)(rows[id] = "name");
    }
    const auto at = static_cast<int64_t>(random() % 3000);
    for (int64_t id = at; id < at + static_cast<int64_t>(random() % 2500); ++id)
      copies[1].erase(id);
    plan_.records_listed_max = random() % 2 == 0 ? 10'000 : 7;
    Clear();
    for (size_t i = 0; i < copies.size(); ++i) Add("r" + std::to_string(i), copies[i]);
    const Report expected = Run();
    Clear();
    for (size_t i = 0; i < copies.size(); ++i) {
      std::vector<FakePeer::Rows> shards(1 + random() % 4);
      const bool by_range = random() % 2 == 0;
      for (const auto& [id, text] : copies[i]) {
        const uint64_t range = static_cast<uint64_t>(id) * shards.size() / 4000;
        shards[by_range ? range : random() % shards.size()][id] = text;
      }
      AddSources("r" + std::to_string(i), shards);
    }
    const Report report = Run();
    ASSERT_EQ(report.verdict, expected.verdict);
    ASSERT_EQ(Listed(report), Listed(expected));
    for (size_t i = 0; i < report.records.size(); ++i) {
      ASSERT_EQ(report.records[i].states, expected.records[i].states);
    }
    ASSERT_EQ(report.total, expected.total);
    ASSERT_EQ(report.missing, expected.missing);
    ASSERT_EQ(report.changed, expected.changed);
    ASSERT_EQ(report.duplicate, 0u);
    ASSERT_EQ(report.records_proven_equal, expected.records_proven_equal);
    for (size_t i = 0; i < copies.size(); ++i) {
      ASSERT_EQ(report.replicas[i].records, expected.replicas[i].records);
    }
  }
}

TEST_F(AuditShardsTest, SpansCountTheRecordsOfAllSources) {
  FakePeer::Rows rows = ManyRows(3000);
  AddShards("shards", rows);
  for (int64_t id = 1000; id < 1300; ++id) rows[id] = "changed";
  rows.erase(3000);
  Add("copy", rows);
  const Report report = Run();
  ASSERT_FALSE(report.spans.empty());
  uint64_t records = 0, keys = 0;
  for (const ReportSpan& span : report.spans) {
    records += span.records;
    keys += span.changed + span.missing[0] + span.missing[1] + span.duplicate;
  }
  EXPECT_EQ(keys, 301u);
  EXPECT_GE(records, 300u);
  EXPECT_LE(records, 3000u);
}

// A record that moved from one source to another, and was read in both.
TEST_F(AuditShardsTest, ADuplicateThatIsNoneAnyMoreWasInFlight) {
  Add("copy", ManyRows(300));
  const std::vector<FakePeer*> shards = AddSources("shards", {ManyRows(300), {{7, "name 7"}}, {}});
  shards[1]->before_query = [&] { shards[1]->SetRows({}); };
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_EQ(report.statuses.in_flight, 1u);
  EXPECT_EQ(report.duplicate, 0u);
}

// And one that is in two of them only when it is re-read.
TEST_F(AuditShardsTest, WhatIsADuplicateWhenItIsReadAgainIsNeverInFlight) {
  Add("copy", ManyRows(300));
  FakePeer::Rows rows = ManyRows(300);
  rows[7] = "changed";
  const std::vector<FakePeer*> shards = AddSources("shards", {rows, {}, {}});
  shards[0]->before_query = [&] {
    shards[0]->SetRows(ManyRows(300));
    shards[1]->SetRows({{7, "name 7"}});
  };
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(Listed(report), ElementsAre("7 duplicate confirmed"));
  EXPECT_EQ(report.duplicate, 1u);
  EXPECT_EQ(report.changed, 0u);
}

TEST_F(AuditShardsTest, ADuplicateThatWasNotReadAgainIsUnconfirmedAndDivergent) {
  Add("copy", ManyRows(300));
  AddSources("shards", {ManyRows(300), {{7, "name 7"}}, {}});
  plan_.recheck.enabled = false;
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(Listed(report), ElementsAre("7 duplicate unconfirmed"));
}

// Both replicas hold it twice, with equal values, and something else differs beside it.
TEST_F(AuditShardsTest, ADuplicateInAllReplicasIsDivergentOnceItIsMet) {
  FakePeer::Rows rows = ManyRows(30);
  AddSources("left", {rows, {{7, "name 7"}}});
  rows[8] = "changed";
  AddSources("right", {rows, {{7, "name 7"}}});
  const Report report = Run();
  ASSERT_THAT(Listed(report), ElementsAre("7 duplicate confirmed", "8 changed confirmed"));
  EXPECT_THAT(report.records[0].duplicates, SizeIs(2));
  EXPECT_EQ(report.records_proven_equal, 28u);
}

TEST_F(AuditShardsTest, DuplicatesInAMissingRunAreCountedOnce) {
  Add("copy", {});
  FakePeer::Rows rows = ManyRows(3000);
  AddSources("shards", {rows, {{7, "name 7"}, {2999, "other"}}});
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 3000u);
  EXPECT_EQ(report.duplicate, 2u);
  EXPECT_THAT(report.missing, ElementsAre(2998, 0));
  ASSERT_THAT(report.runs, SizeIs(1));
  EXPECT_THAT(report.runs[0].counts, ElementsAre(0, 3002));
}

// Each call of each source, with each code: no verdict, and the source is named.
TEST_F(AuditShardsTest, AnyFailureOfAnySourceIsNeitherIdenticalNorDivergent) {
  for (const std::string call : {"describe", "prepare", "open", "query"}) {
    for (int code = 1; code <= 16; ++code) {
      for (size_t failing = 0; failing < 3; ++failing) {
        SCOPED_TRACE(call + " of source " + std::to_string(failing) + " fails with " +
                     std::to_string(code));
        Clear();
        FakePeer::Rows rows = ManyRows(300);
        rows[17] = "changed";
        Add("copy", rows);
        const std::vector<FakePeer*> shards = AddShards("shards", ManyRows(300));
        shards[failing]->fail_always[call] =
            absl::Status(static_cast<absl::StatusCode>(code), "broken");
        const Report report = Run();
        EXPECT_GE(ExitCode(report), 2);
        ASSERT_TRUE(report.error);
        EXPECT_EQ(report.error->replica, 1u);
        const std::string name(1, static_cast<char>('a' + failing));
        EXPECT_THAT(report.error->message, HasSubstr(name + ": "));
        if (report.verdict == Verdict::kError) continue;
        ASSERT_FALSE(report.gaps.empty());
        EXPECT_EQ(report.gaps[0].replica, 1u);
        EXPECT_EQ(report.gaps[0].source, name);
      }
    }
  }
}

TEST_F(AuditShardsTest, WhatCannotBeReadAgainInOneSourceStaysDivergent) {
  FakePeer::Rows rows = ManyRows(300);
  Add("copy", rows);
  rows.erase(7);
  const std::vector<FakePeer*> shards = AddShards("shards", rows);
  shards[2]->fail_always["read"] = absl::UnavailableError("gone");
  // Elsewhere it is there again: only all sources together could say so.
  shards[1]->before_read = [&] { shards[1]->SetRows({{7, "name 7"}}); };
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(Listed(report), ElementsAre("7 missing unconfirmed"));
  EXPECT_THAT(report.warnings, Contains(HasSubstr("shards/c: rows that differ could not")));
}

TEST_F(AuditShardsTest, OneSourceThatIsNoConsistentSnapshotMakesTheReplicaOne) {
  Add("copy", ManyRows(300));
  AddShards("shards", ManyRows(300))[1]->not_point_in_time = "it moved";
  Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(report.gaps[0].replica, 1u);
  EXPECT_EQ(report.gaps[0].source, "b");
  plan_.replicas[1].allow_not_point_in_time = true;
  report = Run();
  EXPECT_EQ(report.verdict, Verdict::kIdentical);
  EXPECT_THAT(report.not_point_in_time, ElementsAre(1));
}

TEST_F(AuditShardsTest, SourcesMustAgreeOnTheSchemaAsReplicasDo) {
  Add("copy", ManyRows(30));
  AddShards("shards", ManyRows(30))[2]->description.key_id = {};
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 2);
  EXPECT_THAT(report.error->message, HasSubstr("shards/c"));
}

TEST_F(AuditShardsTest, RecordsWithoutKeyAreRefused) {
  Add("copy", ManyRows(30));
  AddShards("shards", ManyRows(30));
  plan_.reconcile.key = {"*"};
  const Report report = Run();
  EXPECT_EQ(ExitCode(report), 2);
  EXPECT_THAT(report.error->message, HasSubstr("several sources"));
}

// Where nearly all differs, a sample is taken by the copy's keys.
TEST_F(AuditShardsTest, ASampleOfShardsSeesWhatOneOfCopiesSees) {
  plan_.estimate_above = 100;
  plan_.recheck.enabled = false;
  FakePeer::Rows other;
  for (const auto& [id, name] : ManyRows(20'000)) other[id] = "changed";
  Add("left", ManyRows(20'000));
  Add("right", other);
  const Report expected = Run();
  ASSERT_TRUE(expected.estimate);
  Clear();
  Add("left", ManyRows(20'000));
  AddShards("right", other);
  const Report report = Run();
  ASSERT_TRUE(report.estimate);
  EXPECT_EQ(report.estimate->divergent, expected.estimate->divergent);
  EXPECT_EQ(report.total, expected.total);
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
}

// No source holds enough of the records to cut blocks of all of them by its keys.
TEST_F(AuditShardsTest, WithoutASourceThatHoldsAWholeReplicaEverythingIsCompared) {
  plan_.estimate_above = 100;
  plan_.recheck.enabled = false;
  FakePeer::Rows other;
  for (const auto& [id, name] : ManyRows(2000)) other[id] = "changed";
  AddShards("left", ManyRows(2000));
  AddShards("right", other);
  const Report report = Run();
  EXPECT_FALSE(report.estimate);
  EXPECT_EQ(report.total, 2000u);
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
}

}  // namespace
}  // namespace driftwood::coordinator
