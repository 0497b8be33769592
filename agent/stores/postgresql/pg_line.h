// The line to a server's process, and what that process keeps in mind for it. Only this directory's
// files include it.
#pragma once

#include <libpq-fe.h>

#include <map>
#include <string>

namespace driftwood::agent {

// Outlives the transactions that use it, one after the other.
struct PgLine {
  explicit PgLine(PGconn* line) : connection(line) {}
  ~PgLine() { PQfinish(connection); }
  PgLine(const PgLine&) = delete;
  PgLine& operator=(const PgLine&) = delete;

  PGconn* const connection;
  // Of the process that the last transaction ran in; empty before the first.
  std::string pid;
  // The names of the statements that the process has prepared for us, by their texts.
  std::map<std::string, std::string> prepared;
  // Whether code of others has run there since it was last known that those are ours still.
  bool is_doubtful = false;
};

}  // namespace driftwood::agent
