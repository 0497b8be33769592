#include "coordinator/diff/diff_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "coordinator/diff/option_tables.h"
#include "merkle/record/rule.h"
#include "tests/coordinator/peer/fake_store_kinds.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(DiffPlanTest, WhatWasTypedBecomesAPlanThatKnowsNoCommandLine) {
  DiffOptions options;
  options.stores = {"csv:a.csv", "agent:db1:7000/orders"};
  options.names = {"billing,warehouse"};
  options.key = {"region,id"};
  options.columns = {"a", "b"};
  options.ignore = {"c"};
  options.types = {"a=text"};
  options.rules = {"b:rtrim", "d:ignore"};
  options.show_values = true;
  options.explain = false;
  options.exhaustive = true;
  options.allow_not_point_in_time = {"warehouse"};
  options.no_recheck = true;
  options.recheck_seconds = 1.5;
  options.recheck_max = 7;
  options.recheck_times = 2;
  const auto made = MakeDiffPlan(options, ReportFormat::kJson, FakeStoreKinds);
  ASSERT_TRUE(made.ok()) << made.status();
  const AuditPlan& plan = made->audit;
  ASSERT_EQ(plan.replicas.size(), 2u);
  EXPECT_EQ(plan.replicas[0].name, "billing");
  EXPECT_THAT(plan.replicas[0].sources, ElementsAre("csv:a.csv"));
  EXPECT_FALSE(plan.replicas[0].allow_not_point_in_time);
  EXPECT_TRUE(plan.replicas[1].allow_not_point_in_time);
  EXPECT_THAT(plan.replicas[1].sources, ElementsAre("agent:db1:7000/orders"));
  EXPECT_THAT(plan.reconcile.key, ElementsAre("region", "id"));
  EXPECT_THAT(plan.reconcile.columns, ElementsAre("a", "b"));
  EXPECT_THAT(plan.reconcile.ignore, ElementsAre("c", "d"));
  EXPECT_EQ(plan.reconcile.types.at("a"), merkle::ColumnType::kText);
  ASSERT_EQ(plan.reconcile.rules.size(), 1u);
  EXPECT_EQ(plan.reconcile.rules[0].column, "b");
  EXPECT_TRUE(plan.show_values);
  EXPECT_FALSE(plan.explain);
  EXPECT_FALSE(plan.plan_only);
  EXPECT_FALSE(plan.estimate_above);
  EXPECT_FALSE(plan.recheck.enabled);
  EXPECT_EQ(plan.recheck.seconds, 1.5);
  EXPECT_EQ(plan.recheck.keys_max, 7u);
  EXPECT_EQ(plan.recheck.passes_max, 2u);
}

TEST(DiffPlanTest, TypesSayHowTextsAreReadToo) {
  DiffOptions options;
  options.stores = {"csv:a.csv", "csv:b.csv"};
  options.types = {"a=timestamp:unix,b=date:%d.%m.%Y", "c=datetime:%d.%m.%Y %H:%M%2C%S",
                   "d=float32,e=int,f=string"};
  const auto made = MakeDiffPlan(options, ReportFormat::kJson, FakeStoreKinds);
  ASSERT_TRUE(made.ok()) << made.status();
  const ReconcileOptions& reconcile = made->audit.reconcile;
  EXPECT_EQ(reconcile.types.at("a"), merkle::ColumnType::kTimestamp);
  EXPECT_EQ(reconcile.readings.at("a"), "unix");
  EXPECT_EQ(reconcile.types.at("b"), merkle::ColumnType::kDate);
  EXPECT_EQ(reconcile.readings.at("b"), "%d.%m.%Y");
  EXPECT_EQ(reconcile.types.at("c"), merkle::ColumnType::kTimestamp);
  EXPECT_EQ(reconcile.readings.at("c"), "%d.%m.%Y %H:%M,%S");
  EXPECT_EQ(reconcile.types.at("d"), merkle::ColumnType::kFloat64);
  EXPECT_EQ(reconcile.readings.at("d"), "single");
  EXPECT_EQ(reconcile.types.at("e"), merkle::ColumnType::kInteger);
  EXPECT_EQ(reconcile.types.at("f"), merkle::ColumnType::kText);
  for (const char* wrong : {"a=timestamp:", "a=date:unix", "a=integer:unix", "a=date:%d.%m",
                            "a=text:padded:x", "a=timestamptz:%d.%m.%Y", "a=flaot"}) {
    options.types = {wrong};
    EXPECT_FALSE(MakeDiffPlan(options, ReportFormat::kJson, FakeStoreKinds).ok()) << wrong;
  }
}

TEST(DiffPlanTest, EverySettingHasAnOptionOfItsOwn) {
  std::set<std::string> options;
  for (size_t i = 0; i < kSettings; ++i) {
    const auto setting = static_cast<Setting>(i);
    EXPECT_TRUE(OptionText(setting, "").starts_with("--"));
    options.insert(OptionText(setting, ""));
  }
  EXPECT_EQ(options.size(), kSettings);
  EXPECT_EQ(OptionText(Setting::kTypes, "price=TYPE"), "--types price=TYPE");
  EXPECT_EQ(OptionText(Setting::kRecheckPassesMax, ""), "--recheck-times");
}

TEST(DiffPlanTest, OfOneTableOfManyAnOptionNamesTheTable) {
  EXPECT_EQ(OptionTextOf("", Setting::kIgnore, "a,b"), "--ignore a,b");
  EXPECT_EQ(OptionTextOf("t", Setting::kIgnore, "a,b%2Cc"), "--ignore t.a,t.b%2Cc");
  EXPECT_EQ(OptionTextOf("t", Setting::kTypes, "a=TYPE"), "--types t.a=TYPE");
  EXPECT_EQ(OptionTextOf("t", Setting::kRules, "a:round=N"), "--rule t.a:round=N");
  EXPECT_EQ(OptionTextOf("t,u", Setting::kZone, "left:a=UTC+N"), "--zone left:t%2Cu.a=UTC+N");
  EXPECT_EQ(OptionTextOf("t", Setting::kKey, "*"), "--key 't:*'");
  EXPECT_EQ(OptionTextOf("t", Setting::kKey, "COLUMN,…"), "--key t:COLUMN,…");
  EXPECT_EQ(OptionTextOf("t", Setting::kKey, ""), "--key");
  EXPECT_EQ(OptionTextOf("t", Setting::kAllowNotPointInTime, "left"),
            "--allow-not-point-in-time left");
}

// What a dataset's columns are called says its agent; of a database's table nobody has said it.
TEST(DiffPlanTest, TheColumnsOfAnAgentsTableMayGetOtherNames) {
  DiffOptions options;
  options.stores = {"csv:a.csv", "agent:unix:/s/shop?token_file=/t&table=orders"};
  options.renames = {"right:ID=id", "right:Total=total"};
  options.zones = {"right:at=UTC+2"};
  const auto plan = MakeDiffPlan(options, ReportFormat::kJson, FakeStoreKinds);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->replicas[1].dataset, "shop?table=orders&rename=ID=id,Total=total&zone=at=UTC+2");
  const auto again = ParseReplicaSpec("right", plan->replicas[1].url, FakeStoreKinds);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->dataset, plan->replicas[1].dataset);
  EXPECT_EQ(again->token_file, "/t");
  options.stores[1] = "agent:unix:/s/orders";
  EXPECT_FALSE(MakeDiffPlan(options, ReportFormat::kJson, FakeStoreKinds).ok());
}

// Else the URL would become the name of a file, or an argument of another program.
TEST(DiffPlanTest, NoOptionTakesAStoreForItsValue) {
  const auto refused = [](const char* name, const auto& set) {
    DiffOptions options;
    options.stores = {"csv:a.csv", "csv:b.csv"};
    set(&options);
    const auto plan = MakeDiffPlan(options, ReportFormat::kJson, FakeStoreKinds);
    EXPECT_THAT(std::string(plan.status().message()),
                StartsWith(std::string(name) + " needs a value, not the store URL "));
  };
  const std::string url = "postgresql://u:secret@h/d";
  for (const ListOption& option : kListOptions) {
    refused(option.name, [&](DiffOptions* options) { options->*option.values = {url}; });
  }
  for (const TextOption& option : kTextOptions) {
    refused(option.name, [&](DiffOptions* options) { options->*option.value = url; });
  }
  for (const ReadingOption& option : kReadingOptions) {
    refused(option.name, [&](DiffOptions* options) { options->reading.*option.value = url; });
  }
}

}  // namespace
}  // namespace driftwood::coordinator
