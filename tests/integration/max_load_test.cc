// --max-load with the real programs: who waits for a busy server, and who does not.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

class PostgresqlLoadTest : public DiffTest {
 protected:
  void SetUp() override {
    server_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "DROP VIEW IF EXISTS halting; DROP TABLE IF EXISTS t, copy;"
        "CREATE TABLE t(id int PRIMARY KEY, pad text NOT NULL);"
        "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i;"
        "CREATE TABLE copy AS TABLE t; ALTER TABLE copy ADD PRIMARY KEY (id);"
        "CREATE OR REPLACE FUNCTION public.halted(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "$$BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN ''; END$$;"
        "CREATE VIEW halting AS SELECT id, pad || CASE WHEN id = 15000 THEN "
        "public.halted(id) ELSE '' END AS pad FROM t");
    holder_ = Connect();
    PQclear(PQexec(holder_, "SELECT pg_advisory_lock(43)"));
    busy_ = Connect();
  }
  void TearDown() override {
    PQfinish(busy_);
    PQfinish(holder_);
    if (server_ != nullptr) server_->Sql("DROP VIEW halting; DROP TABLE t, copy");
  }
  PGconn* Connect() const {
    PGconn* const connection = PQconnectdb(
        ("host=" + server_->folder().string() + " user=test dbname=postgres application_name=shop")
            .c_str());
    EXPECT_EQ(PQstatus(connection), CONNECTION_OK) << PQerrorMessage(connection);
    return connection;
  }
  // From now on a query of another program runs, until the holder lets go of what it waits for.
  void BeginLoad() {
    ASSERT_EQ(PQsendQuery(busy_, "SELECT pg_advisory_lock(43)"), 1);
    while (server_->Value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop' "
                          "AND state = 'active' AND wait_event_type = 'Lock'") != "1") {
    }
  }
  void EndLoad() { PQclear(PQexec(holder_, "SELECT pg_advisory_unlock(43)")); }
  // Until so many agents have looked at the load, which ends with COMMIT, and will look again.
  void WaitUntilLoadIsOld(int agents) {
    while (server_->Value("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                          "'driftwood' AND query = 'COMMIT' AND "
                          "clock_timestamp() - query_start > '1 s'") != std::to_string(agents)) {
    }
  }
  // Until so many agents have looked at the load more than once since `looked`.
  void WaitUntilLookedAgain(const std::string& agents) {
    const std::string now = server_->Value("SELECT clock_timestamp()");
    while (server_->Value("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                          "'driftwood' AND query = 'COMMIT' AND query_start > '" +
                          now + "'::timestamptz + interval '1 s'") != agents) {
    }
  }
  std::unique_ptr<Process> StartDiff(std::vector<std::string> words) {
    words.insert(words.begin(), {Program("driftwood"), "diff", "--allow-same"});
    ProcessOptions options;
    options.folder = dir_.path();
    return std::make_unique<Process>(words, options);
  }

  PostgresServer* server_ = nullptr;
  PGconn* holder_ = nullptr;
  PGconn* busy_ = nullptr;
};

TEST_F(PostgresqlLoadTest, AnAuditWaitsUntilTheServerIsQuiet) {
  BeginLoad();
  const auto diff = StartDiff({server_->Url("t"), server_->Url("copy"), "--max-load", "running=0"});
  // Both agents have begun their calls, and none reads: else it would be done before it looks
  // again.
  WaitUntilLookedAgain("2");
  EXPECT_EQ(server_->Value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%'"), "0");
  // What they will read is what is there then.
  server_->Sql("DELETE FROM t WHERE id = 7; DELETE FROM copy WHERE id = 7");
  EndLoad();
  const ProcessResult result = diff->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("IDENTICAL"), std::string::npos) << result.out;
}

TEST_F(PostgresqlLoadTest, OneQueryIsNotTooManyWhereOneMayRun) {
  BeginLoad();
  EXPECT_EQ(Verdict({server_->Url("t"), server_->Url("copy"), "--max-load", "running=1,lag=1h"}),
            "IDENTICAL");
  EndLoad();
}

TEST_F(PostgresqlLoadTest, SigtermEndsTheWait) {
  BeginLoad();
  const auto diff = StartDiff({server_->Url("t"), server_->Url("copy"), "--max-load", "running=0"});
  WaitUntilLookedAgain("2");
  diff->Signal(SIGTERM);
  const ProcessResult result = diff->Wait();
  EXPECT_EQ(result.exit_code, 130) << result.out << result.err;
  EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos) << result.out;
  EndLoad();
}

TEST_F(PostgresqlLoadTest, AScanThatWasHeldTooLongHasNotBeenComparedWithoutARetry) {
  PGconn* const lock = Connect();
  PQclear(PQexec(lock, "SELECT pg_advisory_lock(42)"));
  const auto diff = StartDiff({server_->Url("halting", "&key=id"), server_->Url("copy"),
                               "--max-load", "running=0,hold=10ms", "--retries", "0"});
  ASSERT_TRUE(server_->WaitUntilAScanIsBlocked());
  WaitUntilLoadIsOld(1);  // the other agent has read its table
  BeginLoad();
  PQfinish(lock);
  const ProcessResult result = diff->Wait();
  EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
  EXPECT_NE((result.out + result.err).find("the snapshot was given back"), std::string::npos)
      << result.out << result.err;
  EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos) << result.out;
  EndLoad();
}

TEST_F(PostgresqlLoadTest, ARoleThatSeesNoOthersIsToldSoBeforeAnythingIsRead) {
  server_->Sql(
      "DROP ROLE IF EXISTS auditor; CREATE ROLE auditor LOGIN; GRANT SELECT ON t TO auditor");
  ExpectError({server_->Url("t", "", "auditor"), server_->Url("copy"), "--max-load", "running=5"},
              {"GRANT pg_monitor TO", "auditor"});
  server_->Sql("GRANT pg_monitor TO auditor");
  EXPECT_EQ(
      Verdict({server_->Url("t", "", "auditor"), server_->Url("copy"), "--max-load", "running=5"}),
      "IDENTICAL");
  server_->Sql("DROP OWNED BY auditor; DROP ROLE auditor");
}

TEST_F(PostgresqlLoadTest, WhatIsNoLimitIsRefused) {
  ExpectError({server_->Url("t"), server_->Url("copy"), "--max-load", "20"},
              {"no limit of load", "running=20"});
  ExpectError({server_->Url("t"), server_->Url("copy"), "--max-load", "hold=1s"},
              {"neither running nor lag"});
}

TEST_F(PostgresqlLoadTest, FilesHaveNoLoad) {
  WriteFile("a.csv", "id\n1\n");
  EXPECT_EQ(Verdict({"csv:a.csv?key=id", "csv:a.csv?key=id", "--max-load", "running=0"}),
            "IDENTICAL");
}

TEST_F(DiffTest, AnAuditWaitsUntilMariadbIsQuiet) {
  MariadbServer* const server = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql(
      "CREATE OR REPLACE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_9;"
      "CREATE OR REPLACE TABLE copy AS SELECT * FROM t");
  MYSQL* const busy = mysql_init(nullptr);
  ASSERT_NE(
      mysql_real_connect(busy, nullptr, "root", nullptr, "test", 0, server->socket().c_str(), 0),
      nullptr)
      << mysql_error(busy);
  const std::string sleep = "DO SLEEP(1000)";
  ASSERT_EQ(mysql_send_query(busy, sleep.data(), sleep.size()), 0);
  std::string id;
  while (id.empty()) {
    id = server->Value(
        "SELECT COALESCE(MAX(id), '') FROM information_schema.processlist WHERE info = "
        "'DO SLEEP(1000)'");
  }
  server->Sql(
      "SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log = ON");
  ProcessOptions options;
  options.folder = dir_.path();
  Process diff({Program("driftwood"), "diff", server->Url("t"), server->Url("copy", "&key=id"),
                "--max-load", "running=0"},
               options);
  // Both have looked and looked again, and none reads.
  while (server->Value("SELECT COUNT(*) FROM (SELECT 1 FROM mysql.general_log WHERE argument LIKE "
                       "'SELECT COUNT(CASE%' GROUP BY thread_id HAVING COUNT(*) > 1) looked") !=
         "2") {
  }
  EXPECT_EQ(server->Value("SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE "
                          "'SELECT /* driftwood */%'"),
            "0");
  server->Sql("SET GLOBAL general_log = OFF");
  server->Sql("KILL " + id);
  const ProcessResult result = diff.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  mysql_close(busy);
  server->Sql("DROP TABLE t, copy");
}

}  // namespace
}  // namespace driftwood::testing
