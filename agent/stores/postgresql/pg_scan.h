// COPYs of one snapshot, side by side. Only this folder's files include it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/store.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_types.h"

namespace driftwood::agent {

// Each connection has sent its COPY … (FORMAT binary). Their transactions, and so the locks that
// keep the table as it is, last as long as the scan.
absl::StatusOr<std::unique_ptr<Scan>> StartPgScan(
    std::vector<std::unique_ptr<PgConnection>> connections, std::vector<PgForm> forms,
    std::string not_point_in_time);

}  // namespace driftwood::agent
