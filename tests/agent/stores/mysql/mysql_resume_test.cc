// Scans of MariaDB that lose a connection and go on behind the last row that it gave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "agent/source/retries.h"
#include "agent/source/transient.h"
#include "agent/stores/mysql/mysql_store.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/socket_relay.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

class MysqlResumeTest : public ::testing::Test {
 protected:
  static constexpr int kRows = 8'000;

  void SetUp() override {
    server_ = testing::MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(server_);
    server_->Sql("DROP DATABASE test; CREATE DATABASE test");
  }
  // More than a scan and the sockets hold: the readers stand still until it is read on.
  void MakeTable(const std::string& id = "bigint PRIMARY KEY", const std::string& value = "seq * 3",
                 int pad = 2000) {
    const std::string size = std::to_string(pad);
    server_->Sql("CREATE TABLE t(v int, pad varchar(" + size + ") CHARACTER SET cp1250, id " + id +
                 ") ENGINE=InnoDB; INSERT INTO t SELECT seq, REPEAT('x', " + size + "), " + value +
                 " FROM seq_1_to_" + std::to_string(kRows));
  }
  // And so is each of the 16 ranges of two connections, which are two batches and a half: else both
  // might stand still between two ranges, where KillAReader() finds no statement.
  void MakeTableOfLargeRanges(const std::string& id = "bigint PRIMARY KEY",
                              const std::string& value = "seq * 3") {
    MakeTable(id, value, 5000);
  }
  std::unique_ptr<Store> Open(const std::string& more, size_t retries,
                              const std::string& table = "t") {
    auto store = OpenMysqlStore(StoreUrl::Parse(server_->Url(table, more)).value()).value();
    retries_ = std::make_shared<Retries>(
        std::vector<std::chrono::milliseconds>(retries, std::chrono::milliseconds(1)));
    store->ShareRetries(retries_);
    return store;
  }
  // Kills one of the connections that read now; false if none does: all may be between two ranges.
  bool KillAReader() {
    const std::string victim = server_->Value(
        "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT /* driftwood */%' "
        "ORDER BY RAND() LIMIT 1");
    if (victim.empty()) return false;
    // It may have come to its end just now.
    server_->Sql("BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 SELECT 1; KILL " + victim +
                 "; END");
    return true;
  }
  // Until a statement that begins so waits for whoever has the table.
  bool WaitsForTheTable(const std::string& statement) {
    return testing::Becomes([&] {
      return server_->Value(
                 "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE "
                 "'Waiting for table metadata lock%' AND info LIKE '" +
                 statement + "%'") == "1";
    });
  }
  // All connections but those whose statement begins so.
  void KillAllBut(const std::string& statement) {
    const std::string kills = server_->Value(
        "SELECT GROUP_CONCAT('KILL ', id SEPARATOR ';') FROM information_schema.processlist "
        "WHERE id <> CONNECTION_ID() AND user = 'root' AND IFNULL(info, '') NOT LIKE '" +
        statement + "%'");
    server_->Sql("BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 SELECT 1; " + kills + "; END");
  }
  // The scan's records; `before` is called before each batch.
  static ScanOutcome ReadBatches(Scan& scan, const std::function<void(size_t batch)>& before) {
    RowCollector collector;
    ScanOutcome outcome;
    for (size_t i = 0;; ++i) {
      before(i);
      auto batch = scan.Next();
      outcome.status = batch.status();
      if (!batch.ok() || *batch == nullptr) break;
      outcome.status = (*batch)->Decode(collector);
      if (!outcome.status.ok()) break;
    }
    outcome.rows = std::move(collector.rows);
    outcome.origins = std::move(collector.origins);
    if (!outcome.status.ok()) return outcome;
    auto end = scan.Finish();
    outcome.status = end.status();
    if (end.ok()) outcome.end = *end;
    return outcome;
  }
  // "7:1,8:2", in the order of these texts.
  static std::string Listed(const ScanOutcome& outcome) {
    std::vector<std::string> records;
    for (const std::vector<std::string>& row : outcome.rows) {
      records.push_back(row[2].substr(row[2].find(' ') + 1) + ":" +
                        row[0].substr(row[0].find(' ') + 1));
    }
    std::sort(records.begin(), records.end());
    std::string text;
    for (const std::string& record : records) text += (text.empty() ? "" : ",") + record;
    return text;
  }
  // The same of the table, by another client.
  std::string Table() {
    return server_->Value(
        "SET group_concat_max_len = 100000000; SELECT GROUP_CONCAT(CONCAT(id, ':', v) ORDER BY "
        "BINARY CONCAT(id, ':', v)) FROM t");
  }

  testing::MariadbServer* server_ = nullptr;
  std::shared_ptr<Retries> retries_;
};

TEST_F(MysqlResumeTest, AKilledConnectionIsReplacedAndEachRecordReadOnce) {
  MakeTableOfLargeRanges();
  for (const char* more : {"", "&connections=2"}) {
    SCOPED_TRACE(more);
    const auto store = Open(more, 1);
    auto scan = store->StartScan({"v", "pad", "id"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    bool killed = false;
    const ScanOutcome outcome = ReadBatches(**scan, [&](size_t batch) {
      if (batch >= 3 && !killed) killed = KillAReader();
    });
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_TRUE(killed);
    EXPECT_EQ(Listed(outcome), Table());
    for (size_t i = 0; i < outcome.origins.size(); ++i) ASSERT_EQ(outcome.origins[i], i);
    EXPECT_EQ(outcome.end.position, "");
    EXPECT_THAT(outcome.end.not_point_in_time,
                ::testing::MatchesRegex("the connection to test.t was lost after [0-9]+ rows, and "
                                        "the rest was read from another snapshot"));
    EXPECT_EQ(retries_->taken(), 1u);
  }
}

TEST_F(MysqlResumeTest, AScanThatLosesNothingIsOfOnePointInTimeAndTheServerSortsNothing) {
  MakeTable();
  server_->Sql(
      "CREATE TABLE p(v int, id bigint PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3;"
      "INSERT INTO p SELECT v, id FROM t");
  // What a scan makes the server sort: some rows of information_schema, in any case.
  const auto sorts = [&](const std::string& table, const std::string& more, bool resumes) {
    const std::string query =
        "SELECT SUM(variable_value) FROM information_schema.global_status WHERE variable_name IN "
        "('Sort_rows', 'Sort_scan', 'Sort_range', 'Sort_merge_passes')";
    const auto store = Open(more, 4, table);
    if (!resumes) store->ShareRetries(nullptr);
    const int before = std::stoi(server_->Value(query));
    const ScanOutcome outcome = ReadAll(*store, {"v", "id"});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.end.not_point_in_time, "");
    EXPECT_EQ(outcome.rows.size(), size_t{kRows});
    EXPECT_EQ(retries_->taken(), 0u);
    return std::stoi(server_->Value(query)) - before;
  };
  for (const char* table : {"t", "p"}) {
    for (const char* more : {"", "&connections=3"}) {
      EXPECT_EQ(sorts(table, more, true), sorts(table, more, false)) << table << more;
    }
  }
}

TEST_F(MysqlResumeTest, ConnectionsKilledAtRandomPlacesLeaveNoRecordOutAndGiveNoneTwice) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(static_cast<unsigned>(seed));
  // Of half of the 64 bits, below zero and above the largest signed one.
  const std::pair<const char*, const char*> tables[] = {
      {"bigint PRIMARY KEY",
       "IF(seq = 1, -9223372036854775807 - 1, IF(seq = 2, 9223372036854775807, "
       "(CAST(seq AS signed) - 4000) * 2305843009213693))"},
      {"bigint unsigned PRIMARY KEY", "CAST(seq AS unsigned) * 2305843009213693"},
      {"mediumint PRIMARY KEY", "CAST(seq AS signed) - 5000"}};
  for (const auto& [type, value] : tables) {
    SCOPED_TRACE(type);
    server_->Sql("DROP TABLE IF EXISTS t");
    MakeTableOfLargeRanges(type, value);
    for (const char* more : {"", "&connections=2"}) {
      SCOPED_TRACE(more);
      const auto store = Open(more, 100);
      auto scan = store->StartScan({"v", "pad", "id"});
      ASSERT_TRUE(scan.ok()) << scan.status();
      int kills = 0;
      const ScanOutcome outcome = ReadBatches(**scan, [&](size_t batch) {
        const bool wanted = random() % 3 == 0 || (kills == 0 && batch >= 3);
        if (kills < 4 && wanted) kills += KillAReader() ? 1 : 0;
      });
      ASSERT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_GE(kills, 1);
      EXPECT_EQ(Listed(outcome), Table());
      EXPECT_NE(outcome.end.not_point_in_time, "");
    }
  }
}

TEST_F(MysqlResumeTest, WhatIsWrittenMeanwhileIsInOneOfTheSnapshots) {
  MakeTable();
  const auto store = Open("", 4);
  auto scan = store->StartScan({"v", "pad", "id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  const ScanOutcome outcome = ReadBatches(**scan, [&](size_t batch) {
    if (batch != 3) return;
    server_->Sql(
        "UPDATE t SET v = -1 WHERE id > 0; DELETE FROM t WHERE id = 3 OR id = 23997;"
        "INSERT INTO t(id, v) VALUES (0, -1), (24001, -1)");
    EXPECT_TRUE(KillAReader());
  });
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_NE(outcome.end.not_point_in_time, "");
  ASSERT_EQ(outcome.rows.size(), size_t{kRows});
  EXPECT_EQ(outcome.rows.front()[2], "int 3");
  EXPECT_EQ(outcome.rows.back()[2], "int 24001");
  bool later = false;
  for (size_t i = 0; i + 1 < outcome.rows.size(); ++i) {
    if (outcome.rows[i][0] == "int -1") later = true;
    EXPECT_EQ(outcome.rows[i][0] == "int -1", later) << i;
  }
  EXPECT_TRUE(later);
}

TEST_F(MysqlResumeTest, ALossMoreThanThereAreRetriesIsAnErrorAndNeverTheEnd) {
  MakeTableOfLargeRanges();
  for (const size_t retries : {size_t{0}, size_t{2}}) {
    for (const char* more : {"", "&connections=2"}) {
      SCOPED_TRACE(more);
      const auto store = Open(more, retries);
      auto scan = store->StartScan({"v", "pad", "id"});
      ASSERT_TRUE(scan.ok()) << scan.status();
      const ScanOutcome outcome = ReadBatches(**scan, [&](size_t) { KillAReader(); });
      EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
      EXPECT_TRUE(IsTransient(outcome.status)) << outcome.status;
      EXPECT_LT(outcome.rows.size(), size_t{kRows});
      EXPECT_EQ(retries_->taken(), retries);
      EXPECT_FALSE((*scan)->Finish().ok());
    }
  }
}

TEST_F(MysqlResumeTest, AServerThatCantBeReachedAgainIsAnError) {
  MakeTable();
  testing::TempDir folder;
  testing::SocketRelay relay(folder / "socket", server_->socket());
  auto store = OpenMysqlStore(StoreUrl::Parse("mysql://root@localhost/test?table=t&socket=" +
                                              (folder / "socket").string())
                                  .value())
                   .value();
  const auto retries = std::make_shared<Retries>(
      std::vector<std::chrono::milliseconds>(3, std::chrono::milliseconds(1)));
  store->ShareRetries(retries);
  auto scan = store->StartScan({"v", "pad", "id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  const ScanOutcome outcome = ReadBatches(**scan, [&](size_t batch) {
    if (batch == 1) relay.Cut();
  });
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
  EXPECT_EQ(retries->taken(), 3u);
}

TEST_F(MysqlResumeTest, ATableThatWasAlteredMeanwhileIsNotReadOn) {
  const std::pair<const char*, const char*> cases[] = {{"ADD COLUMN w int", ""},
                                                       {"MODIFY v bigint", "&connections=2"},
                                                       {"DROP PRIMARY KEY, ADD KEY (id)", ""},
                                                       {"ENGINE=MyISAM", ""}};
  for (const auto& [change, more] : cases) {
    SCOPED_TRACE(change);
    server_->Sql("DROP TABLE IF EXISTS t");
    MakeTable();
    const auto store = Open(more, 30);
    auto scan = store->StartScan({"v", "pad", "id"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE((*scan)->Next().ok());
    // It waits until no connection of the scan holds the table, and the new one waits for it.
    const std::string alter = "ALTER TABLE t " + std::string(change);
    std::thread altering([&] { server_->Sql(alter); });
    EXPECT_TRUE(WaitsForTheTable("ALTER"));
    KillAllBut("ALTER");
    const ScanOutcome outcome = ReadScan(**scan);
    altering.join();
    EXPECT_TRUE(absl::IsAborted(outcome.status)) << outcome.status;
    EXPECT_FALSE(IsTransient(outcome.status)) << outcome.status;
    EXPECT_THAT(std::string(outcome.status.message()),
                HasSubstr("was altered while the connection to it was lost"));
  }
}

TEST_F(MysqlResumeTest, ATableThatIsGoneMeanwhileIsAnError) {
  MakeTable();
  const auto store = Open("", 4);
  auto scan = store->StartScan({"v", "pad", "id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_TRUE((*scan)->Next().ok());
  std::thread dropping([&] { server_->Sql("DROP TABLE t"); });
  EXPECT_TRUE(WaitsForTheTable("DROP"));
  EXPECT_TRUE(KillAReader());
  const ScanOutcome outcome = ReadScan(**scan);
  dropping.join();
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
  EXPECT_FALSE(IsTransient(outcome.status)) << outcome.status;
}

// The one that only holds the table included.
TEST_F(MysqlResumeTest, AllConnectionsMayBeLostAtOnce) {
  MakeTable();
  const auto store = Open("&connections=3", 3);
  auto scan = store->StartScan({"v", "pad", "id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  const ScanOutcome outcome = ReadBatches(**scan, [&](size_t batch) {
    if (batch != 2) return;
    KillAllBut("no statement");
  });
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(Listed(outcome), Table());
  EXPECT_EQ(retries_->taken(), 3u);
}

TEST_F(MysqlResumeTest, AQueryThatWasCancelledIsNotTriedAgain) {
  MakeTable();
  const auto store = Open("", 4);
  auto scan = store->StartScan({"v", "pad", "id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_TRUE((*scan)->Next().ok());
  server_->Sql("KILL QUERY " +
               server_->Value("SELECT id FROM information_schema.processlist WHERE info LIKE "
                              "'SELECT /* driftwood */%'"));
  const ScanOutcome outcome = ReadScan(**scan);
  EXPECT_TRUE(absl::IsAborted(outcome.status)) << outcome.status;
  EXPECT_FALSE(IsTransient(outcome.status)) << outcome.status;
  EXPECT_EQ(retries_->taken(), 0u);
}

TEST_F(MysqlResumeTest, WhatHasNoIntegerKeyOfOneColumnBeginsAnew) {
  server_->Sql(
      "CREATE TABLE a(id varchar(9) PRIMARY KEY, v int, pad varchar(2000));"
      "CREATE TABLE b(id int, v int, pad varchar(2000), PRIMARY KEY (id, v));"
      "CREATE TABLE c(id int PRIMARY KEY, v int, pad varchar(2000)) ENGINE=MyISAM;"
      "CREATE TABLE d(id int PRIMARY KEY, v int, pad varchar(2000)); CREATE VIEW e AS SELECT * "
      "FROM d;"
      "CREATE TABLE f(id int PRIMARY KEY, v int, pad varchar(2000)) PARTITION BY HASH (id)"
      " PARTITIONS 2");
  for (const char* table : {"a", "b", "c", "d", "f"}) {
    server_->Sql("INSERT INTO " + std::string(table) +
                 " SELECT seq, seq, REPEAT('x', 2000) FROM seq_1_to_8000");
  }
  struct Case {
    const char* table;
    const char* more;
    std::vector<std::string> columns;
  };
  for (const auto& [table, more, columns] :
       std::vector<Case>{{"a", "", {"id", "pad"}},
                         {"b", "", {"id", "v", "pad"}},
                         {"b", "&connections=2", {"id", "v", "pad"}},
                         {"c", "", {"id", "pad"}},
                         {"d", "&where=v>0", {"id", "pad"}},
                         {"d", "", {"v", "pad"}},
                         {"e", "", {"id", "pad"}},
                         {"f", "", {"id", "pad"}}}) {
    SCOPED_TRACE(std::string(table) + more);
    const auto store = Open(more, 4, table);
    auto scan = store->StartScan(columns);
    ASSERT_TRUE(scan.ok()) << scan.status();
    // A reader between two ranges has no statement, and is lost as well.
    const ScanOutcome outcome = ReadBatches(**scan, [&](size_t batch) {
      if (batch == 1) KillAllBut("no statement");
    });
    EXPECT_TRUE(IsTransient(outcome.status)) << outcome.status;
    EXPECT_EQ(retries_->taken(), 0u);
  }
}

TEST_F(MysqlResumeTest, WaitingForTheNextTryAndForTheTableEndsWhenItIsInterrupted) {
  MakeTable();
  const auto store = Open("", 0);
  retries_ =
      std::make_shared<Retries>(std::vector<std::chrono::milliseconds>{std::chrono::hours(1)});
  store->ShareRetries(retries_);
  auto scan = store->StartScan({"v", "pad", "id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  std::thread interrupting([&] {
    EXPECT_TRUE(testing::Becomes([&] { return retries_->taken() > 0; }));
    (*scan)->Interrupt();
  });
  const ScanOutcome outcome = ReadBatches(**scan, [&](size_t batch) {
    if (batch == 1) KillAReader();
  });
  interrupting.join();
  EXPECT_TRUE(absl::IsCancelled(outcome.status)) << outcome.status;
}

}  // namespace
}  // namespace driftwood::agent
