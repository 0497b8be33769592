#include "coordinator/audit/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

// Two replicas of ten records, compared with nothing found unless a test says otherwise.
class VerdictTest : public ::testing::Test {
 protected:
  VerdictTest() {
    report_.replicas.resize(2);
    report_.replicas[0].name = "left";
    report_.replicas[1].name = "right";
    report_.missing.assign(2, 0);
    result_.complete = true;
    result_.records_proven_equal = 10;
  }

  // So many keys that differ, with what the confirmation made of them.
  void Differ(StatusCounts statuses) {
    report_.statuses = statuses;
    report_.total = report_.changed = statuses.divergent();
    Found(statuses.divergent() + statuses.in_flight);
    result_.records_proven_equal = 10 - result_.divergences.size();
  }
  void Found(size_t keys) {
    const Divergence divergence{"key", {merkle::Digest{1, 1}, merkle::Digest{2, 2}}, {}};
    result_.divergences = DivergenceList::Of(std::vector<Divergence>(keys, divergence));
  }
  // As the walk's gaps come into the report.
  void Gap(const std::string& reason) {
    ReportGap gap;
    gap.replica = 1;
    gap.reason = reason;
    report_.gaps.push_back(gap);
  }
  Verdict Decide(const std::optional<ReportError>& ended_by = {}) {
    DecideVerdict(result_, roots_, ended_by, &report_);
    return report_.verdict;
  }

  WalkResult result_;
  std::vector<merkle::Summary> roots_ = {{10, {}}, {10, {}}};
  Report report_;
};

TEST_F(VerdictTest, WhatWasComparedWhollyAndAgreesIsIdentical) {
  EXPECT_EQ(Decide(), Verdict::kIdentical);
  EXPECT_TRUE(report_.complete);
  EXPECT_TRUE(report_.exact);
  EXPECT_FALSE(report_.error);
}

TEST_F(VerdictTest, WhateverWasNotFoundInFlightIsDivergent) {
  for (const StatusCounts& statuses :
       {StatusCounts{1, 0, 0, 3}, StatusCounts{0, 1, 0, 3}, StatusCounts{0, 0, 1, 3}}) {
    Differ(statuses);
    EXPECT_EQ(Decide(), Verdict::kDivergent);
    EXPECT_TRUE(report_.exact);
  }
  Differ({0, 0, 0, 4});
  EXPECT_EQ(Decide(), Verdict::kIdentical);
}

TEST_F(VerdictTest, AColumnThatOneLacksIsDivergentThoughAllRecordsAgree) {
  report_.schema_differences.push_back({"note", {1}});
  EXPECT_EQ(Decide(), Verdict::kDivergent);
  EXPECT_TRUE(report_.exact);
  Gap("lost");
  EXPECT_EQ(Decide(), Verdict::kIncomplete);
}

TEST_F(VerdictTest, AnyGapIsIncompleteWhateverDiffers) {
  for (const uint64_t confirmed : {0u, 3u}) {
    report_.gaps.clear();
    report_.error.reset();
    Differ({confirmed});
    Gap("not a consistent snapshot");
    EXPECT_EQ(Decide(), Verdict::kIncomplete);
    EXPECT_FALSE(report_.complete);
    EXPECT_FALSE(report_.exact);
    EXPECT_EQ(report_.error->message, "not a consistent snapshot");
    EXPECT_EQ(report_.error->replica, 1u);
  }
}

TEST_F(VerdictTest, AWalkThatDidNotEndIsAGapEvenIfItNamesNone) {
  result_.complete = false;
  EXPECT_EQ(Decide(), Verdict::kIncomplete);
  EXPECT_EQ(report_.gaps.size(), 1u);
}

TEST_F(VerdictTest, WhatEndedTheWalkIsTheError) {
  result_.complete = false;
  Gap("lost");
  EXPECT_EQ(Decide(ReportError{absl::StatusCode::kUnavailable, "its agent is gone", 0}),
            Verdict::kIncomplete);
  EXPECT_EQ(report_.error->message, "its agent is gone");
}

TEST_F(VerdictTest, SumsThatDoNotAddUpAreAGap) {
  roots_[1].count = 11;
  EXPECT_EQ(Decide(), Verdict::kIncomplete);
  EXPECT_EQ(report_.gaps.at(0).replica, 1u);
  EXPECT_THAT(report_.gaps[0].reason, HasSubstr("add up to 10 records, not to the 11"));
}

TEST_F(VerdictTest, KeysThatWereCountedNowhereAreAGap) {
  Differ({3});
  --report_.statuses.confirmed;
  --report_.total;
  EXPECT_EQ(Decide(), Verdict::kIncomplete);
  EXPECT_THAT(report_.gaps.at(0).reason, HasSubstr("2 divergent keys, not to the 3"));
}

// As after a sample: `statuses` are of what was found in it.
class SampleVerdictTest : public VerdictTest {
 protected:
  Verdict DecideSample(StatusCounts statuses) {
    Differ(statuses);
    result_.complete = false;
    result_.sampled = true;
    report_.estimate = Estimate{1000, 900, 1100, 10};
    return Decide(ReportError{absl::StatusCode::kResourceExhausted, "only a sample", {}});
  }
};

TEST_F(SampleVerdictTest, OneConfirmedDifferenceIsDivergentAndNeverExact) {
  EXPECT_EQ(DecideSample({1, 2, 3, 4}), Verdict::kDivergent);
  EXPECT_FALSE(report_.complete);
  EXPECT_FALSE(report_.exact);
  EXPECT_TRUE(report_.gaps.empty());
  EXPECT_FALSE(report_.error);
  EXPECT_EQ(report_.certain(), 1u);
}

TEST_F(SampleVerdictTest, WhatMayOnlyBeInFlightIsNeitherDivergentNorIdentical) {
  for (const StatusCounts& statuses : {StatusCounts{}, StatusCounts{0, 0, 0, 5},
                                       StatusCounts{0, 5, 0, 1}, StatusCounts{0, 0, 5, 1}}) {
    report_.gaps.clear();
    report_.error.reset();
    EXPECT_EQ(DecideSample(statuses), Verdict::kIncomplete);
    EXPECT_EQ(report_.gaps.size(), 1u);
    EXPECT_EQ(report_.error->message, "only a sample");
  }
}

TEST_F(SampleVerdictTest, AnotherGapIsIncompleteHoweverMuchIsConfirmed) {
  Gap("not a consistent snapshot");
  EXPECT_EQ(DecideSample({5}), Verdict::kIncomplete);
  EXPECT_EQ(report_.error->message, "not a consistent snapshot");
  ASSERT_EQ(report_.gaps.size(), 2u);
  EXPECT_EQ(report_.gaps[1].reason, "only a sample");
  EXPECT_EQ(report_.certain(), 5u);
}

TEST_F(SampleVerdictTest, ACountThatDoesNotAddUpIsAGap) {
  Differ({3});
  Found(2);
  report_.estimate = Estimate{1000, 900, 1100, 10};
  EXPECT_EQ(Decide(), Verdict::kIncomplete);
  EXPECT_EQ(report_.gaps.size(), 2u);
}

TEST_F(SampleVerdictTest, AnInterruptIsNoVerdict) {
  EXPECT_EQ(DecideSample({5}), Verdict::kDivergent);
  MarkInterrupted(&report_);
  EXPECT_EQ(report_.verdict, Verdict::kIncomplete);
}

TEST_F(VerdictTest, AnErrorIsOneLineThatNamesAllWhoFailed) {
  MarkFailed({absl::StatusCode::kUnavailable, "gone", 0}, {}, &report_);
  EXPECT_EQ(report_.verdict, Verdict::kIncomplete);
  MarkError({absl::StatusCode::kNotFound, "no such file", 1}, &report_);
  MarkError({absl::StatusCode::kNotFound, "no such table", std::nullopt}, &report_);
  EXPECT_EQ(report_.verdict, Verdict::kError);
  EXPECT_EQ(report_.error->message, "no such file; and left: gone; and no such table");
  MarkFailed({absl::StatusCode::kUnavailable, "gone too", 0}, {}, &report_);
  EXPECT_EQ(report_.verdict, Verdict::kError);
}

TEST_F(VerdictTest, AnInterruptIsNoVerdictButForAnErrorThatWasThere) {
  EXPECT_EQ(Decide(), Verdict::kIdentical);
  MarkInterrupted(&report_);
  EXPECT_EQ(report_.verdict, Verdict::kIncomplete);
  EXPECT_FALSE(report_.complete);
  EXPECT_FALSE(report_.exact);
  EXPECT_EQ(ExitCode(report_), kExitInterrupted);
  MarkError({absl::StatusCode::kNotFound, "no such file", 1}, &report_);
  MarkInterrupted(&report_);
  EXPECT_EQ(report_.verdict, Verdict::kError);
}

}  // namespace
}  // namespace driftwood::coordinator
