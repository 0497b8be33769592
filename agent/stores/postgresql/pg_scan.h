// COPYs of one snapshot, side by side. Only this folder's files include it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_types.h"

namespace driftwood::agent {

// `statements` are COPY … (FORMAT binary), the scan's parts in their order; each connection takes
// the next when it is through with one. The connections' transactions, and so the locks that keep
// the table as it is, last as long as the scan.
absl::StatusOr<std::unique_ptr<Scan>> StartPgScan(
    std::vector<std::unique_ptr<PgConnection>> connections, std::vector<std::string> statements,
    std::vector<PgForm> forms, std::string not_point_in_time);

}  // namespace driftwood::agent
