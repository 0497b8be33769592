// PostgreSQL tables against other stores, with the real programs.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>

#include <functional>
#include <memory>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/socket_relay.h"

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
  const Json document = DiffJson(
      {server_->Url("t", "&connections=2"), "csv:t.csv?key=id", "--name", "pg", "--name", "csv"});
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

TEST_F(PostgresqlDiffTest, OptionsForTheServerReachTheAgents) {
  EXPECT_EQ(Verdict({server_->Url("t"), server_->Url("t"), "--connections", "3",
                     "--statement-timeout", "1h", "--max-rate", "1000000rows,1GB"}),
            "IDENTICAL");
  ExpectError({server_->Url("t"), server_->Url("t"), "--max-rate", "fast"}, {"no rate", "fast"});
  ExpectError({server_->Url("t"), server_->Url("t"), "--statement-timeout", "0"},
              {"too short a time"});
  ExpectError({server_->Url("t"), server_->Url("t"), "--connections", "65"}, {"65", "connections"});
  server_->Sql(
      "CREATE OR REPLACE VIEW slow AS SELECT i AS id, pg_sleep(0.01)::text AS s "
      "FROM generate_series(1, 10000) i");
  const ProcessResult result = Diff({server_->Url("slow", "&key=id"),
                                     server_->Url("slow", "&key=id"), "--statement-timeout", "2s"});
  EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
  EXPECT_NE((result.out + result.err).find("statement timeout"), std::string::npos)
      << result.out << result.err;
  server_->Sql("DROP VIEW slow");
}

TEST_F(PostgresqlDiffTest, LeastGrantsAreEnough) {
  server_->Sql(
      "DROP TABLE IF EXISTS shop.orders; DROP SCHEMA IF EXISTS shop CASCADE;"
      "DROP ROLE IF EXISTS auditor; CREATE ROLE auditor LOGIN; CREATE SCHEMA shop;"
      "CREATE TABLE shop.orders AS SELECT * FROM t; ALTER TABLE shop.orders ADD PRIMARY KEY (id)");
  const std::string url = server_->Url("shop.orders", "&connections=2", "auditor");
  ExpectError({url, server_->Url("t")}, {"permission denied"});
  server_->Sql("GRANT USAGE ON SCHEMA shop TO auditor");
  ExpectError({url, server_->Url("t")}, {"permission denied", "orders"});
  server_->Sql("GRANT SELECT (id, name, price) ON shop.orders TO auditor");
  ExpectError({url, server_->Url("t")}, {"permission denied", "orders"});
  EXPECT_EQ(Verdict({url, server_->Url("t"), "--columns", "name,price"}), "IDENTICAL");
  server_->Sql("GRANT SELECT ON shop.orders TO auditor");
  EXPECT_EQ(Verdict({url, server_->Url("t")}), "IDENTICAL");
  server_->Sql("DROP SCHEMA shop CASCADE; DROP OWNED BY auditor; DROP ROLE auditor");
}

TEST_F(PostgresqlDiffTest, PasswordsComeFromTheUrlTheEnvironmentAndThePasswordFile) {
  server_->Sql(
      "DO $$ BEGIN CREATE ROLE scram_reader LOGIN PASSWORD 'o''pen \\ses:me'; "
      "EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT SELECT ON t TO "
      "scram_reader");
  const std::string url = server_->Url("t", "", "scram_reader");
  const std::string with_password =
      "postgresql://scram_reader:o%27pen%20%5Cses%3Ame@" + url.substr(url.find("/postgres?"));
  const std::string wrong =
      "postgresql://scram_reader:wrong-secret@" + url.substr(url.find("/postgres?"));
  EXPECT_EQ(Verdict({with_password, server_->Url("t")}), "IDENTICAL");
  ExpectError({url, server_->Url("t")}, {"password", "PGPASSWORD"});
  ExpectError({wrong, server_->Url("t")}, {"password authentication failed"});
  EXPECT_EQ(Diff({wrong, server_->Url("t")}).err.find("wrong-secret"), std::string::npos);
  const auto exit_with = [&](const std::string& variable) {
    ProcessOptions options;
    options.environment = {variable};
    return Driftwood({"diff", "--allow-same", url, server_->Url("t")}, options).exit_code;
  };
  EXPECT_EQ(exit_with("PGPASSWORD=o'pen \\ses:me"), 0);
  EXPECT_EQ(exit_with("PGPASSWORD=open"), 2);
  WriteFile("pass", "*:*:*:scram_reader:o'pen \\\\ses\\:me\n");
  std::filesystem::permissions(Path("pass"), std::filesystem::perms::owner_read);
  EXPECT_EQ(exit_with("PGPASSFILE=" + Path("pass")), 0);
  server_->Sql("DROP OWNED BY scram_reader; DROP ROLE scram_reader");
}

TEST_F(PostgresqlDiffTest, AServerOutOfConnectionsIsAnErrorBeforeAndSlowerDuringTheScan) {
  server_->Sql(
      "DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN CONNECTION LIMIT 0;"
      "GRANT SELECT ON t TO limited");
  ExpectError({server_->Url("t", "", "limited"), server_->Url("t")}, {"too many connections"});
  server_->Sql("ALTER ROLE limited CONNECTION LIMIT 1");
  EXPECT_EQ(Verdict({server_->Url("t", "&connections=4", "limited"), server_->Url("t")}),
            "IDENTICAL");
  server_->Sql("DROP OWNED BY limited; DROP ROLE limited");
}

// A scan that stands still in its middle, for as long as the test holds the advisory lock 42.
class PostgresqlMidScanTest : public DiffTest {
 protected:
  void SetUp() override {
    server_ = PostgresServer::StartAnother();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "CREATE TABLE t(id int PRIMARY KEY, pad text NOT NULL);"
        "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i;"
        "CREATE TABLE copy AS TABLE t; ALTER TABLE copy ADD PRIMARY KEY (id);"
        "CREATE FUNCTION public.halted(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "$$BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN ''; END$$;"
        "CREATE VIEW halting AS SELECT id, pad || CASE WHEN id = 15000 THEN "
        "public.halted(id) ELSE '' END AS pad FROM t");
    holder_ =
        PQconnectdb(("host=" + server_->folder().string() + " user=test dbname=postgres").c_str());
    ASSERT_EQ(PQstatus(holder_), CONNECTION_OK) << PQerrorMessage(holder_);
    PQclear(PQexec(holder_, "SELECT pg_advisory_lock(42)"));
  }
  void TearDown() override { PQfinish(holder_); }

  std::unique_ptr<Process> StartDiff(const std::string& halting, const std::string& retries = "0") {
    ProcessOptions options;
    options.folder = dir_.path();
    return std::make_unique<Process>(
        std::vector<std::string>{Program("driftwood"), "diff", halting, server_->Url("copy"),
                                 "--retries", retries},
        options);
  }
  void EndBlockedBackend() {
    server_->Sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND locktype = "
        "'advisory'");
  }
  // What `interfere` makes of an audit in the middle of its scan.
  void ExpectIncomplete(const std::string& halting, const std::function<void()>& interfere,
                        const std::string& word) {
    const auto diff = StartDiff(halting);
    ASSERT_TRUE(server_->WaitUntilAScanIsBlocked());
    interfere();
    const ProcessResult result = diff->Wait();
    EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
    EXPECT_NE(result.out.find("INCOMPLETE"), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("DIVERGENT"), std::string::npos) << result.out;
    size_t lines = 0;
    for (const std::string& line : Lines(result.out + result.err)) {
      lines += line.find(word) != std::string::npos;
    }
    EXPECT_GE(lines, 1u) << "no '" << word << "' in: " << result.out << result.err;
  }
  std::string Halting() const { return server_->Url("halting", "&key=id"); }

  std::unique_ptr<PostgresServer> server_;
  PGconn* holder_ = nullptr;
};

TEST_F(PostgresqlMidScanTest, AScanThatGoesOnIsIdentical) {
  const auto diff = StartDiff(Halting());
  ASSERT_TRUE(server_->WaitUntilAScanIsBlocked());
  server_->Sql("UPDATE t SET pad = '' WHERE id = 19000; DELETE FROM t WHERE id = 19001");
  PQclear(PQexec(holder_, "SELECT pg_advisory_unlock(42)"));
  const ProcessResult result = diff->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(PostgresqlMidScanTest, AServerThatCrashesMakesTheAuditIncomplete) {
  ExpectIncomplete(
      Halting(), [&] { server_->Crash(); }, "server");
}

TEST_F(PostgresqlMidScanTest, ABackendThatIsEndedMakesTheAuditIncomplete) {
  ExpectIncomplete(
      Halting(), [&] { EndBlockedBackend(); }, "terminating connection");
}

// What the lost scan had read belongs to another snapshot: none of it counts.
TEST_F(PostgresqlMidScanTest, AScanThatLostItsConnectionBeginsAnew) {
  const auto diff = StartDiff(Halting(), "1");
  ASSERT_TRUE(server_->WaitUntilAScanIsBlocked());
  server_->Sql("DELETE FROM t WHERE id IN (1, 19001); DELETE FROM copy WHERE id IN (1, 19001)");
  EndBlockedBackend();
  PQclear(PQexec(holder_, "SELECT pg_advisory_unlock(42)"));
  const ProcessResult result = diff->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("IDENTICAL"), std::string::npos) << result.out;
}

TEST_F(PostgresqlMidScanTest, AScanThatIsCancelledMakesTheAuditIncomplete) {
  ExpectIncomplete(
      Halting(),
      [&] {
        server_->Sql(
            "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted AND "
            "locktype = 'advisory'");
      },
      "canceling statement");
}

TEST_F(PostgresqlMidScanTest, AConnectionThatIsCutMakesTheAuditIncomplete) {
  SocketRelay relay(dir_ / ".s.PGSQL.5432", server_->socket());
  ExpectIncomplete(
      "postgresql://test@/postgres?host=" + dir_.path().string() + "&table=halting&key=id",
      [&] { relay.Cut(); }, "closed");
}

TEST_F(PostgresqlMidScanTest, SigtermEndsAnAuditInTheMiddleOfItsScan) {
  const auto diff = StartDiff(Halting());
  ASSERT_TRUE(server_->WaitUntilAScanIsBlocked());
  diff->Signal(SIGTERM);
  const ProcessResult result = diff->Wait();
  EXPECT_EQ(result.exit_code, 130) << result.out << result.err;
  EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace driftwood::testing
