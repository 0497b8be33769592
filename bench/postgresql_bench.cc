// How fast an agent indexes a table of PostgreSQL: beside one client that copies the same table
// with COPY BINARY and takes one SHA-256 of each row. The server is the bench's own, in a temporary
// directory.
//
//   postgresql_bench [--rows=N] [--rounds=N] [--threads=N] [--connections=N,N,…]
#include <libpq-fe.h>

#include "bench/orders.h"

namespace driftwood {
namespace {

// The plain client that we measure ourselves against.
void CopyAndHash(const testing::PostgresServer& server, uint64_t rows) {
  PGconn* const connection =
      PQconnectdb(("host='" + server.folder().string() + "' user=test dbname=postgres").c_str());
  DRIFTWOOD_CHECK(PQstatus(connection) == CONNECTION_OK);
  PGresult* const begun = PQexec(connection, "COPY orders TO STDOUT (FORMAT binary)");
  DRIFTWOOD_CHECK(PQresultStatus(begun) == PGRES_COPY_OUT);
  PQclear(begun);
  Sha256 sha256;
  uint64_t found = 0;
  char* row = nullptr;
  int size = 0;
  while ((size = PQgetCopyData(connection, &row, 0)) > 0) {
    sha256.Begin();
    sha256.Update(row, static_cast<size_t>(size));
    sha256.End();
    ++found;
    PQfreemem(row);
  }
  std::fprintf(stderr, "%s", sha256.all() == 0 ? "" : "");
  DRIFTWOOD_CHECK(size == -1 && found == rows + 1);  // the trailer comes as a row of its own
  PQfinish(connection);
}

int Main(int argc, char** argv) {
  const std::optional<OrdersSettings> settings = ParseOrdersSettings(argc, argv);
  if (!settings) return 2;
  const auto server = testing::PostgresServer::StartAnother(
      "-c shared_buffers=1GB -c max_wal_size=8GB -c wal_level=minimal -c max_wal_senders=0");
  if (server == nullptr) {
    std::fprintf(stderr, "postgresql_bench: PostgreSQL is not installed (./dev deps)\n");
    return 2;
  }
  FillOrders(*server, settings->rows);
  const auto baseline = [&] { CopyAndHash(*server, settings->rows); };
  baseline();  // warms the server's cache
  for (const std::string& connections : settings->connections) {
    CompareOrdersIndex("postgresql", server->Url("orders", "&connections=" + connections),
                       connections, *settings, baseline);
  }
  return 0;
}

}  // namespace
}  // namespace driftwood

int main(int argc, char** argv) { return driftwood::Main(argc, argv); }
