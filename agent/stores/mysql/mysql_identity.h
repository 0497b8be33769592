// Which server's which database or table it is, as the server says.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/mysql/mysql_connection.h"

namespace driftwood::agent {

// Of `parts` of the server, as SourceDescription::identity. Empty if the server does not say;
// Cancelled.
absl::StatusOr<std::string> MysqlIdentity(MysqlConnection& connection,
                                          const std::vector<std::string>& parts);

}  // namespace driftwood::agent
