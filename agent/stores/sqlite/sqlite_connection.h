// A read-only connection to a SQLite database file, and its statements. Only this directory's files
// include it. One thread at a time.
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood::agent {

// "name" as SQL has it, whatever is in it.
std::string QuotedName(std::string_view name);

class SqliteStatement {
 public:
  SqliteStatement(std::string path, sqlite3_stmt* statement, std::stop_token stop)
      : path_(std::move(path)), stop_(std::move(stop)), statement_(statement, sqlite3_finalize) {}

  // True: there is a row. False: SQLITE_DONE, the only end there is. Everything else is an error.
  absl::StatusOr<bool> Step();
  absl::Status Bind(int parameter, std::string_view text);
  absl::Status Bind(int parameter, int64_t value);
  absl::Status Reset();

  sqlite3_stmt* get() const { return statement_.get(); }
  std::string Text(int column) const;
  int64_t Int(int column) const { return sqlite3_column_int64(get(), column); }

 private:
  std::string path_;
  std::stop_token stop_;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

class SqliteConnection {
 public:
  // NotFound, PermissionDenied; InvalidArgument: no SQLite database. Begins no transaction. Once
  // `stop` is requested, by any thread, all that is under way or comes after ends with Cancelled.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path,
                                                                std::stop_token stop = {});

  absl::StatusOr<SqliteStatement> Prepare(const std::string& sql) const;
  absl::Status Execute(const std::string& sql) const;
  // Begins a read transaction and takes its snapshot at once.
  absl::Status BeginSnapshot() const;
  // True: there is no transaction any more. No statement is left that has begun.
  bool EndSnapshot() const;
  // From now on that token. Not while a statement runs.
  void StopWith(std::stop_token stop) { stop_ = std::move(stop); }
  // SQLite's own handle of the file: to read it and to write it back without another descriptor,
  // whose closing would drop the locks that SQLite holds. Internal if there is none.
  absl::StatusOr<sqlite3_file*> File() const;

  const std::string& path() const { return path_; }
  sqlite3* get() const { return database_.get(); }

 private:
  SqliteConnection(std::string path, sqlite3* database, std::stop_token stop)
      : path_(std::move(path)), stop_(std::move(stop)), database_(database, sqlite3_close_v2) {}
  static int IsStopped(void* connection);
  static int WaitForLock(void* connection, int waits);

  const std::string path_;
  std::stop_token stop_;
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_;
};

}  // namespace driftwood::agent
