#include "agent/stores/mysql/mysql_identity.h"

#include "agent/source/source_identity.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// Any user may see these. What MySQL calls server_uuid is its own in each server. MariaDB has
// something of the kind in some versions, by the machine's address; of two in containers alike the
// second tells in which they were started.
absl::StatusOr<std::vector<std::string>> PartsOf(MysqlConnection& connection) {
  std::vector<std::string> parts = {"mysql"};
  ASSIGN_OR_RETURN(
      const MysqlResult variables,
      connection.Query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', "
                       "'port', 'datadir', 'server_id', 'server_uid', 'server_uuid')"));
  for (size_t i = 0; i < variables.rows(); ++i) {
    parts.push_back(variables.Text(i, 0) + "=" + variables.Text(i, 1));
  }
  if (!connection.is_mariadb()) return parts;
  // Both count from the moment when the statement began, in whole seconds.
  ASSIGN_OR_RETURN(
      const MysqlResult started,
      connection.Query("SELECT UNIX_TIMESTAMP() - CAST(VARIABLE_VALUE AS SIGNED) FROM "
                       "information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'"));
  if (started.rows() != 1) return absl::InternalError("no uptime");
  parts.push_back(started.Text(0, 0));
  return parts;
}

}  // namespace

absl::StatusOr<std::string> MysqlIdentity(MysqlConnection& connection,
                                          const std::vector<std::string>& parts) {
  return ServerIdentity(PartsOf(connection), parts);
}

}  // namespace driftwood::agent
