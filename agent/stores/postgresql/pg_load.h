// How busy a PostgreSQL server is. Only this directory's files include it.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/postgresql/pg_connection.h"

namespace driftwood::agent {

// Running: the client sessions of all databases in the middle of a query or a call. Sessions of
// this program are those that call themselves "driftwood", and those of this role that call
// themselves as the meter's own does (application_name=). Lag: a standby's own; else that of the
// furthest behind of those that replicate from it.
//
// Ends with Cancelled once `stop` is requested, by any thread.
absl::StatusOr<std::unique_ptr<LoadMeter>> MakePgLoadMeter(const PgParameters& parameters,
                                                           LoadParts parts, std::stop_token stop);

}  // namespace driftwood::agent
