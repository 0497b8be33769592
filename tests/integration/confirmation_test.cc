// Divergences of stores that are written to while they are compared: what is only in flight is no
// divergence, and what has drifted is found.
#include <signal.h>

#include "agent/stores/open_store.h"
#include "coordinator/audit/audit.h"
#include "tests/integration/diff_fixture.h"
#include "tests/integration/live_copies.h"
#include "tests/integration/relay.h"
#include "tests/integration/service_peer.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using coordinator::Report;
using coordinator::ReportRecord;
using coordinator::Verdict;

class ConfirmationTest : public DiffTest {
 protected:
  // ---- an audit in this process ----

  void Serve(const std::string& left, const std::string& right) {
    agent::ServiceOptions options;
    options.key = *merkle::DigestKey::FromBytes(std::string(32, 'k'));
    options.state_dir = dir_ / "state";
    options.version = "1";
    options.threads = 1;
    service_ = std::make_unique<agent::Service>(options);
    for (const auto& [name, url] : {std::pair{"left", left}, std::pair{"right", right}}) {
      const auto parsed = StoreUrl::Parse(url);
      auto store = agent::OpenStore(*parsed);
      ASSERT_TRUE(store.ok()) << store.status();
      ASSERT_TRUE(service_->AddDataset(name, url, *std::move(store)).ok());
    }
  }

  Report Audit() {
    ServicePeer left(service_.get(), "left");
    ServicePeer right(service_.get(), "right");
    coordinator::Interrupt interrupt;
    audit_.salt = std::string(16, 's');
    audit_.now_seconds = [] { return 0.0; };
    return RunAudit(plan_, {&left, &right}, audit_, nullptr, &interrupt);
  }

  static std::set<std::string> Found(const Report& report) {
    std::set<std::string> found;
    for (const ReportRecord& record : report.records) {
      found.insert(std::to_string(record.key.columns->at(0).number) + " " +
                   std::string(record.kind()) + " " + std::string(RecordStatusName(record.status)));
    }
    return found;
  }

  // ---- real programs, with something happening just before the right side is re-read ----

  void StartAgents(const std::string& left, const std::string& right) {
    WriteFile("key", std::string(64, 'a'));
    std::filesystem::permissions(
        dir_ / "key", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    left_agent_ = StartAgent("a.sock", left);
    right_agent_ = StartAgent("b.sock", right);
  }

  std::unique_ptr<Process> StartAgent(const std::string& socket, const std::string& url) {
    ProcessOptions options;
    options.folder = dir_.path();
    options.environment = {"TMPDIR=" + dir_.path().string()};  // some tests kill it
    auto agent = std::make_unique<Process>(
        std::vector<std::string>{Program("driftwood-agent"), "--listen", "unix:" + Path(socket),
                                 "--dataset", "orders=" + url, "--digest-key-file", Path("key"),
                                 "--allow-values"},
        options);
    EXPECT_TRUE(agent->WaitForOutput("listening on"));
    return agent;
  }

  std::vector<std::string> WithRelay(const std::function<void()>& before_reading_again,
                                     std::vector<std::string> words = {}) {
    relay_ = std::make_unique<Relay>(Path("relay.sock"), Path("b.sock"), "Agent/ReadRecords",
                                     before_reading_again);
    words.insert(words.begin(), {"agent:unix:" + Path("a.sock") + "/orders",
                                 "agent:unix:" + Path("relay.sock") + "/orders"});
    return words;
  }

  std::unique_ptr<agent::Service> service_;
  coordinator::AuditPlan plan_{.replicas = {{"left", {"left"}}, {"right", {"right"}}}};
  coordinator::AuditOptions audit_;
  std::unique_ptr<Process> left_agent_;
  std::unique_ptr<Process> right_agent_;
  std::unique_ptr<Relay> relay_;
};

// A writer and a lagging copier, some thousand changes a second: a hundred audits find what has
// really drifted, and nothing else.
TEST_F(ConfirmationTest, Ledger28ALaggingCopyHasOnlyTheDivergencesThatWerePlanted) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  LiveCopies live(Path("primary.db"), Path("copy.db"), {}, seed);
  LiveDatabase primary(Path("primary.db"));
  LiveDatabase copy(Path("copy.db"));
  Serve("sqlite:" + Path("primary.db") + "?table=orders",
        "sqlite:" + Path("copy.db") + "?table=orders");
  // The pause: long enough for the copy to have what was written before it.
  plan_.recheck.seconds = 1;
  audit_.wait_seconds = [&](double) { live.CatchUp(); };
  plan_.recheck.passes_max = 6;
  uint64_t in_flight = 0;
  uint64_t identical_with_some_in_flight = 0;
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::set<std::string> planted;
    for (LiveDatabase* const database : {&primary, &copy}) {
      database->Run("DELETE FROM orders WHERE id > 1000000");
    }
    for (auto i = random() % 4; i > 0; --i) {
      const std::string id = std::to_string(2'000'000 + random() % 1'000'000);
      const auto kind = random() % 3;
      if (kind != 0) primary.Run("INSERT OR REPLACE INTO orders VALUES (" + id + ", 'here')");
      if (kind != 1) copy.Run("INSERT OR REPLACE INTO orders VALUES (" + id + ", 'there')");
      planted.insert(id + (kind == 2 ? " changed confirmed" : " missing confirmed"));
    }
    const Report report = Audit();
    ASSERT_EQ(Found(report), planted);
    ASSERT_EQ(report.total, planted.size());
    ASSERT_EQ(report.verdict, planted.empty() ? Verdict::kIdentical : Verdict::kDivergent)
        << VerdictLine(report);
    in_flight += report.statuses.in_flight;
    if (planted.empty() && report.statuses.in_flight > 0) ++identical_with_some_in_flight;
  }
  // Else it has tried nothing.
  EXPECT_GT(in_flight, 100u);
  EXPECT_GT(identical_with_some_in_flight, 0u);
}

TEST_F(ConfirmationTest, TheProgramsTooTellLagFromDrift) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  LiveCopies live(Path("primary.db"), Path("copy.db"), {}, seed);
  LiveDatabase primary(Path("primary.db"));
  LiveDatabase copy(Path("copy.db"));
  copy.Run("INSERT INTO orders VALUES (2000000, 'planted')");
  StartAgents("sqlite:primary.db?table=orders", "sqlite:copy.db?table=orders");
  for (int round = 0; round < 3; ++round) {
    // One that is late for certain, whatever the copier has done when the copy is scanned.
    const std::string late =
        "INSERT INTO orders VALUES (" + std::to_string(3'000'000 + round) + ", 'late')";
    primary.Run(late);
    const auto catch_up = [&] {
      copy.Run(late);
      live.CatchUp();
    };
    const Json document =
        DiffJson(WithRelay(catch_up, {"--recheck", "0.05", "--recheck-times", "20"}));
    ASSERT_EQ(DiffTest::Found(document), std::set<std::string>{"2000000 missing in left"});
    EXPECT_EQ(document.at("summary").at("confirmed"), 1);
    EXPECT_GT(document.at("summary").at("in_flight"), 0);
    relay_.reset();
  }
}

class TwoTablesTest : public ConfirmationTest {
 protected:
  // 5,000 records; the right side lacks a run of 2,000 and one more, and has another one changed.
  void SetUp() override {
    const std::string table =
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO orders SELECT i, 'note ' || i FROM n;";
    Sql("a.db", table);
    Sql("b.db", table +
                    "DELETE FROM orders WHERE id > 3000 OR id = 7;"
                    "UPDATE orders SET note = 'old' WHERE id = 9");
  }
  void CopyAll() {
    Sql("b.db", "ATTACH '" + Path("a.db") +
                    "' AS a;"
                    "INSERT OR REPLACE INTO main.orders SELECT * FROM a.orders");
  }
  void StartSqliteAgents() { StartAgents("sqlite:a.db?table=orders", "sqlite:b.db?table=orders"); }
};

TEST_F(TwoTablesTest, AllInFlightIsIdenticalInEveryFormat) {
  StartSqliteAgents();
  for (const std::string format : {"table", "json", "jsonl", "csv"}) {
    SCOPED_TRACE(format);
    std::vector<std::string> words = {"--format", format};
    if (format == "csv") words.push_back("--verdict-row");
    const ProcessResult result = Diff(WithRelay([this] { CopyAll(); }, words));
    EXPECT_TRUE(relay_->triggered());
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_NE(result.out.find("IDENTICAL"), std::string::npos) << result.out;
    const bool json = format.starts_with("json");
    const std::string count = json ? "\"in_flight\":2002" : "2,002 rows in flight";
    EXPECT_NE(result.out.find(count), std::string::npos) << result.out;
    if (format == "table") {
      EXPECT_NE(Lines(result.out).at(0).find(count), std::string::npos) << result.out;
    }
    relay_.reset();
    std::filesystem::remove(dir_ / "b.db");
    Sql("b.db", "ATTACH '" + Path("a.db") +
                    "' AS a;"
                    "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);"
                    "INSERT INTO orders SELECT * FROM a.orders WHERE id <= 3000 AND id != 7;"
                    "UPDATE orders SET note = 'old' WHERE id = 9");
  }
}

TEST_F(TwoTablesTest, WhatStaysIsConfirmedAndItsValuesAreThoseReadAgain) {
  StartSqliteAgents();
  const Json document = DiffJson(WithRelay(
      [this] {
        CopyAll();
        Sql("b.db",
            "UPDATE orders SET note = 'older' WHERE id = 9;"
            "DELETE FROM orders WHERE id = 4000");
      },
      {}));
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(DiffTest::Found(document),
            (std::set<std::string>{"9 changed", "4000 missing in right"}));
  EXPECT_EQ(document.at("summary").at("confirmed"), 2);
  EXPECT_EQ(document.at("summary").at("in_flight"), 2000);
  EXPECT_EQ(document.at("summary").at("total"), 2);
  const Json& nine = document.at("differences").at(0);
  EXPECT_EQ(nine.at("status"), "confirmed");
  EXPECT_EQ(nine.at("values").at("right").at("note"), "older");
  EXPECT_FALSE(nine.contains("notes")) << nine;
  EXPECT_EQ(document.at("runs").size(), 1u);
}

TEST_F(TwoTablesTest, AnAgentThatDiesBeforeItReadsAgainLeavesTheDivergences) {
  StartSqliteAgents();
  const Json document = DiffJson(WithRelay([this] {
    CopyAll();
    right_agent_->Signal(SIGKILL);
  }));
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(document.at("summary").at("total"), 2002);
  EXPECT_EQ(document.at("summary").at("unconfirmed"), 2002);
  EXPECT_EQ(document.at("summary").at("in_flight"), 0);
  // The states could not be re-read, nor could the values.
  EXPECT_EQ(document.at("warnings").size(), 2u) << document.at("warnings");
}

TEST_F(TwoTablesTest, ATableThatIsGoneIsNoAgreement) {
  StartSqliteAgents();
  const Json document =
      DiffJson(WithRelay([this] { Sql("b.db", "ALTER TABLE orders RENAME TO other"); }));
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(document.at("summary").at("unconfirmed"), 2002);
}

TEST_F(TwoTablesTest, TheOptionsBoundTheReReadOrSwitchItOff) {
  const std::vector<std::string> stores = {"sqlite:a.db?table=orders", "sqlite:b.db?table=orders"};
  const auto counts = [&](std::vector<std::string> words) {
    words.insert(words.begin(), stores.begin(), stores.end());
    const Json divergences = DiffJson(words).at("summary");
    EXPECT_EQ(divergences.at("total"), 2002);
    return std::pair<int, int>(divergences.at("confirmed"), divergences.at("unconfirmed"));
  };
  EXPECT_EQ(counts({}), std::pair(2002, 0));
  EXPECT_EQ(counts({"--no-recheck"}), std::pair(0, 2002));
  EXPECT_EQ(counts({"--recheck-max", "100"}), std::pair(100, 1902));
  EXPECT_EQ(counts({"--recheck-max", "0"}), std::pair(0, 2002));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--recheck", "-1"},
                                                {"--recheck", "nan"},
                                                {"--recheck", "1e9"},
                                                {"--recheck-times", "0"},
                                                {"--recheck-max", "x"},
                                                {"--recheck", "1", "--no-recheck"}}) {
    std::vector<std::string> words = stores;
    words.insert(words.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(Diff(words).exit_code, 2) << wrong[0] << " " << wrong[1];
  }
}

// Without lookup by key: files are scanned again.
TEST_F(ConfirmationTest, TextFilesAreReadAgainToo) {
  std::string rows = "id,note\n";
  for (int id = 1; id <= 5000; ++id) rows += std::to_string(id) + ",note\n";
  WriteFile("a.csv", rows);
  WriteFile("b.csv", rows.substr(0, 20'000) + "\n99999,x\n");
  StartAgents("csv:a.csv?key=id", "csv:b.csv?key=id");
  const Json document = DiffJson(WithRelay([&] {
    WriteFile("c.csv", rows + "77777,x\n");
    std::filesystem::rename(dir_ / "c.csv", dir_ / "b.csv");
  }));
  // What came after the comparison is not its business.
  EXPECT_EQ(document.at("verdict"), "IDENTICAL");
  EXPECT_GT(document.at("summary").at("in_flight"), 2000);
}

// 'a' is found for 'A' by a database that compares so; it is another key.
TEST_F(ConfirmationTest, Ledger25AReReadTakesNoOtherKeyForTheOneAskedFor) {
  const std::string table = "CREATE TABLE orders (id TEXT PRIMARY KEY COLLATE NOCASE, note TEXT);";
  Sql("a.db", table + "INSERT INTO orders VALUES ('A', 'x'), ('b', 'y')");
  Sql("b.db", table + "INSERT INTO orders VALUES ('a', 'x'), ('b', 'y')");
  const Json document = DiffJson({"sqlite:a.db?table=orders", "sqlite:b.db?table=orders"});
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(document.at("summary").at("confirmed"), 2);
  EXPECT_EQ(DiffTest::Found(document),
            (std::set<std::string>{"A missing in right", "a missing in left"}));
}

// The same in two servers, of which one does find it; and what comes meanwhile is in flight.
TEST_F(ConfirmationTest, Ledger25ServersAreReadAgainByTheExactKeyToo) {
  PostgresServer* const postgres = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(postgres);
  MariadbServer* const mariadb = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(mariadb);
  postgres->Sql(
      "DROP TABLE IF EXISTS confirmed; CREATE TABLE confirmed (id text PRIMARY KEY, n int);"
      "INSERT INTO confirmed SELECT 'key ' || i, i FROM generate_series(1, 3000) AS i;"
      "INSERT INTO confirmed VALUES ('A', 1), ('b ', 2)");
  mariadb->Sql(
      "DROP TABLE IF EXISTS confirmed; CREATE TABLE confirmed (id varchar(40) COLLATE "
      "utf8mb4_general_ci PRIMARY KEY, n int) CHARACTER SET utf8mb4;"
      "INSERT INTO confirmed SELECT CONCAT('key ', seq), seq FROM seq_1_to_2500;"
      "INSERT INTO confirmed VALUES ('a', 1), ('B', 2)");
  StartAgents(postgres->Url("confirmed"), mariadb->Url("confirmed"));
  const Json document = DiffJson(WithRelay(
      [&] {
        mariadb->Sql(
            "INSERT INTO confirmed SELECT CONCAT('key ', seq), seq "
            "FROM seq_2501_to_2999; UPDATE confirmed SET n = -7 WHERE id = 'key 7'");
      },
      {"--recheck", "0"}));
  EXPECT_TRUE(relay_->triggered());
  EXPECT_EQ(DiffTest::Found(document),
            (std::set<std::string>{"A missing in right", "a missing in left", "b  missing in right",
                                   "B missing in left", "key 3000 missing in right"}));
  EXPECT_EQ(document.at("summary").at("confirmed"), 5);
  EXPECT_EQ(document.at("summary").at("in_flight"), 499);
}

// A filter with a moving bound: here it moves when the test says so.
class MovingFilterTest : public ConfirmationTest {
 protected:
  // Record 1 is on the left side only, 2 is another on each side, 3 is late on the right side, 4
  // will be deleted; all of them leave the filter before they are re-read.
  void Run(const std::string& left, const std::string& right,
           const std::function<void(const std::string&)>& sql) {
    for (const char* const table : {"window_a", "window_b"}) {
      sql("DROP TABLE IF EXISTS " + std::string(table));
      sql("CREATE TABLE " + std::string(table) + " (id int PRIMARY KEY, note varchar(20), at int)");
    }
    sql("DROP TABLE IF EXISTS bound");
    sql("CREATE TABLE bound (at int)");
    sql("INSERT INTO bound VALUES (0)");
    sql("INSERT INTO window_a VALUES (1,'x',5), (2,'x',5), (3,'x',5), (4,'x',5), (9,'x',50)");
    sql("INSERT INTO window_b VALUES (2,'y',5), (9,'x',50)");
    const std::string filter = "&where=at>(SELECT%20max(bound.at)%20FROM%20bound)";
    Serve(left + filter, right + filter);
    plan_.recheck.seconds = 1;
    audit_.wait_seconds = [&](double) {
      sql("UPDATE bound SET at = 10");
      sql("DELETE FROM window_a WHERE id = 4");
      sql("DELETE FROM window_b WHERE id = 3");
      sql("INSERT INTO window_b VALUES (3,'x',5)");
    };
    const Report report = Audit();
    EXPECT_EQ(report.verdict, Verdict::kDivergent) << VerdictLine(report);
    EXPECT_EQ(Found(report), (std::set<std::string>{"1 missing confirmed", "2 changed confirmed"}));
    EXPECT_EQ(report.statuses.in_flight, 2u);
    EXPECT_EQ(report.statuses.gone, 1u);
  }
};

TEST_F(MovingFilterTest, WhatOnlyLeavesAFilterOfPostgresqlIsNotInFlight) {
  PostgresServer* const postgres = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(postgres);
  Run(postgres->Url("window_a"), postgres->Url("window_b"),
      [&](const std::string& statement) { postgres->Sql(statement); });
}

TEST_F(MovingFilterTest, WhatOnlyLeavesAFilterOfMariadbIsNotInFlight) {
  MariadbServer* const mariadb = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(mariadb);
  Run(mariadb->Url("window_a"), mariadb->Url("window_b"),
      [&](const std::string& statement) { mariadb->Sql(statement); });
}

}  // namespace
}  // namespace driftwood::testing
