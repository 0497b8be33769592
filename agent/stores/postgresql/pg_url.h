// "postgresql://USER@HOST:PORT/DB?table=T&…" as libpq's parameters. Only this directory's files
// include it.
#pragma once

#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// The URL's own parts and parameters, as libpq names them; without `table`, `where`, `key` and
// `connections`, which are ours. InvalidArgument for what is malformed or unknown.
absl::StatusOr<PgParameters> PgParametersOf(const StoreUrl& url);

}  // namespace driftwood::agent
