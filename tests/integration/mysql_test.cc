// MariaDB tables against other stores, with the real programs.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTable[] =
    "DROP TABLE IF EXISTS t; "
    "CREATE TABLE t(id bigint PRIMARY KEY, name varchar(40), price decimal(20,6), ratio double, "
    "born date, seen datetime(6), at timestamp(6) NULL, flag tinyint(1), tag uuid, doc json, "
    "raw varbinary(16), code char(8), span time(3)) CHARACTER SET utf8mb4;"
    "SET time_zone = '+00:00'; INSERT INTO t SELECT seq, "
    "CASE WHEN seq % 7 = 0 THEN NULL WHEN seq % 7 = 1 THEN '' ELSE concat('n\xc3\xa4me, \"', seq) "
    "END, seq / 8.0, seq / 3e0, date '1900-01-01' + interval seq day, "
    "timestamp '1969-12-31 23:00:00' + interval seq * 1001000 microsecond, "
    "timestamp '2024-03-31 00:30:00' + interval seq minute, seq % 2 = 0, "
    "concat('00000000-0000-4000-8000-', lpad(seq, 12, '0')), "
    "json_object('b', seq / 4.0, 'a', NULL), unhex(md5(seq)), concat('c', seq % 10), "
    "sec_to_time(seq * 0.25) FROM seq_1_to_3000";

constexpr char kPostgresTable[] =
    "DROP TABLE IF EXISTS t; "
    "CREATE TABLE t(id bigint PRIMARY KEY, name varchar(40), price numeric, "
    "ratio double precision, born date, seen timestamp, at timestamptz, flag boolean, tag uuid, "
    "doc jsonb, raw bytea, code char(12), span time);"
    "INSERT INTO t SELECT i, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 7 = 1 THEN '' "
    "ELSE 'n\xc3\xa4me, \"' || i END, i / 8.0, i / 3.0::float8, date '1900-01-01' + i, "
    "timestamp '1969-12-31 23:00:00' + i * interval '1001 ms', timestamptz "
    "'2024-03-31 00:30:00+00' + i * interval '1 minute', i % 2 = 0, ('00000000-0000-4000-8000-' || "
    "lpad(i::text, 12, '0'))::uuid, "
    "jsonb_build_object('b', i / 4.0, 'a', NULL), decode(md5(i::text), 'hex'), 'c' || i % 10, "
    "time '00:00' + i * interval '250 ms' FROM generate_series(1, 3000) i";

class MysqlDiffTest : public DiffTest {
 protected:
  void SetUp() override {
    server_ = MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(server_);
  }
  MariadbServer* server_ = nullptr;
};

TEST_F(MysqlDiffTest, ATableIsIdenticalToTheOneInPostgresqlAndPlantedDriftIsFoundExactly) {
  PostgresServer* const postgres = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(postgres);
  server_->Sql(kTable);
  postgres->Sql(kPostgresTable);
  const Json identical = DiffJson({server_->Url("t"), postgres->Url("t")});
  EXPECT_EQ(identical.value("verdict", ""), "IDENTICAL") << identical.dump(1);
  server_->Sql(
      "UPDATE t SET price = price + 0.000001 WHERE id = 7; UPDATE t SET name = NULL WHERE id = 8;"
      "UPDATE t SET at = at + interval 1 microsecond WHERE id = 2999;"
      "UPDATE t SET doc = json_set(doc, '$.a', 0) WHERE id = 13; UPDATE t SET raw = 0x00 "
      "WHERE id = 14; UPDATE t SET name = concat(name, ' ') WHERE id = 2; "
      "UPDATE t SET flag = 2 WHERE id = 21; DELETE FROM t WHERE id = 100; "
      "INSERT INTO t(id, born) VALUES (4000, '0000-00-00')");
  const Json document = DiffJson({server_->Url("t", "&connections=2"), postgres->Url("t"), "--name",
                                  "maria", "--name", "pg", "--recheck", "0"});
  EXPECT_EQ(Found(document),
            (std::set<std::string>{"7 changed", "8 changed", "2999 changed", "13 changed",
                                   "14 changed", "2 changed", "21 changed", "100 missing in maria",
                                   "4000 missing in pg"}))
      << document.dump(1);
}

TEST_F(MysqlDiffTest, ATableIsIdenticalToASqliteTableAndACsvFileWithTheSameMeaning) {
  server_->Sql(
      "DROP TABLE IF EXISTS u; CREATE TABLE u(id int unsigned PRIMARY KEY, price decimal(9,2), "
      "ok tinyint(1), at datetime, day date, tag uuid, raw blob, mood enum('sad', 'happy'));"
      "SET sql_mode = ''; INSERT INTO u VALUES (1, 3000.00, true, '2024-01-01', '0000-00-00', "
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 0x00ff, 'happy'), "
      "(2, .14, NULL, NULL, '2023-01-01', NULL, '', NULL)");
  Sql("u.db",
      "CREATE TABLE u(id INTEGER PRIMARY KEY, price DECIMAL, ok BOOLEAN, at DATETIME, day DATE, "
      "tag TEXT, raw BLOB, mood TEXT); INSERT INTO u VALUES (1, 3000, 1, '2024-01-01 00:00:00', "
      "'0000-00-00', '{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}', x'00ff', 'happy'), "
      "(2, 0.14, NULL, NULL, '2023-01-01', NULL, x'', NULL)");
  WriteFile("u.csv",
            "id,price,ok,at,day,tag,raw,mood\n"
            "1,3e3,1,2024-01-01T00:00:00,0000-00-00,A0EEBC999C0B4EF8BB6D6BB9BD380A11,\\x00ff,"
            "happy\n2,.140,,,2023-01-01,,\\x,\n");
  for (const std::string other : {"sqlite:u.db?table=u", "csv:u.csv?key=id"}) {
    const Json document = DiffJson({server_->Url("u"), other});
    EXPECT_EQ(document.value("verdict", ""), "IDENTICAL") << document.dump(1);
  }
  server_->Sql("UPDATE u SET day = NULL WHERE id = 1");
  EXPECT_EQ(Verdict({server_->Url("u"), "csv:u.csv?key=id", "--recheck", "0"}), "DIVERGENT");
}

// A generated column counts by its values, whatever makes them; a NULL that a migration turned into
// true, and a 2 that is no bool, are differences.
TEST_F(MysqlDiffTest, GeneratedColumnsAndNullsThatBecameBoolsAreComparedByTheirValues) {
  PostgresServer* const postgres = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(postgres);
  const std::string rows = "(1, 1, 1), (2, 1, NULL), (3, 1, 0), (4, NULL, 0)";
  server_->Sql(
      "DROP TABLE IF EXISTS a, b, c, bools;"
      "CREATE TABLE a(id int PRIMARY KEY, x int, y int, s tinyint(1) AS (x <> y) STORED);"
      "CREATE TABLE b(id int PRIMARY KEY, x int, y int, s tinyint(1) AS (NOT x <=> y) VIRTUAL);"
      "CREATE TABLE c(id int PRIMARY KEY, x int, y int, s tinyint(1));"
      "INSERT INTO a(id, x, y) VALUES " +
      rows + "; INSERT INTO b(id, x, y) SELECT id, x, y FROM a; INSERT INTO c SELECT * FROM a;" +
      "CREATE TABLE bools(id int PRIMARY KEY, v tinyint(1));"
      "INSERT INTO bools VALUES (1, 1), (2, 0), (3, NULL), (4, 2)");
  postgres->Sql(
      "DROP TABLE IF EXISTS bools; CREATE TABLE bools(id int PRIMARY KEY, v boolean);"
      "INSERT INTO bools VALUES (1, true), (2, false), (3, true), (4, true)");
  EXPECT_EQ(Verdict({server_->Url("a"), server_->Url("c")}), "IDENTICAL");
  EXPECT_EQ(Found(DiffJson({server_->Url("a"), server_->Url("b")})),
            (std::set<std::string>{"2 changed", "4 changed"}));
  EXPECT_EQ(Found(DiffJson({server_->Url("bools"), postgres->Url("bools")})),
            (std::set<std::string>{"3 changed", "4 changed"}));
}

TEST_F(MysqlDiffTest, TablesWithoutSnapshotsAreNotIdenticalUnlessAllowed) {
  server_->Sql(
      "CREATE OR REPLACE TABLE m(id int PRIMARY KEY) ENGINE=MyISAM; INSERT INTO m VALUES (1)");
  const std::vector<std::string> words = {
      server_->Url("m"), server_->Url("m"), "--name", "a", "--name", "b"};
  EXPECT_EQ(Verdict(words), "INCOMPLETE");
  std::vector<std::string> one = words, both = words;
  one.insert(one.end(), {"--allow-not-point-in-time", "a"});
  both.insert(both.end(), {"--allow-not-point-in-time", "a,b"});
  EXPECT_EQ(Verdict(one), "INCOMPLETE");
  const Json document = DiffJson(both);
  EXPECT_EQ(document["verdict"], "IDENTICAL");
  EXPECT_EQ(document["coverage"]["not_point_in_time"], Json({"a", "b"}));
  EXPECT_THAT(document["warnings"].dump(), HasSubstr("MyISAM"));
  EXPECT_THAT(Diff(both).out, HasSubstr("agree; not a consistent snapshot: a, b\n"));
}

TEST_F(MysqlDiffTest, WhatIsWrongBeforeTheScanIsOneLineAndExitCodeTwo) {
  server_->Sql(
      "CREATE OR REPLACE TABLE o(id int PRIMARY KEY); "
      "CREATE OR REPLACE TABLE p(id int PRIMARY KEY, p point)");
  const std::string good = server_->Url("o");
  ExpectError({server_->Url("oo"), good}, {"no table", "oo"});
  ExpectError({"mysql://root@localhost:1/test?table=o", good}, {"Can't connect"});
  ExpectError({server_->Url("o", "", "nobody"), good}, {"Access denied", "nobody"});
  const ProcessResult unmapped = Diff({server_->Url("p"), server_->Url("p")});
  EXPECT_EQ(unmapped.exit_code, 2) << unmapped.out << unmapped.err;
  EXPECT_NE(unmapped.err.find("--ignore p"), std::string::npos) << unmapped.err;
  EXPECT_EQ(
      Diff({server_->Url("p"), server_->Url("p"), "--ignore", "p", "--allow-empty"}).exit_code, 0);
}

TEST_F(MysqlDiffTest, AServerThatFailsDuringTheScanMakesTheAuditIncomplete) {
  server_->Sql(
      "CREATE OR REPLACE TABLE o(id int PRIMARY KEY); INSERT INTO o SELECT seq FROM seq_1_to_2000;"
      "CREATE OR REPLACE VIEW v AS SELECT id, (SELECT id FROM o p WHERE p.id >= 1500 AND "
      "p.id <= o.id LIMIT 2) AS x FROM o");
  const ProcessResult result =
      Diff({server_->Url("v", "&key=id"), server_->Url("v", "&key=id&where=id%20<%201500")});
  EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
  EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos);
  const ProcessResult late = Diff({server_->Url("o"), server_->Url("o",
                                                                   "&statement_timeout=1&"
                                                                   "where=SLEEP(0.1)=0")});
  EXPECT_EQ(late.exit_code, 3) << late.out << late.err;
  EXPECT_NE((late.out + late.err).find("max_statement_time"), std::string::npos)
      << late.out << late.err;
}

TEST_F(MysqlDiffTest, AConnectionKilledOrAServerLostDuringTheScanMakesTheAuditIncomplete) {
  server_->Sql(
      "CREATE OR REPLACE TABLE o(id int PRIMARY KEY); INSERT INTO o SELECT seq FROM seq_1_to_9");
  const auto victim = MariadbServer::Start();
  victim->Sql("CREATE TABLE o(id int PRIMARY KEY); INSERT INTO o SELECT seq FROM seq_1_to_9");
  for (const bool kill_server : {false, true}) {
    SCOPED_TRACE(kill_server);
    ProcessOptions options;
    options.folder = dir_.path();
    // Each row takes ten seconds: it is killed in the midst of them.
    Process diff({Program("driftwood"), "diff", server_->Url("o"),
                  victim->Url("o", "&where=SLEEP(10)=0"), "--retries", "0"},
                 options);
    const std::string running =
        "SELECT max(id) FROM information_schema.processlist WHERE info LIKE 'SELECT /* driftwood "
        "*/%'";
    std::string id;
    for (int i = 0; i < 10'000 && id.empty(); ++i) id = victim->Value(running);
    ASSERT_NE(id, "");
    if (kill_server) {
      victim->Kill();
    } else {
      victim->Sql("KILL " + id);
    }
    const ProcessResult result = diff.Wait();
    EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
    EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos) << result.out;
    // The client sees the end of its connection before or after its next word to the server.
    EXPECT_TRUE(result.err.find("Lost connection") != std::string::npos ||
                result.err.find("has gone away") != std::string::npos)
        << result.err;
    EXPECT_EQ((result.out + result.err).find("agent at"), std::string::npos)
        << result.out << result.err;
  }
}

// What it found equal was not there at one time: where that is allowed it goes on, and says so;
// else it begins anew.
TEST_F(MysqlDiffTest, AScanWhoseConnectionIsKilledGoesOnOrBeginsAnew) {
  const auto victim = MariadbServer::Start();
  for (MariadbServer* const server : {server_, victim.get()}) {
    server->Sql(
        "CREATE OR REPLACE TABLE o(id int PRIMARY KEY, pad varchar(2000));"
        "INSERT INTO o SELECT seq, REPEAT('x', 2000) FROM seq_1_to_10000");
  }
  for (const bool allowed : {false, true}) {
    SCOPED_TRACE(allowed);
    ProcessOptions options;
    options.folder = dir_.path();
    // So slow that it is still being sent when it is killed.
    std::vector<std::string> words = {
        Program("driftwood"), "diff", server_->Url("o"), victim->Url("o"), "--max-rate", "10MB",
        "--retries",          "1",    "--name",          "steady",         "--name",     "victim"};
    if (allowed) words.insert(words.end(), {"--allow-not-point-in-time", "victim"});
    Process diff(words, options);
    const std::string reading =
        "SELECT max(id) FROM information_schema.processlist WHERE info LIKE 'SELECT /* driftwood "
        "*/%' AND time_ms > 300";
    std::string id;
    for (int i = 0; i < 10'000 && id.empty(); ++i) id = victim->Value(reading);
    ASSERT_NE(id, "");
    victim->Sql("KILL " + id);
    const ProcessResult result = diff.Wait();
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_THAT(
        result.out,
        StartsWith("IDENTICAL: 10,000 rows in steady and victim agree" +
                   std::string(allowed ? "; not a consistent snapshot: victim" : "") + "\n"));
    const std::string why = "the connection to test.o was lost after";
    EXPECT_EQ(result.err.find(why) != std::string::npos, allowed) << result.err;
  }
}

TEST_F(MysqlDiffTest, APasswordIsNeverShownAndComesFromTheUrlOrTheEnvironment) {
  server_->Sql(
      "CREATE OR REPLACE TABLE o(id int PRIMARY KEY); INSERT INTO o VALUES (1);"
      "CREATE OR REPLACE USER who@localhost IDENTIFIED BY 'hunter2';"
      "GRANT SELECT ON test.* TO who@localhost");
  const auto url = [&](const std::string& password, const std::string& more) {
    return "mysql://who" + password + "@localhost/test?socket=" + server_->socket() +
           "&table=" + more;
  };
  for (const std::string more : {"o", "nosuch", "o&x=y", "o&where=nonsense"}) {
    const ProcessResult result = Diff({url(":hunter2", more), server_->Url("o")});
    EXPECT_EQ((result.out + result.err).find("hunter2"), std::string::npos)
        << result.out << result.err;
    EXPECT_EQ(result.exit_code == 0, more == "o") << result.out << result.err;
  }
  ProcessOptions options;
  options.environment = {"MYSQL_PWD=hunter2"};
  EXPECT_EQ(Driftwood({"diff", "--allow-same", url("", "o"), url("", "o")}, options).exit_code, 0);
  options.environment = {"MYSQL_PWD=wrong"};
  EXPECT_EQ(Driftwood({"diff", "--allow-same", url(":hunter2", "o"), url(":hunter2", "o")}, options)
                .exit_code,
            0);
  EXPECT_EQ(Driftwood({"diff", "--allow-same", url("", "o"), url("", "o")}, options).exit_code, 2);
  options.environment = {"HOME=" + dir_.path().string()};
  WriteFile(".my.cnf", "[client]\npassword=hunter2\n");
  EXPECT_EQ(Driftwood({"diff", "--allow-same", url("", "o"), url("", "o")}, options).exit_code, 0);
}

}  // namespace
}  // namespace driftwood::testing
