// Which state of its file a SQLite snapshot reads. Only this directory's files include it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/source/file_watch.h"
#include "agent/stores/sqlite/sqlite_connection.h"

namespace driftwood::agent {

// A text that changes whenever the database's committed content does: the file's identity, size,
// times and change counter, and for a database in WAL mode all that the headers of the log and of
// its frames say. (A commit to the log changes nothing of the file itself; each frame's header has
// a checksum over all before it.) Call it with a read transaction open: a rollback-mode writer is
// then locked out. In WAL mode writers go on, so take it before and after the snapshot: only if
// both are equal do they stand for it.
//
// The main file is read through SQLite's own handle: closing another one of this process would
// drop the locks that SQLite holds on it.
absl::StatusOr<std::string> SqlitePosition(const SqliteConnection& connection);

// Did anything write to the database past SQLite while it was read? SQLite's locks keep programs
// away that use SQLite, and nobody else: rsync --inplace, dd, a restore.
class SqliteWatch {
 public:
  // `connection` has a read transaction, under which nobody who uses SQLite writes to the file: but
  // in WAL mode, where frames of the log are copied into it. What is to be proven must be read by a
  // connection that is opened after this: this one may have read what came before. Waits as
  // FileWatch::Begin() does, and ends with Cancelled once `stop` is requested.
  static absl::StatusOr<std::unique_ptr<SqliteWatch>> Begin(const SqliteConnection& connection,
                                                            const std::stop_token& stop = {});

  // Of what a connection that was opened after Begin() has read in its transaction, which is still
  // open: empty if it is proven to be of one state.
  std::string WhyNotOneState(const SqliteConnection& connection) const;
  // It is in WAL mode.
  bool HasLog() const { return log_.has_value(); }
  bool IsProofForLater() const { return file_->IsProofForLater(true); }

 private:
  // What the index of the write-ahead log says. https://sqlite.org/walformat.html
  struct Log {
    uint64_t salt = 0;         // another one each time that the log is begun anew
    uint32_t frames = 0;       // that are committed
    uint32_t copied = 0;       // into the file
    uint32_t copied_soon = 0;  // or being copied
    std::string text;          // all that the headers of those frames say
  };
  // Absent: not in WAL mode.
  static absl::StatusOr<std::optional<Log>> ReadLog(const SqliteConnection& connection,
                                                    std::optional<uint32_t> frames = std::nullopt);
  std::string WhyLogMayBeElsewhere(const SqliteConnection& connection) const;
  std::string ChangeOfLog(const SqliteConnection& connection, bool* has_copied) const;

  SqliteWatch(std::unique_ptr<FileWatch> file, std::optional<Log> log)
      : file_(std::move(file)), log_(std::move(log)) {}

  const std::unique_ptr<FileWatch> file_;
  const std::optional<Log> log_;  // when the watch began
};

}  // namespace driftwood::agent
