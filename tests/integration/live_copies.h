// Two SQLite databases under way: one is written to all the time, the other is its copy and lags
// behind. Both have a table `orders`.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "merkle/check.h"

namespace driftwood::testing {

// One connection; every statement must succeed.
class LiveDatabase {
 public:
  explicit LiveDatabase(const std::string& path) {
    DRIFTWOOD_CHECK(sqlite3_open(path.c_str(), &db_) == SQLITE_OK);
    DRIFTWOOD_CHECK(sqlite3_busy_timeout(db_, 60'000) == SQLITE_OK);
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
  }
  ~LiveDatabase() { sqlite3_close(db_); }
  LiveDatabase(const LiveDatabase&) = delete;
  LiveDatabase& operator=(const LiveDatabase&) = delete;

  void Run(const std::string& sql) {
    char* error = nullptr;
    const int rc = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &error);
    if (rc != SQLITE_OK) std::fprintf(stderr, "%s in: %s\n", error, sql.c_str());
    DRIFTWOOD_CHECK(rc == SQLITE_OK);
  }

 private:
  sqlite3* db_ = nullptr;
};

class LiveCopies {
 public:
  struct Options {
    int64_t rows = 20'000;
    int changes_per_second = 3000;
    // The copy is never nearer than so many changes, but while CatchUp() waits.
    size_t lag = 30;
  };

  // Ids from 1 to about `rows` belong to the writer; others are the test's, by statements of its
  // own.
  LiveCopies(const std::string& primary, const std::string& copy, const Options& options,
             uint32_t seed)
      : options_(options), random_(seed), primary_(primary), copy_(copy) {
    for (LiveDatabase* const database : {&primary_, &copy_}) {
      database->Run(
          "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
          std::to_string(options_.rows) + ") INSERT INTO orders SELECT i, 'first' FROM n");
    }
    writer_ = std::thread([this] { Write(); });
    copier_ = std::thread([this] { Copy(); });
  }
  ~LiveCopies() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    writer_.join();
    copier_.join();
  }
  LiveCopies(const LiveCopies&) = delete;
  LiveCopies& operator=(const LiveCopies&) = delete;

  // Returns when the copy has all that had been written when it was called. The writer goes on.
  void CatchUp() {
    std::unique_lock lock(mutex_);
    const uint64_t goal = written_;
    goal_ = std::max(goal_, goal);
    changed_.notify_all();
    changed_.wait(lock, [&] { return copied_ >= goal; });
  }

  uint64_t written() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }

 private:
  // No two changes write one value, so that no state of a record comes back.
  std::string Change() {
    const auto id = std::to_string(1 + random_() % static_cast<uint64_t>(options_.rows));
    if (random_() % 4 == 0) return "DELETE FROM orders WHERE id = " + id;
    return "INSERT OR REPLACE INTO orders VALUES (" + id + ", 'change " +
           std::to_string(number_++) + "')";
  }

  static std::string Transaction(const std::deque<std::string>& changes) {
    std::string sql = "BEGIN IMMEDIATE;";
    for (const std::string& change : changes) sql += change + ";";
    return sql + "COMMIT";
  }

  void Write() {
    constexpr auto kTick = std::chrono::milliseconds(5);
    const int changes = std::max(1, options_.changes_per_second / 200);
    auto next = std::chrono::steady_clock::now();
    for (;;) {
      std::deque<std::string> batch;
      for (int i = 0; i < changes; ++i) batch.push_back(Change());
      primary_.Run(Transaction(batch));
      next += kTick;
      std::unique_lock lock(mutex_);
      written_ += batch.size();
      for (std::string& change : batch) pending_.push_back(std::move(change));
      changed_.notify_all();
      // Written at a rate, since a writer as fast as it can be leaves no time to the readers.
      if (changed_.wait_until(lock, next, [this] { return stopping_; })) return;
    }
  }

  void Copy() {
    for (;;) {
      std::deque<std::string> batch;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || Due() > 0; });
        if (stopping_) return;
        const auto end = pending_.begin() + static_cast<ptrdiff_t>(Due());
        batch.assign(pending_.begin(), end);
        pending_.erase(pending_.begin(), end);
      }
      copy_.Run(Transaction(batch));
      const std::lock_guard lock(mutex_);
      copied_ += batch.size();
      changed_.notify_all();
    }
  }

  // How many of the pending changes may be copied now.
  size_t Due() const {
    const uint64_t lagging = written_ > options_.lag ? written_ - options_.lag : 0;
    const uint64_t until = std::max(goal_, lagging);
    return until > copied_ ? static_cast<size_t>(until - copied_) : 0;
  }

  const Options options_;
  // The writer's.
  std::mt19937_64 random_;
  uint64_t number_ = 0;
  LiveDatabase primary_;
  // The copier's.
  LiveDatabase copy_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pending_;  // written, not copied
  uint64_t written_ = 0;
  uint64_t copied_ = 0;
  uint64_t goal_ = 0;  // to be copied without lag
  bool stopping_ = false;
  std::thread writer_;
  std::thread copier_;
};

}  // namespace driftwood::testing
