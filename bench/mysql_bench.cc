// How fast an agent indexes a table of MariaDB: beside one client that reads the same table
// unbuffered and takes one SHA-256 of each row. The server is the bench's own, in a temporary
// directory.
//
//   mysql_bench [--rows=N] [--rounds=N] [--threads=N] [--connections=N,N,…]
#include <mysql.h>

#include "bench/orders.h"

namespace driftwood {
namespace {

// The plain client that we measure ourselves against.
void ReadAndHash(const testing::MariadbServer& server, uint64_t rows) {
  MYSQL* const mysql = mysql_init(nullptr);
  DRIFTWOOD_CHECK(mysql_real_connect(mysql, nullptr, "root", "", "test", 0, server.socket().c_str(),
                                     0) != nullptr);
  DRIFTWOOD_CHECK(mysql_query(mysql, "SELECT * FROM orders") == 0);
  MYSQL_RES* const result = mysql_use_result(mysql);
  Sha256 sha256;
  const unsigned columns = mysql_num_fields(result);
  uint64_t found = 0;
  while (const MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* const lengths = mysql_fetch_lengths(result);
    sha256.Begin();
    for (unsigned i = 0; i < columns; ++i) sha256.Update(row[i], lengths[i]);
    sha256.End();
    ++found;
  }
  DRIFTWOOD_CHECK(mysql_errno(mysql) == 0 && found == rows);
  std::fprintf(stderr, "%s", sha256.all() == 0 ? "" : "");
  mysql_free_result(result);
  mysql_close(mysql);
}

int Main(int argc, char** argv) {
  const std::optional<OrdersSettings> settings = ParseOrdersSettings(argc, argv);
  if (!settings) return 2;
  const auto server = testing::MariadbServer::Start({"--innodb-buffer-pool-size=2G"});
  if (server == nullptr) {
    std::fprintf(stderr, "mysql_bench: MariaDB is not installed (./dev deps)\n");
    return 2;
  }
  FillOrders(*server, settings->rows);
  const auto baseline = [&] { ReadAndHash(*server, settings->rows); };
  baseline();  // warms the server's cache
  for (const std::string& connections : settings->connections) {
    CompareOrdersIndex("mysql", server->Url("orders", "&connections=" + connections), connections,
                       *settings, baseline);
  }
  return 0;
}

}  // namespace
}  // namespace driftwood

int main(int argc, char** argv) { return driftwood::Main(argc, argv); }
