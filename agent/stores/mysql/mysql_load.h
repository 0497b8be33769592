// How busy a MariaDB or MySQL server is. Only this directory's files include it.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/mysql/mysql_connection.h"

namespace driftwood::agent {

// What the statements of scans and lookups begin with, so that they are known as such among the
// server's processes.
inline constexpr char kMysqlSelect[] = "SELECT /* driftwood */ ";

// Running: sessions in the middle of a statement, without our scans and lookups. Who lacks the
// privilege PROCESS sees its own sessions only: then the server's own count, Threads_running, less
// those of ours that it sees (other users' agents, and what sends the binary log to replicas, count
// as load then). Lag: that of the server as a replica, 0 if it is none.
//
// Ends with Cancelled once `stop` is requested, by any thread.
absl::StatusOr<std::unique_ptr<LoadMeter>> MakeMysqlLoadMeter(const MysqlOptions& options,
                                                              LoadParts parts,
                                                              std::stop_token stop);

}  // namespace driftwood::agent
