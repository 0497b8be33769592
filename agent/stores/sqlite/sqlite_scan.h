// Rows of one SELECT, read under one snapshot. Only this directory's files include it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/sqlite/sqlite_reader.h"
#include "merkle/os/stop.h"

namespace driftwood::agent {

struct SqliteQuery {
  std::string sql;
  std::string display;     // "the view v"
  size_t columns = 0;      // the scan's; a column after them is the rowid
  bool has_rowid = false;  // then that is a row's origin, else its number
  // With one parameter in `sql`: run it once for each of these.
  bool by_key = false;
  std::vector<int64_t> keys;
  std::string position;  // of the snapshot; empty if it can't be proven
};

// The reader has its snapshot, and the token of `stop`. It goes to `readers` in the end.
absl::StatusOr<std::unique_ptr<Scan>> StartSqliteScan(SqliteReader reader, SqliteReaders readers,
                                                      merkle::LinkedStop stop, SqliteQuery query);

}  // namespace driftwood::agent
