// A database file, and the application that owns it.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <stop_token>
#include <string_view>

#include "agent/index/indexer.h"
#include "agent/index/read_records.h"
#include "agent/index/row_encoder.h"
#include "agent/stores/sqlite/sqlite_connection.h"
#include "agent/stores/sqlite/sqlite_store.h"
#include "agent/stores/sqlite/sqlite_table.h"
#include "merkle/check.h"
#include "merkle/record/encoding.h"
#include "merkle/status_macros.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {

// A second connection: the application that owns the database.
class Writer {
 public:
  explicit Writer(const std::filesystem::path& path) {
    DRIFTWOOD_CHECK(sqlite3_open(path.c_str(), &database_) == SQLITE_OK);
  }
  ~Writer() { sqlite3_close(database_); }
  void Run(const std::string& sql) const {
    char* error = nullptr;
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, &error) != SQLITE_OK) {
      ADD_FAILURE() << sql << ": " << error;
      sqlite3_free(error);
    }
  }

 private:
  sqlite3* database_ = nullptr;
};

// The different bytes that one-column rows become.
class KeyCollector final : public RowSink {
 public:
  explicit KeyCollector(merkle::ColumnType type) : encoder_({{{"v", type}}, {}}, {}) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t) override {
    RETURN_IF_ERROR(encoder_.Encode(row));
    keys.emplace(encoder_.key());
    return absl::OkStatus();
  }
  std::set<std::string> keys;

 private:
  RowEncoder encoder_;
};

class SqliteStoreTest : public ::testing::Test {
 protected:
  // Rows 1 to 9000 of a table t(id, v).
  void Fill(const std::string& mode, const std::string& value) const {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(File().string() + end);
    Run("PRAGMA journal_mode = " + mode +
        "; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) "
        "INSERT INTO t SELECT i, '" +
        value + "' FROM n");
  }
  // Bytes at an offset, which counts from the end if it is negative.
  static void Overwrite(const std::filesystem::path& path, int offset, std::string_view bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offset, offset < 0 ? std::ios::end : std::ios::beg);
    file << bytes;
    DRIFTWOOD_CHECK(file.flush().good());
  }

  std::filesystem::path File() const { return folder_ / "d.db"; }
  void Run(const std::string& sql) const { Writer(File()).Run(sql); }

  std::unique_ptr<Store> Open(const std::string& table,
                              std::map<std::string, std::string> more = {}) const {
    if (!table.empty()) more["table"] = table;
    return OpenSqliteStore({"sqlite", File().string(), more}).value();
  }

  std::vector<std::string> KeyOf(const std::string& table) const {
    const auto description = Open(table)->Describe();
    EXPECT_TRUE(description.ok()) << description.status();
    return description.ok() ? description->key : std::vector<std::string>{"?"};
  }

  testing::TempDir folder_;
};

}  // namespace driftwood::agent
