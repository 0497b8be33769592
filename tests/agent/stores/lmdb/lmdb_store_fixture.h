// Environments of LMDB, written here and by other processes.
#pragma once

#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>

#include "agent/stores/lmdb/lmdb_store.h"
#include "merkle/check.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/lmdb_file.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {

using testing::PutLmdb;
using testing::WriteLmdb;

// Writes one transaction from another process, while this one has the environment open.
inline void WriteFromElsewhere(const std::filesystem::path& path, unsigned env_flags,
                               const std::function<void(MDB_txn*)>& change) {
  const pid_t child = ::fork();
  DRIFTWOOD_CHECK(child >= 0);
  if (child == 0) {
    WriteLmdb(path, env_flags, change);
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
    WriteLmdb(File(), MDB_NOSUBDIR, [](MDB_txn* txn) {
      PutLmdb(txn, nullptr, 0, "b", "2");
      PutLmdb(txn, nullptr, 0, "a", std::string("\0x", 2));
      PutLmdb(txn, nullptr, 0, "c", "");
    });
  }

  // 20,000 records, over several batches.
  void WriteMany(const std::string& value) const {
    WriteLmdb(File(), MDB_NOSUBDIR, [&value](MDB_txn* txn) {
      for (int i = 0; i < 20'000; ++i) {
        PutLmdb(txn, nullptr, 0, std::to_string(10'000 + i), value + std::string(100, 'x'));
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

}  // namespace driftwood::agent
