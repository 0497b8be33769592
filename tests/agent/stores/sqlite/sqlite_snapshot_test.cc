// What a scan of SQLite sees while others write: snapshots, proofs, locks (sqlite_scan.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <stop_token>
#include <string_view>
#include <thread>

#include "tests/agent/stores/sqlite/sqlite_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Ledger row 23.
TEST_F(SqliteStoreTest, Ledger23AScanSeesOneSnapshotWhileAWriterCommits) {
  const Writer writer(File());
  writer.Run(
      "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) "
      "INSERT INTO t SELECT i, 'old' FROM n");
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "v"}).value();
  auto first = scan->Next();
  ASSERT_TRUE(first.ok() && *first != nullptr);
  RowCollector collector;
  ASSERT_TRUE((*first)->Decode(collector).ok());
  writer.Run(
      "BEGIN; UPDATE t SET id = 0, v = 'moved' WHERE id = 9000; UPDATE t SET v = 'new';"
      "COMMIT; PRAGMA wal_checkpoint");
  const ScanOutcome rest = ReadScan(*scan);
  ASSERT_TRUE(rest.status.ok()) << rest.status;
  EXPECT_EQ(collector.rows.size() + rest.rows.size(), 9000u);
  for (const auto& row : rest.rows) ASSERT_EQ(row[1], "text old");
  EXPECT_EQ(rest.rows.back()[0], "int 9000");
  EXPECT_FALSE(store->IsUnchanged(rest.end.position).value());
}

// Ledger row 24.
TEST_F(SqliteStoreTest, Ledger24AWalCommitEndsTheProof) {
  const Writer writer(File());
  writer.Run(
      "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
      "INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  const auto store = Open("t");
  std::string position = ReadAll(*store, {"id", "v"}).end.position;
  ASSERT_NE(position, "");
  EXPECT_TRUE(store->IsUnchanged(position).value());
  EXPECT_TRUE(Open("t")->IsUnchanged(position).value());
  EXPECT_FALSE(store->IsUnchanged("").value());

  const auto size = std::filesystem::file_size(File());
  const auto time = std::filesystem::last_write_time(File());
  writer.Run("UPDATE t SET v = 'c' WHERE id = 2");
  EXPECT_EQ(std::filesystem::file_size(File()), size);
  EXPECT_EQ(std::filesystem::last_write_time(File()), time);
  EXPECT_FALSE(store->IsUnchanged(position).value());

  // After a checkpoint the log is written from its start again.
  writer.Run("PRAGMA wal_checkpoint(RESTART)");
  position = ReadAll(*store, {"id", "v"}).end.position;
  ASSERT_NE(position, "");
  EXPECT_TRUE(store->IsUnchanged(position).value());
  writer.Run("UPDATE t SET v = 'd' WHERE id = 2");
  EXPECT_FALSE(store->IsUnchanged(position).value());
  position = ReadAll(*store, {"id", "v"}).end.position;
  writer.Run("UPDATE t SET v = 'e' WHERE id = 2; UPDATE t SET v = 'd' WHERE id = 2");
  EXPECT_FALSE(store->IsUnchanged(position).value());
}

TEST_F(SqliteStoreTest, ARolledBackChangeLeavesTheProof) {
  const Writer writer(File());
  writer.Run(
      "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
      "INSERT INTO t VALUES (1, 'a')");
  const auto store = Open("t");
  const std::string position = ReadAll(*store, {"id"}).end.position;
  writer.Run("BEGIN; UPDATE t SET v = 'x'; ROLLBACK");
  EXPECT_TRUE(store->IsUnchanged(position).value());
}

// The log lies beside the name under which the file is written: by another name SQLite itself reads
// what was there before.
TEST_F(SqliteStoreTest, BehindAHardLinkTheLogMayBeElsewhere) {
  const Writer writer(File());
  writer.Run(
      "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
      "INSERT INTO t VALUES (1, 'a'); PRAGMA wal_checkpoint(TRUNCATE)");
  writer.Run("UPDATE t SET v = 'changed'");
  // A copy: within one process SQLite itself knows a file by its inode.
  const std::filesystem::path folder = File().parent_path();
  std::filesystem::copy_file(File(), folder / "copy.db");
  std::filesystem::copy_file(File().string() + "-wal", folder / "copy.db-wal");
  std::filesystem::create_hard_link(folder / "copy.db", folder / "other.db");
  const auto read = [&](const char* name) {
    const StoreUrl url{"sqlite", (folder / name).string(), {{"table", "t"}}};
    return ReadAll(*OpenSqliteStore(url).value(), {"v"});
  };
  const ScanOutcome wrong = read("other.db");
  EXPECT_THAT(wrong.end.not_point_in_time, HasSubstr("has 2 names (hard links)"));
  EXPECT_EQ(wrong.end.position, "");
  const ScanOutcome right = read("copy.db");
  EXPECT_THAT(right.rows, ElementsAre(ElementsAre("text changed")));
  EXPECT_EQ(right.end.not_point_in_time, "");
}

TEST_F(SqliteStoreTest, ACommitWithoutWalEndsTheProofToo) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE s(id INTEGER PRIMARY KEY);"
      "INSERT INTO t VALUES (1, 'a')");
  const auto store = Open("t");
  const std::string position = ReadAll(*store, {"id", "v"}).end.position;
  ASSERT_NE(position, "");
  EXPECT_TRUE(store->IsUnchanged(position).value());
  EXPECT_FALSE(Open("s")->IsUnchanged(position).value()) << "another table of the same file";
  Run("UPDATE t SET v = 'b'");
  EXPECT_FALSE(store->IsUnchanged(position).value());
}

// What rsync --inplace, dd and a restore do: no lock keeps them away.
TEST_F(SqliteStoreTest, AFileThatIsOverwrittenPastTheLocksIsNoPointInTime) {
  for (const char* mode : {"DELETE", "WAL"}) {
    SCOPED_TRACE(mode);
    Fill(mode, "old");
    const auto store = Open("t");
    auto scan = store->StartScan({"id", "v"}).value();
    ASSERT_TRUE(scan->Next().ok());
    Overwrite(File(), -3, "new");
    const ScanOutcome rest = ReadScan(*scan);
    ASSERT_TRUE(rest.status.ok()) << rest.status;
    EXPECT_THAT(rest.end.not_point_in_time, HasSubstr("past SQLite's locks"));
    EXPECT_EQ(rest.end.position, "");
  }
}

// A key that such a lookup does not meet would count as gone.
TEST_F(SqliteStoreTest, ALookupOfAFileThatIsOverwrittenPastTheLocksFails) {
  for (const char* mode : {"DELETE", "WAL"}) {
    SCOPED_TRACE(mode);
    Fill(mode, "old");
    const auto store = Open("t");
    std::vector<std::vector<SourceValue>> keys;
    for (int64_t id = 1; id <= 9000; ++id) keys.push_back({SourceValue::Int64(id)});
    auto scan = store->Lookup({"id", "v"}, {"id"}, keys).value();
    ASSERT_TRUE(scan->Next().ok());
    Overwrite(File(), -3, "new");
    const ScanOutcome rest = ReadScan(*scan);
    EXPECT_EQ(rest.status.code(), absl::StatusCode::kAborted) << rest.status;
    EXPECT_THAT(std::string(rest.status.message()), HasSubstr("past SQLite's locks"));
  }
}

TEST_F(SqliteStoreTest, AFileThatIsTruncatedWhileItIsReadHasChangedAndIsNotDamaged) {
  Fill("DELETE", "old");
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "v"}).value();
  ASSERT_TRUE(scan->Next().ok());
  std::filesystem::resize_file(File(), 8192);
  const ScanOutcome rest = ReadScan(*scan);
  EXPECT_EQ(rest.status.code(), absl::StatusCode::kAborted) << rest.status;
  EXPECT_THAT(std::string(rest.status.message()), HasSubstr("past SQLite's locks"));
}

// As cp does it: before a scan begins, too.
TEST_F(SqliteStoreTest, WhatIsOverwrittenBetweenItsDescriptionAndItsScanHasChanged) {
  Fill("DELETE", "old");
  const auto store = Open("t");
  ASSERT_TRUE(store->Describe().ok());
  std::filesystem::resize_file(File(), 0);  // an empty database
  const absl::Status emptied = store->StartScan({"id", "v"}).status();
  EXPECT_EQ(emptied.code(), absl::StatusCode::kAborted) << emptied;
  EXPECT_THAT(std::string(emptied.message()), HasSubstr("changed while it was read: size "));
  std::ofstream(File(), std::ios::binary) << std::string(8192, 'x');
  EXPECT_THAT(std::string(store->StartScan({"id", "v"}).status().message()),
              HasSubstr("changed while it was read"));
  // As it is described now, it is no database, and does not change any more.
  EXPECT_TRUE(absl::IsInvalidArgument(store->Describe().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store->StartScan({"id", "v"}).status()));
}

TEST_F(SqliteStoreTest, AFileThatIsReplacedWhileItIsReadIsNoPointInTime) {
  Fill("DELETE", "old");
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "v"}).value();
  std::filesystem::copy_file(File(), folder_ / "new.db");
  std::filesystem::rename(folder_ / "new.db", File());
  const ScanOutcome rest = ReadScan(*scan);
  ASSERT_TRUE(rest.status.ok()) << rest.status;
  EXPECT_THAT(rest.end.not_point_in_time, HasSubstr("another file took its place"));
}

TEST_F(SqliteStoreTest, ALogThatIsOverwrittenPastTheLocksIsNoPointInTime) {
  Fill("WAL", "old");
  const Writer writer(File());
  writer.Run("UPDATE t SET v = 'new'");
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "v"}).value();
  ASSERT_TRUE(scan->Next().ok());
  Overwrite(File().string() + "-wal", 32 + 16, "????????");  // a checksum of the first frame
  const ScanOutcome rest = ReadScan(*scan);
  ASSERT_TRUE(rest.status.ok()) << rest.status;
  EXPECT_THAT(rest.end.not_point_in_time, HasSubstr("-wal file was overwritten"));
}

// Writers go on in WAL mode; what they do to the file is not past its locks.
TEST_F(SqliteStoreTest, CommitsAndCheckpointsOfTheLogLeaveThePointInTime) {
  for (const bool copied_before : {false, true}) {
    SCOPED_TRACE(copied_before);
    Fill("WAL", "old");
    const Writer writer(File());
    writer.Run("UPDATE t SET v = 'older'");
    if (copied_before) writer.Run("PRAGMA wal_checkpoint");
    const auto store = Open("t");
    auto scan = store->StartScan({"id", "v"}).value();
    ASSERT_TRUE(scan->Next().ok());
    writer.Run("UPDATE t SET v = 'new'; PRAGMA wal_checkpoint(PASSIVE)");
    writer.Run("UPDATE t SET v = 'newer'; PRAGMA wal_checkpoint(PASSIVE)");
    const ScanOutcome rest = ReadScan(*scan);
    ASSERT_TRUE(rest.status.ok()) << rest.status;
    for (const auto& row : rest.rows) ASSERT_EQ(row[1], "text older");
    EXPECT_EQ(rest.end.not_point_in_time, "");
    scan.reset();
    EXPECT_THAT(ReadAll(*store, {"v"}).rows[0], ElementsAre("text newer"));
  }
}

TEST_F(SqliteStoreTest, ACommitThatWaitsForTheScanLeavesThePointInTime) {
  Fill("DELETE", "old");
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "v"}).value();
  ASSERT_TRUE(scan->Next().ok());
  const Writer writer(File());
  writer.Run("BEGIN; UPDATE t SET v = 'new'");  // a journal, and the change in the writer's memory
  const ScanOutcome rest = ReadScan(*scan);
  EXPECT_EQ(rest.end.not_point_in_time, "");
  EXPECT_NE(rest.end.position, "");
  scan.reset();
  writer.Run("COMMIT");
  EXPECT_FALSE(store->IsUnchanged(rest.end.position).value());
}

// A view that computes without end before its first row.
TEST_F(SqliteStoreTest, AScanThatComputesEndsWhenItIsInterrupted) {
  Run("CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
      "SELECT i AS id FROM n WHERE i < 0");
  const auto store = Open("v", {{"key", "id"}});
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(-5)}};
  std::vector<std::unique_ptr<Scan>> scans;
  scans.push_back(store->StartScan({"id"}).value());
  scans.push_back(store->LookupAlike({"id"}, {"id"}, keys).value());
  for (const auto& scan : scans) {
    std::thread interrupting([&scan] { scan->Interrupt(); });
    EXPECT_TRUE(absl::IsCancelled(scan->Next().status()));
    interrupting.join();
    EXPECT_TRUE(absl::IsCancelled(scan->Next().status()));
    EXPECT_FALSE(scan->Finish().ok());
  }
}

TEST_F(SqliteStoreTest, AWaitForAWriterEndsWhenItIsStopped) {
  Fill("DELETE", "old");
  const Writer writer(File());
  writer.Run("BEGIN EXCLUSIVE");
  std::stop_source stop;
  std::thread stopping([&stop] { stop.request_stop(); });
  EXPECT_FALSE(SqliteConnection::Open(File(), stop.get_token()).ok());
  stopping.join();
}

}  // namespace
}  // namespace driftwood::agent
