// Queries that give other rows although nothing was written: a function in them is volatile (a
// clock, random(), dblink()), or reads a clock. What such a query reads is no consistent
// snapshot. Only this directory's files include it.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_connection.h"

namespace driftwood::agent {

// Of a plan, as EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) shows it: the first function in it that
// is volatile by its name in any schema, or with `clocks` also one that says when the transaction
// began. Empty if there is none. `ask` answers a query.
absl::StatusOr<std::string> MovingFunctionIn(
    const PgResult& plan, bool clocks,
    const std::function<absl::StatusOr<PgResult>(const std::string& sql)>& ask);

}  // namespace driftwood::agent
