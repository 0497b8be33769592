// PostgreSQL tables against other stores, with the real programs.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

constexpr char kColumns[] =
    "id bigint PRIMARY KEY, name text, price numeric(20,6), ratio double precision, born date, "
    "seen timestamp, at timestamptz, flag boolean, tag uuid, doc jsonb, raw bytea, code char(8)";
constexpr char kRows[] =
    "SELECT i, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 7 = 1 THEN '' ELSE 'näme, \"' || i END, "
    "i / 8.0, i / 3.0::float8, date '1900-01-01' + i, timestamp '1969-12-31 23:00:00' + "
    "i * interval '1001 ms', timestamptz '2024-03-31 00:30:00+00' + i * interval '1 minute', "
    "i % 2 = 0, md5(i::text)::uuid, jsonb_build_object('b', i / 4.0, 'a', NULL), "
    "decode(md5(i::text), 'hex'), 'c' || i % 10 FROM generate_series(1, 3000) i";

// An export of a char(n) column has its padding, which is no part of the value.
constexpr char kExported[] =
    "SELECT id, name, price, ratio, born, seen, at, flag, tag, doc, raw, code::text FROM t";

class PostgresqlDiffTest : public DiffTest {
 protected:
  void SetUp() override {
    server_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql("DROP TABLE IF EXISTS t, u; CREATE TABLE t(" + std::string(kColumns) +
                 "); INSERT INTO t " + kRows);
  }
  // As `psql \copy (…) TO … CSV HEADER` does.
  void Export(const std::string& select, const std::string& name) {
    PGconn* const connection =
        PQconnectdb(("host=" + server_->folder().string() + " user=test dbname=postgres").c_str());
    PQclear(PQexec(connection, "SET timezone = 'America/St_Johns'"));
    PGresult* const result =
        PQexec(connection, ("COPY (" + select + ") TO STDOUT (FORMAT csv, HEADER)").c_str());
    ASSERT_EQ(PQresultStatus(result), PGRES_COPY_OUT) << PQerrorMessage(connection);
    PQclear(result);
    std::string text;
    char* line = nullptr;
    for (int size; (size = PQgetCopyData(connection, &line, 0)) > 0; PQfreemem(line)) {
      text.append(line, static_cast<size_t>(size));
    }
    PQfinish(connection);
    WriteFile(name, text);
  }

  PostgresServer* server_ = nullptr;
};

TEST_F(PostgresqlDiffTest, ATableIsIdenticalToItsCsvExport) {
  Export(std::string(kExported) + " ORDER BY name", "t.csv");
  const Json document = DiffJson({server_->Url("t"), "csv:t.csv?key=id"});
  EXPECT_EQ(document.value("verdict", ""), "IDENTICAL") << document.dump(1);
  EXPECT_EQ(Verdict({server_->Url("t", "&connections=3"), server_->Url("t")}), "IDENTICAL");
}

TEST_F(PostgresqlDiffTest, PlantedDriftIsFoundExactly) {
  Export(kExported, "t.csv");
  server_->Sql(
      "UPDATE t SET price = price + 0.000001 WHERE id = 7; UPDATE t SET name = NULL WHERE id = 8;"
      "UPDATE t SET at = at + interval '1 microsecond' WHERE id = 2999;"
      "UPDATE t SET doc = doc || '{\"a\": 0}' WHERE id = 13; UPDATE t SET price = price;"
      "DELETE FROM t WHERE id = 100; INSERT INTO t(id) VALUES (4000)");
  const Json document = DiffJson({server_->Url("t", "&connections=2"), "csv:t.csv?key=id", "--name",
                                  "pg", "--name", "csv", "--show-values"});
  EXPECT_EQ(Found(document),
            (std::set<std::string>{"7 changed", "8 changed", "2999 changed", "13 changed",
                                   "100 missing in pg", "4000 missing in csv"}))
      << document.dump(1);
}

TEST_F(PostgresqlDiffTest, ATableIsIdenticalToASqliteTableWithTheSameMeaning) {
  server_->Sql(
      "CREATE TABLE u(id int PRIMARY KEY, price numeric, ok boolean, at timestamp, "
      "tag uuid, raw bytea);"
      "INSERT INTO u VALUES (1, 3000.00, true, '2024-01-01', "
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff'), (2, .10, NULL, NULL, NULL, '')");
  Sql("u.db",
      "CREATE TABLE u(id INTEGER PRIMARY KEY, price DECIMAL, ok BOOLEAN, at DATETIME, tag TEXT, "
      "raw BLOB);"
      "INSERT INTO u VALUES (1, 3000, 1, '2024-01-01 00:00:00', "
      "'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}', x'00ff'), (2, 0.1, NULL, NULL, NULL, x'')");
  const Json document = DiffJson({server_->Url("u"), "sqlite:u.db?table=u"});
  EXPECT_EQ(document.value("verdict", ""), "IDENTICAL") << document.dump(1);
  Sql("u.db", "UPDATE u SET raw = '' WHERE id = 2");
  EXPECT_EQ(Verdict({server_->Url("u"), "sqlite:u.db?table=u"}), "DIVERGENT");
}

TEST_F(PostgresqlDiffTest, WhatIsWrongBeforeTheScanIsOneLineAndExitCodeTwo) {
  ExpectError({server_->Url("tt"), server_->Url("t")}, {"no table", "tt"});
  ExpectError({server_->Url("t", "&port=1"), server_->Url("t")}, {"connection to server"});
  ExpectError({server_->Url("t", "&dbname=nowhere"), server_->Url("t")}, {"nowhere"});
}

TEST_F(PostgresqlDiffTest, AServerThatFailsDuringTheScanMakesTheAuditIncomplete) {
  server_->Sql("DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT id, 1 / (id - 3000) AS q FROM t");
  const ProcessResult result =
      Diff({server_->Url("v", "&key=id"), server_->Url("v", "&key=id&where=id%20<%203000")});
  EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
  EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos);
  server_->Sql("DROP VIEW v");
}

TEST_F(PostgresqlDiffTest, APasswordInAUrlIsNeverShown) {
  const auto url = [&](const std::string& more) {
    return "postgresql://test:hunter2@/postgres?host=" + server_->folder().string() +
           "&table=" + more;
  };
  for (const std::string& more : {std::string("t"), std::string("nosuch"), std::string("t&x=y"),
                                  std::string("t&port=1"), std::string("t&password=hunter2")}) {
    for (const char* format : {"table", "json"}) {
      const ProcessResult result = Diff({url(more), server_->Url("t"), "--format", format});
      EXPECT_EQ((result.out + result.err).find("hunter2"), std::string::npos)
          << result.out << result.err;
      EXPECT_EQ(result.exit_code == 0, more == "t" || more == "t&password=hunter2")
          << result.out << result.err;
    }
  }
}

TEST_F(PostgresqlDiffTest, AnAgentsArgumentsHoldNoPassword) {
  ProcessOptions options;
  options.folder = dir_.path();
  Process agent(
      {Program("driftwood-agent"), "--listen", "unix:" + Path("a.sock"), "--dataset",
       "data=postgresql://test:hunter2@/postgres?host=" + server_->folder().string() + "&table=t"},
      options);
  ASSERT_TRUE(agent.WaitForOutput("listening on"));
  const std::string arguments = ReadFile("/proc/" + std::to_string(agent.pid()) + "/cmdline");
  EXPECT_NE(arguments.find("postgresql://test@/"), std::string::npos);
  EXPECT_EQ(arguments.find("hunter2"), std::string::npos);

  agent.Signal(SIGTERM);
  agent.Wait();
}

}  // namespace
}  // namespace driftwood::testing
