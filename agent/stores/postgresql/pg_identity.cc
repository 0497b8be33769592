#include "agent/stores/postgresql/pg_identity.h"

#include "agent/source/source_identity.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// What every user may see, as two users' identities must be equal: not the cluster's identifier,
// which a standby has too. The moment of the server's start, in microseconds, is its own.
absl::StatusOr<std::vector<std::string>> PartsOf(PgConnection& connection) {
  ASSIGN_OR_RETURN(
      const PgResult database,
      connection.Ask("SELECT oid, datname, pg_catalog.current_setting('port') FROM "
                     "pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"));
  if (database.rows() != 1) return absl::InternalError("no database");
  return std::vector<std::string>{"postgresql", connection.session().server, database.Text(0, 0),
                                  database.Text(0, 1), database.Text(0, 2)};
}

}  // namespace

absl::StatusOr<std::string> PgIdentity(PgConnection& connection,
                                       const std::vector<std::string>& parts) {
  return ServerIdentity(PartsOf(connection), parts);
}

}  // namespace driftwood::agent
