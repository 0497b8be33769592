#include "agent/stores/lmdb/lmdb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <thread>

#include "merkle/check.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Writes one transaction. The environment is closed again: LMDB allows one for each process.
void Write(const std::filesystem::path& path, unsigned env_flags,
           const std::function<void(MDB_txn*)>& change) {
  MDB_env* env = nullptr;
  DRIFTWOOD_CHECK(mdb_env_create(&env) == 0);
  mdb_env_set_maxdbs(env, 16);
  mdb_env_set_mapsize(env, size_t{256} << 20);
  DRIFTWOOD_CHECK(mdb_env_open(env, path.c_str(), env_flags, 0600) == 0);
  MDB_txn* txn = nullptr;
  DRIFTWOOD_CHECK(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  change(txn);
  DRIFTWOOD_CHECK(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

void Put(MDB_txn* txn, const char* database, unsigned flags, std::string key, std::string value) {
  MDB_dbi dbi = 0;
  DRIFTWOOD_CHECK(mdb_dbi_open(txn, database, flags | MDB_CREATE, &dbi) == 0);
  MDB_val k{key.size(), key.data()};
  MDB_val v{value.size(), value.data()};
  DRIFTWOOD_CHECK(mdb_put(txn, dbi, &k, &v, 0) == 0);
}

// The same from another process, while this one has the environment open.
void WriteFromElsewhere(const std::filesystem::path& path, unsigned env_flags,
                        const std::function<void(MDB_txn*)>& change) {
  const pid_t child = ::fork();
  DRIFTWOOD_CHECK(child >= 0);
  if (child == 0) {
    Write(path, env_flags, change);
    ::_exit(0);
  }
  int status = 0;
  DRIFTWOOD_CHECK(::waitpid(child, &status, 0) == child);
  ASSERT_EQ(status, 0);
}

// Another process that has the environment open for as long as this lives.
class OpenElsewhere {
 public:
  explicit OpenElsewhere(const std::filesystem::path& path) {
    int opened[2];
    int end[2];
    DRIFTWOOD_CHECK(::pipe(opened) == 0 && ::pipe(end) == 0);
    child_ = ::fork();
    DRIFTWOOD_CHECK(child_ >= 0);
    if (child_ == 0) {
      ::close(end[1]);
      MDB_env* env = nullptr;
      const bool ok = mdb_env_create(&env) == 0 &&
                      mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0600) == 0;
      char byte = ok ? 'y' : 'n';
      ok_ = ::write(opened[1], &byte, 1) == 1 && ::read(end[0], &byte, 1) == 0;
      ::_exit(0);
    }
    ::close(end[0]);
    ::close(opened[1]);
    end_ = end[1];
    char byte = 'n';
    DRIFTWOOD_CHECK(::read(opened[0], &byte, 1) == 1 && byte == 'y');
    ::close(opened[0]);
  }
  ~OpenElsewhere() {
    ::close(end_);
    ::waitpid(child_, nullptr, 0);
  }
  OpenElsewhere(const OpenElsewhere&) = delete;
  OpenElsewhere& operator=(const OpenElsewhere&) = delete;

 private:
  pid_t child_ = 0;
  int end_ = -1;
  bool ok_ = false;
};

class LmdbStoreTest : public ::testing::Test {
 protected:
  std::filesystem::path File() const { return folder_ / "d.mdb"; }

  std::unique_ptr<Store> Open(const std::string& database = "") const {
    StoreUrl url{"lmdb", File().string(), {}};
    if (!database.empty()) url.parameters["db"] = database;
    absl::StatusOr<std::unique_ptr<Store>> store = OpenLmdbStore(url);
    DRIFTWOOD_CHECK(store.ok());
    return *std::move(store);
  }

  void WriteThree() const {
    Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
      Put(txn, nullptr, 0, "b", "2");
      Put(txn, nullptr, 0, "a", std::string("\0x", 2));
      Put(txn, nullptr, 0, "c", "");
    });
  }

  // 20,000 records, over several batches.
  void WriteMany(const std::string& value) const {
    Write(File(), MDB_NOSUBDIR, [&value](MDB_txn* txn) {
      for (int i = 0; i < 20'000; ++i) {
        Put(txn, nullptr, 0, std::to_string(10'000 + i), value + std::string(100, 'x'));
      }
    });
  }

  // Places in the reader table that are taken, as another process sees it.
  int Readers() const {
    const pid_t child = ::fork();
    DRIFTWOOD_CHECK(child >= 0);
    if (child == 0) {
      MDB_env* env = nullptr;
      DRIFTWOOD_CHECK(mdb_env_create(&env) == 0);
      DRIFTWOOD_CHECK(mdb_env_open(env, File().c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0600) == 0);
      std::string table;
      mdb_reader_list(
          env,
          [](const char* line, void* text) {
            *static_cast<std::string*>(text) += line;
            return 0;
          },
          &table);
      // A line for each, under a heading.
      const auto lines = std::count(table.begin(), table.end(), '\n');
      ::_exit(table.find("no active readers") == std::string::npos ? static_cast<int>(lines) - 1
                                                                   : 0);
    }
    int status = 0;
    DRIFTWOOD_CHECK(::waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
  }

  testing::TempDir folder_;
};

TEST_F(LmdbStoreTest, DescribesTwoColumnsOfBytes) {
  WriteThree();
  const auto store = Open();
  const auto description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->source, "lmdb:" + File().string());
  ASSERT_EQ(description->columns.size(), 2u);
  EXPECT_EQ(description->columns[0].name, "key");
  EXPECT_EQ(description->columns[1].name, "value");
  EXPECT_EQ(description->columns[1].knowledge, TypeKnowledge::kTyped);
  EXPECT_EQ(description->columns[1].type, merkle::ColumnType::kBytes);
  EXPECT_THAT(description->key, ElementsAre("key"));
  EXPECT_EQ(description->records_estimate, 3u);
}

TEST_F(LmdbStoreTest, ScansKeysAndValuesAsTheyAre) {
  WriteThree();
  const auto store = Open();
  const ScanOutcome both = ReadAll(*store, {"key", "value"});
  ASSERT_TRUE(both.status.ok()) << both.status;
  EXPECT_THAT(both.rows,
              ElementsAre(ElementsAre("bytes a", std::string("bytes \0x", 8)),
                          ElementsAre("bytes b", "bytes 2"), ElementsAre("bytes c", "bytes ")));
  EXPECT_EQ(store->DescribeOrigin(both.origins[1]).value(), "entry 2");
  EXPECT_EQ(both.end.not_point_in_time, "");
  EXPECT_THAT(ReadAll(*store, {"value", "key"}).rows[1], ElementsAre("bytes 2", "bytes b"));
  EXPECT_THAT(ReadAll(*store, {"key"}).rows[1], ElementsAre("bytes b"));
  EXPECT_FALSE(ReadAll(*store, {"id"}).status.ok());
}

TEST_F(LmdbStoreTest, ManyBatchesHaveEveryRecordOnce) {
  constexpr int kRecords = 10'000;
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < kRecords; ++i) {
      Put(txn, nullptr, 0, std::to_string(100'000 + i), std::string(i % 7 == 0 ? 5000 : 9, 'x'));
    }
  });
  const auto store = Open();
  const ScanOutcome all = ReadAll(*store, {"key"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  ASSERT_EQ(all.rows.size(), static_cast<size_t>(kRecords));
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_EQ(all.rows[static_cast<size_t>(i)][0], "bytes " + std::to_string(100'000 + i));
    ASSERT_EQ(all.origins[static_cast<size_t>(i)], static_cast<uint64_t>(i));
  }
}

TEST_F(LmdbStoreTest, AFolderWithDataMdbIsAnEnvironmentToo) {
  Write(folder_.path(), 0, [](MDB_txn* txn) { Put(txn, nullptr, 0, "k", "v"); });
  const auto store = OpenLmdbStore({"lmdb", folder_.path().string(), {}}).value();
  EXPECT_EQ(ReadAll(*store, {"key"}).rows.size(), 1u);
}

TEST_F(LmdbStoreTest, NamedDatabasesAreChosenByName) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    Put(txn, "orders", 0, "k", "v");
    Put(txn, "items", 0, "i", "w");
  });
  EXPECT_THAT(ReadAll(*Open("orders"), {"key"}).rows, ElementsAre(ElementsAre("bytes k")));
  EXPECT_THAT(ReadAll(*Open("items"), {"key"}).rows, ElementsAre(ElementsAre("bytes i")));

  const auto missing = Open("order")->Describe();
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("items, orders"));

  const auto unnamed = Open()->Describe();
  EXPECT_EQ(unnamed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(unnamed.status().message()), HasSubstr("items, orders"));
  EXPECT_THAT(std::string(unnamed.status().message()), HasSubstr("db=NAME"));
  EXPECT_FALSE(ReadAll(*Open(), {"key"}).status.ok());
}

TEST_F(LmdbStoreTest, ValuesThatLookLikeDatabasesAreRecords) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    Put(txn, nullptr, 0, "zeros", std::string(48, '\0'));
    Put(txn, nullptr, 0, std::string("\0\0", 2), std::string(48, '\0'));
  });
  EXPECT_EQ(ReadAll(*Open(), {"key"}).rows.size(), 2u);
}

TEST_F(LmdbStoreTest, ADatabaseWithDuplicatesIsRefusedByName) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) { Put(txn, "dup", MDB_DUPSORT, "k", "v"); });
  const auto description = Open("dup")->Describe();
  EXPECT_EQ(description.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(description.status().message()), HasSubstr("\"dup\""));
  EXPECT_THAT(std::string(description.status().message()), HasSubstr("DUPSORT"));
  EXPECT_FALSE(ReadAll(*Open("dup"), {"key"}).status.ok());
}

TEST_F(LmdbStoreTest, WhatIsNoLmdbFileIsAClearError) {
  EXPECT_EQ(Open()->Describe().status().code(), absl::StatusCode::kNotFound);
  std::ofstream(File()) << std::string(20'000, 'x');
  EXPECT_EQ(Open()->Describe().status().code(), absl::StatusCode::kInvalidArgument);
  std::filesystem::resize_file(File(), 0);
  EXPECT_EQ(Open()->Describe().status().code(), absl::StatusCode::kInvalidArgument);
  const auto folder = OpenLmdbStore({"lmdb", folder_.path().string(), {}}).value();
  EXPECT_EQ(folder->Describe().status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(OpenLmdbStore({"lmdb", "x", {{"table", "t"}}}).ok());
}

TEST_F(LmdbStoreTest, ATruncatedFileIsDataLossAndNoCrash) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < 5000; ++i) Put(txn, nullptr, 0, std::to_string(i), std::string(100, 'x'));
  });
  std::filesystem::resize_file(File(), std::filesystem::file_size(File()) / 2);
  EXPECT_EQ(Open()->Describe().status().code(), absl::StatusCode::kDataLoss);
}

// Ledger row 23.
TEST_F(LmdbStoreTest, Ledger23AScanSeesOneSnapshotWhileAWriterCommits) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < 9000; ++i) Put(txn, nullptr, 0, std::to_string(10'000 + i), "old");
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
    Put(txn, nullptr, 0, "0", "moved");
    for (int i = 0; i < 8999; ++i) Put(txn, nullptr, 0, std::to_string(10'000 + i), "new");
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
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) { Put(txn, nullptr, 0, "b", "3"); });
  EXPECT_FALSE(Open()->IsUnchanged(position).value());
}

TEST_F(LmdbStoreTest, AReplacedFileIsReadAnew) {
  WriteThree();
  const auto store = Open();
  const ScanOutcome before = ReadAll(*store, {"key"});
  const std::filesystem::path other = folder_ / "other.mdb";
  Write(other, MDB_NOSUBDIR, [](MDB_txn* txn) { Put(txn, nullptr, 0, "z", "z"); });
  std::filesystem::rename(other, File());
  EXPECT_FALSE(store->IsUnchanged(before.end.position).value());
  EXPECT_THAT(ReadAll(*store, {"key"}).rows, ElementsAre(ElementsAre("bytes z")));
}

// The file that was there before is still open in another process, and with it the lock file of
// that name: its transaction numbers are those of the old file.
TEST_F(LmdbStoreTest, AFileRenamedIntoThePlaceOfAnOpenOneIsReadAtItsNewestTransaction) {
  for (int i = 1; i <= 6; ++i) {
    Write(File(), MDB_NOSUBDIR,
          [i](MDB_txn* txn) { Put(txn, nullptr, 0, "k", "old " + std::to_string(i)); });
  }
  const std::filesystem::path other = folder_ / "other.mdb";
  for (int i = 1; i <= 3; ++i) {
    Write(other, MDB_NOSUBDIR,
          [i](MDB_txn* txn) { Put(txn, nullptr, 0, "k", "new " + std::to_string(i)); });
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
                     [](MDB_txn* txn) { Put(txn, nullptr, 0, "b", "3"); });
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
                     [](MDB_txn* txn) { Put(txn, nullptr, 0, "b", "3"); });
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
                     [](MDB_txn* txn) { Put(txn, nullptr, 0, "1", "new"); });
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
                         [](MDB_txn* txn) { Put(txn, nullptr, 0, "1", "more"); });
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
                     [](MDB_txn* txn) { Put(txn, nullptr, 0, "1", "new"); });
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
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < 300; ++i) {
      Put(txn, "n", 0, std::to_string(10'000 + i), std::string(i % 50 == 0 ? 9000 : 90, 'x'));
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

// Ledger row 17.
TEST_F(LmdbStoreTest, Ledger17ADatabaseThatWasDroppedIsNotAnEmptyOne) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    Put(txn, "orders", 0, "k", "v");
    Put(txn, "items", 0, "i", "w");
  });
  const auto store = Open("orders");
  EXPECT_EQ(ReadAll(*store, {"key"}).rows.size(), 1u);
  auto scan = store->StartScan({"key"}).value();
  WriteFromElsewhere(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    MDB_dbi dbi = 0;
    DRIFTWOOD_CHECK(mdb_dbi_open(txn, "orders", 0, &dbi) == 0);
    DRIFTWOOD_CHECK(mdb_drop(txn, dbi, 1) == 0);
  });
  EXPECT_EQ(ReadScan(*scan).rows.size(), 1u);  // of the snapshot before
  scan.reset();
  EXPECT_EQ(store->Describe().status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadAll(*store, {"key"}).status.code(), absl::StatusCode::kNotFound);
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Bytes("k")}};
  EXPECT_EQ(store->Lookup({"key"}, {"key"}, keys).status().code(), absl::StatusCode::kNotFound);

  // There again, and empty.
  WriteFromElsewhere(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    MDB_dbi dbi = 0;
    DRIFTWOOD_CHECK(mdb_dbi_open(txn, "orders", MDB_CREATE, &dbi) == 0);
  });
  const ScanOutcome empty = ReadAll(*store, {"key"});
  EXPECT_TRUE(empty.status.ok()) << empty.status;
  EXPECT_EQ(empty.rows.size(), 0u);
}

TEST_F(LmdbStoreTest, StoresOfOneFileAreReadSideBySide) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    Put(txn, "a", 0, "k", "v");
    Put(txn, "b", 0, "i", "w");
  });
  const auto a = Open("a");
  const auto b = Open("b");
  auto scan_a = a->StartScan({"key"}).value();
  auto scan_b = b->StartScan({"key"}).value();
  EXPECT_EQ(ReadScan(*scan_a).rows.size(), 1u);
  EXPECT_EQ(ReadScan(*scan_b).rows.size(), 1u);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < 50; ++j) {
        EXPECT_EQ(ReadAll(*Open(i % 2 == 0 ? "a" : "b"), {"key"}).rows.size(), 1u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(LmdbStoreTest, LooksRawKeysUp) {
  WriteThree();
  const auto store = Open();
  const std::string too_long(600, 'x');
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Bytes("a")},
                                                      {SourceValue::Bytes("nope")},
                                                      {SourceValue::Bytes("")},
                                                      {SourceValue::Bytes(too_long)},
                                                      {SourceValue::Bytes("c")}};
  auto lookup = store->Lookup({"key", "value"}, {"key"}, keys);
  ASSERT_TRUE(lookup.ok()) << lookup.status();
  const ScanOutcome found = ReadScan(**lookup);
  EXPECT_THAT(found.rows, ElementsAre(ElementsAre("bytes a", std::string("bytes \0x", 8)),
                                      ElementsAre("bytes c", "bytes ")));
  const std::vector<std::vector<SourceValue>> other = {{SourceValue::Text("a")}};
  EXPECT_TRUE(absl::IsUnimplemented(store->Lookup({"key"}, {"key"}, other).status()));
}

TEST_F(LmdbStoreTest, IntegerKeysAreReadInTheirOwnOrder) {
  Write(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (const size_t key : {size_t{256}, size_t{1}, size_t{2}}) {
      Put(txn, "n", MDB_INTEGERKEY, std::string(reinterpret_cast<const char*>(&key), sizeof(key)),
          std::to_string(key));
    }
  });
  const auto store = Open("n");
  EXPECT_THAT(
      ReadAll(*store, {"value"}).rows,
      ElementsAre(ElementsAre("bytes 1"), ElementsAre("bytes 2"), ElementsAre("bytes 256")));
  const size_t two = 2;
  const std::string key(reinterpret_cast<const char*>(&two), sizeof(two));
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Bytes(key)},
                                                      {SourceValue::Bytes("odd")}};
  EXPECT_THAT(ReadScan(*store->Lookup({"value"}, {"key"}, keys).value()).rows,
              ElementsAre(ElementsAre("bytes 2")));
}

}  // namespace
}  // namespace driftwood::agent
