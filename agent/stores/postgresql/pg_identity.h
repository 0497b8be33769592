// Which server's which database or table it is, as the server says.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_connection.h"

namespace driftwood::agent {

// Of `parts` of the connection's database, as SourceDescription::identity; in the connection's
// transaction, which is of no use afterwards. Empty if the server does not say; Cancelled.
absl::StatusOr<std::string> PgIdentity(PgConnection& connection,
                                       const std::vector<std::string>& parts);

}  // namespace driftwood::agent
