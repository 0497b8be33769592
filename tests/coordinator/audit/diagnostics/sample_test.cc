#include "coordinator/audit/diagnostics/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "coordinator/audit/audit.h"
#include "proto/contract/fault.h"
#include "tests/coordinator/audit/diagnostics/compare_fixture.h"
#include "tests/coordinator/peer/fake_peer.h"
#include "tests/testing/seed.h"

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

// How many keys differ: the naive twin.
uint64_t Differing(const std::vector<FakePeer::Rows>& copies) {
  std::map<int64_t, std::vector<std::string>> all;
  for (const FakePeer::Rows& rows : copies) {
    for (const auto& [id, name] : rows) all[id].push_back(name);
  }
  return static_cast<uint64_t>(std::count_if(all.begin(), all.end(), [&](const auto& one) {
    const std::vector<std::string>& names = one.second;
    return names.size() != copies.size() ||
           std::any_of(names.begin(), names.end(), [&](const auto& n) { return n != names[0]; });
  }));
}

// Each of the keys is changed, removed, or doubled by another beside it, with that probability.
FakePeer::Rows Drifted(const FakePeer::Rows& rows, double probability, std::mt19937_64* random) {
  FakePeer::Rows drifted;
  std::uniform_real_distribution<double> real;
  for (const auto& [id, name] : rows) {
    const bool drifts = real(*random) < probability;
    const uint64_t how = (*random)() % 3;
    if (!drifts || how > 0) drifted[id] = name + (drifts && how == 1 ? "!" : "");
    if (drifts && how == 2) drifted[id + 1] = "extra";
  }
  return drifted;
}

FakePeer::Rows EveryTenth(int64_t count) {
  FakePeer::Rows rows;
  for (int64_t i = 0; i < count; ++i) rows[10 * i] = "name";
  return rows;
}

class SampleTest : public ::testing::Test {
 protected:
  void Open(const std::vector<FakePeer::Rows>& copies) {
    owned_.clear();
    peers_.clear();
    roots_.clear();
    for (const FakePeer::Rows& rows : copies) {
      peers_.push_back(owned_.emplace_back(std::make_unique<FakePeer>(rows)).get());
      ASSERT_TRUE(peers_.back()->Prepare({}, false, [](const auto&) {}).ok());
      roots_.push_back(peers_.back()->OpenSnapshot({})->root);
    }
  }
  absl::StatusOr<KeySample> Sample() {
    return SampleKeySpace(peers_, roots_, SourceMap(peers_.size()), {}, options_);
  }

  static std::vector<uint64_t> Counts(const KeySample& sample) {
    std::vector<uint64_t> counts;
    for (const SampledBlock& block : sample.blocks) {
      counts.push_back(block.divergences.size() + block.unread);
    }
    return counts;
  }
  static Estimate EstimateOf(const KeySample& sample) {
    return EstimateFrom(sample, Counts(sample));
  }

  std::vector<std::unique_ptr<FakePeer>> owned_;
  std::vector<Peer*> peers_;
  std::vector<merkle::Summary> roots_;
  SampleOptions options_;
};

TEST_F(SampleTest, ASampleOfEverythingFindsExactlyWhatDiffers) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 40; ++round) {
    const FakePeer::Rows first = EveryTenth(static_cast<int64_t>(1 + random() % 900));
    std::vector<FakePeer::Rows> copies = {first};
    const size_t replicas = 2 + random() % 2;
    const double probability = static_cast<double>(random() % 100) / 100;
    while (copies.size() < replicas) copies.push_back(Drifted(first, probability, &random));
    // Beyond both ends of the others' keys.
    if (random() % 2 == 0) copies.back()[-5] = "before";
    if (random() % 2 == 0) copies.back()[100'000] = "behind";
    Open(copies);
    options_.block_records = 1 + random() % 50;
    options_.blocks_wanted = 1'000'000;
    options_.seed = random();
    const absl::StatusOr<KeySample> sample = Sample();
    ASSERT_TRUE(sample.ok()) << sample.status();
    EXPECT_EQ(sample->blocks.size(), sample->blocks_in_all);
    const Estimate estimate = EstimateOf(*sample);
    const uint64_t expected = Differing(copies);
    ASSERT_EQ(estimate.divergent, expected) << "round " << round;
    ASSERT_EQ(estimate.low, expected);
    ASSERT_EQ(estimate.high, expected);
  }
}

TEST_F(SampleTest, TheEstimateIsRightOnAverageAndItsBoundsHold) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const FakePeer::Rows first = EveryTenth(20'000);
  const std::vector<FakePeer::Rows> copies = {first, Drifted(first, 0.3, &random)};
  Open(copies);
  const auto expected = static_cast<double>(Differing(copies));
  options_.block_records = 16;
  options_.blocks_wanted = 64;
  double sum = 0;
  int within = 0;
  constexpr int kSamples = 400;
  for (int i = 0; i < kSamples; ++i) {
    options_.seed = random();
    const absl::StatusOr<KeySample> sample = Sample();
    ASSERT_TRUE(sample.ok()) << sample.status();
    const Estimate estimate = EstimateOf(*sample);
    EXPECT_NEAR(static_cast<double>(estimate.sampled_records), 64 * 16, 64 * 8);
    sum += static_cast<double>(estimate.divergent);
    within += static_cast<double>(estimate.low) <= expected &&
                      expected <= static_cast<double>(estimate.high)
                  ? 1
                  : 0;
  }
  EXPECT_NEAR(sum / kSamples / expected, 1, 0.02);
  EXPECT_GE(within, kSamples * 88 / 100);
}

TEST_F(SampleTest, ABlockThatOneLacksAltogetherNeedsNoStreaming) {
  const FakePeer::Rows first = EveryTenth(4000);
  FakePeer::Rows second = first;
  second.erase(second.lower_bound(20'000), second.end());
  Open({first, second});
  const absl::StatusOr<KeySample> sample = Sample();
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_LT(sample->share_to_stream(), 0.02);
  EXPECT_NEAR(static_cast<double>(EstimateOf(*sample).divergent), 2000, 100);
}

TEST_F(SampleTest, ABlockWithTooManyRecordsIsCountedWithoutBeingRead) {
  FakePeer::Rows first = EveryTenth(1000);
  FakePeer::Rows second;
  second[0] = "name";
  for (int64_t id = 1; id < 900; ++id) second[id] = "other";
  Open({first, second});
  options_.block_records = 50;
  options_.block_records_max = 200;
  options_.blocks_wanted = 1000;
  const absl::StatusOr<KeySample> sample = Sample();
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->blocks[0].unread, 500u);
  EXPECT_TRUE(sample->blocks[0].divergences.empty());
  EXPECT_EQ(EstimateOf(*sample).divergent, 500u + 400 + 900);
}

TEST_F(SampleTest, AnAnswerThatDoesNotAddUpIsNoSample) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const FakePeer::Rows first = EveryTenth(3000);
  Open({first, Drifted(first, 0.5, &random)});
  for (int i = 0; i < 300; ++i) {
    auto& peer = static_cast<FakePeer&>(*peers_[static_cast<size_t>(i % 2)]);
    const int wanted = peer.queries + 1 + static_cast<int>(random() % 3);
    bool twisted = false;
    peer.twist = [&](std::string reply) {
      if (peer.queries != wanted || reply.empty()) return reply;
      twisted = true;
      reply[random() % reply.size()] ^= static_cast<char>(1 + random() % 255);
      if (random() % 4 == 0) reply.resize(random() % reply.size());
      return reply;
    };
    const absl::StatusOr<KeySample> sample = Sample();
    // A key that is another is not found out, but by what the others say of it.
    if (twisted && sample.ok()) {
      EXPECT_LE(sample->blocks.size(), 256u);
    }
    peer.twist = nullptr;
  }
  owned_[0]->fail_once["query"] = absl::NotFoundError("expired");
  EXPECT_EQ(Sample().status().code(), absl::StatusCode::kNotFound);
}

// Else it could be in two of them.
TEST_F(SampleTest, ARecordOutOfItsBlockIsNoSample) {
  FakePeer::Rows second = EveryTenth(3000);
  for (auto& [id, name] : second) name = "other";
  Open({EveryTenth(3000), second});
  owned_[1]->lie = [](const auto&, std::vector<merkle::Answer>* answers) {
    for (merkle::Answer& answer : *answers) {
      if (!answer.records.empty()) answer.records[0].key = FakePeer::Key(0);
    }
  };
  EXPECT_TRUE(absl::IsDataLoss(Sample().status()));
}

class EstimateTest : public CompareTest {
 protected:
  EstimateTest() {
    plan_.explain = true;
    plan_.estimate_above = 2000;
  }
  // Of `rows`, each with a number divisible by `step` changed.
  static FakePeer::Rows Changed(FakePeer::Rows rows, int64_t step) {
    for (auto& [id, name] : rows) name += id % step == 0 ? " " : "";
    return rows;
  }
};

TEST_F(EstimateTest, WhereMostDiffersASampleIsTheResultAndSaysSo) {
  const FakePeer::Rows rows = ManyRows(20'000);
  const Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(ExitCode(report), 1);
  EXPECT_FALSE(report.exact);
  EXPECT_FALSE(report.complete);
  EXPECT_TRUE(report.gaps.empty());
  EXPECT_FALSE(report.error);
  ASSERT_TRUE(report.estimate);
  EXPECT_NEAR(static_cast<double>(report.estimate->divergent), 10'000, 100);
  EXPECT_LE(report.estimate->low, report.estimate->divergent);
  EXPECT_GE(report.estimate->high, report.estimate->divergent);
  EXPECT_EQ(report.estimate->sampled_records, 256u * 32);
  EXPECT_NEAR(static_cast<double>(report.total), 256 * 16, 20);
  EXPECT_EQ(report.statuses.confirmed, report.total);
  EXPECT_TRUE(report.spans.empty());
  ASSERT_TRUE(report.explanation);
  EXPECT_EQ(report.explanation->columns.at(0).hypotheses.at(0).rule, "name:rtrim");
  EXPECT_THAT(VerdictLine(report), HasSubstr("DIVERGENT: about "));
  EXPECT_THAT(VerdictLine(report), HasSubstr("--exhaustive"));
}

TEST_F(EstimateTest, AskedForEverythingTheAuditIsExact) {
  plan_.estimate_above.reset();
  const FakePeer::Rows rows = ManyRows(20'000);
  const Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 10'000u);
  EXPECT_FALSE(report.estimate);
}

TEST_F(EstimateTest, WhereLessThanHalfDiffersTheAuditIsExact) {
  const FakePeer::Rows rows = ManyRows(20'000);
  FakePeer::Rows changed = rows;
  for (int64_t id = 1000; id < 9000; ++id) changed[id] += "!";
  const Report report = Compare(rows, changed);
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 8000u);
  EXPECT_TRUE(report.exact);
  EXPECT_FALSE(report.estimate);
}

TEST_F(EstimateTest, ALongMissingRunIsNoReasonForASample) {
  const FakePeer::Rows rows = ManyRows(20'000);
  FakePeer::Rows half = rows;
  half.erase(half.lower_bound(8000), half.end());
  const Report report = Compare(rows, half);
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 12'001u);
}

TEST_F(EstimateTest, WhatIsInFlightIsLeftOut) {
  const FakePeer::Rows rows = ManyRows(20'000);
  prepare_ = [&] { right_->before_read = [&] { right_->SetRows(Changed(rows, 4)); }; };
  const Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  ASSERT_TRUE(report.estimate);
  EXPECT_NEAR(static_cast<double>(report.estimate->divergent), 5000, 100);
  EXPECT_NEAR(static_cast<double>(report.statuses.in_flight), 256 * 8, 20);
}

// Even if all that the sample found has come to agree, nothing was proven of the rest.
TEST_F(EstimateTest, ASampleThatAgreesByNowIsNotIdentical) {
  const FakePeer::Rows rows = ManyRows(20'000);
  prepare_ = [&] { right_->before_read = [&] { right_->SetRows(rows); }; };
  const Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(report.total, 0u);
  EXPECT_EQ(report.estimate->divergent, 0u);
  EXPECT_EQ(report.gaps.size(), 1u);
  EXPECT_THAT(VerdictLine(report), HasSubstr("INCOMPLETE: not known whether left and right agree"));
}

// It may only have been in flight.
TEST_F(EstimateTest, ASampleThatWasNotReReadProvesNothing) {
  plan_.recheck.enabled = false;
  const FakePeer::Rows rows = ManyRows(20'000);
  const Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(report.certain(), 0u);
  EXPECT_THAT(VerdictLine(report), HasSubstr("none confirmed"));
}

TEST_F(EstimateTest, ASampleThatCouldNotBeReReadProvesNothing) {
  const FakePeer::Rows rows = ManyRows(20'000);
  for (const absl::Status& failure : {absl::UnimplementedError("no lookup by key"),
                                      WithFault(absl::UnavailableError("lost"), Fault::kTransport),
                                      absl::DataLossError("damaged")}) {
    prepare_ = [&] { right_->fail_always["read"] = failure; };
    const Report report = Compare(rows, Changed(rows, 2));
    EXPECT_EQ(report.verdict, Verdict::kIncomplete) << failure;
    EXPECT_GT(report.total, 0u);
    EXPECT_EQ(report.certain(), 0u);
  }
}

// What is there without its filter is not known.
TEST_F(EstimateTest, ASampleThatLeftItsFilterProvesNothing) {
  const FakePeer::Rows rows = ManyRows(20'000);
  prepare_ = [&] {
    right_->description.filter = "age < 1";
    left_->before_read = [&] { left_->SetRows({}); };
    right_->before_read = [&] { right_->SetRows({}); };
  };
  const Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_GT(report.total, 0u);
  EXPECT_EQ(report.statuses.unconfirmed, report.total);
}

// One that differs in another way each time may lag behind for ever.
TEST_F(EstimateTest, ASampleThatChangesAllTheTimeProvesNothing) {
  FakePeer::Rows rows = ManyRows(20'000);
  const FakePeer::Rows changed = Changed(rows, 2);
  prepare_ = [&] {
    right_->before_read = [&] {
      for (auto& [id, name] : rows) name += "'";
      right_->SetRows(rows);
    };
  };
  const Report report = Compare(rows, changed);
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(report.statuses.unstable, report.total);
}

TEST_F(EstimateTest, AnyOtherGapIsIncompleteAndTheReason) {
  const FakePeer::Rows rows = ManyRows(20'000);
  prepare_ = [&] { right_->not_point_in_time = "it changed while it was read"; };
  Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_EQ(report.gaps.size(), 2u);
  EXPECT_THAT(report.error->message, HasSubstr("it changed while it was read"));
  EXPECT_THAT(VerdictLine(report), HasSubstr("INCOMPLETE: at least 4,0"));
  plan_.replicas[1].allow_not_point_in_time = true;
  report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_THAT(VerdictLine(report), HasSubstr("; not a consistent snapshot: right"));
}

// The walk begins anew, and finds everything.
TEST_F(EstimateTest, WhereNoSampleCanBeTakenTheAuditIsExact) {
  const FakePeer::Rows rows = ManyRows(20'000);
  const Report sampled = Compare(rows, Changed(rows, 2));
  ASSERT_TRUE(sampled.estimate);
  const int last = left_->queries;
  prepare_ = [&] {
    left_->twist = [this, last](std::string reply) {
      return left_->queries == last ? std::string("\xff") : reply;
    };
  };
  const Report report = Compare(rows, Changed(rows, 2));
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 10'000u);
  EXPECT_FALSE(report.estimate);
}

TEST_F(SampleTest, BlocksAreCutByTheLargestSourceThatHoldsAWholeReplica) {
  const auto roots = [](std::vector<uint64_t> counts) {
    std::vector<merkle::Summary> summaries;
    for (const uint64_t count : counts) summaries.push_back({count, {}});
    return summaries;
  };
  EXPECT_EQ(SamplePivot(roots({10, 30, 20}), SourceMap(3)), 1u);
  const SourceMap sharded({0, 1, 1});
  EXPECT_EQ(SamplePivot(roots({1000, 500, 500}), sharded), 0u);
  EXPECT_EQ(SamplePivot(roots({990, 500, 500}), sharded), 0u);
  EXPECT_EQ(SamplePivot(roots({900, 500, 500}), sharded), std::nullopt);
  EXPECT_EQ(SamplePivot(roots({10, 1000, 0}), sharded), 1u);
  EXPECT_EQ(SamplePivot(roots({5, 5, 5, 5}), SourceMap({0, 0, 1, 1})), std::nullopt);
}

TEST_F(SampleTest, ASampleOfEverythingFindsWhatDiffersBetweenShardsToo) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    FakePeer::Rows first = EveryTenth(static_cast<int64_t>(100 + random() % 900));
    FakePeer::Rows other = Drifted(first, 0.3, &random);
    for (int64_t i = 0; other.size() > first.size(); ++i) first[1'000'000 + i] = "behind";
    std::vector<FakePeer::Rows> sources(4);
    sources[0] = first;
    for (const auto& [id, name] : other) sources[1 + random() % 3][id] = name;
    Open(sources);
    options_.block_records = 1 + random() % 50;
    options_.blocks_wanted = 1'000'000;
    const absl::StatusOr<KeySample> sample =
        SampleKeySpace(peers_, roots_, SourceMap({0, 1, 1, 1}), {}, options_);
    ASSERT_TRUE(sample.ok()) << sample.status();
    ASSERT_EQ(EstimateOf(*sample).divergent, Differing({first, other})) << "round " << round;
  }
}

// A sample in which all differ says little of the few that do not.
TEST(EstimateFromTest, BlocksThatAreAllAlikeStillLeaveADoubt) {
  KeySample sample;
  sample.blocks.resize(256);
  for (SampledBlock& block : sample.blocks) block.records = 32;
  const std::vector<uint64_t> all_differ(256, 32);
  sample.blocks_in_all = 40'000;
  const Estimate estimate = EstimateFrom(sample, all_differ);
  EXPECT_EQ(estimate.divergent, 1'280'000u);
  EXPECT_LT(estimate.low, 1'270'000u);
  EXPECT_GT(estimate.low, 1'260'000u);
  sample.blocks_in_all = 256;
  const Estimate whole = EstimateFrom(sample, all_differ);
  EXPECT_EQ(whole.low, 8'192u);
  EXPECT_EQ(whole.high, 8'192u);
}

}  // namespace
}  // namespace driftwood::coordinator
