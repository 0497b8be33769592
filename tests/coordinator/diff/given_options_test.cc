#include "coordinator/diff/given_options.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace driftwood::coordinator {
namespace {

using Given = std::map<std::string, std::vector<std::string>>;

Given Of(const DiffOptions& options) {
  Given given;
  for (const ReportOption& option : GivenOptions(options)) {
    EXPECT_TRUE(given.emplace(option.name, option.values).second) << option.name;
  }
  return given;
}

TEST(GivenOptionsTest, WhatIsAsByDefaultIsNotGiven) {
  DiffOptions options;
  options.stores = {"csv:a.csv", "csv:b.csv"};
  EXPECT_EQ(Of(options), Given());
}

TEST(GivenOptionsTest, EveryKindOfOptionIsNamedAsItIsTyped) {
  DiffOptions options;
  options.all = true;
  options.show_values = false;
  options.key = {"a,b", "c"};
  options.table_items = {{"log", &DiffOptions::key, "at"}};
  options.format = "json";
  options.max_divergences = 7;
  options.recheck_seconds = 0.5;
  options.recheck_max = 3;
  EXPECT_EQ(Of(options), (Given{{"--all", {}},
                                {"--no-values", {}},
                                {"--key", {"a,b", "c", "log: at"}},
                                {"--format", {"json"}},
                                {"--max-divergences", {"7"}},
                                {"--recheck", {"0.5s"}},
                                {"--recheck-max", {"3"}}}));
}

TEST(GivenOptionsTest, APasswordThatStandsWhereNoneBelongsIsHidden) {
  DiffOptions options;
  options.output = "postgresql://auditor:geheim@db1/shop";
  options.ignore = {"a", "mysql://u:geheim@h/d"};
  for (const auto& [name, values] : Of(options)) {
    for (const std::string& value : values) {
      EXPECT_EQ(value.find("geheim"), std::string::npos) << name;
    }
  }
}

}  // namespace
}  // namespace driftwood::coordinator
