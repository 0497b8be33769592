// Which columns differ, in an audit: what column tags add to a report, and what they must not
// touch. Covers diagnostics.cc and coordinator/audit/diagnostics/sampled_records.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/audit/audit.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AuditColumnsTest : public ::testing::Test {
 protected:
  AuditColumnsTest() {
    options_.salt = std::string(16, 's');
    options_.now_seconds = [] { return 0.0; };
    plan_.recheck.seconds = 0;
    plan_.explain = true;
    left_rows_ = ManyRows(3000);
    right_rows_ = left_rows_;
    for (int64_t id = 100; id < 140; ++id) right_rows_[id] += "  ";
    right_rows_.erase(200);
    Reset();
  }
  void Reset() {
    left_ = std::make_unique<FakePeer>(left_rows_);
    right_ = std::make_unique<FakePeer>(right_rows_);
    left_->gives_tags = right_->gives_tags = true;
  }
  Report Run() {
    Interrupt interrupt;
    return RunAudit(plan_, {left_.get(), right_.get()}, options_, nullptr, &interrupt);
  }
  // All of it but the diagnostics.
  static std::vector<std::string> Essence(const Report& report) {
    std::vector<std::string> lines = {VerdictLine(report), StatusLine(report)};
    for (const ReportRecord& record : report.records) {
      lines.push_back(record.key.encoded + std::string(RecordStatusName(record.status)) +
                      record.states[0].value_or("none") + record.states[1].value_or("none"));
    }
    return lines;
  }
  static std::vector<std::string> Rules(const Report& report) {
    std::vector<std::string> rules;
    if (!report.explanation) return rules;
    for (const ExplainedColumn& column : report.explanation->columns) {
      for (const Hypothesis& hypothesis : column.hypotheses) {
        rules.push_back(hypothesis.rule + " " + std::to_string(hypothesis.explains));
      }
    }
    return rules;
  }

  AuditPlan plan_{.replicas = {{"left", {"fake:left"}}, {"right", {"fake:right"}}}};
  AuditOptions options_;
  FakePeer::Rows left_rows_, right_rows_;
  std::unique_ptr<FakePeer> left_, right_;
};

TEST_F(AuditColumnsTest, EveryChangedRecordThatIsReadAgainCounts) {
  const Report report = Run();
  ASSERT_TRUE(report.columns);
  EXPECT_EQ(report.columns->examined, 40u);
  ASSERT_THAT(report.columns->differing, SizeIs(1));
  EXPECT_EQ(report.columns->differing[0].records, 40u);
  EXPECT_EQ(report.columns->differing[0].only, 40u);
  EXPECT_THAT(report.records[0].differs, ElementsAre(true));
  EXPECT_THAT(report.records.back().differs, IsEmpty()) << "a missing one differs as a whole";
  ASSERT_FALSE(report.spans.empty());
  ASSERT_TRUE(report.spans[0].column);
  EXPECT_EQ(report.spans[0].column->records, 40u);
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_EQ(left_->reads, 2) << "the confirmation's own reading, and the explained sample";
}

TEST_F(AuditColumnsTest, WithoutLeaveToReadValuesTagsExplainTheSame) {
  const Report by_values = Run();
  EXPECT_THAT(Rules(by_values), ElementsAre("name:rtrim 40"));
  for (const bool left_allows : {false, true}) {
    Reset();
    left_->description.values_allowed = left_allows;
    right_->description.values_allowed = false;
    const Report report = Run();
    EXPECT_THAT(Rules(report), ElementsAre("name:rtrim 40"));
    EXPECT_EQ(report.explanation->changed_sampled, by_values.explanation->changed_sampled);
    EXPECT_EQ(report.explanation->missing_sampled, by_values.explanation->missing_sampled);
    EXPECT_EQ(Essence(report), Essence(by_values));
    EXPECT_THAT(report.warnings, IsEmpty());
  }
}

TEST_F(AuditColumnsTest, AnAgentThatKnowsNothingOfTagsOnlyLacksTheDiagnostics) {
  const Report sound = Run();
  Reset();
  right_->gives_tags = false;
  const Report with_values = Run();
  EXPECT_EQ(Essence(with_values), Essence(sound));
  EXPECT_FALSE(with_values.columns);
  EXPECT_FALSE(with_values.spans.at(0).column);
  EXPECT_THAT(Rules(with_values), ElementsAre("name:rtrim 40"));
  EXPECT_THAT(with_values.warnings, IsEmpty());
  Reset();
  right_->gives_tags = false;
  right_->description.values_allowed = false;
  const Report without = Run();
  EXPECT_EQ(Essence(without), Essence(sound));
  EXPECT_THAT(Rules(without), IsEmpty());
  EXPECT_THAT(without.warnings, IsEmpty());
}

TEST_F(AuditColumnsTest, SwitchedOffNothingIsAskedFor) {
  plan_.explain = false;
  left_->fail_always["tags"] = absl::InternalError("asked for tags");
  const Report report = Run();
  EXPECT_EQ(report.statuses.confirmed, 41u);
  EXPECT_FALSE(report.columns);
  EXPECT_THAT(report.warnings, IsEmpty());
}

// Whatever the tags are: neither verdict nor counts nor states know of it, and the report says so.
TEST_F(AuditColumnsTest, MalformedTagsAreLeftOutWithAWarning) {
  const Report sound = Run();
  for (const auto& [column_tags, rule_tags] :
       std::vector<std::pair<std::string, std::string>>{{"x", ""},
                                                        {std::string(7, 'x'), ""},
                                                        {std::string(16, 'x'), ""},
                                                        {std::string(8, 'x'), "x"},
                                                        {"", std::string(8000, 'x')}}) {
    for (const bool values_allowed : {true, false}) {
      SCOPED_TRACE(std::to_string(column_tags.size()) + " and " + std::to_string(rule_tags.size()));
      Reset();
      right_->description.values_allowed = values_allowed;
      right_->twist_tags = [columns = column_tags,
                            rules = rule_tags](std::vector<FoundRecord>* records) {
        records->back().column_tags = columns;
        records->back().rule_tags = rules;
      };
      const Report report = Run();
      EXPECT_EQ(Essence(report), Essence(sound));
      EXPECT_FALSE(report.columns);
      ASSERT_THAT(report.warnings, SizeIs(1));
      EXPECT_THAT(report.warnings[0], HasSubstr("right: its agent gave malformed column tags"));
    }
  }
}

TEST_F(AuditColumnsTest, TagsThatContradictTheDigestsAreLeftOutWithAWarning) {
  const Report sound = Run();
  Reset();
  for (FakePeer* peer : {left_.get(), right_.get()}) {
    peer->twist_tags = [](std::vector<FoundRecord>* records) {
      records->front().column_tags = std::string(8, 'x');
    };
  }
  const Report report = Run();
  EXPECT_EQ(Essence(report), Essence(sound));
  ASSERT_TRUE(report.columns);
  EXPECT_EQ(report.columns->examined, 39u);
  ASSERT_THAT(report.warnings, SizeIs(1));
  EXPECT_THAT(report.warnings[0], HasSubstr("that no column does"));
}

// With every code: what was asked for besides is read as if nobody had asked for tags.
TEST_F(AuditColumnsTest, AReadingThatFailsWithTagsIsDoneWithoutThem) {
  const Report sound = Run();
  for (int code = 1; code <= 16; ++code) {
    const auto status = static_cast<absl::StatusCode>(code);
    if (status == absl::StatusCode::kUnavailable || status == absl::StatusCode::kDeadlineExceeded) {
      continue;  // a lost agent
    }
    SCOPED_TRACE(code);
    Reset();
    left_->fail_always["tags"] = absl::Status(status, "broken");
    const Report report = Run();
    EXPECT_EQ(Essence(report), Essence(sound));
    EXPECT_FALSE(report.columns);
    EXPECT_THAT(report.warnings, IsEmpty());
  }
}

// Values that are read for the listing are a later reading of the same records.
TEST_F(AuditColumnsTest, WhatWasKnownHoldsAfterAReadingWithoutTagsOfTheSameState) {
  plan_.show_values = true;
  const Report same = Run();
  ASSERT_TRUE(same.columns);
  EXPECT_EQ(same.columns->examined, 40u);
  Reset();
  right_->before_read = [this] {
    if (right_->reads != 2) return;
    right_rows_[100] = "changed meanwhile";
    right_->SetRows(right_rows_);
  };
  const Report changed = Run();
  ASSERT_TRUE(changed.columns);
  EXPECT_EQ(changed.columns->examined, 39u);
  EXPECT_THAT(changed.records[0].differs, ElementsAre(true)) << "as its values say";
}

TEST_F(AuditColumnsTest, WhatIsInFlightIsNotCounted) {
  right_->before_read = [this] {
    for (int64_t id = 100; id < 110; ++id) right_rows_[id] = left_rows_[id];
    right_->SetRows(right_rows_);
  };
  const Report report = Run();
  EXPECT_EQ(report.statuses.in_flight, 10u);
  ASSERT_TRUE(report.columns);
  EXPECT_EQ(report.columns->examined, 30u);
}

}  // namespace
}  // namespace driftwood::coordinator
