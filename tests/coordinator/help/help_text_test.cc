// Covers topics.cc too: its texts are what help_text.h gives.
#include "coordinator/help/help_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "coordinator/diff/option_tables.h"
#include "coordinator/help/topics.h"
#include "coordinator/report/report.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

void ExpectFits(const std::string& name, const std::string& text, size_t columns) {
  EXPECT_TRUE(text.ends_with("\n")) << name;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(DisplayWidth(line), columns) << name << ": " << line;
    EXPECT_FALSE(line.ends_with(" ")) << name << ": '" << line << "'";
  }
}

TEST(HelpTextTest, AllOfItFitsTheTerminal) {
  ExpectFits("driftwood --help", ProgramHelp(80), 80);
  for (const size_t columns : {60u, 80u, 120u}) {
    ExpectFits("driftwood diff --help", DiffHelp(columns), std::max<size_t>(columns, 80));
  }
  for (const std::string& topic : TopicNames()) {
    const auto text = HelpOn(topic, 80);
    ASSERT_TRUE(text.ok()) << text.status();
    ExpectFits(topic, *text, 80);
  }
}

TEST(HelpTextTest, EveryOptionIsNamedWithItsShortOne) {
  const std::string help = DiffHelp(80);
  const auto expect_named = [&](const std::string& short_name, const std::string& name) {
    EXPECT_THAT(help, HasSubstr((short_name.empty() ? "   " : " " + short_name + ", ") + name));
  };
  for (const FlagOption& option : kFlagOptions) expect_named(option.short_name, option.name);
  for (const ListOption& option : kListOptions) expect_named(option.short_name, option.name);
  for (const TextOption& option : kTextOptions) expect_named(option.short_name, option.name);
  for (const NumberOption& option : kNumberOptions) expect_named("", option.name);
  for (const ReadingOption& option : kReadingOptions) expect_named("", option.name);
  expect_named("-h", "--help");
  for (const char* const group : kOptionGroups)
    EXPECT_THAT(help, HasSubstr(std::string(group) + ":\n"));
}

TEST(HelpTextTest, NoTwoOptionsHaveOneName) {
  std::vector<std::string> seen;
  for (const OptionHelp& option : DiffOptionHelp()) {
    for (const std::string& name : option.names) {
      EXPECT_THAT(seen, Not(Contains(name)));
      seen.push_back(name);
    }
    EXPECT_NE(option.help, "") << option.names.back();
  }
}

TEST(HelpTextTest, EveryTopicIsListedAndTheExamplesComeFirst) {
  const std::string help = ProgramHelp(80);
  for (const Topic& topic : Topics()) {
    EXPECT_THAT(help, HasSubstr("  " + topic.name + " "));
    EXPECT_THAT(help, HasSubstr(topic.summary));
  }
  EXPECT_LT(help.find("driftwood orders.csv export.csv --key id\n"), help.find("Usage:"));
  EXPECT_EQ(*HelpOn("", 80), help);
}

// What topics list is what there is.
TEST(HelpTextTest, TopicsNameAllTypesRulesAndFormats) {
  const std::string types(FindTopic("types")->text);
  for (uint8_t type = 1; merkle::IsColumnType(static_cast<merkle::ColumnType>(type)); ++type) {
    const std::string name(merkle::ColumnTypeName(static_cast<merkle::ColumnType>(type)));
    if (name == "opaque") continue;
    EXPECT_THAT(types, HasSubstr(" " + name));
  }
  const size_t others = types.find("Other names: ") + 13;
  std::istringstream names(types.substr(others, types.find('.', others) - others));
  for (std::string name; names >> name;) {
    if (name == "and" || name.starts_with("(")) continue;
    if (name.ends_with(",")) name.pop_back();
    EXPECT_TRUE(merkle::ColumnTypeFromAnyName(name)) << name;
  }
  const std::string rules(FindTopic("rules")->text);
  std::istringstream lines(rules);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string rule;
    if (!line.starts_with("    ") || line[4] == ' ' || !(words >> rule) || rule == "driftwood") {
      continue;  // no rule, or an example's next line
    }
    if (rule.ends_with(",")) rule.pop_back();
    if (rule.ends_with("=N")) rule.replace(rule.size() - 1, 1, "2");
    EXPECT_TRUE(rule == "ignore" || merkle::ParseRule(rule).ok()) << rule;
  }
  for (const std::string& format : ReportFormatNames()) {
    EXPECT_THAT(std::string(FindTopic("output")->text), HasSubstr("--format " + format));
  }
}

TEST(HelpTextTest, AMistypedTopicIsAnsweredWithACommand) {
  EXPECT_THAT(std::string(HelpOn("url", 80).status().message()),
              HasSubstr("(did you mean 'driftwood help urls'?); there are examples, urls, "));
  EXPECT_TRUE(HelpOn("diff", 80).ok());
  EXPECT_TRUE(HelpOn("version", 80).ok());
}

}  // namespace
}  // namespace driftwood::coordinator
