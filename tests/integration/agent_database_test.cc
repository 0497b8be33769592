// Databases that a running agent serves as a whole, compared by the real programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AgentDatabaseTest : public DiffTest {
 protected:
  void SetUp() override {
    WriteFile("digest.key", "0123456789abcdef0123456789ABCDEF");
    std::filesystem::permissions(dir_ / "digest.key", std::filesystem::perms::owner_read);
    for (const char* file : {"shop.db", "copy.db"}) {
      Sql(file,
          "CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT); CREATE TABLE \"odd &?=,%/\"(id "
          "INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT * FROM orders; CREATE TABLE nokey(x);"
          "INSERT INTO orders VALUES (1, 'a'), (2, 'b'); INSERT INTO nokey VALUES (1);"
          "INSERT INTO \"odd &?=,%/\" VALUES (1)");
    }
  }

  // An agent at NAME.sock, with the databases and options of `more`.
  std::unique_ptr<Process> Serve(const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> command = {Program("driftwood-agent"), "--listen",
                                        "unix:" + name + ".sock", "--digest-key-file",
                                        "digest.key"};
    command.insert(command.end(), more.begin(), more.end());
    ProcessOptions options;
    options.folder = dir_.path();
    auto agent = std::make_unique<Process>(command, options);
    if (!agent->WaitForOutput("listening on ")) ADD_FAILURE() << agent->Wait().err;
    return agent;
  }

  // The document of a comparison of all tables, and what became of each.
  Json All(std::vector<std::string> words) {
    words.insert(words.begin(), "--all");
    words.insert(words.end(), {"--digest-key-file", "digest.key", "--recheck", "0"});
    return DiffJson(words);
  }
  static std::vector<std::string> Results(const Json& document) {
    std::vector<std::string> results;
    for (const Json& table : document.value("tables", Json::array())) {
      results.push_back(table.at("table").get<std::string>() + " " +
                        table.at("result").get<std::string>());
    }
    if (document.contains("error") && !document["error"].is_null()) {
      results.push_back(document["error"]["message"].get<std::string>());
    }
    return results;
  }
  std::string AgentsError(std::vector<std::string> words) {
    words.insert(words.begin(), "diff");
    words.insert(words.end(), {"--digest-key-file", "digest.key"});
    const ProcessResult result = Driftwood(words);
    EXPECT_EQ(result.exit_code, 2) << result.out << result.err;
    return result.out + result.err;
  }
};

constexpr char kShop[] = "agent:unix:a.sock/shop";

TEST_F(AgentDatabaseTest, AllItsTablesAreComparedWithAStoreAndWithAnotherAgents) {
  const auto agent = Serve("a", {"--database", "shop=sqlite:shop.db"});
  const auto other = Serve("b", {"--database", "copy=sqlite:copy.db", "--allow-values"});
  const std::vector<std::string> same = {"nokey identical", "odd &?=,%/ identical",
                                         "orders identical"};
  for (const char* copy : {"sqlite:copy.db", "agent:unix:b.sock/copy"}) {
    SCOPED_TRACE(copy);
    Json document = All({kShop, copy, "--key", "*"});
    EXPECT_EQ(Results(document), same);
    EXPECT_EQ(document["skipped"].dump(), R"([{"table":"v","why":"view in left and right"}])");
    EXPECT_EQ(document["replicas"][0]["source"], "sqlite:shop.db");
    document = All({copy, kShop, "--tables", "orders,v", "--key", "v:id"});
    EXPECT_EQ(document["verdict"], "INCOMPLETE");  // a view's key is no key that the agent offers
    EXPECT_EQ(Results(document)[0], "orders identical");
    EXPECT_THAT(document.dump(), HasSubstr("with --allow-values"));
  }
  Sql("copy.db",
      "UPDATE orders SET note = 'x' WHERE id = 2; CREATE TABLE more(id INTEGER PRIMARY "
      "KEY)");
  const Json document = All({kShop, "sqlite:copy.db", "--skip-tables", "nokey"});
  EXPECT_THAT(Results(document),
              ElementsAre("more missing", "odd &?=,%/ identical", "orders divergent"));
  EXPECT_EQ(Found(document["tables"][2]), std::set<std::string>{"2 changed"});
  EXPECT_EQ(document["tables"][2]["values_withheld"].dump(), R"(["left"])");
}

TEST_F(AgentDatabaseTest, OneTableIsComparedByItsName) {
  const auto agent = Serve("a", {"--database", "shop=sqlite:shop.db"});
  const std::string key = "--digest-key-file";
  EXPECT_EQ(Verdict({std::string(kShop) + "?table=orders", "sqlite:copy.db?table=orders", key,
                     "digest.key"}),
            "IDENTICAL");
  EXPECT_EQ(Verdict({std::string(kShop) + "?table=odd%20%26%3F=,%25/",
                     "sqlite:copy.db?table=odd %26%3F=%2C%25/", key, "digest.key"}),
            "IDENTICAL");
  EXPECT_THAT(AgentsError({std::string(kShop) + "?table=ordres", "sqlite:copy.db?table=orders"}),
              HasSubstr("did you mean 'orders'?"));
  EXPECT_THAT(AgentsError({kShop, "sqlite:copy.db?table=orders"}), HasSubstr("?table=NAME"));
  EXPECT_THAT(AgentsError({"--all", std::string(kShop) + "?table=orders", "sqlite:copy.db"}),
              HasSubstr("belong to one table"));
}

TEST_F(AgentDatabaseTest, WhatIsNoDatabaseIsRefusedWithWhatToDo) {
  const auto agent = Serve("a", {"--database", "shop=sqlite:shop.db", "--dataset",
                                 "orders=sqlite:shop.db?table=orders"});
  EXPECT_THAT(AgentsError({"--all", "agent:unix:a.sock/orders", "sqlite:copy.db"}),
              HasSubstr("compare it without --all"));
  const std::string unknown = AgentsError({"--all", "agent:unix:a.sock/shpo", "sqlite:copy.db"});
  EXPECT_THAT(unknown, HasSubstr("no database 'shpo'"));
  EXPECT_EQ(unknown.find("'shop'"), std::string::npos);  // others are not told
  EXPECT_THAT(AgentsError({"--all", "agent:unix:nobody.sock/shop", "sqlite:copy.db"}),
              HasSubstr("is it running?"));
}

TEST_F(AgentDatabaseTest, ADatabaseThatIsServedIsTheSameSourceAsByItsUrl) {
  const auto agent = Serve("a", {"--database", "shop=sqlite:shop.db"});
  const auto other = Serve("b", {"--database", "again=sqlite:shop.db"});
  std::filesystem::create_hard_link(Path("shop.db"), Path("hard.db"));
  for (const char* again : {"sqlite:shop.db", "sqlite:hard.db", "agent:unix:b.sock/again"}) {
    EXPECT_THAT(AgentsError({"--all", kShop, again}), HasSubstr("are the same source"));
    EXPECT_EQ(All({"--allow-same", kShop, again, "--key", "*"})["verdict"], "IDENTICAL");
  }
}

// Columns are matched as those of two stores are.
TEST_F(AgentDatabaseTest, LetterCaseIsMatchedAndColumnsAreRenamed) {
  Sql("upper.db",
      "CREATE TABLE ORDERS(ID INTEGER PRIMARY KEY, NOTE TEXT); INSERT INTO ORDERS VALUES (1, 'a'), "
      "(2, 'b')");
  Sql("names.db",
      "CREATE TABLE bestellungen(nr INTEGER PRIMARY KEY, note TEXT); INSERT INTO bestellungen "
      "VALUES (1, 'a'), (2, 'b')");
  const auto agent = Serve("a", {"--database", "shop=sqlite:shop.db", "--database",
                                 "upper=sqlite:upper.db", "--database", "names=sqlite:names.db"});
  for (const char* upper : {"agent:unix:a.sock/upper", "sqlite:upper.db"}) {
    EXPECT_THAT(Results(All({kShop, upper, "--tables", "orders"})),
                ElementsAre("orders identical"));
    EXPECT_THAT(Results(All({upper, kShop, "--tables", "ORDERS"})),
                ElementsAre("ORDERS identical"));
    EXPECT_THAT(Results(All({kShop, upper, "--exact-names", "--skip-tables", "nokey,odd*"})),
                ElementsAre("ORDERS missing", "orders missing"));
  }
  EXPECT_THAT(
      Results(All({kShop, "agent:unix:a.sock/names", "--rename-table", "right:bestellungen=orders",
                   "--rename", "right:nr=id", "--tables", "orders"})),
      ElementsAre("orders identical"));
  const std::string by_name = "agent:unix:a.sock/upper?table=ORDERS";
  EXPECT_EQ(Verdict({"sqlite:copy.db?table=orders", by_name, "--digest-key-file", "digest.key"}),
            "IDENTICAL");
}

TEST_F(AgentDatabaseTest, ATokenIsShownForTheListAndForEachTable) {
  WriteFile("token", "0123456789abcdef0123456789abcdef\n");
  ::chmod(Path("token").c_str(), 0600);
  const auto agent = Serve("a", {"--database", "shop=sqlite:shop.db", "--token-file", "token"});
  EXPECT_THAT(AgentsError({"--all", kShop, "sqlite:copy.db"}), HasSubstr("token_file"));
  const std::string url = std::string(kShop) + "?token_file=token";
  EXPECT_EQ(All({url, "sqlite:copy.db", "--key", "*"})["verdict"], "IDENTICAL");
}

// A table whose index is kept is never taken for one that came after it under the name.
TEST_F(AgentDatabaseTest, ATableThatIsMadeAgainIsReadAgain) {
  const std::vector<std::string> options = {"--database", "shop=sqlite:shop.db", "--state-dir",
                                            "state"};
  auto agent = Serve("a", options);
  const auto orders = [&] { return Results(All({kShop, "sqlite:copy.db", "--tables", "orders"})); };
  EXPECT_THAT(orders(), ElementsAre("orders identical"));
  EXPECT_THAT(orders(), ElementsAre("orders identical"));
  const std::string again =
      "DROP TABLE orders; CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT); INSERT INTO "
      "orders VALUES (1, 'a'), (2, 'x')";
  Sql("shop.db", again);
  EXPECT_THAT(orders(), ElementsAre("orders divergent"));
  Sql("copy.db", again);
  EXPECT_THAT(orders(), ElementsAre("orders identical"));
  agent->Signal(SIGTERM);
  EXPECT_EQ(agent->Wait().exit_code, 0);
  Sql("shop.db",
      "DROP TABLE orders; CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT); INSERT INTO "
      "orders VALUES (1, 'a')");
  agent = Serve("a", options);
  EXPECT_THAT(orders(), ElementsAre("orders divergent"));
}

TEST_F(AgentDatabaseTest, ATableThatComesOrGoesIsSeenByTheNextList) {
  const auto agent = Serve("a", {"--database", "shop=sqlite:shop.db"});
  const auto orders = [&] {
    return Results(All({kShop, "sqlite:copy.db", "--skip-tables", "nokey,odd*"}));
  };
  EXPECT_THAT(orders(), ElementsAre("orders identical"));
  Sql("shop.db", "CREATE TABLE later(id INTEGER PRIMARY KEY)");
  EXPECT_THAT(orders(), ElementsAre("later missing", "orders identical"));
  Sql("copy.db", "CREATE TABLE later(id INTEGER PRIMARY KEY)");
  EXPECT_THAT(orders(), ElementsAre("later identical", "orders identical"));
  Sql("shop.db", "DROP TABLE later");
  EXPECT_THAT(orders(), ElementsAre("later missing", "orders identical"));
  std::filesystem::rename(Path("shop.db"), Path("away.db"));
  EXPECT_THAT(AgentsError({"--all", kShop, "sqlite:copy.db"}), HasSubstr("shop.db"));
}

TEST_F(AgentDatabaseTest, AConfigurationNamesDatabasesOnBothSides) {
  std::filesystem::create_directory(Path("etc"));
  WriteFile("etc/agent.toml", R"(listen = "unix:a.sock"
digest_key_file = "../digest.key"
[database.shop]
url = "sqlite:../shop.db"
[database.later]
url = "sqlite:later.db"
)");
  ProcessOptions options;
  options.folder = dir_.path();
  Process agent(
      {"/bin/sh", "-c", "exec '" + Program("driftwood-agent") + "' --config etc/agent.toml 2>&1"},
      options);
  ASSERT_TRUE(agent.WaitForOutput("listening on ")) << agent.out();
  EXPECT_TRUE(agent.WaitForOutput("shop: 3 tables of sqlite:")) << agent.out();
  EXPECT_TRUE(agent.WaitForOutput("later can't be opened: ")) << agent.out();
  WriteFile("nightly.toml", R"([source.db1]
url = "agent:unix:etc/a.sock"
[defaults]
digest_key_file = "digest.key"
[dataset.shop]
replicas = { served = "db1/shop", copy = "sqlite:copy.db" }
all = true
[dataset.shop.table.nokey]
key = ["*"]
[dataset.orders]
replicas = { served = "db1/shop?table=orders", copy = "sqlite:copy.db?table=orders" }
)");
  const ProcessResult result = Driftwood({"diff", "--config", "nightly.toml", "--format", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  ExpectComesBack(coordinator::ReadDatasetsReport(result.out), result.out);
  EXPECT_EQ(Driftwood({"config", "check", "nightly.toml"}).exit_code, 0);
  EXPECT_TRUE(agent.WaitForOutput("shop?table=orders: a comparison of 2 records")) << agent.out();
}

TEST_F(AgentDatabaseTest, WhatCanNotBeADatabaseIsRefusedAtTheStart) {
  const auto refused = [this](const std::string& database) {
    ProcessOptions options;
    options.folder = dir_.path();
    const ProcessResult result = RunProcess(
        {Program("driftwood-agent"), "--listen", "unix:a.sock", "--database", database}, options);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    return result.err;
  };
  EXPECT_THAT(refused("shop=csv:a.csv"), HasSubstr("has no tables"));
  EXPECT_THAT(refused("shop=sqlite:shop.db?table=orders"), HasSubstr("belongs to one table"));
  EXPECT_THAT(refused("sqlite:shop.db"), HasSubstr("NAME=URL"));
  EXPECT_THAT(refused("sh/op=sqlite:shop.db"), HasSubstr("can't name a dataset"));
}

// Both servers, by agents: as in all_tables_test.cc, where programs of our own list.
class AgentServersTest : public AgentDatabaseTest {
 protected:
  void SetUp() override {
    AgentDatabaseTest::SetUp();
    postgres_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(postgres_);
    mariadb_ = MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(mariadb_);
    postgres_->Sql("DROP DATABASE IF EXISTS served WITH (FORCE)");
    postgres_->Sql("CREATE DATABASE served");
    mariadb_->Sql("CREATE OR REPLACE DATABASE served CHARACTER SET utf8mb4");
    Both(
        "CREATE TABLE a(id int PRIMARY KEY, t varchar(20)); INSERT INTO a VALUES (1, 'x'), (2, "
        "'y');"
        "CREATE TABLE b(id int PRIMARY KEY); INSERT INTO b VALUES (1)");
  }
  void Postgres(const std::string& sql) { postgres_->Sql(sql, "served"); }
  void Mariadb(const std::string& sql) { mariadb_->Sql("USE served; " + sql); }
  void Both(const std::string& sql) {
    Postgres(sql);
    Mariadb(sql);
  }
  std::string PostgresUrl(const std::string& more = "") const {
    return "postgresql://test@/served?host=" + postgres_->folder().string() + more;
  }
  std::string MariadbUrl(const std::string& user = "root") const {
    return "mysql://" + user + "@localhost/served?socket=" + mariadb_->socket();
  }

  PostgresServer* postgres_ = nullptr;
  MariadbServer* mariadb_ = nullptr;
};

TEST_F(AgentServersTest, TwoServersAreComparedAndWhatIsMadeAgainIsReadAgain) {
  const auto agent = Serve("a", {"--database", "pg=" + PostgresUrl(), "--database",
                                 "maria=" + MariadbUrl(), "--state-dir", "state"});
  const std::string pg = "agent:unix:a.sock/pg", maria = "agent:unix:a.sock/maria";
  const std::vector<std::string> same = {"a identical", "b identical"};
  EXPECT_EQ(Results(All({pg, maria})), same);
  EXPECT_EQ(Results(All({PostgresUrl(), maria})), same);
  EXPECT_EQ(Results(All({pg, MariadbUrl()})), same);
  EXPECT_THAT(AgentsError({"--all", pg, PostgresUrl()}), HasSubstr("are the same source"));
  EXPECT_THAT(AgentsError({"--all", MariadbUrl(), maria}), HasSubstr("are the same source"));
  const std::string again =
      "DROP TABLE a; CREATE TABLE a(id int PRIMARY KEY, t varchar(20)); INSERT INTO a VALUES "
      "(1, 'x'), (3, 'z')";
  Postgres(again);
  EXPECT_THAT(Results(All({pg, maria})), ElementsAre("a divergent", "b identical"));
  Mariadb(again);
  EXPECT_EQ(Results(All({pg, maria})), same);
  Postgres(
      "CREATE SCHEMA other; CREATE TABLE other.a(id int PRIMARY KEY); CREATE TABLE \"b.c\"(id "
      "int PRIMARY KEY)");
  EXPECT_THAT(Results(All({pg, maria})),
              ElementsAre("\"b.c\" missing", "a identical", "b identical", "other.a missing"));
}

TEST_F(AgentServersTest, WhatMayNotBeSeenAndWhatWasAskedForStandsBesideTheVerdict) {
  Mariadb(
      "CREATE OR REPLACE USER served_reader@localhost IDENTIFIED BY 'hunter2';"
      "GRANT SELECT ON a TO served_reader@localhost");
  const auto agent = Serve("a", {"--database", "pg=" + PostgresUrl("&schema=public"), "--database",
                                 "maria=" + MariadbUrl("served_reader:hunter2")});
  const Json document = All({"agent:unix:a.sock/pg", "agent:unix:a.sock/maria", "--tables", "a"});
  EXPECT_EQ(Results(document), std::vector<std::string>{"a identical"});
  EXPECT_EQ(document["replicas"][0]["scope"], "the schema public");
  EXPECT_EQ(document["replicas"][1]["scope"], "what its user may see");
  EXPECT_THAT(document["warnings"].dump(), HasSubstr("may not read the whole database"));
  EXPECT_EQ(document.dump().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace driftwood::testing
