// `driftwood diff --all` over two SQLite databases: which tables are compared, and what is said of
// one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TableOptionsTest : public DiffTest {
 protected:
  void SetUp() override {
    for (const char* name : {"a.db", "b.db"}) {
      Sql(name,
          "CREATE TABLE account(id INTEGER PRIMARY KEY, a TEXT, n INTEGER);"
          "INSERT INTO account VALUES (1, 'x', 1), (2, 'y', 2);"
          "CREATE TABLE shop(id INTEGER PRIMARY KEY, a TEXT);"
          "INSERT INTO shop VALUES (1, 'x');"
          "CREATE TABLE log(line TEXT NOT NULL, at INTEGER NOT NULL);"
          "INSERT INTO log VALUES ('x', 1), ('y', 2);");
    }
  }

  Json All(std::vector<std::string> words) {
    words.insert(words.begin(), {"--all", "sqlite:" + Path("a.db"), "sqlite:" + Path("b.db")});
    return DiffJson(words);
  }
  void ExpectAllError(std::vector<std::string> words, const std::vector<std::string>& said) {
    words.insert(words.begin(), {"--all", "sqlite:" + Path("a.db"), "sqlite:" + Path("b.db")});
    ExpectError(words, said);
  }
  static std::vector<std::string> Results(const Json& document) {
    std::vector<std::string> results;
    for (const Json& table : document.value("tables", Json::array())) {
      results.push_back(table.at("table").get<std::string>() + ": " +
                        table.at("result").get<std::string>());
    }
    return results;
  }
};

TEST_F(TableOptionsTest, OptionsOfOneTableLeaveTheOthersAsTheyAre) {
  Sql("b.db", "UPDATE account SET a = 'z'; UPDATE shop SET a = 'z'");
  EXPECT_THAT(Results(All({"--key", "log:line", "--ignore", "account.a"})),
              ElementsAre("account: identical", "log: identical", "shop: divergent"));
  EXPECT_THAT(Results(All({"--key", "log:*", "--columns", "account.n", "--rule", "shop.a:ignore"})),
              ElementsAre("account: identical", "log: identical", "shop: identical"));
  EXPECT_THAT(Results(All({"--tables", "account,shop"})),
              ElementsAre("account: divergent", "shop: divergent"));
}

TEST_F(TableOptionsTest, TablesAreChosenByPatterns) {
  EXPECT_THAT(Results(All({"--tables", "*o*", "--skip-tables", "l?g"})),
              ElementsAre("account: identical", "shop: identical"));
  ExpectAllError({"--tables", "acount*"}, {"'acount*'", "did you mean 'account'?"});
}

TEST_F(TableOptionsTest, ATableMayHaveAnotherNameInOneReplica) {
  Sql("b.db", "ALTER TABLE account RENAME TO konto; UPDATE konto SET n = 7 WHERE id = 2");
  const Json document =
      All({"--rename-table", "right:konto=account", "--skip-tables", "log", "--ignore", "shop.a"});
  EXPECT_THAT(Results(document), ElementsAre("account: divergent", "shop: identical"));
  EXPECT_EQ(Found(document["tables"][0]), std::set<std::string>{"2 changed"});
  EXPECT_THAT(document["tables"][0]["replicas"][1]["source"].get<std::string>(),
              HasSubstr("table=konto"));
  ExpectAllError({"--rename-table", "right:kont=account"}, {"did you mean 'konto'?"});
}

TEST_F(TableOptionsTest, ADifferenceOfTheSchemasIsAFindingOfItsOwn) {
  Sql("a.db", "ALTER TABLE shop ADD note TEXT; CREATE TABLE extra(id INTEGER PRIMARY KEY)");
  Json document = All({"--skip-tables", "log"});
  EXPECT_THAT(Results(document),
              ElementsAre("account: identical", "extra: missing", "shop: error"));
  EXPECT_THAT(document["tables"][2]["error"]["message"].get<std::string>(),
              HasSubstr("--common-columns"));
  document = All({"--skip-tables", "log", "--common-columns"});
  EXPECT_EQ(document.value("verdict", ""), "DIVERGENT");
  EXPECT_THAT(Results(document),
              ElementsAre("account: identical", "extra: missing", "shop: divergent"));
  EXPECT_EQ(document["tables"][2]["compared"]["schema_differences"],
            Json::parse(R"([{"column":"note","missing_in":["right"]}])"));
  const std::string a = "sqlite:" + Path("a.db"), b = "sqlite:" + Path("b.db");
  // What is said to do can be pasted: with --all, columns are those of a table.
  ProcessResult result = Diff({"--all", a, b, "--skip-tables", "log,extra"});
  EXPECT_THAT(result.out, HasSubstr("or say what to compare with --columns shop."));
  result = Diff({"--all", a, b, "--skip-tables", "log,extra", "--common-columns"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("columns not compared: shop.note (only in left)"));
  EXPECT_THAT(result.out, HasSubstr("\n  shop: columns that not all replicas have, and that were "
                                    "not compared: note (only in left)\n"));
  result = Diff({a + "?table=shop", b + "?table=shop", "--common-columns"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(
      result.out,
      HasSubstr("DIVERGENT: 0 of 1 row differs between left and right; columns that not all "
                "replicas have, and that were not compared: note (only in left)\n"));
  result = Diff({a + "?table=shop", b + "?table=shop", "--common-columns", "--ignore", "note"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(Diff({a + "?table=shop", b + "?table=shop"}).exit_code, 2);
}

// What is said of one table is no wish for the others.
TEST_F(TableOptionsTest, AdviceNamesTheTable) {
  Sql("a.db", "CREATE TABLE k(a INTEGER PRIMARY KEY, n TEXT); INSERT INTO k VALUES (1, '1')");
  Sql("b.db", "CREATE TABLE k(a INTEGER, n INTEGER PRIMARY KEY); INSERT INTO k VALUES (1, 1)");
  const auto message = [&](const std::vector<std::string>& words) {
    const Json document = All(words);
    for (const Json& table : document["tables"]) {
      if (table["table"] == "k") return table["error"]["message"].get<std::string>();
    }
    return std::string();
  };
  EXPECT_THAT(message({}), HasSubstr("--key k:COLUMN,…, or --key 'k:*'"));
  EXPECT_THAT(message({"--key", "k:a"}), HasSubstr("--types k.n=integer"));
  EXPECT_THAT(message({"--key", "k:a"}), HasSubstr("--ignore k.n"));
  EXPECT_THAT(Results(All({"--key", "k:a", "--types", "k.n=integer", "--tables", "k,shop"})),
              ElementsAre("k: identical", "shop: identical"));
}

TEST_F(TableOptionsTest, WhatWouldMakeRowsEqualNamesTheTable) {
  Sql("b.db", "UPDATE account SET a = a || ' '; UPDATE log SET line = '00' || at WHERE at = 2");
  Sql("a.db", "UPDATE log SET line = '2' WHERE at = 2");
  const std::vector<std::string> words = {"--all", "sqlite:" + Path("a.db"),
                                          "sqlite:" + Path("b.db"), "--key", "log:at"};
  const std::string out = Diff(words).out;
  EXPECT_THAT(out, HasSubstr("(--rule account.a:rtrim)"));
  EXPECT_THAT(out, HasSubstr("(--types log.line=integer)"));
}

TEST_F(TableOptionsTest, WhatCouldMeanTwoThingsIsRefused) {
  for (const char* name : {"a.db", "b.db"}) {
    Sql(name, "CREATE TABLE t(id INTEGER PRIMARY KEY, \"shop.a\" TEXT)");
  }
  ExpectAllError({"--ignore", "shop.a"}, {"'shop.a' of 't'", "'a' of 'shop'"});
}

}  // namespace
}  // namespace driftwood::testing
