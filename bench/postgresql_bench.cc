// How fast an agent indexes a table of PostgreSQL: beside one client that copies the same table
// with COPY BINARY and takes one SHA-256 of each row. Each round measures both, one after the
// other; the ratios are medians over the rounds. The server is the bench's own, in a temporary
// folder.
//
//   postgresql_bench [--rows=N] [--rounds=N] [--threads=N] [--connections=N,N,…]
#include <libpq-fe.h>
#include <openssl/evp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/indexer.h"
#include "agent/stores/open_store.h"
#include "merkle/check.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::agent {
namespace {

struct Settings {
  uint64_t rows = 5'000'000;
  int rounds = 5;
  int threads = 2;
  std::vector<std::string> connections = {"1", "2"};
};

struct Times {
  double wall = 0;
  double cpu = 0;  // of this process, not of the server
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <typename Function>
Times Measure(const Function& function) {
  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  function();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          CpuSeconds() - cpu};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void FillTable(testing::PostgresServer& server, uint64_t rows) {
  server.Sql(
      "CREATE TABLE orders(id bigint PRIMARY KEY, customer varchar(40), price numeric(12,2), "
      "quantity int, status varchar(10), created timestamp(3), active boolean);"
      "INSERT INTO orders SELECT i, 'customer ' || substr(md5(i::text), 1, 8), "
      "hashint8(i + 1) % 819200 / 100.0, abs(hashint8(i + 2)) % 50, "
      "(ARRAY['open', 'paid', 'shipped', 'returned'])[1 + i % 4], timestamp '2024-01-01' + "
      "(hashint8(i + 3) + 2147483648) * interval '7 milliseconds', hashint8(i + 4) % 2 = 0 "
      "FROM generate_series(1::bigint, " +
      std::to_string(rows) + ") i");
  server.Sql("VACUUM (FREEZE, ANALYZE) orders");
}

// The plain client that we measure ourselves against.
void CopyAndHash(const testing::PostgresServer& server, uint64_t rows) {
  PGconn* const connection =
      PQconnectdb(("host='" + server.folder().string() + "' user=test dbname=postgres").c_str());
  DRIFTWOOD_CHECK(PQstatus(connection) == CONNECTION_OK);
  PGresult* const begun = PQexec(connection, "COPY orders TO STDOUT (FORMAT binary)");
  DRIFTWOOD_CHECK(PQresultStatus(begun) == PGRES_COPY_OUT);
  PQclear(begun);
  EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  uint64_t found = 0;
  unsigned char all = 0;  // so that no work is left out
  char* row = nullptr;
  int size = 0;
  while ((size = PQgetCopyData(connection, &row, 0)) > 0) {
    EVP_DigestInit_ex2(context, algorithm, nullptr);
    EVP_DigestUpdate(context, row, static_cast<size_t>(size));
    unsigned char digest[32];
    EVP_DigestFinal_ex(context, digest, nullptr);
    all ^= digest[0];
    ++found;
    PQfreemem(row);
  }
  std::fprintf(stderr, "%s", all == 0 ? "" : "");
  DRIFTWOOD_CHECK(size == -1 && found == rows + 1);  // the trailer comes as a row of its own
  EVP_MD_CTX_free(context);
  EVP_MD_free(algorithm);
  PQfinish(connection);
}

merkle::Agreement OrdersAgreement(const merkle::DigestKey& key) {
  using merkle::ColumnType;
  merkle::Agreement agreement;
  agreement.schema = {{{"id", ColumnType::kInteger}},
                      {{"active", ColumnType::kBool},
                       {"created", ColumnType::kTimestamp},
                       {"customer", ColumnType::kText},
                       {"price", ColumnType::kDecimal},
                       {"quantity", ColumnType::kInteger},
                       {"status", ColumnType::kText}}};
  agreement.key_id = key.KeyId();
  return agreement;
}

void Index(const std::string& url, const Settings& settings, const std::filesystem::path& path) {
  IndexerOptions options;
  options.key = merkle::DigestKey::Random();
  options.threads = settings.threads;
  const auto store = OpenStore(StoreUrl::Parse(url).value()).value();
  const auto result = BuildIndex(*store, OrdersAgreement(options.key), options, path);
  if (!result.ok()) std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
  DRIFTWOOD_CHECK(result.ok() && result->root.count == settings.rows && result->unparsed == 0);
  std::filesystem::remove(path);
}

void Compare(const testing::PostgresServer& server, const Settings& settings,
             const std::string& connections) {
  testing::TempDir folder;
  const std::string url = server.Url("orders", "&connections=" + connections);
  std::vector<double> ratios, rates, baseline_rates, cpu_ratios;
  for (int round = 0; round < settings.rounds; ++round) {
    const Times theirs = Measure([&] { CopyAndHash(server, settings.rows); });
    const Times mine = Measure([&] { Index(url, settings, folder / "index"); });
    const auto count = static_cast<double>(settings.rows);
    ratios.push_back(theirs.wall / mine.wall);
    rates.push_back(count / mine.wall / 1e6);
    baseline_rates.push_back(count / theirs.wall / 1e6);
    cpu_ratios.push_back(mine.cpu / theirs.cpu);
    std::printf("  connections=%s round %d: baseline %.2f s (cpu %.2f), index %.2f s (cpu %.2f)\n",
                connections.c_str(), round, theirs.wall, theirs.cpu, mine.wall, mine.cpu);
    std::fflush(stdout);
  }
  std::printf(
      "postgresql, connections=%s: index %.2f M/s, baseline %.2f M/s, ratio %.2f (cpu x %.2f)\n",
      connections.c_str(), Median(rates), Median(baseline_rates), Median(ratios),
      Median(cpu_ratios));
  std::fflush(stdout);
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

int Main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = std::min(argument.find('='), argument.size() - 1);
    const std::string name = argument.substr(0, equals);
    const std::string value = argument.substr(equals + 1);
    if (name == "--rows") {
      settings.rows = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--rounds") {
      settings.rounds = std::atoi(value.c_str());
    } else if (name == "--threads") {
      settings.threads = std::atoi(value.c_str());
    } else if (name == "--connections") {
      settings.connections = Split(value);
    } else {
      std::fprintf(stderr, "unknown argument %s\n", argument.c_str());
      return 2;
    }
  }
  const auto server = testing::PostgresServer::StartAnother(
      "-c shared_buffers=1GB -c max_wal_size=8GB -c wal_level=minimal -c max_wal_senders=0");
  if (server == nullptr) {
    std::fprintf(stderr, "postgresql_bench: PostgreSQL is not installed (./dev deps)\n");
    return 2;
  }
  FillTable(*server, settings.rows);
  CopyAndHash(*server, settings.rows);  // warms the server's cache
  for (const std::string& connections : settings.connections) {
    Compare(*server, settings, connections);
  }
  return 0;
}

}  // namespace
}  // namespace driftwood::agent

int main(int argc, char** argv) { return driftwood::agent::Main(argc, argv); }
