#include "agent/stores/sqlite/sqlite_connection.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/sqlite/sqlite_clock.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// A writer holds its exclusive lock for one commit.
constexpr int kLockWaitsMax = 1'000;
constexpr std::chrono::milliseconds kLockWait{10};
// Steps of SQLite's machine, of which it does some ten million in a second.
constexpr int kStepsBetweenLooks = 10'000;

// What fails once it is stopped is cancelled, whatever a wait that was given up is called.
absl::Status SqliteError(const std::stop_token& stop, const std::string& path, sqlite3* database,
                         int rc) {
  if (stop.stop_requested()) {
    return absl::CancelledError("the reading of " + Printable(path) + " was ended");
  }
  const std::string message =
      Printable(path) + ": " +
      Printable(database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(rc));
  switch (rc & 0xFF) {
    case SQLITE_NOTADB:
      return absl::InvalidArgumentError(Printable(path) + " is not a SQLite database");
    case SQLITE_CORRUPT:
      return absl::DataLossError(message + " (check it with: pragma integrity_check)");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(message + "; another process is writing, try again");
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::PermissionDeniedError(message);
    case SQLITE_READONLY:
      if (database != nullptr && sqlite3_extended_errcode(database) == SQLITE_READONLY_ROLLBACK) {
        return absl::FailedPreconditionError(
            Printable(path) +
            ": a writer was cut off in the middle of a change, which its -journal file holds; "
            "Driftwood only reads: let a writer undo it first, for example with: sqlite3 " +
            Printable(path) + " 'pragma user_version'");
      }
      [[fallthrough]];
    case SQLITE_CANTOPEN:
      return absl::FailedPreconditionError(
          message +
          "; the file, its directory and its -wal, -shm and -journal files must be "
          "accessible (a database in WAL mode is read with a writable -shm file)");
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

// Reads the file, and takes the snapshot of a transaction, without parsing the whole schema: of
// many tables that takes longer than to read a small one.
constexpr char kReadHeader[] = "PRAGMA main.schema_version";

absl::Status CheckFile(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return NoSuchFile(path);
    const std::string message = Printable(path) + ": " + std::strerror(errno);
    if (errno == EACCES) return absl::PermissionDeniedError(message);
    return absl::NotFoundError(message);
  }
  if (!S_ISREG(found.st_mode)) {
    return absl::InvalidArgumentError(Printable(path) + " is not a regular file");
  }
  return absl::OkStatus();
}

}  // namespace

std::string QuotedName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + "\"";
}

absl::StatusOr<bool> SqliteStatement::Step() {
  const int rc = sqlite3_step(get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return SqliteError(stop_, path_, sqlite3_db_handle(get()), rc);
}

absl::Status SqliteStatement::Bind(int parameter, std::string_view text) {
  const int rc = sqlite3_bind_text64(get(), parameter, text.data(), text.size(), SQLITE_TRANSIENT,
                                     SQLITE_UTF8);
  return rc == SQLITE_OK ? absl::OkStatus()
                         : SqliteError(stop_, path_, sqlite3_db_handle(get()), rc);
}

absl::Status SqliteStatement::Bind(int parameter, int64_t value) {
  const int rc = sqlite3_bind_int64(get(), parameter, value);
  return rc == SQLITE_OK ? absl::OkStatus()
                         : SqliteError(stop_, path_, sqlite3_db_handle(get()), rc);
}

absl::Status SqliteStatement::Reset() {
  const int rc = sqlite3_reset(get());
  return rc == SQLITE_OK ? absl::OkStatus()
                         : SqliteError(stop_, path_, sqlite3_db_handle(get()), rc);
}

std::string SqliteStatement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(get(), column);
  const int bytes = sqlite3_column_bytes(get(), column);
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(bytes)};
}

int SqliteConnection::IsStopped(void* connection) {
  return static_cast<SqliteConnection*>(connection)->stop_.stop_requested() ? 1 : 0;
}

// True: try once more.
int SqliteConnection::WaitForLock(void* connection, int waits) {
  if (waits >= kLockWaitsMax || IsStopped(connection) != 0) return 0;
  std::this_thread::sleep_for(kLockWait);
  return 1;
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path,
                                                                         std::stop_token stop) {
  if (stop.stop_requested()) {
    return absl::CancelledError("the reading of " + Printable(path) + " was ended");
  }
  RETURN_IF_ERROR(CheckFile(path));
  // Absolute, so that no name is taken for a "file:" URI or for ":memory:".
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(path, error).string();
  if (error) return absl::NotFoundError(Printable(path) + ": " + error.message());
  sqlite3* database = nullptr;
  const char* const vfs = SqliteClockVfs();
  if (vfs == nullptr) return absl::InternalError("SQLite has no way to the system");
  const int rc =
      sqlite3_open_v2(absolute.c_str(), &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, vfs);
  std::unique_ptr<SqliteConnection> connection(
      new SqliteConnection(path, database, std::move(stop)));
  if (rc != SQLITE_OK) return SqliteError(connection->stop_, path, database, rc);
  sqlite3_busy_handler(database, WaitForLock, connection.get());
  sqlite3_progress_handler(database, kStepsBetweenLooks, IsStopped, connection.get());
  sqlite3_extended_result_codes(database, 1);
  // A name that is not a column is an error and not a text.
  sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  RETURN_IF_ERROR(connection->Execute("PRAGMA trusted_schema=OFF"));
  RETURN_IF_ERROR(connection->Execute("PRAGMA cell_size_check=ON"));
  // A file that becomes shorter is an error where it is read, and the end of the process where it
  // is mapped.
  RETURN_IF_ERROR(connection->Execute("PRAGMA mmap_size=0"));
  // The first access to the file.
  RETURN_IF_ERROR(connection->Execute(kReadHeader));
  return connection;
}

absl::StatusOr<SqliteStatement> SqliteConnection::Prepare(const std::string& sql) const {
  sqlite3_stmt* statement = nullptr;
  const int rc =
      sqlite3_prepare_v2(get(), sql.c_str(), static_cast<int>(sql.size()) + 1, &statement, nullptr);
  if (rc != SQLITE_OK) return SqliteError(stop_, path_, get(), rc);
  return SqliteStatement(path_, statement, stop_);
}

absl::Status SqliteConnection::Execute(const std::string& sql) const {
  ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return absl::OkStatus();
  }
}

absl::StatusOr<sqlite3_file*> SqliteConnection::File() const {
  sqlite3_file* file = nullptr;
  const int rc = sqlite3_file_control(get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (rc != SQLITE_OK || file == nullptr || file->pMethods == nullptr) {
    return absl::InternalError(Printable(path_) + ": SQLite gives no handle of it");
  }
  return file;
}

absl::Status SqliteConnection::BeginSnapshot() const {
  RETURN_IF_ERROR(Execute("BEGIN"));
  return Execute(kReadHeader);
}

bool SqliteConnection::EndSnapshot() const {
  const bool ended = sqlite3_get_autocommit(get()) != 0 || Execute("COMMIT").ok();
  return ended && sqlite3_get_autocommit(get()) != 0;
}

}  // namespace driftwood::agent
