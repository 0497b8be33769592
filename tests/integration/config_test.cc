// `driftwood diff --config` and `driftwood config check`, with the real programs. Covers
// coordinator/diff/config_file.cc and coordinator/diff/diff_config.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class ConfigTest : public DiffTest {
 protected:
  void SetUp() override {
    for (const char* name : {"a.db", "b.db"}) {
      Sql(name,
          "CREATE TABLE account(id INTEGER PRIMARY KEY, a TEXT, n INTEGER);"
          "INSERT INTO account VALUES (1, 'x', 1), (2, 'y', 2);"
          "CREATE TABLE shop(id INTEGER PRIMARY KEY, a TEXT);"
          "INSERT INTO shop VALUES (1, 'x');");
    }
    WriteFile("orders.csv", "id,total\n1,5\n2,6\n");
    WriteFile("copy.csv", "id,total\n1,5\n2,6.001\n");
  }

  // The document of `driftwood diff --config nightly.toml WORDS…`.
  Json Config(std::vector<std::string> words, int exit_code) {
    words.insert(words.begin(), {"diff", "--config", "nightly.toml"});
    words.insert(words.end(), {"--format", "json"});
    result_ = Driftwood(words);
    EXPECT_EQ(result_.exit_code, exit_code) << result_.out << result_.err;
    Json document = Json::parse(result_.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << result_.out << result_.err;
    if (document.contains("datasets")) {
      ExpectComesBack(coordinator::ReadDatasetsReport(result_.out), result_.out);
    }
    return document.is_discarded() ? Json::object() : document;
  }
  static std::vector<std::string> Results(const Json& document) {
    std::vector<std::string> results;
    for (const Json& one : document.value("datasets", Json::array())) {
      results.push_back(one.at("dataset").get<std::string>() + ": " +
                        one.at("verdict").get<std::string>());
      for (const Json& table : one.value("tables", Json::array())) {
        results.push_back("  " + table.at("table").get<std::string>() + ": " +
                          table.at("result").get<std::string>());
      }
    }
    return results;
  }
  // Of `config check`; the lines on stderr.
  std::vector<std::string> Check(int exit_code) {
    result_ = Driftwood({"config", "check", "nightly.toml"});
    EXPECT_EQ(result_.exit_code, exit_code) << result_.err;
    EXPECT_THAT(result_.out, IsEmpty());
    return Lines(result_.err);
  }

  ProcessResult result_;
};

constexpr char kNightly[] = R"([defaults]
recheck = 0

[source.left]
url = "sqlite:a.db"
[source.right]
url = "sqlite:b.db"

[dataset.orders]
replicas = { warehouse = "csv:orders.csv?key=id", erp = "csv:copy.csv?key=id" }
types = ["total=decimal"]
rules = ["total:round=2"]

[dataset.shop]
replicas = { one = "left", two = "right" }
all = true
[dataset.shop.table.account]
ignore = ["a"]

[dataset.single]
replicas = { one = "left?table=shop", two = "right?table=shop" }
)";

TEST_F(ConfigTest, AllDatasetsAreComparedUnderOneVerdict) {
  WriteFile("nightly.toml", kNightly);
  EXPECT_THAT(Check(0), IsEmpty());
  Json document = Config({}, 0);
  EXPECT_EQ(document.value("verdict", ""), "IDENTICAL");
  EXPECT_THAT(Results(document),
              ElementsAre("orders: IDENTICAL", "shop: IDENTICAL", "  account: identical",
                          "  shop: identical", "single: IDENTICAL"));
  EXPECT_EQ(document["datasets"][0]["replicas"][0]["name"], "warehouse") << "the file's order";
  EXPECT_EQ(document["totals"]["identical"], 3);

  Sql("b.db", "UPDATE account SET a = 'z'; UPDATE shop SET a = 'z'");
  document = Config({}, 1);
  EXPECT_THAT(Results(document),
              ElementsAre("orders: IDENTICAL", "shop: DIVERGENT", "  account: identical",
                          "  shop: divergent", "single: DIVERGENT"));
  EXPECT_EQ(document["totals"]["divergences"], 2);
  EXPECT_EQ(Found(document["datasets"][2]), std::set<std::string>{"1 changed"});

  const ProcessResult table = Driftwood({"diff", "--config", "nightly.toml"});
  EXPECT_EQ(table.exit_code, 1);
  EXPECT_THAT(table.out, StartsWith("DIVERGENT: 3 datasets: 1 identical, 2 divergent; 2 rows "
                                    "differ\n\n  orders  IDENTICAL: 2 rows in warehouse and erp "
                                    "agree; under rules total:round=2\n  shop    DIVERGENT: "));
  EXPECT_THAT(table.out, HasSubstr("\ndataset single\nDIVERGENT: 1 of 1 row differs"));
  const ProcessResult csv =
      Driftwood({"diff", "--config", "nightly.toml", "--format", "csv", "--verdict-row"});
  EXPECT_THAT(Lines(csv.out),
              ElementsAre(StartsWith("dataset,table,result,"), StartsWith("orders,,identical,0,"),
                          StartsWith("shop,account,identical,0,"),
                          StartsWith("shop,shop,divergent,1,"), StartsWith("shop,,divergent,"),
                          StartsWith("single,,divergent,1,"), StartsWith(",,DIVERGENT,")));
  const ProcessResult lines = Driftwood({"diff", "--config", "nightly.toml", "--format", "jsonl"});
  size_t verdicts = 0;
  for (const std::string& line : Lines(lines.out))
    verdicts += Json::parse(line).contains("verdict");
  EXPECT_EQ(verdicts, 1u) << lines.out;
  EXPECT_EQ(Json::parse(Lines(lines.out).back())["verdict"], "DIVERGENT");
}

TEST_F(ConfigTest, DatasetsAreChosenByNameAndTheCommandLineCountsMore) {
  WriteFile("nightly.toml", kNightly);
  EXPECT_THAT(Results(Config({"orders"}, 0)), ElementsAre("orders: IDENTICAL"));
  EXPECT_THAT(Results(Config({"s*"}, 0)), ElementsAre("shop: IDENTICAL", "  account: identical",
                                                      "  shop: identical", "single: IDENTICAL"));
  EXPECT_THAT(Results(Config({"orders", "--rule", "total:round=3"}, 1)),
              ElementsAre("orders: DIVERGENT"));
  const ProcessResult result = Driftwood({"diff", "--config", "nightly.toml", "order"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(
      result.err,
      "driftwood: nightly.toml has no dataset 'order' (did you mean 'orders'?); it has orders, "
      "shop, single\n");
}

TEST_F(ConfigTest, WhatCouldNotBeComparedIsNeverGreen) {
  WriteFile("nightly.toml", std::string(kNightly) + R"(
[dataset.gone]
replicas = { one = "csv:nosuch.csv?key=id", two = "csv:orders.csv?key=id" }
)");
  EXPECT_THAT(Check(0), IsEmpty());
  const Json document = Config({}, 3);
  EXPECT_EQ(document.value("verdict", ""), "INCOMPLETE");
  EXPECT_THAT(Results(document).back(), "gone: ERROR");
  EXPECT_THAT(result_.err, HasSubstr("driftwood: gone: ERROR: "));
  EXPECT_EQ(Config({"gone"}, 2).value("verdict", ""), "ERROR");
}

TEST_F(ConfigTest, PathsAreRelativeToTheFile) {
  std::filesystem::create_directory(Path("etc"));
  for (const char* name : {"a.db", "b.db", "orders.csv", "copy.csv"}) {
    std::filesystem::rename(Path(name), Path(std::string("etc/") + name));
  }
  WriteFile("etc/nightly.toml", std::string("[defaults]\noutput = \"report.json\"\nformat = "
                                            "\"json\"\n") +
                                    (kNightly + sizeof("[defaults]")));
  ProcessResult result = Driftwood({"diff", "--config", "etc/nightly.toml"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(Json::parse(ReadFile(Path("etc/report.json")))["verdict"], "IDENTICAL");
  WriteFile("etc/nightly.toml",
            "[defaults]\noutput = \"report.json\"\nformat = \"json\"\n[datset]\n");
  result = Driftwood({"diff", "--config", "etc/nightly.toml"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(Json::parse(ReadFile(Path("etc/report.json")))["verdict"], "ERROR")
      << "yesterday's report must not stand for a file that is wrong today";
}

TEST_F(ConfigTest, AllMistakesAreSaidAtOnce) {
  WriteFile("nightly.toml", R"([defaults]
recheck = "soon"
[dataset.orders]
replicas = { warehouse = "csv:orders.csv?key=id", erp = "csv:copy.csv?key=id" }
ingore = ["total"]
types = "total=decimal"
[dataset.one]
replicas = { warehouse = "csv:orders.csv?key=id" }
[dataset.types]
replicas = { warehouse = "csv:orders.csv?key=id", erp = "csv:copy.csv?key=id" }
types = ["total=decimel"]
[source.web]
url = "postgresql://auditor@db2/shop"
password_file = "nosuch"
[dataset.table]
replicas = { warehouse = "wbe?table=t", erp = "web?table=t" }
[dataset.table.table.account]
ignore = ["a"]
)");
  const std::vector<std::string> lines = Check(2);
  EXPECT_THAT(
      lines,
      ElementsAre(
          "driftwood: nightly.toml:2:1: defaults.recheck: \"soon\" is no time: write 500ms, 30s, "
          "5min "
          "or 1h",
          "driftwood: nightly.toml:5:1: dataset.orders: there is no member 'ingore' (did you mean "
          "'ignore'?)",
          HasSubstr("nightly.toml:6:9: dataset.orders.types: expected a list of texts"),
          HasSubstr("nightly.toml:7:1: dataset.one: diff needs at least two stores"),
          HasSubstr("nightly.toml:9:1: dataset.types: --types total: unknown type 'decimel' (did "
                    "you mean 'decimal'?)"),
          HasSubstr("nightly.toml:14:1: source.web.password_file: "),
          HasSubstr(
              "nightly.toml:16:14: dataset.table.replicas.warehouse: there is no [source.wbe] "
              "(did you mean 'web'?)"),
          HasSubstr("nightly.toml:17:16: dataset.table.table: options of one table are for all = "
                    "true")));
  EXPECT_EQ(Driftwood({"diff", "--config", "nightly.toml"}).exit_code, 2);
  EXPECT_EQ(Driftwood({"config", "check", "nosuch.toml"}).exit_code, 2);
}

TEST_F(ConfigTest, APasswordThatOthersMayReadIsRefusedAndNeverShown) {
  WriteFile("nightly.toml", R"([dataset.stock]
replicas = { a = "postgresql://me:Se-cret9@localhost:1/x?table=t", b = "csv:orders.csv?key=id" }
)");
  ::chmod(Path("nightly.toml").c_str(), 0644);
  std::vector<std::string> lines = Check(2);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("is open to others than its owner; chmod 600"),
                              HasSubstr("password_file"), Not(HasSubstr("Se-cret9"))));
  ::chmod(Path("nightly.toml").c_str(), 0600);
  EXPECT_THAT(Check(0), IsEmpty());
  const Json document = Config({}, 2);
  EXPECT_THAT(result_.out + result_.err, Not(HasSubstr("Se-cret9")));
  WriteFile("pw", "Se-cret9\n");
  ::chmod(Path("pw").c_str(), 0644);
  WriteFile("nightly.toml", R"([source.pg]
url = "postgresql://me@localhost:1/x?table=t"
password_file = "pw"
[dataset.stock]
replicas = { a = "pg", b = "csv:orders.csv?key=id" }
)");
  EXPECT_THAT(Check(2), ElementsAre(HasSubstr("chmod 600 pw")));
  ::chmod(Path("pw").c_str(), 0600);
  EXPECT_THAT(Check(0), IsEmpty());
}

}  // namespace
}  // namespace driftwood::testing
