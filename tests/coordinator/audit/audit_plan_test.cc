#include "coordinator/audit/audit_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "coordinator/audit/audit.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// As a service would build it.
AuditPlan TwoReplicas() {
  AuditPlan plan;
  plan.replicas = {{"billing", {"agent:db1:7000/orders"}},
                   {"warehouse", {"agent:db2:7000/orders"}}};
  return plan;
}

std::string Refusal(const std::function<void(AuditPlan*)>& change) {
  AuditPlan plan = TwoReplicas();
  change(&plan);
  const absl::Status status = CheckPlan(plan);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

TEST(AuditPlanTest, APlanMadeByHandIsTaken) {
  EXPECT_TRUE(CheckPlan(TwoReplicas()).ok());
  AuditPlan plan = TwoReplicas();
  plan.recheck.seconds = kRecheckSecondsMax;
  plan.recheck.keys_max = kRecheckKeysMax;
  plan.recheck.passes_max = kRecheckPassesMax;
  plan.replicas[0].sources.push_back("agent:db3:7000/orders");
  EXPECT_TRUE(CheckPlan(plan).ok());
}

TEST(AuditPlanTest, WhatIsWrongIsSaidInThePlansWords) {
  EXPECT_THAT(Refusal([](AuditPlan* plan) { plan->replicas.pop_back(); }),
              HasSubstr("at least two replicas, not 1"));
  EXPECT_THAT(Refusal([](AuditPlan* plan) {
                plan->replicas[0].source_names = {"a", "b"};
              }),
              HasSubstr("names for some of its sources only"));
  EXPECT_THAT(Refusal([](AuditPlan* plan) { plan->replicas[0].source_names = {"a/b"}; }),
              HasSubstr("'a/b' is no source name"));
  EXPECT_THAT(Refusal([](AuditPlan* plan) {
                plan->replicas[0].sources = {"csv:a", "csv:b"};
                plan->replicas[0].source_names = {"a", "a"};
              }),
              HasSubstr("'a' is given twice; each source needs a name of its own"));
  EXPECT_THAT(Refusal([](AuditPlan* plan) { plan->replicas[1].sources.clear(); }),
              HasSubstr("'warehouse' has no source"));
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("ä"), std::string(65, 'a')}) {
    EXPECT_THAT(Refusal([&](AuditPlan* plan) { plan->replicas[1].name = bad; }),
                HasSubstr("name '" + bad + "' is no replica name"));
  }
  EXPECT_THAT(Refusal([](AuditPlan* plan) { plan->replicas[1].name = "billing"; }),
              HasSubstr("name 'billing' is given twice"));
  EXPECT_THAT(Refusal([](AuditPlan* plan) {
                plan->reconcile.columns = {"a", ""};
              }),
              HasSubstr("columns: an empty name"));
  for (const double bad : {-1.0, 86'401.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(Refusal([&](AuditPlan* plan) { plan->recheck.seconds = bad; }),
                HasSubstr("recheck.seconds: expected 0 to 86,400 seconds"));
  }
  EXPECT_THAT(Refusal([](AuditPlan* plan) { plan->recheck.keys_max = 50'000'001; }),
              HasSubstr("recheck.keys_max: expected at most 50,000,000 keys"));
  for (const uint64_t bad : {uint64_t{0}, uint64_t{101}, uint64_t{1} << 40}) {
    EXPECT_THAT(Refusal([&](AuditPlan* plan) { plan->recheck.passes_max = bad; }),
                HasSubstr("recheck.passes_max: expected 1 to 100"));
  }
}

TEST(AuditPlanTest, AnAuditAdvisesInTheWordsItWasGiven) {
  for (const bool typed : {false, true}) {
    FakePeer left(ManyRows(10)), right(ManyRows(10));
    left.not_point_in_time = "its server lets nobody";
    AuditOptions options;
    options.salt = std::string(16, 's');
    options.now_seconds = [] { return 0.0; };
    if (typed) {
      options.setting = [](Setting setting, std::string_view value) {
        return "--" + PlanSettingText(setting, value);
      };
    }
    Interrupt interrupt;
    AuditPlan plan = TwoReplicas();
    const Report moving = RunAudit(plan, {&left, &right}, options, nullptr, &interrupt);
    ASSERT_FALSE(moving.gaps.empty());
    EXPECT_THAT(moving.gaps[0].reason,
                HasSubstr(std::string("; ") + (typed ? "--" : "") +
                          "allow_not_point_in_time billing gives a verdict all the same"));
  }
}

}  // namespace
}  // namespace driftwood::coordinator
