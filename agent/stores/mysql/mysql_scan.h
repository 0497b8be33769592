// Statements of one snapshot, read side by side. Only this folder's files include it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/store.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_rows.h"

namespace driftwood::agent {

struct MysqlScanPlan {
  MysqlOptions options;  // for one more connection
  // Each has begun its transaction on the same snapshot; each takes the next statement when it has
  // read one.
  std::vector<std::unique_ptr<MysqlConnection>> readers;
  // Whose transaction keeps the table as it is until the scan ends; null if a reader does.
  std::unique_ptr<MysqlConnection> guard;
  // Each row of the scan is in the result of exactly one.
  std::vector<std::string> statements;
  std::vector<MysqlForm> forms;
  std::string not_point_in_time;
};

absl::StatusOr<std::unique_ptr<Scan>> StartMysqlScan(MysqlScanPlan plan);

// Once an audit runs: Aborted for a server that is lost or takes too long. Those codes of their own
// would say that the agent is.
absl::Status MysqlServerError(const absl::Status& status);

}  // namespace driftwood::agent
