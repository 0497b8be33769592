#include "coordinator/audit/diagnostics/spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/audit/diagnostics/compare_fixture.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SpansTest : public CompareTest {
 protected:
  static int64_t Id(const ReportKey& key) { return key.columns->at(0).number; }
  static uint64_t Keys(const Report& report) {
    uint64_t keys = 0;
    for (const ReportSpan& span : report.spans)
      keys += span.changed + span.missing[0] + span.missing[1];
    return keys;
  }
};

TEST_F(SpansTest, AStretchThatDivergesIsOneSpanWithItsFirstAndLastKey) {
  const FakePeer::Rows left = ManyRows(8000);
  FakePeer::Rows right = left;
  for (int64_t id = 4000; id < 4800; id += 2) right[id] = "changed";
  for (int64_t id = 4001; id < 4800; id += 50) right.erase(id);
  const Report report = Compare(left, right);
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  ASSERT_FALSE(report.spans.empty());
  EXPECT_EQ(Id(report.spans.front().first), 4000);
  EXPECT_EQ(Id(report.spans.back().last), 4798);
  EXPECT_LE(report.spans.size(), 3u);
  EXPECT_EQ(Keys(report), report.total);
  uint64_t records = 0;
  for (const ReportSpan& span : report.spans) records += span.records;
  EXPECT_LT(records, 2400u);
}

TEST_F(SpansTest, DivergencesAllOverAreOneSpan) {
  const FakePeer::Rows left = ManyRows(8000);
  FakePeer::Rows right = left;
  for (int64_t id = 10; id <= 8000; id += 10) right[id] = "changed";
  const Report report = Compare(left, right);
  ASSERT_EQ(report.spans.size(), 1u);
  EXPECT_EQ(Id(report.spans[0].first), 10);
  EXPECT_EQ(Id(report.spans[0].last), 8000);
  EXPECT_EQ(report.spans[0].records, 8000u);
  EXPECT_EQ(report.spans[0].changed, 800u);
  EXPECT_THAT(report.spans[0].missing, ElementsAre(0, 0));
}

TEST_F(SpansTest, AFewDivergencesHaveNone) {
  const FakePeer::Rows left = ManyRows(8000);
  FakePeer::Rows right = left;
  for (int64_t id = 1; id < 20; ++id) right[id] = "changed";
  EXPECT_THAT(Compare(left, right).spans, IsEmpty());
}

TEST_F(SpansTest, WhatIsInFlightIsNotCounted) {
  const FakePeer::Rows left = ManyRows(8000);
  FakePeer::Rows right = left;
  for (int64_t id = 1; id <= 100; ++id) right[id] = "changed";
  prepare_ = [&] {
    right_->before_read = [&] {
      FakePeer::Rows now = left;
      for (int64_t id = 51; id <= 100; ++id) now[id] = "changed";
      right_->SetRows(now);
    };
  };
  const Report report = Compare(left, right);
  EXPECT_EQ(report.statuses.in_flight, 50u);
  EXPECT_EQ(Keys(report), 50u);
  EXPECT_EQ(Id(report.spans.front().first), 51);
}

// Whatever an agent makes of the additional question, the verdict and its totals stay.
TEST_F(SpansTest, AnAnswerThatDoesNotAddUpGivesNoSpans) {
  const FakePeer::Rows left = ManyRows(8000);
  FakePeer::Rows right = left;
  for (int64_t id = 1; id <= 100; ++id) right[id] = "changed";
  const Report sound = Compare(left, right);
  const int asked = left_->queries;
  ASSERT_FALSE(sound.spans.empty());
  for (const int twisted : {0, 1}) {
    for (const std::string& answer :
         {std::string(), std::string("\xff\xff"), std::string(40, '\1')}) {
      prepare_ = [&] {
        left_->twist = [this, asked, twisted, answer](std::string reply) {
          return left_->queries == asked - twisted ? answer : reply;
        };
      };
      const Report report = Compare(left, right);
      EXPECT_EQ(report.verdict, Verdict::kDivergent);
      EXPECT_EQ(report.total, 100u);
      EXPECT_TRUE(report.complete);
      EXPECT_THAT(report.spans, IsEmpty());
    }
  }
}

TEST_F(SpansTest, AgentsLostWhileAskedChangeNothing) {
  const FakePeer::Rows left = ManyRows(8000);
  FakePeer::Rows right = left;
  for (int64_t id = 1; id <= 100; ++id) right[id] = "changed";
  prepare_ = [&] {
    left_->before_read = [&] { left_->fail_always["query"] = absl::UnavailableError("gone"); };
  };
  const Report report = Compare(left, right);
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.statuses.confirmed, 100u);
  EXPECT_THAT(report.spans, IsEmpty());
}

}  // namespace
}  // namespace driftwood::coordinator
