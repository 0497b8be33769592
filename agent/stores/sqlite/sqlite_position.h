// Which state of its file a SQLite snapshot reads. Only this folder's files include it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
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

}  // namespace driftwood::agent
