// How a connection comes about, without a wait that can't be ended. Only this directory's files
// include it.
#pragma once

#include <libpq-fe.h>

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace driftwood::agent {

// The caller's, connected or with what libpq says why not; texts come as UTF-8 before the first
// transaction. `parameters` as PQconnectdbParams() takes them, with its meaning: a host that has
// not answered within `connect_timeout` is left out, and the others of a list are tried. Cancelled,
// Unavailable (no host has answered in time), ResourceExhausted, InvalidArgument.
absl::StatusOr<PGconn*> ConnectPg(std::vector<std::pair<std::string, std::string>> parameters,
                                  const std::stop_token& stop);

}  // namespace driftwood::agent
