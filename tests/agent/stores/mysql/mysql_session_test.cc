// Covers mysql_connection.cc and mysql_snapshot.cc too.
#include "agent/stores/mysql/mysql_session.h"

#include "tests/agent/stores/mysql/mysql_store_fixture.h"
#include "tests/testing/mysql_relay.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace driftwood::agent {
namespace {

using Rows = std::vector<std::vector<std::string>>;

class MysqlSessionTest : public MysqlStoreTest {
 protected:
  // Through a relay, from now on.
  void RelayBy(testing::MysqlRelay::Before before) {
    relay_.reset();
    folder_ = std::make_unique<testing::TempDir>();
    relay_ = std::make_unique<testing::MysqlRelay>(*folder_ / "socket", server_->socket(),
                                                   std::move(before));
  }
  std::unique_ptr<Store> OpenRelayed(const std::string& table, const std::string& more = "",
                                     const std::string& user = "root") {
    return OpenMysqlStore(StoreUrl::Parse("mysql://" + user + "@localhost/test?socket=" +
                                          (*folder_ / "socket").string() + "&table=" + table + more)
                              .value())
        .value();
  }
  static void ExpectProxy(const absl::Status& status) {
    EXPECT_NE(status.message().find("proxy"), absl::string_view::npos) << status;
  }

  std::unique_ptr<testing::TempDir> folder_;
  std::unique_ptr<testing::MysqlRelay> relay_;
};

TEST_F(MysqlSessionTest, AProxyThatChangesSessionsAfterTheSettingsIsNamed) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
  RelayBy([](const std::string& sql) { return sql.starts_with("START TRANSACTION"); });
  const auto store = OpenRelayed("t");
  for (const absl::Status& status : {store->Describe().status(), store->StartScan({"id"}).status(),
                                     store->MeasureLoad({true, false}).value()->Read().status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    ExpectProxy(status);
  }
}

TEST_F(MysqlSessionTest, AProxyThatChangesSessionsWithinATransactionIsNamedAtItsEnd) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
  int selects = 0;
  RelayBy([&](const std::string& sql) {
    return sql.starts_with("SELECT /* driftwood */") && ++selects == 2;
  });
  const ScanOutcome outcome = ReadAll(*OpenRelayed("t"), {"id"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
  ExpectProxy(outcome.status);
}

TEST_F(MysqlSessionTest, AThatKeepsItsSessionReadsAsWithoutIt) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
  RelayBy([](const std::string&) { return false; });
  const ScanOutcome outcome = ReadAll(*OpenRelayed("t"), {"id"});
  EXPECT_EQ(outcome.rows, (Rows{{"int 1"}, {"int 2"}})) << outcome.status;
}

TEST_F(MysqlSessionTest, DefaultsOfTheServerChangeNoValueAndLeaveOutNoRow) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, c char(5), n decimal(10,2), at timestamp NULL);"
      "INSERT INTO t VALUES (1, 'a', 1, '2024-02-29 12:00:00'), (2, 'b', 2, NULL), (3, 'c', 4, "
      "NULL);"
      "CREATE VIEW v AS SELECT GROUP_CONCAT(REPEAT(c, 100) ORDER BY id) AS g, 10 / SUM(n) AS q, "
      "MONTHNAME('2024-02-29') AS m, WEEK('2024-12-30') AS w FROM t;"
      "CREATE VIEW r AS WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < "
      "3000) SELECT i FROM s");
  const auto read = [&] {
    Rows rows;
    for (const auto& [table, columns] :
         {std::pair("t", std::vector<std::string>{"id", "c", "n", "at"}),
          std::pair("v", std::vector<std::string>{"g", "q", "m", "w"}),
          std::pair("r", std::vector<std::string>{"i"})}) {
      for (auto& row : Read(table, columns)) rows.push_back(std::move(row));
    }
    return rows;
  };
  const Rows expected = read();
  EXPECT_EQ(expected.size(), 3004u);
  const std::pair<const char*, const char*> hostile[] = {
      {"sql_mode", "'ANSI,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'"},
      {"sql_select_limit", "1"},
      {"time_zone", "'+05:30'"},
      {"group_concat_max_len", "10"},
      {"div_precision_increment", "0"},
      {"lc_time_names", "'de_DE'"},
      {"default_week_format", "3"},
      {"max_recursive_iterations", "5"},
      {"sql_safe_updates", "1"},
      {"sql_auto_is_null", "1"},
      {"tx_isolation", "'READ-UNCOMMITTED'"},
      {"character_set_results", "'latin1'"},
      {"max_error_count", "0"}};
  for (const auto& [name, value] : hostile) {
    server_->Sql(std::string("SET @@GLOBAL.") + name + " = " + value);
  }
  EXPECT_EQ(read(), expected);
  for (const auto& [name, value] : hostile) {
    server_->Sql(std::string("SET @@GLOBAL.") + name + " = DEFAULT");
  }
}

TEST_F(MysqlSessionTest, WhatTheServerCutsWithAWarningOnlyEndsTheScan) {
  EXPECT_TRUE(CheckMysqlWarnings(MysqlResult({}, {})).ok());
  using Row = MysqlResult::Row;
  const std::vector<Row> harmless = {{"Warning", "1292", "Truncated incorrect DOUBLE value: 'x'"}};
  EXPECT_TRUE(CheckMysqlWarnings(MysqlResult(harmless, {})).ok());
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, x varchar(9)); INSERT INTO t VALUES (1, '1x');"
      "CREATE VIEW harmless AS SELECT id, x + 1 AS y FROM t;"
      "CREATE VIEW cut AS SELECT id, REPEAT(x, 1000000000) AS y FROM t");
  EXPECT_EQ(Read("harmless", {"id", "y"}), (Rows{{"int 1", "real 2.000000"}}));
  const ScanOutcome outcome = ReadAll(*Open("cut"), {"id", "y"});
  EXPECT_TRUE(absl::IsAborted(outcome.status)) << outcome.status;
  EXPECT_NE(outcome.status.message().find("left something out"), absl::string_view::npos)
      << outcome.status;
}

TEST_F(MysqlSessionTest, ALockThatIsLostBetweenTwoRangesEndsTheScan) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v int) ENGINE=InnoDB;"
      "INSERT INTO t SELECT seq, 1 FROM seq_1_to_1000; CREATE USER keeper; GRANT ALL ON *.* TO "
      "keeper");
  // The scan's first session is the one that holds the lock.
  std::string killed;
  RelayBy([&](const std::string& sql) {
    if (!sql.starts_with("SELECT /* driftwood */") || !killed.empty()) return false;
    killed =
        server_->Value("SELECT MIN(ID) FROM information_schema.PROCESSLIST WHERE USER = 'keeper'");
    server_->Sql("KILL " + killed);
    EXPECT_TRUE(testing::Becomes([&] {
      return server_->Value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = " +
                            killed) == "0";
    }));
    return false;
  });
  const ScanOutcome outcome = ReadAll(*OpenRelayed("t", "&connections=2", "keeper"), {"id", "v"});
  server_->Sql("DROP USER keeper");
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
}

}  // namespace
}  // namespace driftwood::agent
