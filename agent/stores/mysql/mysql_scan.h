// Statements of one snapshot, read side by side. Only this directory's files include it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/retries.h"
#include "agent/source/store.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_rows.h"

namespace driftwood::agent {

// How a scan goes on behind a row whose connection was lost: its statements give the rows in the
// order of one column of integers that differ.
struct MysqlResume {
  std::shared_ptr<Retries> retries;
  // Begins the transaction of a new connection: it locks the table, and its snapshot is taken at
  // its first statement. Aborted if the table is not the one that the scan began with.
  std::function<absl::Status(MysqlConnection&)> begin;
  size_t key_column = 0;  // of the plan's
  // What plan.statements[number] gives behind the row with that key.
  std::function<std::string(size_t number, const std::string& key)> rest;
  std::string table;  // for messages
};

struct MysqlScanPlan {
  MysqlOptions options;  // for one more connection
  std::stop_token stop;  // for the same
  // Each has begun its transaction on the same snapshot; each takes the next statement when it has
  // read one.
  std::vector<std::unique_ptr<MysqlConnection>> readers;
  // Whose transaction keeps the table as it is until the scan ends; null if a reader does.
  std::unique_ptr<MysqlConnection> guard;
  // Each row of the scan is in the result of exactly one.
  std::vector<std::string> statements;
  std::vector<MysqlForm> forms;
  std::string not_point_in_time;
  // Absent: a scan that loses a connection has failed.
  std::optional<MysqlResume> resume;
};

absl::StatusOr<std::unique_ptr<Scan>> StartMysqlScan(MysqlScanPlan plan);

}  // namespace driftwood::agent
