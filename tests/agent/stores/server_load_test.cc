// What PostgreSQL and MariaDB say about their load. Covers agent/stores/mysql/mysql_load.cc and
// agent/stores/postgresql/pg_load.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_store.h"
#include "agent/stores/mysql/mysql_url.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/postgresql_store.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/wait.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class PgLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = testing::PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public;"
        "CREATE TABLE t(id int PRIMARY KEY, pad text NOT NULL);"
        "INSERT INTO t SELECT i, repeat('x', 2000) FROM generate_series(1, 20000) i");
  }
  std::unique_ptr<Store> Open(const std::string& more = "", const std::string& user = "test") {
    return OpenPostgresqlStore(StoreUrl::Parse(server_->Url("t", more, user)).value()).value();
  }
  std::unique_ptr<LoadMeter> Meter(LoadParts parts, const std::string& more = "",
                                   const std::string& user = "test") {
    auto meter = Open(more, user)->MeasureLoad(parts);
    EXPECT_TRUE(meter.ok()) << meter.status();
    return *std::move(meter);
  }
  static uint64_t Running(LoadMeter& meter) {
    const auto load = meter.Read();
    EXPECT_TRUE(load.ok()) << load.status();
    return load.ok() ? load->running : ~uint64_t{0};
  }
  // A session of another program. With a query that runs until the session is ended, it runs.
  std::unique_ptr<PgConnection> Session(const std::string& query) {
    auto session = PgConnection::Open({{"host", server_->folder().string()},
                                       {"user", "test"},
                                       {"dbname", "postgres"},
                                       {"application_name", "shop"}})
                       .value();
    if (query.empty()) return session;
    EXPECT_EQ(PQsendQuery(session->get(), query.c_str()), 1);
    EXPECT_TRUE(testing::Becomes([&] {
      return server_->Value(
                 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop' "
                 "AND query LIKE '%pg_sleep%' AND state = 'active'") == "1";
    }));
    return session;
  }
  void EndSessions() {
    server_->Value(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
        "application_name = 'shop'");
    EXPECT_TRUE(testing::Becomes([&] {
      return server_->Value(
                 "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                 "'shop'") == "0";
    }));
  }

  testing::PostgresServer* server_ = nullptr;
};

TEST_F(PgLoadTest, AQueryOfAnotherSessionRunsUntilItEnds) {
  const auto meter = Meter({true, false});
  EXPECT_EQ(Running(*meter), 0u);
  const auto idle = Session("");
  EXPECT_EQ(Running(*meter), 0u);
  const auto busy = Session("SELECT pg_sleep(1000)");
  EXPECT_EQ(Running(*meter), 1u);
  EndSessions();
  EXPECT_EQ(Running(*meter), 0u);
}

TEST_F(PgLoadTest, AnOpenTransactionThatDoesNothingIsNoRunningQuery) {
  const auto session = Session("");
  ASSERT_TRUE(session->Run("BEGIN").ok());
  EXPECT_EQ(Running(*Meter({true, false})), 0u);
  EXPECT_FALSE(session->Run("nonsense").ok());
  EXPECT_EQ(Running(*Meter({true, false})), 0u);
  EndSessions();
}

TEST_F(PgLoadTest, OurOwnScansAreNotCounted) {
  const auto scanning = [this] {
    return server_->Value(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%'");
  };
  for (const std::string more : {"&connections=2", "&connections=2&application_name=audit"}) {
    const auto store = Open(more);
    auto scan = store->StartScan({"id", "pad"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE((*scan)->Next().ok());
    ASSERT_EQ(scanning(), "2");  // they wait for room in the queue
    EXPECT_EQ(Running(*Meter({true, false}, more)), 0u);
    // Another agent's are ours too, unless both were told to call themselves otherwise.
    EXPECT_EQ(Running(*Meter({true, false})), more.find("audit") == std::string::npos ? 0u : 2u);
    scan->reset();
  }
}

TEST_F(PgLoadTest, WhoMayNotSeeOthersIsToldWhatToGrant) {
  server_->Sql("DROP ROLE IF EXISTS auditor; CREATE ROLE auditor LOGIN");
  const absl::Status status = Meter({true, false}, "", "auditor")->Read().status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("GRANT pg_monitor TO \"auditor\""));
  EXPECT_TRUE(absl::IsPermissionDenied(Meter({false, true}, "", "auditor")->Read().status()));
  for (const char* role : {"pg_monitor", "pg_read_all_stats"}) {
    server_->Sql(std::string("GRANT ") + role + " TO auditor");
    const auto busy = Session("SELECT pg_sleep(1000)");
    EXPECT_EQ(Running(*Meter({true, true}, "", "auditor")), 1u);
    EndSessions();
    server_->Sql(std::string("REVOKE ") + role + " FROM auditor");
  }
  server_->Sql("DROP ROLE auditor");
}

TEST_F(PgLoadTest, ASessionThatHidesWhatItDoesIsAnError) {
  const auto session = Session("");
  ASSERT_TRUE(session->Run("SET track_activities = off").ok());
  const absl::Status status = Meter({true, false})->Read().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("track_activities"));
  EndSessions();
}

TEST_F(PgLoadTest, AConnectionThatWasCutIsMadeAgain) {
  const auto meter = Meter({true, false});
  EXPECT_EQ(Running(*meter), 0u);
  EXPECT_EQ(server_->Value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                           "application_name = 'driftwood'"),
            "1");
  const auto busy = Session("SELECT pg_sleep(1000)");
  EXPECT_EQ(Running(*meter), 1u);
  EndSessions();
}

TEST_F(PgLoadTest, AServerWithoutReplicasHasNoLag) {
  const auto load = Meter({false, true})->Read();
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(load->lag, milliseconds(0));
  EXPECT_EQ(load->lag_unknown, "");
}

class MysqlLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = testing::MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(server_);
    server_->Sql(
        "DROP DATABASE test; CREATE DATABASE test; USE test;"
        "CREATE TABLE t(id int PRIMARY KEY, pad varchar(2000));"
        "INSERT INTO t SELECT seq, REPEAT('x', 2000) FROM seq_1_to_20000");
  }
  std::unique_ptr<Store> Open(const std::string& more = "", const std::string& user = "root") {
    return OpenMysqlStore(StoreUrl::Parse(server_->Url("t", more, user)).value()).value();
  }
  std::unique_ptr<LoadMeter> Meter(LoadParts parts, const std::string& user = "root") {
    auto meter = Open("", user)->MeasureLoad(parts);
    EXPECT_TRUE(meter.ok()) << meter.status();
    return *std::move(meter);
  }
  static uint64_t Running(LoadMeter& meter) {
    const auto load = meter.Read();
    EXPECT_TRUE(load.ok()) << load.status();
    return load.ok() ? load->running : ~uint64_t{0};
  }
  std::string Sleeping() {
    return server_->Value(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'DO SLEEP(1000)'");
  }
  std::unique_ptr<MysqlConnection> Busy() {
    auto session =
        MysqlConnection::Open(MysqlOptionsOf(StoreUrl::Parse(server_->Url("t")).value()).value())
            .value();
    const std::string query = "DO SLEEP(1000)";
    EXPECT_EQ(mysql_send_query(session->get(), query.data(), query.size()), 0);
    EXPECT_TRUE(testing::Becomes([&] { return Sleeping() == "1"; }));
    return session;
  }
  void EndBusy() {
    server_->Sql("KILL " + server_->Value("SELECT id FROM information_schema.processlist WHERE "
                                          "info = 'DO SLEEP(1000)'"));
    EXPECT_TRUE(testing::Becomes([&] { return Sleeping() == "0"; }));
  }
  // Asks until it is so, or has been something else a thousand times: what a session does while it
  // begins and ends shows for a moment.
  static void ExpectRunning(LoadMeter& meter, uint64_t wanted) {
    uint64_t running = 0;
    for (int i = 0; i < 1000; ++i) {
      running = Running(meter);
      if (running == wanted) return;
    }
    EXPECT_EQ(running, wanted);
  }

  testing::MariadbServer* server_ = nullptr;
};

TEST_F(MysqlLoadTest, AStatementOfAnotherSessionRunsUntilItEnds) {
  server_->Sql("CREATE OR REPLACE USER plain@localhost; GRANT SELECT ON test.* TO plain@localhost");
  for (const char* user : {"root", "plain"}) {
    SCOPED_TRACE(user);
    const auto meter = Meter({true, false}, user);
    ExpectRunning(*meter, 0);
    const auto busy = Busy();
    ExpectRunning(*meter, 1);
    EndBusy();
    ExpectRunning(*meter, 0);
  }
  server_->Sql("DROP USER plain@localhost");
}

TEST_F(MysqlLoadTest, OurOwnScansAreNotCounted) {
  server_->Sql("CREATE OR REPLACE USER plain@localhost; GRANT SELECT ON test.* TO plain@localhost");
  for (const char* user : {"root", "plain"}) {
    SCOPED_TRACE(user);
    const auto store = Open("", user);
    auto scan = store->StartScan({"id", "pad"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE((*scan)->Next().ok());
    // It waits for room in the queue.
    ASSERT_EQ(server_->Value("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE "
                             "'SELECT /* driftwood */%'"),
              "1");
    const auto meter = Meter({true, false}, user);
    ExpectRunning(*meter, 0);
    const auto busy = Busy();
    ExpectRunning(*meter, 1);
    EndBusy();
  }
  server_->Sql("DROP USER plain@localhost");
}

TEST_F(MysqlLoadTest, AConnectionThatWasCutIsMadeAgain) {
  const auto meter = Meter({true, false});
  Running(*meter);
  // For a moment it still seems to be in its query, and sessions of ours that end seem to sleep:
  // each look is such a session.
  std::string id, before;
  ASSERT_TRUE(testing::Becomes([&] {
    before = std::exchange(
        id, server_->Value("SELECT COALESCE(MIN(id), '') FROM information_schema.processlist WHERE "
                           "command = 'Sleep' AND user = 'root'"));
    return !id.empty() && id == before;
  }));
  server_->Sql("KILL " + id);
  EXPECT_TRUE(meter->Read().ok());
}

TEST_F(MysqlLoadTest, LagIsThatOfAReplica) {
  const auto meter = Meter({false, true});
  auto load = meter->Read();
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(load->lag, milliseconds(0));
  EXPECT_EQ(load->lag_unknown, "");
  server_->Sql("CHANGE MASTER TO MASTER_HOST = 'localhost', MASTER_USER = 'nobody'");
  load = meter->Read();
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_THAT(load->lag_unknown, HasSubstr("replication has stopped"));
  server_->Sql("RESET SLAVE ALL");
  EXPECT_EQ(meter->Read()->lag_unknown, "");
}

TEST_F(MysqlLoadTest, WhoMayNotSeeTheLagIsToldWhatToGrant) {
  server_->Sql("CREATE OR REPLACE USER plain@localhost; GRANT SELECT ON test.* TO plain@localhost");
  const absl::Status status = Meter({false, true}, "plain")->Read().status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("GRANT REPLICA MONITOR"));
  server_->Sql("GRANT REPLICA MONITOR ON *.* TO plain@localhost");
  EXPECT_TRUE(Meter({false, true}, "plain")->Read().ok());
  server_->Sql("DROP USER plain@localhost");
}

}  // namespace
}  // namespace driftwood::agent
