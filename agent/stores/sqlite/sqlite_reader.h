// A connection that is used for more than one read, with the proof that it may be. Only this
// directory's files include it.
//
// SQLite keeps the schema that it has parsed and the pages that it has read, and believes them as
// long as two counters in the file are the same: who copies another file over it has perhaps the
// same counters. So a connection is kept together with a watch that began before it was opened: as
// long as that shows no change of the file, what SQLite knows of it is so. In WAL mode, where the
// file is not all there is, none is kept.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "agent/source/idle_connections.h"
#include "agent/stores/sqlite/sqlite_connection.h"
#include "agent/stores/sqlite/sqlite_position.h"

namespace driftwood::agent {

struct SqliteReader {
  std::unique_ptr<SqliteConnection> connection;
  // From before the connection was opened; null: its reads are not proven to be of one state.
  std::unique_ptr<SqliteWatch> watch;
};

// Those of one file. Any thread.
class SqliteReaders {
 public:
  // Null: none is ever kept.
  SqliteReaders(std::shared_ptr<IdleConnections> idle, const std::string& path);

  // One with a read transaction, of a file that is proven to be as it was when it was opened, under
  // the name that it was opened by; none if there is no such.
  std::optional<SqliteReader> Take(const std::stop_token& stop) const;

  // Ends its transaction, and keeps it if it may be used again. No statement of it is left.
  void Give(SqliteReader reader) const;

 private:
  std::shared_ptr<IdleConnections> idle_;
  std::string kind_;  // in idle_
};

}  // namespace driftwood::agent
