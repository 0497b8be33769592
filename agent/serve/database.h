// One database of an agent: its tables as they are whenever they are asked for, and for each table
// that was asked for a dataset.
//
//   ListTables ── one at a time ──> what the database says now
//   Open(table) ──> is it open? ── no ──> was it listed? ── no ──> list once more
//
// What a table is called follows from the URL of its store, and that from it, once and for all. So
// that it was listed before only says that it need not be looked for: what has been dropped since,
// or made again under the name, is what the dataset meets when it reads its store.
//
// Datasets stay open, with the agreement under which they were prepared: they are small, and have
// no connection. Their indexes are not: those of tables that were prepared long ago are closed.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/serve/dataset.h"
#include "agent/serve/turn_queue.h"
#include "agent/source/store.h"
#include "merkle/mutex.h"
#include "merkle/os/clock.h"
#include "merkle/os/unique_fd.h"
#include "proto/contract/database_table.h"
#include "proto/contract/store_url.h"
#include "proto/contract/table_list.h"

namespace driftwood::agent {

// Where the tables come from. Any thread, several at once.
struct DatabaseSource {
  // All that there are now, with the URLs of their stores. Cancelled once `stop` is requested.
  std::function<absl::StatusOr<TableList>(const std::stop_token& stop)> list;
  // Of one of those URLs, perhaps with a mapping of its columns. Connects to nothing yet.
  std::function<absl::StatusOr<std::unique_ptr<Store>>(const StoreUrl& url)> open;
};

struct DatabaseLimits {
  size_t tables_max = 10'000;  // open at one time
  // Only a table that was not asked for so long is closed, to make room for another.
  std::chrono::minutes idle{10};
  size_t indexes_max = 64;        // open, besides those that snapshots are open of
  size_t waiting_calls_max = 16;  // for a list
};

class Database {
 public:
  // `table` has what all its tables have alike: `folder` is the database's own, in which each table
  // has a directory if it is durable, and which then is locked. FailedPrecondition: by another
  // agent.
  static absl::StatusOr<std::unique_ptr<Database>> Open(std::string name, DatabaseSource source,
                                                        DatasetOptions table,
                                                        const DatabaseLimits& limits,
                                                        merkle::Clock clock);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Asks the database, each time. Errors as of Store::Describe(); Cancelled, ResourceExhausted: as
  // TurnQueue::Begin().
  absl::StatusOr<TableList> ListTables(CallControl* control) DRIFTWOOD_EXCLUDES(mutex_);

  // The dataset of a table, which is opened if it is not. NotFound: no such table.
  // ResourceExhausted: too many are open. InvalidArgument: a mapping that is none.
  absl::StatusOr<std::shared_ptr<Dataset>> Table(const DatabaseTable& table, CallControl* control)
      DRIFTWOOD_EXCLUDES(mutex_);
  // Null if it is not open.
  std::shared_ptr<Dataset> FindOpen(const DatabaseTable& table) DRIFTWOOD_EXCLUDES(mutex_);

  // To be called when a table's dataset was prepared: closes what is over the limit of indexes.
  void Prepared(const std::shared_ptr<Dataset>& dataset) DRIFTWOOD_EXCLUDES(mutex_);

  size_t open_tables() const DRIFTWOOD_EXCLUDES(mutex_);

 private:
  struct OpenTable {
    std::string table;
    std::shared_ptr<Dataset> dataset;
    std::chrono::steady_clock::time_point last_used;
  };
  using OpenTables = std::map<std::string, OpenTable>;  // by DatasetOf()

  Database(std::string name, DatabaseSource source, DatasetOptions table,
           const DatabaseLimits& limits, merkle::Clock clock, merkle::UniqueFd lock_file);

  absl::StatusOr<TableList> ListInTurn(CallControl* control) DRIFTWOOD_EXCLUDES(mutex_);
  absl::StatusOr<StoreUrl> UrlOf(const DatabaseTable& table, CallControl* control)
      DRIFTWOOD_EXCLUDES(mutex_);
  absl::StatusOr<StoreUrl> ListedUrl(const std::string& table) const DRIFTWOOD_EXCLUDES(mutex_);
  absl::StatusOr<std::shared_ptr<Dataset>> OpenAt(const DatabaseTable& table, const StoreUrl& url)
      DRIFTWOOD_EXCLUDES(mutex_);
  absl::Status MakeRoom() DRIFTWOOD_REQUIRES(mutex_);
  void TakeList(const TableList& list) DRIFTWOOD_EXCLUDES(mutex_);
  // Nobody has it, nor a snapshot of it. Its index is closed then.
  bool CloseIfIdle(const OpenTable& open) DRIFTWOOD_REQUIRES(mutex_);
  void RemoveFoldersOfOthers() DRIFTWOOD_REQUIRES(mutex_);

  const std::string name_;
  const DatabaseSource source_;
  const DatasetOptions table_;
  const DatabaseLimits limits_;
  const merkle::Clock clock_;
  const merkle::UniqueFd lock_file_;

  TurnQueue turns_;  // of those who list; synchronises itself

  mutable merkle::Mutex mutex_;
  // The URLs of those that were listed last, by name.
  std::map<std::string, std::string> listed_ DRIFTWOOD_GUARDED_BY(mutex_);
  OpenTables open_ DRIFTWOOD_GUARDED_BY(mutex_);
  // Those that may have an index open, the one that was prepared last at the end.
  std::list<std::shared_ptr<Dataset>> prepared_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
