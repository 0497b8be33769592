// What a scan of LMDB sees while others write, and of damage (lmdb_snapshot.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/agent/stores/lmdb/lmdb_store_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Ledger row 23.
TEST_F(LmdbStoreTest, Ledger23AScanSeesOneSnapshotWhileAWriterCommits) {
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < 9000; ++i) PutLmdb(txn, nullptr, 0, std::to_string(10'000 + i), "old");
  });
  const auto store = Open();
  auto scan = store->StartScan({"key", "value"}).value();
  auto first = scan->Next();
  ASSERT_TRUE(first.ok() && *first != nullptr);
  RowCollector collector;
  ASSERT_TRUE((*first)->Decode(collector).ok());

  // A row moves from behind the reader to before it, and all others change.
  WriteFromElsewhere(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    MDB_dbi dbi = 0;
    DRIFTWOOD_CHECK(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
    std::string moved = "18999";
    MDB_val key{moved.size(), moved.data()};
    DRIFTWOOD_CHECK(mdb_del(txn, dbi, &key, nullptr) == 0);
    PutLmdb(txn, nullptr, 0, "0", "moved");
    for (int i = 0; i < 8999; ++i) PutLmdb(txn, nullptr, 0, std::to_string(10'000 + i), "new");
  });

  const ScanOutcome rest = ReadScan(*scan);
  ASSERT_TRUE(rest.status.ok()) << rest.status;
  EXPECT_EQ(collector.rows.size() + rest.rows.size(), 9000u);
  for (const auto& row : rest.rows) ASSERT_EQ(row[1], "bytes old");
  EXPECT_EQ(rest.rows.back()[0], "bytes 18999");
  EXPECT_EQ(rest.end.not_point_in_time, "");
  EXPECT_FALSE(store->IsUnchanged(rest.end.position).value());
}

// Ledger row 24.
TEST_F(LmdbStoreTest, Ledger24AChangeEndsTheProofAndNothingElseDoes) {
  WriteThree();
  std::string position;
  {
    const auto store = Open();
    position = ReadAll(*store, {"key", "value"}).end.position;
    ASSERT_NE(position, "");
    EXPECT_TRUE(store->IsUnchanged(position).value());
    EXPECT_FALSE(store->IsUnchanged("").value());
    EXPECT_FALSE(store->IsUnchanged(position + "x").value());
  }
  EXPECT_TRUE(Open()->IsUnchanged(position).value());
  // Same size, same number of records.
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "b", "3"); });
  EXPECT_FALSE(Open()->IsUnchanged(position).value());
}

TEST_F(LmdbStoreTest, AReplacedFileIsReadAnew) {
  WriteThree();
  const auto store = Open();
  const ScanOutcome before = ReadAll(*store, {"key"});
  const std::filesystem::path other = folder_ / "other.mdb";
  WriteLmdb(other, MDB_NOSUBDIR, [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "z", "z"); });
  std::filesystem::rename(other, File());
  EXPECT_FALSE(store->IsUnchanged(before.end.position).value());
  EXPECT_THAT(ReadAll(*store, {"key"}).rows, ElementsAre(ElementsAre("bytes z")));
}

// The file that was there before is still open in another process, and with it the lock file of
// that name: its transaction numbers are those of the old file.
TEST_F(LmdbStoreTest, AFileRenamedIntoThePlaceOfAnOpenOneIsReadAtItsNewestTransaction) {
  for (int i = 1; i <= 6; ++i) {
    WriteLmdb(File(), MDB_NOSUBDIR,
              [i](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "k", "old " + std::to_string(i)); });
  }
  const std::filesystem::path other = folder_ / "other.mdb";
  for (int i = 1; i <= 3; ++i) {
    WriteLmdb(other, MDB_NOSUBDIR,
              [i](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "k", "new " + std::to_string(i)); });
  }
  const OpenElsewhere reader(File());
  std::filesystem::rename(other, File());
  const auto store = Open();
  const ScanOutcome all = ReadAll(*store, {"key", "value"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  EXPECT_THAT(all.rows, ElementsAre(ElementsAre("bytes k", "bytes new 3")));
  EXPECT_EQ(all.end.not_point_in_time, "");
}

// A writer without locks does not see its readers and takes the pages that they read.
TEST_F(LmdbStoreTest, AWriterThatUsesNoLocksIsNoPointInTime) {
  WriteThree();
  const auto store = Open();
  auto scan = store->StartScan({"key", "value"}).value();
  WriteFromElsewhere(File(), MDB_NOSUBDIR | MDB_NOLOCK,
                     [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "b", "3"); });
  const ScanOutcome rest = ReadScan(*scan);
  ASSERT_TRUE(rest.status.ok()) << rest.status;
  EXPECT_THAT(rest.end.not_point_in_time, HasSubstr("written while it was read"));
  EXPECT_EQ(rest.end.position, "");
  scan.reset();
  EXPECT_THAT(ReadAll(*store, {"value"}).rows[1], ElementsAre("bytes 3"));
}

// The lock file that another process has open stands for the transaction before: no reader can
// register by it, and the newest one is read without.
TEST_F(LmdbStoreTest, WhatWasWrittenPastAnOpenLockFileIsReadWithoutIt) {
  WriteThree();
  const OpenElsewhere reader(File());
  WriteFromElsewhere(File(), MDB_NOSUBDIR | MDB_NOLOCK,
                     [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "b", "3"); });
  const auto store = Open();
  const ScanOutcome all = ReadAll(*store, {"value"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  EXPECT_THAT(all.rows[1], ElementsAre("bytes 3"));
  EXPECT_THAT(store->Describe()->warnings, ElementsAre(HasSubstr("the lock file can't be used")));
}

// A plain cp truncates the file before it writes: whoever has it mapped dies then.
TEST_F(LmdbStoreTest, AFileThatIsTruncatedWhileItIsReadIsAnErrorAndNoCrash) {
  for (const size_t left : {size_t{0}, size_t{4096}, size_t{1} << 20}) {
    SCOPED_TRACE(left);
    WriteMany("old");
    const auto store = Open();
    auto scan = store->StartScan({"key", "value"}).value();
    ASSERT_TRUE(scan->Next().ok());
    std::filesystem::resize_file(File(), left);
    const ScanOutcome rest = ReadScan(*scan);
    EXPECT_EQ(rest.status.code(), absl::StatusCode::kAborted) << rest.status;
    EXPECT_THAT(std::string(rest.status.message()), HasSubstr("changed while it was read"));
    EXPECT_FALSE(store->Describe().ok());
    std::filesystem::remove(File());
  }
}

TEST_F(LmdbStoreTest, ALockFileThatIsTruncatedWhileItIsHeldIsNoCrash) {
  WriteMany("old");
  const auto store = Open();
  auto scan = store->StartScan({"key", "value"}).value();
  ASSERT_TRUE(scan->Next().ok());
  std::filesystem::resize_file(File().string() + "-lock", 0);
  WriteFromElsewhere(File(), MDB_NOSUBDIR | MDB_NOLOCK,
                     [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "1", "new"); });
  const ScanOutcome rest = ReadScan(*scan);
  ASSERT_TRUE(rest.status.ok()) << rest.status;
  EXPECT_THAT(rest.end.not_point_in_time, HasSubstr("not under its lock file"));
}

// dd conv=notrunc and rsync --inplace: no lock keeps them away.
TEST_F(LmdbStoreTest, AFileThatIsWrittenOverWhileItIsReadIsNoPointInTime) {
  WriteMany("new");
  const std::filesystem::path other = folder_ / "new.mdb";
  std::filesystem::rename(File(), other);
  for (const bool commit : {false, true}) {
    SCOPED_TRACE(commit);
    std::filesystem::remove(File());
    WriteMany("old");  // as many transactions, pages and entries
    const auto store = Open();
    auto scan = store->StartScan({"key", "value"}).value();
    ASSERT_TRUE(scan->Next().ok());
    {
      std::ifstream from(other, std::ios::binary);
      std::fstream to(File(), std::ios::in | std::ios::out | std::ios::binary);
      to << from.rdbuf();
    }
    // One that a program which has the file open makes afterwards.
    if (commit) {
      WriteFromElsewhere(File(), MDB_NOSUBDIR,
                         [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "1", "more"); });
    }
    const ScanOutcome rest = ReadScan(*scan);
    ASSERT_TRUE(rest.status.ok()) << rest.status;
    EXPECT_THAT(rest.end.not_point_in_time, HasSubstr("was written over while it was read"));
    EXPECT_EQ(rest.end.position, "");
  }
}

TEST_F(LmdbStoreTest, AFileThatIsReplacedWhileItIsReadIsNoPointInTime) {
  WriteMany("old");
  std::filesystem::copy_file(File(), folder_ / "new.mdb");
  const auto store = Open();
  auto scan = store->StartScan({"key", "value"}).value();
  std::filesystem::rename(folder_ / "new.mdb", File());
  EXPECT_THAT(ReadScan(*scan).end.not_point_in_time, HasSubstr("another file took its place"));
}

// Without a place in the reader table.
TEST_F(LmdbStoreTest, WithoutALockFileACommitWhileItIsReadIsNoPointInTime) {
  WriteMany("old");
  // Nobody can open a directory for writing.
  std::filesystem::remove(File().string() + "-lock");
  std::filesystem::create_directory(File().string() + "-lock");
  const auto store = Open();
  auto scan = store->StartScan({"key", "value"}).value();
  EXPECT_EQ(ReadScan(*scan).end.not_point_in_time, "");
  scan = store->StartScan({"key", "value"}).value();
  WriteFromElsewhere(File(), MDB_NOSUBDIR | MDB_NOLOCK,
                     [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "1", "new"); });
  EXPECT_THAT(ReadScan(*scan).end.not_point_in_time, HasSubstr("not under its lock file"));
}

// The process that holds the place in the reader table ends with the scan, and gives it back.
TEST_F(LmdbStoreTest, ThePlaceInTheReaderTableIsTakenForAsLongAsTheScanIsThere) {
  WriteMany("old");
  const OpenElsewhere keeps_the_table(File());
  const auto store = Open();
  EXPECT_EQ(Readers(), 0);
  auto scan = store->StartScan({"key", "value"}).value();
  auto other = store->StartScan({"key", "value"}).value();
  EXPECT_EQ(Readers(), 2);
  scan.reset();
  EXPECT_EQ(Readers(), 1);
  other.reset();
  EXPECT_EQ(Readers(), 0);
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_EQ(Readers(), 0);
}

TEST_F(LmdbStoreTest, AnInterruptedScanEnds) {
  WriteMany("old");
  const auto store = Open();
  auto scan = store->StartScan({"key", "value"}).value();
  ASSERT_TRUE(scan->Next().ok());
  scan->Interrupt();
  EXPECT_TRUE(absl::IsCancelled(scan->Next().status()));
  EXPECT_FALSE(scan->Finish().ok());
}

// Whatever a file holds: rows or an error, in a time that its size bounds.
TEST_F(LmdbStoreTest, ADamagedFileIsAnErrorAndNoCrash) {
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < 300; ++i) {
      PutLmdb(txn, "n", 0, std::to_string(10'000 + i), std::string(i % 50 == 0 ? 9000 : 90, 'x'));
    }
  });
  std::ifstream file(File(), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  int errors = 0;
  for (int round = 0; round < 100; ++round) {
    std::string damaged = whole;
    for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
      // Most of them where pages have their headers and offsets.
      const size_t page = random() % (whole.size() / 4096) * 4096;
      damaged[page + random() % (random() % 4 == 0 ? 4096 : 160)] = static_cast<char>(random());
    }
    std::ofstream(File(), std::ios::binary | std::ios::trunc) << damaged;
    const auto store = Open("n");
    const ScanOutcome all = ReadAll(*store, {"key", "value"});
    errors += all.status.ok() ? 0 : 1;
    EXPECT_LE(all.rows.size(), 300u);
    const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Bytes("10150")},
                                                        {SourceValue::Bytes("2")}};
    (void)store->Lookup({"key", "value"}, {"key"}, keys).status();
  }
  EXPECT_GT(errors, 0);
}

// A branch whose children are itself: endless, if nothing counts.
TEST_F(LmdbStoreTest, ATreeThatContainsItselfIsDamage) {
  WriteMany("old");
  std::string file;
  {
    std::ifstream in(File(), std::ios::binary);
    file.assign(std::istreambuf_iterator<char>(in), {});
  }
  uint64_t root = 0;
  for (const size_t meta : {size_t{0}, size_t{4096}}) {
    std::memcpy(&root, &file[meta + 16 + 72 + 40], sizeof(root));
    if (root != UINT64_MAX) {
      const uint16_t depth = 32;
      std::memcpy(&file[meta + 16 + 72 + 6], &depth, sizeof(depth));
      char* const page = &file[root * 4096];
      uint16_t lower = 0;
      std::memcpy(&lower, page + 12, sizeof(lower));
      for (int i = 16; i < lower; i += 2) {
        uint16_t offset = 0;
        std::memcpy(&offset, page + i, sizeof(offset));
        const auto child = static_cast<uint16_t>(root);
        std::memcpy(page + offset, &child, sizeof(child));
      }
    }
  }
  std::ofstream(File(), std::ios::binary | std::ios::trunc) << file;
  const ScanOutcome all = ReadAll(*Open(), {"key"});
  EXPECT_EQ(all.status.code(), absl::StatusCode::kDataLoss) << all.status;
}

}  // namespace
}  // namespace driftwood::agent
