// Scans of PostgreSQL: ranges side by side, and how they end (pg_scan.h).
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/agent/stores/postgresql/postgresql_store_fixture.h"

namespace driftwood::agent {
namespace {

TEST_F(PostgresqlStoreTest, NoRowsAtAllAreTheEndToo) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY)");
  EXPECT_EQ(Read("t", {"id"}), Rows{});
  EXPECT_EQ(Read("t", {"id"}, "&connections=4"), Rows{});
}

TEST_F(PostgresqlStoreTest, AParallelScanReadsEachRowOfItsSnapshotOnceWhateverWritersDo) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v int, pad text);"
      "INSERT INTO t SELECT i, i, repeat('x', 200) FROM generate_series(1, 20000) i");
  for (int round = 0; round < 3; ++round) {
    const auto store = Open("t", "&connections=4");
    auto scan = store->StartScan({"id", "v"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    // Every row moves to the table's end, some go, some come: none of it is in the snapshot.
    const std::string sum = server_->Value("SELECT sum(v) FROM t");
    const std::string count = server_->Value("SELECT count(*) FROM t");
    server_->Sql("UPDATE t SET v = v + 1; DELETE FROM t WHERE id % 10 = " + std::to_string(round) +
                 "; INSERT INTO t SELECT i, 7, '' FROM generate_series(" +
                 std::to_string(100000 * (round + 1)) + ", " +
                 std::to_string(100000 * (round + 1) + 500) + ") i");
    const ScanOutcome outcome = ReadScan(**scan);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    std::set<std::string> ids;
    int64_t total = 0;
    for (const Row& row : outcome.rows) {
      EXPECT_TRUE(ids.insert(row[0]).second) << row[0] << " twice";
      total += std::stoll(row[1].substr(4));
    }
    EXPECT_EQ(std::to_string(outcome.rows.size()), count);
    EXPECT_EQ(std::to_string(total), sum);
  }
}

TEST_F(PostgresqlStoreTest, ALargeTableIsReadInManyRangesThatAreItsParts) {
  // A row for each page.
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, pad text) WITH (fillfactor = 10);"
      "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 7000) i");
  ASSERT_EQ(server_->Value("SELECT pg_relation_size('t') / 8192"), "7000");
  for (const auto& [connections, parts] :
       std::vector<std::pair<const char*, size_t>>{{"2", 3}, {"8", 13}, {"16", 27}}) {
    SCOPED_TRACE(connections);
    const auto store = Open("t", std::string("&connections=") + connections);
    auto scan = store->StartScan({"id"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    const auto read = ReadScanParts(**scan);
    EXPECT_EQ(read.size(), parts);
    int id = 0;
    for (const auto& part : read) {
      EXPECT_GE(part.size(), 7000 / parts);
      for (const Row& row : part) ASSERT_EQ(row[0], "int " + std::to_string(++id));
    }
    EXPECT_EQ(id, 7000);
  }
}

TEST_F(PostgresqlStoreTest, RowsMovedWhileRangesAreReadAreReadOnce) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v int, pad text);"
      "INSERT INTO t SELECT i, 0, repeat('x', 500) FROM generate_series(1, 5000) i");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done) server_->Sql("UPDATE t SET v = v + 1 WHERE id % 3 = 0");
  });
  for (int round = 0; round < 10; ++round) {
    const Rows rows = Read("t", {"id", "v"}, "&connections=3");
    EXPECT_EQ(rows.size(), 5000u);
    std::set<std::string> versions;
    for (const Row& row : rows) {
      if (std::stoi(row[0].substr(4)) % 3 == 0) versions.insert(row[1]);
    }
    EXPECT_EQ(versions.size(), 1u);  // each UPDATE is one transaction: all or nothing
  }
  done = true;
  writer.join();
}

TEST_F(PostgresqlStoreTest, AKilledBackendIsAnErrorAndNeverTheEnd) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, pad text); ALTER TABLE t ALTER pad SET STORAGE "
      "PLAIN; INSERT INTO t SELECT i, repeat('x', 2000) FROM generate_series(1, 40000) i");
  for (const char* connections : {"1", "3"}) {
    const auto store =
        Open("t", std::string("&application_name=victim&connections=") + connections);
    auto scan = store->StartScan({"id", "pad"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE((*scan)->Next().ok());  // so that a reader's statement has begun
    server_->Sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'victim' AND query LIKE 'COPY%'");
    const ScanOutcome outcome = ReadScan(**scan);
    EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
    EXPECT_LT(outcome.rows.size(), 40000u);
    EXPECT_FALSE((*scan)->Finish().ok());
  }
}

TEST_F(PostgresqlStoreTest, AStatementTimeoutEndsTheScanAsItsSourcesFault) {
  server_->Sql(
      "CREATE VIEW v AS SELECT i, pg_sleep(0.01)::text AS s FROM generate_series(1, 10000) i");
  const auto store = Open("v", "&options=-c%20statement_timeout%3D200ms");
  const ScanOutcome outcome = ReadAll(*store, {"i", "s"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
}

TEST_F(PostgresqlStoreTest, AnErrorInTheMiddleOfAViewEndsTheScanAsItsSourcesFault) {
  server_->Sql("CREATE VIEW v AS SELECT i, 1 / (5000 - i) AS q FROM generate_series(1, 10000) i");
  const auto store = Open("v");
  const ScanOutcome outcome = ReadAll(*store, {"i", "q"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
}

TEST_F(PostgresqlStoreTest, AScanThatIsAbandonedEndsAtOnce) {
  server_->Sql(
      "CREATE TABLE t(id int, pad text); INSERT INTO t SELECT i, repeat('x', 500) "
      "FROM generate_series(1, 50000) i");
  auto store = Open("t", "&connections=2");
  auto scan = store->StartScan({"id", "pad"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_TRUE((*scan)->Next().ok());
  EXPECT_FALSE((*scan)->Finish().ok());
  scan->reset();
}

TEST_F(PostgresqlStoreTest, WhatAnAbandonedScanHadAskedForEndsOnTheServerToo) {
  server_->Sql(
      "CREATE VIEW v AS SELECT i, CASE WHEN i > 1000 THEN pg_sleep(1000)::text ELSE "
      "repeat('x', 100) END AS s FROM generate_series(1, 1009) i");
  const auto store = Open("v", "&application_name=abandoned");
  auto scan = store->StartScan({"i", "s"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  scan->reset();
  const std::string running =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'abandoned'";
  for (int i = 0; i < 1000 && server_->Value(running) != "0"; ++i) {
  }
  EXPECT_EQ(server_->Value(running), "0");
}

TEST_F(PostgresqlStoreTest, PartitionsAndChildrenAreReadInParallelEachRowOnce) {
  server_->Sql(
      "CREATE TABLE part(id int, pad text) PARTITION BY LIST ((id % 3));"
      "CREATE TABLE part0 PARTITION OF part FOR VALUES IN (0) PARTITION BY RANGE (id);"
      "CREATE TABLE part00 PARTITION OF part0 FOR VALUES FROM (0) TO (3000);"
      "CREATE TABLE part01 PARTITION OF part0 DEFAULT;"
      "CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);"
      "CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2);"
      "INSERT INTO part SELECT i, repeat('x', 300) FROM generate_series(1, 9000) i;"
      "CREATE TABLE parent(id int, pad text); CREATE TABLE child() INHERITS (parent);"
      "INSERT INTO parent SELECT i, repeat('y', 300) FROM generate_series(1, 500) i;"
      "INSERT INTO child SELECT i, repeat('z', 300) FROM generate_series(501, 5000) i");
  for (const auto& [table, count] : {std::pair("part", 9000u), std::pair("parent", 5000u)}) {
    for (const char* connections : {"1", "2", "5"}) {
      const Rows rows = Read(table, {"id"}, std::string("&connections=") + connections);
      EXPECT_EQ(rows.size(), count);
      EXPECT_EQ(std::set<Row>(rows.begin(), rows.end()).size(), count);
    }
  }
  server_->Sql(
      "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT SELECT ON part TO reader");
  const ScanOutcome outcome = ReadAll(*Open("part", "&connections=3", "reader"), {"id"});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;  // nothing is needed on the partitions
  EXPECT_EQ(outcome.rows.size(), 9000u);
  server_->Sql("DROP OWNED BY reader; DROP ROLE reader");
}

TEST_F(PostgresqlStoreTest, WhatReadsAForeignTableIsNotPointInTime) {
  server_->Sql("CREATE EXTENSION IF NOT EXISTS file_fdw");
  server_->Sql(
      "DROP SERVER IF EXISTS files CASCADE; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
      "CREATE TABLE part(id int) PARTITION BY RANGE (id);"
      "CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);"
      "CREATE FOREIGN TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20) SERVER files "
      "OPTIONS (program 'echo 11');"
      "CREATE VIEW v AS SELECT id FROM part2; CREATE VIEW w AS SELECT id FROM part1;"
      "INSERT INTO part VALUES (1)");
  for (const char* table : {"part2", "part", "v"}) {
    const ScanOutcome outcome = ReadAll(*Open(table, "&connections=3"), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_NE(outcome.end.not_point_in_time.find("foreign table"), std::string::npos) << table;
  }
  EXPECT_EQ(Read("w", {"id"}), (Rows{{"int 1"}}));
  server_->Sql("DROP SERVER files CASCADE");
}

TEST_F(PostgresqlStoreTest, ATableThatChangedSinceItWasDescribedIsNotRead) {
  const auto scan = [&](const std::string& change, const std::vector<std::string>& columns) {
    server_->Sql("DROP TABLE IF EXISTS t; CREATE TABLE t(id int PRIMARY KEY, at timestamp, x int)");
    const auto store = Open("t");
    EXPECT_TRUE(store->Describe().ok());
    server_->Sql(change);
    return store->StartScan(columns).status();
  };
  const absl::Status type = scan("ALTER TABLE t ALTER at TYPE timestamptz", {"id", "at"});
  EXPECT_TRUE(absl::IsAborted(type)) << type;
  EXPECT_NE(type.message().find("timestamp with time zone now"), std::string::npos) << type;
  EXPECT_TRUE(absl::IsAborted(scan("ALTER TABLE t DROP at", {"id", "at"})));
  EXPECT_TRUE(absl::IsAborted(scan("ALTER TABLE t RENAME at TO when_", {"id", "at"})));
  EXPECT_TRUE(absl::IsAborted(scan("DROP TABLE t", {"id", "at"})));
  EXPECT_TRUE(scan("ALTER TABLE t DROP x; ALTER TABLE t ADD y int", {"id", "at"}).ok());
}

TEST_F(PostgresqlStoreTest, ATableStaysAsItIsWhileItIsRead) {
  server_->Sql(
      "CREATE TABLE t(id int, pad text); INSERT INTO t SELECT i, repeat('x', 500) "
      "FROM generate_series(1, 50000) i");
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "pad"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  for (const char* change : {"DROP TABLE t", "TRUNCATE t", "ALTER TABLE t DROP pad"}) {
    EXPECT_EQ(server_->Value("DO $$ BEGIN SET lock_timeout = '20ms'; " + std::string(change) +
                             "; EXCEPTION WHEN lock_not_available THEN NULL; END $$; "
                             "SELECT to_regclass('t')::text"),
              "t");
  }
  const ScanOutcome outcome = ReadScan(**scan);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows.size(), 50000u);
}

TEST_F(PostgresqlStoreTest, AStatementTimeoutOfTheOptionsEndsAScan) {
  server_->Sql(
      "CREATE VIEW v AS SELECT i, pg_sleep(0.01)::text AS s FROM generate_series(1, 10000) i");
  StoreOptions options;
  options.statement_timeout = std::chrono::milliseconds(200);
  const auto store = OpenPostgresqlStore(StoreUrl::Parse(server_->Url("v")).value(), options);
  ASSERT_TRUE(store.ok());
  const ScanOutcome outcome = ReadAll(**store, {"i", "s"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
}

}  // namespace
}  // namespace driftwood::agent
