// A whole audit of a table in PostgreSQL against its copy in MariaDB with 100 differences, beside
// what people do without such a tool: SHA-2 checksums of chunks, made by both servers at once, and
// the rows of the chunks that differ compared one by one. And beside a FULL OUTER JOIN of two such
// tables inside one PostgreSQL. The servers are the bench's own, in temporary directories.
//
//   audit_bench [--rows=N] [--rounds=N]
#include <libpq-fe.h>
#include <mysql.h>

#include <thread>

#include "bench/orders.h"
#include "tests/testing/process.h"

namespace driftwood {
namespace {

constexpr uint64_t kDifferences = 100;
constexpr uint64_t kChunkRows = 20'000;

// The first 60 bits of the SHA-256 of a row's text, in each server's words.
constexpr char kPostgresRow[] =
    "('x' || substr(encode(sha256(convert_to(concat_ws('#', id, customer, price, quantity, status, "
    "to_char(created, 'YYYY-MM-DD HH24:MI:SS.MS'), active::int), 'UTF8')), 'hex'), 1, "
    "15))::bit(60)::bigint";
constexpr char kMariadbRow[] =
    "CAST(CONV(LEFT(SHA2(CONCAT_WS('#', id, customer, price, quantity, status, "
    "LEFT(DATE_FORMAT(created, '%Y-%m-%d %H:%i:%s.%f'), 23), active), 256), 15), 16, 10) AS "
    "UNSIGNED)";

using Rows = std::vector<std::pair<std::string, std::string>>;

std::string Range(uint64_t chunk) {
  return " FROM orders WHERE id BETWEEN " + std::to_string(chunk * kChunkRows + 1) + " AND " +
         std::to_string((chunk + 1) * kChunkRows);
}

// Two columns of all rows.
class Client {
 public:
  virtual ~Client() = default;
  virtual Rows Query(const std::string& sql) = 0;
  virtual std::string row_hash() const = 0;

  // Count and sum of each chunk.
  Rows Checksums(uint64_t chunks) {
    Rows sums;
    for (uint64_t chunk = 0; chunk < chunks; ++chunk) {
      sums.push_back(Query("SELECT count(*), sum(" + row_hash() + ")" + Range(chunk)).at(0));
    }
    return sums;
  }
  Rows RowsOf(uint64_t chunk) {
    return Query("SELECT id, " + row_hash() + Range(chunk) + " ORDER BY id");
  }
};

class PostgresClient final : public Client {
 public:
  explicit PostgresClient(const testing::PostgresServer& server)
      : connection_(PQconnectdb(
            ("host='" + server.folder().string() + "' user=test dbname=postgres").c_str())) {
    DRIFTWOOD_CHECK(PQstatus(connection_) == CONNECTION_OK);
  }
  ~PostgresClient() override { PQfinish(connection_); }
  Rows Query(const std::string& sql) override {
    PGresult* const result = PQexec(connection_, sql.c_str());
    DRIFTWOOD_CHECK(PQresultStatus(result) == PGRES_TUPLES_OK);
    Rows rows;
    for (int i = 0; i < PQntuples(result); ++i) {
      rows.emplace_back(PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
    }
    PQclear(result);
    return rows;
  }
  std::string row_hash() const override { return kPostgresRow; }

 private:
  PGconn* const connection_;
};

class MariadbClient final : public Client {
 public:
  explicit MariadbClient(const testing::MariadbServer& server) : mysql_(mysql_init(nullptr)) {
    DRIFTWOOD_CHECK(mysql_real_connect(mysql_, nullptr, "root", "", "test", 0,
                                       server.socket().c_str(), 0) != nullptr);
  }
  ~MariadbClient() override { mysql_close(mysql_); }
  Rows Query(const std::string& sql) override {
    DRIFTWOOD_CHECK(mysql_query(mysql_, sql.c_str()) == 0);
    MYSQL_RES* const result = mysql_store_result(mysql_);
    DRIFTWOOD_CHECK(result != nullptr);
    Rows rows;
    while (const MYSQL_ROW row = mysql_fetch_row(result)) rows.emplace_back(row[0], row[1]);
    mysql_free_result(result);
    return rows;
  }
  std::string row_hash() const override { return kMariadbRow; }

 private:
  MYSQL* const mysql_;
};

void CompareChunks(const testing::PostgresServer& postgres, const testing::MariadbServer& mariadb,
                   uint64_t rows) {
  PostgresClient left(postgres);
  MariadbClient right(mariadb);
  const uint64_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  Rows left_sums, right_sums;
  std::thread other([&] { right_sums = right.Checksums(chunks); });
  left_sums = left.Checksums(chunks);
  other.join();
  uint64_t found = 0;
  for (uint64_t chunk = 0; chunk < chunks; ++chunk) {
    if (left_sums[chunk] == right_sums[chunk]) continue;
    const Rows a = left.RowsOf(chunk), b = right.RowsOf(chunk);
    DRIFTWOOD_CHECK(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) found += a[i] != b[i];
  }
  DRIFTWOOD_CHECK(found == kDifferences);
}

void Join(const testing::PostgresServer& postgres) {
  PostgresClient client(postgres);
  const Rows rows = client.Query(
      "SELECT count(*), 1 FROM orders a FULL OUTER JOIN orders_copy b USING (id) "
      "WHERE a.* IS DISTINCT FROM b.*");
  DRIFTWOOD_CHECK(rows.at(0).first == std::to_string(kDifferences));
}

void Audit(const std::string& program, const std::string& left, const std::string& right) {
  testing::ProcessOptions options;
  options.limit = std::chrono::hours(1);
  const testing::ProcessResult result = testing::RunProcess(
      {program, "diff", left, right, "--recheck", "0", "--format", "json"}, options);
  const bool all = result.out.find("\"summary\": {\"total\":" + std::to_string(kDifferences) +
                                   ",\"exact\":true") != std::string::npos;
  if (result.exit_code != 1 || !all) std::fprintf(stderr, "%s\n", result.err.c_str());
  DRIFTWOOD_CHECK(result.exit_code == 1 && all);
}

void Drift(testing::PostgresServer& postgres, testing::MariadbServer& mariadb, uint64_t rows) {
  const std::string changed =
      " SET price = price + 0.01 WHERE id % " + std::to_string(rows / kDifferences) + " = 7";
  postgres.Sql(
      "CREATE TABLE orders_copy AS TABLE orders; ALTER TABLE orders_copy ADD PRIMARY KEY (id)");
  postgres.Sql("UPDATE orders_copy" + changed);
  postgres.Sql("VACUUM (FREEZE, ANALYZE) orders_copy");
  mariadb.Sql("UPDATE orders" + changed);
}

int Main(int argc, char** argv) {
  std::optional<OrdersSettings> settings = ParseOrdersSettings(argc, argv);
  if (!settings || settings->rows < kDifferences) return 2;
  const auto postgres = testing::PostgresServer::StartAnother(
      "-c shared_buffers=2GB -c work_mem=1GB -c max_wal_size=8GB -c wal_level=minimal "
      "-c max_wal_senders=0");
  const auto mariadb = testing::MariadbServer::Start({"--innodb-buffer-pool-size=2G"});
  if (postgres == nullptr || mariadb == nullptr) {
    std::fprintf(stderr, "audit_bench: PostgreSQL or MariaDB is not installed (./dev deps)\n");
    return 2;
  }
  settings->rows -= settings->rows % kDifferences;
  FillOrders(*postgres, settings->rows);
  FillOrders(*mariadb, settings->rows);
  Drift(*postgres, *mariadb, settings->rows);
  const std::string program =
      (std::filesystem::absolute(argv[0]).parent_path().parent_path() / "bin" / "driftwood")
          .string();
  std::vector<double> ratios, audits, checksums, joins;
  for (int round = 0; round < settings->rounds; ++round) {
    checksums.push_back(Measure([&] { CompareChunks(*postgres, *mariadb, settings->rows); }).wall);
    audits.push_back(
        Measure([&] { Audit(program, postgres->Url("orders"), mariadb->Url("orders")); }).wall);
    joins.push_back(Measure([&] { Join(*postgres); }).wall);
    ratios.push_back(checksums.back() / audits.back());
    std::printf("  round %d: checksums %.2f s, audit %.2f s, join inside PostgreSQL %.2f s\n",
                round, checksums.back(), audits.back(), joins.back());
    std::fflush(stdout);
  }
  std::printf("audit: %.2f s, checksums of chunks %.2f s, ratio %.2f; join %.2f s\n",
              Median(audits), Median(checksums), Median(ratios), Median(joins));
  return 0;
}

}  // namespace
}  // namespace driftwood

int main(int argc, char** argv) { return driftwood::Main(argc, argv); }
