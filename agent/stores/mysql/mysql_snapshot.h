// Several connections on one snapshot. Only this folder's files include it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_table.h"

namespace driftwood::agent {

// `count` connections that have begun a transaction with a consistent snapshot, all on the same
// state of the server; none if that can't be proven, or the server has no more connections.
//
// MariaDB can't export a snapshot. The proof is that the snapshots' positions in the binary log
// agree, and that InnoDB gave no transaction number from a moment before the first to after the
// last (which sees what is not logged).
absl::StatusOr<std::vector<std::unique_ptr<MysqlConnection>>> OpenOneMysqlSnapshot(
    const MysqlOptions& options, size_t count);

// Whether the table can be cut into ranges of its primary key.
bool HasMysqlRanges(const MysqlTable& table);

// Conditions on the primary key's first column that each row of the table meets exactly one of,
// about `count`; one empty condition for a small or empty table.
absl::StatusOr<std::vector<std::string>> MysqlRanges(MysqlConnection& connection,
                                                     const MysqlTable& table, size_t count);

}  // namespace driftwood::agent
