#include "merkle/config/config_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "tests/testing/temp_dir.h"

namespace driftwood {
namespace {

using ::testing::HasSubstr;

TEST(ConfigFilesTest, PathsAreBesideTheFile) {
  EXPECT_EQ(PathBeside("", "a.db"), "a.db");
  EXPECT_EQ(PathBeside("etc", "a.db"), "etc/a.db");
  EXPECT_EQ(PathBeside("etc", "/a.db"), "/a.db");
  EXPECT_EQ(UrlBeside("", "csv:a.csv"), "csv:a.csv");
  EXPECT_EQ(UrlBeside("e c", "csv:a.csv?key=id"), "csv:e%20c/a.csv?key=id");
  EXPECT_EQ(UrlBeside("e c", "a.csv"), "e c/a.csv");
  EXPECT_EQ(UrlBeside("etc", "csv:/a.csv"), "csv:/a.csv");
  EXPECT_EQ(UrlBeside("etc", "csv:-?key=id"), "csv:-?key=id");
  EXPECT_EQ(UrlBeside("etc", "postgresql://me@db/x?table=t"), "postgresql://me@db/x?table=t");
  EXPECT_EQ(UrlBeside("etc", "agent:db1:7400/x?token_file=t"), "agent:db1:7400/x?token_file=etc/t");
  EXPECT_EQ(UrlBeside("etc", "agent:unix:run/s/x"), "agent:unix:etc/run/s/x");
  EXPECT_EQ(UrlBeside("etc", "agent:unix:/run/s/x"), "agent:unix:/run/s/x");
}

class PasswordTest : public ::testing::Test {
 protected:
  std::optional<std::string> Password(const std::string& toml, bool resolved = true) {
    ParsedConfig config = ParseConfig(toml);
    ConfigReader table(config.root, "source.x", &config.mistakes);
    const std::optional<std::string> password = ReadPassword(folder_.path(), resolved, &table);
    table.RefuseOthers();
    mistakes_ = config.mistakes;
    return password;
  }

  testing::TempDir folder_;
  std::vector<ConfigMistake> mistakes_;
};

TEST_F(PasswordTest, ItIsAFilesLineOrAVariables) {
  std::ofstream(folder_ / "pw") << "a b\n";
  ::chmod((folder_ / "pw").c_str(), 0600);
  EXPECT_EQ(Password("password_file = \"pw\""), "a b");
  ::setenv("DRIFTWOOD_TEST_PASSWORD", "x", 1);
  EXPECT_EQ(Password("password_env = \"DRIFTWOOD_TEST_PASSWORD\""), "x");
  EXPECT_EQ(Password(""), std::nullopt);
  EXPECT_TRUE(mistakes_.empty());
}

TEST_F(PasswordTest, WhatIsWrongIsNoted) {
  std::ofstream(folder_ / "pw") << "x\n";
  ::chmod((folder_ / "pw").c_str(), 0640);
  EXPECT_EQ(Password("password_file = \"pw\""), std::nullopt);
  ASSERT_EQ(mistakes_.size(), 1u);
  EXPECT_THAT(mistakes_[0].message, HasSubstr("chmod 600"));
  ::unsetenv("DRIFTWOOD_TEST_NONE");
  EXPECT_EQ(Password("password_env = \"DRIFTWOOD_TEST_NONE\"", false), std::nullopt);
  EXPECT_TRUE(mistakes_.empty());
  Password("password_env = \"DRIFTWOOD_TEST_NONE\"");
  EXPECT_EQ(mistakes_.size(), 1u);
  Password("password_file = \"nosuch\"\npassword_env = \"A\"");
  EXPECT_EQ(mistakes_.size(), 2u);
}

TEST(ConfigFilesTest, WhatIsNoFileIsSaidSo) {
  testing::TempDir folder;
  EXPECT_FALSE(ReadConfigFile((folder / "nosuch").string()).ok());
  EXPECT_FALSE(ReadConfigFile(folder.path().string()).ok());
}

}  // namespace
}  // namespace driftwood
