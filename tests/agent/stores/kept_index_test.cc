// Reuse of kept indexes over real stores: a write of any kind must be seen.
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "agent/serve/service.h"
#include "agent/stores/open_store.h"
#include "merkle/check.h"
#include "proto/contract/store_url.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

// A SQLite database held open by another program, which writes without closing it.
class Database {
 public:
  explicit Database(const std::string& path) {
    DRIFTWOOD_CHECK(sqlite3_open(path.c_str(), &handle_) == SQLITE_OK);
  }
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  void Run(const std::string& sql) {
    char* error = nullptr;
    const int result = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &error);
    EXPECT_EQ(result, SQLITE_OK) << sql << ": " << (error != nullptr ? error : "");
    sqlite3_free(error);
  }

 private:
  sqlite3* handle_ = nullptr;
};

class KeptIndexTest : public ::testing::Test {
 protected:
  KeptIndexTest() {
    agreement_.schema.key = {{"id", merkle::ColumnType::kInteger}};
    agreement_.schema.values = {{"note", merkle::ColumnType::kText}};
    agreement_.key_id = merkle::DigestKey::Unkeyed().KeyId();
  }

  // What an agent finds that is started now.
  PrepareResult PrepareBy(const std::string& url) {
    ServiceOptions options;
    options.state_dir = folder_ / "state";
    options.threads = 1;
    Service service(options);
    auto store = OpenStore(*StoreUrl::Parse(url));
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(service.AddDataset("rows", url, *std::move(store)).ok());
    CallControl control;
    const auto result = service.Prepare("rows", agreement_, false, &control);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : PrepareResult{};
  }

  testing::TempDir folder_;
  merkle::Agreement agreement_;
};

// Ledger row 24: a commit into the write-ahead log changes neither size nor time of the main file.
TEST_F(KeptIndexTest, Ledger24ACommitIntoTheWriteAheadLogOfSqliteIsSeen) {
  const std::string path = folder_ / "rows.db";
  const std::string url = "sqlite:" + path + "?table=rows";
  Database writer(path);
  writer.Run("PRAGMA journal_mode=WAL");
  writer.Run("CREATE TABLE rows (id INTEGER PRIMARY KEY, note TEXT)");
  writer.Run("INSERT INTO rows VALUES (1, 'a'), (2, 'b')");
  writer.Run("PRAGMA wal_checkpoint(TRUNCATE)");
  const PrepareResult first = PrepareBy(url);
  EXPECT_EQ(first.root.count, 2u);

  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  writer.Run("UPDATE rows SET note = 'B' WHERE id = 2");
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  ASSERT_EQ(before.st_size, after.st_size);
  ASSERT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  ASSERT_EQ(before.st_mtim.tv_sec, after.st_mtim.tv_sec);

  const PrepareResult second = PrepareBy(url);
  EXPECT_FALSE(second.reused);
  EXPECT_NE(second.root, first.root);
}

TEST_F(KeptIndexTest, EveryKindOfWriteToSqliteIsSeen) {
  for (const char* mode : {"DELETE", "WAL"}) {
    SCOPED_TRACE(mode);
    const std::string path = folder_ / (std::string(mode) + ".db");
    const std::string url = "sqlite:" + path + "?table=rows";
    Database writer(path);
    writer.Run(std::string("PRAGMA journal_mode=") + mode);
    writer.Run("CREATE TABLE rows (id INTEGER PRIMARY KEY, note TEXT)");
    writer.Run("INSERT INTO rows VALUES (1, 'a'), (2, 'b')");
    merkle::Summary last = PrepareBy(url).root;
    for (const char* sql :
         {"INSERT INTO rows VALUES (3, 'c')", "UPDATE rows SET note = 'x' WHERE id = 1",
          "DELETE FROM rows WHERE id = 2", "BEGIN; DELETE FROM rows; COMMIT"}) {
      SCOPED_TRACE(sql);
      writer.Run(sql);
      const PrepareResult now = PrepareBy(url);
      EXPECT_FALSE(now.reused);
      EXPECT_NE(now.root, last);
      last = now.root;
    }
  }
}

TEST_F(KeptIndexTest, AFileThatWasRewrittenWithTheSameSizeAndTimeIsSeen) {
  const std::string path = folder_ / "rows.csv";
  const std::string url = "csv:" + path + "?key=id";
  std::ofstream(path) << "id,note\n1,a\n2,b\n";
  const PrepareResult first = PrepareBy(url);
  const auto time = std::filesystem::last_write_time(path);
  std::ofstream(path) << "id,note\n1,a\n2,B\n";
  std::filesystem::last_write_time(path, time);
  const PrepareResult second = PrepareBy(url);
  EXPECT_FALSE(second.reused);
  EXPECT_NE(second.root, first.root);
}

TEST_F(KeptIndexTest, AFileThatWasReplacedIsSeen) {
  const std::string path = folder_ / "rows.jsonl";
  const std::string url = "jsonl:" + path + "?key=id";
  std::ofstream(path) << "{\"id\":1,\"note\":\"a\"}\n";
  const PrepareResult first = PrepareBy(url);
  const auto time = std::filesystem::last_write_time(path);
  std::ofstream(path + ".new") << "{\"id\":1,\"note\":\"b\"}\n";
  std::filesystem::last_write_time(path + ".new", time);
  std::filesystem::rename(path + ".new", path);
  const PrepareResult second = PrepareBy(url);
  EXPECT_FALSE(second.reused);
  EXPECT_NE(second.root, first.root);
}

TEST_F(KeptIndexTest, TheSameFileReadWithAnotherParameterIsNotReused) {
  const std::string path = folder_ / "rows.csv";
  std::ofstream(path) << "id,note\n1,\n2,b\n";
  const PrepareResult first = PrepareBy("csv:" + path + "?key=id");
  const PrepareResult second = PrepareBy("csv:" + path + "?key=id&null=none");
  EXPECT_FALSE(second.reused);
  EXPECT_NE(second.root, first.root);
}

TEST_F(KeptIndexTest, ACommitIntoLmdbIsSeenAndAnUnchangedOneReused) {
  const std::string path = folder_ / "rows.mdb";
  const std::string url = "lmdb:" + path;
  agreement_.schema.key = {{"key", merkle::ColumnType::kBytes}};
  agreement_.schema.values = {{"value", merkle::ColumnType::kBytes}};
  const auto put = [&](std::string key, std::string value) {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    ASSERT_EQ(mdb_env_create(&env), 0);
    ASSERT_EQ(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0600), 0);
    ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
    ASSERT_EQ(mdb_dbi_open(txn, nullptr, 0, &dbi), 0);
    MDB_val key_val{key.size(), key.data()};
    MDB_val value_val{value.size(), value.data()};
    ASSERT_EQ(mdb_put(txn, dbi, &key_val, &value_val, 0), 0);
    ASSERT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
  };
  put("a", "1");
  const PrepareResult first = PrepareBy(url);
  EXPECT_EQ(first.root.count, 1u);
  EXPECT_TRUE(PrepareBy(url).reused);
  put("a", "2");
  const PrepareResult second = PrepareBy(url);
  EXPECT_FALSE(second.reused);
  EXPECT_NE(second.root, first.root);
}

}  // namespace
}  // namespace driftwood::agent
