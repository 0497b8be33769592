// Covers lmdb_reader.cc too.
#include "agent/stores/lmdb/lmdb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/agent/stores/lmdb/lmdb_store_fixture.h"
#include "tests/testing/sanitizers.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < kRecords; ++i) {
      PutLmdb(txn, nullptr, 0, std::to_string(100'000 + i),
              std::string(i % 7 == 0 ? 5000 : 9, 'x'));
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
  WriteLmdb(folder_.path(), 0, [](MDB_txn* txn) { PutLmdb(txn, nullptr, 0, "k", "v"); });
  const auto store = OpenLmdbStore({"lmdb", folder_.path().string(), {}}).value();
  EXPECT_EQ(ReadAll(*store, {"key"}).rows.size(), 1u);
}

TEST_F(LmdbStoreTest, NamedDatabasesAreChosenByName) {
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    PutLmdb(txn, "orders", 0, "k", "v");
    PutLmdb(txn, "items", 0, "i", "w");
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
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    PutLmdb(txn, nullptr, 0, "zeros", std::string(48, '\0'));
    PutLmdb(txn, nullptr, 0, std::string("\0\0", 2), std::string(48, '\0'));
  });
  EXPECT_EQ(ReadAll(*Open(), {"key"}).rows.size(), 2u);
}

TEST_F(LmdbStoreTest, ADatabaseWithDuplicatesIsRefusedByName) {
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) { PutLmdb(txn, "dup", MDB_DUPSORT, "k", "v"); });
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
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (int i = 0; i < 5000; ++i)
      PutLmdb(txn, nullptr, 0, std::to_string(i), std::string(100, 'x'));
  });
  std::filesystem::resize_file(File(), std::filesystem::file_size(File()) / 2);
  EXPECT_EQ(Open()->Describe().status().code(), absl::StatusCode::kDataLoss);
}

// Ledger row 17.
TEST_F(LmdbStoreTest, Ledger17ADatabaseThatWasDroppedIsNotAnEmptyOne) {
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    PutLmdb(txn, "orders", 0, "k", "v");
    PutLmdb(txn, "items", 0, "i", "w");
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

// ASan's allocator, unlike glibc's, isn't usable after a fork() beside which another thread had its
// lock: then the reader's process hangs, once in some thousand times, and the answer is
// Unavailable.
constexpr int kReadsMax = testing::kAddressSanitizer ? 5 : 1;

TEST_F(LmdbStoreTest, StoresOfOneFileAreReadSideBySide) {
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    PutLmdb(txn, "a", 0, "k", "v");
    PutLmdb(txn, "b", 0, "i", "w");
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
        ScanOutcome all;
        for (int k = 0; k < kReadsMax && (k == 0 || absl::IsUnavailable(all.status)); ++k) {
          all = ReadAll(*Open(i % 2 == 0 ? "a" : "b"), {"key"});
        }
        EXPECT_TRUE(all.status.ok()) << all.status;
        EXPECT_EQ(all.rows.size(), 1u);
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
  WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
    for (const size_t key : {size_t{256}, size_t{1}, size_t{2}}) {
      PutLmdb(txn, "n", MDB_INTEGERKEY,
              std::string(reinterpret_cast<const char*>(&key), sizeof(key)), std::to_string(key));
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
