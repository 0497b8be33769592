// Covers merkle/config/config_value.cc too.
#include "merkle/config/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ConfigReaderTest, MembersAreReadByTheirKinds) {
  ParsedConfig config = ParseConfig(
      "name = \"x\"\nflag = true\ncount = 3\nseconds = 2\nratio = 0.5\nspan = \"1min\"\nlist = "
      "[\"b\", \"a\"]\n"
      "[of]\n[of.b]\nn = 1\n[of.a]\nn = 2\n");
  ConfigReader reader(config.root, "", &config.mistakes);
  EXPECT_EQ(reader.Text("name"), "x");
  EXPECT_EQ(reader.Flag("flag"), true);
  EXPECT_EQ(reader.Count("count"), 3u);
  EXPECT_EQ(reader.Time("seconds"), std::chrono::seconds(2));
  EXPECT_EQ(reader.Time("ratio"), std::chrono::milliseconds(500));
  EXPECT_EQ(reader.Time("span"), std::chrono::minutes(1));
  EXPECT_THAT(*reader.Texts("list"), ElementsAre("b", "a"));
  EXPECT_EQ(reader.Text("nosuch"), std::nullopt);
  std::vector<std::pair<std::string, ConfigReader>> of = reader.Tables("of");
  ASSERT_EQ(of.size(), 2u);
  EXPECT_EQ(of[0].first, "b") << "in the file's order";
  EXPECT_EQ(of[1].second.path(), "of.a");
  EXPECT_EQ(of[1].second.Count("n"), 2u);
  reader.RefuseOthers();
  EXPECT_THAT(MistakeLines("f.toml", config.mistakes), IsEmpty());
}

// The library's own test for white space is undefined for these letters: what came of it hung on
// the compiler.
TEST(ConfigReaderTest, ALetterBeyondAsciiOutsideQuotesIsNoToml) {
  for (const char* text : {"gr\u00f6\u00dfe = 1\n", "a = \u00e9\n", "\u03e3\n", "a\u0499b = 1\n",
                           "a = 1 \u0101\n", "a = \"\"\"x\\\u00e9\"\"\"\n"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(MistakeLines("f.toml", ParseConfig(text).mistakes).size(), 1u);
  }
  ParsedConfig config = ParseConfig("\"gr\u00f6\u00dfe\" = \"\u00e9\" # \u00e9\n");
  ConfigReader reader(config.root, "", &config.mistakes);
  EXPECT_EQ(reader.Text("gr\u00f6\u00dfe"), "\u00e9");
  EXPECT_THAT(MistakeLines("f.toml", config.mistakes), IsEmpty());
}

TEST(ConfigReaderTest, AMistakeIsOneLineWhateverStandsInTheFile) {
  ParsedConfig config = ParseConfig("flag = tru\ne\n");
  const std::vector<std::string> broken = MistakeLines("f.toml", config.mistakes);
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_THAT(broken[0], ::testing::Not(HasSubstr("\n")));
  config = ParseConfig("\"a\\nb\" = 1\n");
  ConfigReader(config.root, "", &config.mistakes).RefuseOthers();
  const std::vector<std::string> unknown = MistakeLines("f.toml", config.mistakes);
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_THAT(unknown[0], ::testing::Not(HasSubstr("\n")));
}

TEST(ConfigReaderTest, CountsAreWholeNumbers) {
  ParsedConfig config = ParseConfig("good = [404, 0]\nbad = [1, -1, \"2\", 1.5]\nof = {}\n");
  ConfigReader reader(config.root, "", &config.mistakes);
  EXPECT_THAT(*reader.Counts("good"), ElementsAre(404u, 0u));
  EXPECT_EQ(reader.Counts("nosuch"), std::nullopt);
  EXPECT_THAT(MistakeLines("f.toml", config.mistakes), IsEmpty());
  reader.Counts("bad");
  EXPECT_EQ(MistakeLines("f.toml", config.mistakes).size(), 3u);
  EXPECT_TRUE(reader.HasTable("of"));
  EXPECT_FALSE(reader.HasTable("good"));
  EXPECT_FALSE(reader.HasTable("nosuch"));
}

TEST(ConfigReaderTest, AllMistakesAreSaidWithTheirPlaces) {
  ParsedConfig config = ParseConfig(
      "nmae = 1\nflag = \"yes\"\ncount = -3\nlist = [\"a\", 2]\n[table]\nodd = 1979-05-27\n");
  ConfigReader reader(config.root, "", &config.mistakes);
  reader.Text("name");
  reader.Flag("flag");
  reader.Count("count");
  reader.Texts("list");
  std::optional<ConfigReader> table = reader.Table("table");
  ASSERT_TRUE(table);
  table->Text("odd");
  table->Refuse("nosuch", "needs more");
  reader.RefuseOthers();
  EXPECT_THAT(MistakeLines("f.toml", config.mistakes),
              ElementsAre("f.toml:1:1: there is no member 'nmae' (did you mean 'name'?)",
                          "f.toml:2:8: flag: expected true or false",
                          "f.toml:3:1: count: expected a whole number that is not negative",
                          HasSubstr("f.toml:4:14: list: expected a list of texts"),
                          "f.toml:5:1: table: needs more",
                          HasSubstr("f.toml:6:7: table.odd: expected a text")));
}

TEST(ConfigReaderTest, WhatIsNoTomlIsOneMistake) {
  const ParsedConfig config = ParseConfig("a = 1\nb = = 2\n");
  const std::vector<std::string> lines = MistakeLines("f.toml", config.mistakes);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("f.toml:2:"));
  EXPECT_THAT(lines[0], HasSubstr("no TOML: "));
}

TEST(ConfigReaderTest, AMemberThatIsThereTwiceIsAMistake) {
  EXPECT_EQ(ParseConfig("a = 1\na = 2\n").mistakes.size(), 1u);
}

}  // namespace
}  // namespace driftwood
