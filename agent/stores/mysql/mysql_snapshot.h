// Several connections on one snapshot. Only this directory's files include it.
#pragma once

#include <memory>
#include <stop_token>
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
// last (which sees what is not logged). Each is opened with `stop`.
absl::StatusOr<std::vector<std::unique_ptr<MysqlConnection>>> OpenOneMysqlSnapshot(
    const MysqlOptions& options, size_t count, const std::stop_token& stop);

// Whether the table can be cut into ranges of its primary key.
bool HasMysqlRanges(const MysqlTable& table);

// Values of a column of integers, as SQL compares it with the ends.
struct MysqlRange {
  std::string lower;  // ">= 5", "> 5"; empty: from the smallest
  std::string upper;  // "< 9"; empty: to the largest

  // "`id` >= 5 AND `id` < 9"; empty if that is all.
  std::string Condition(const std::string& quoted_column) const;
};

// Ranges of the primary key's first column of which each row of the table is in exactly one, about
// `count`; one of all for a small or empty table.
absl::StatusOr<std::vector<MysqlRange>> MysqlRanges(MysqlConnection& connection,
                                                    const MysqlTable& table, size_t count);

}  // namespace driftwood::agent
