// The table that the benches of database servers read, the same rows in each of them, and the
// comparison of its index with a plain client.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/indexing.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood {

struct OrdersSettings {
  uint64_t rows = 5'000'000;
  int rounds = 5;
  int threads = 2;
  std::vector<std::string> connections = {"1", "2"};
};

// --rows=N --rounds=N --threads=N --connections=N,N,…; absent: something else was given.
inline std::optional<OrdersSettings> ParseOrdersSettings(int argc, char** argv) {
  OrdersSettings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = std::min(argument.find('='), argument.size() - 1);
    const std::string name = argument.substr(0, equals);
    std::string value = argument.substr(equals + 1);
    if (name == "--rows") {
      settings.rows = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--rounds") {
      settings.rounds = std::atoi(value.c_str());
    } else if (name == "--threads") {
      settings.threads = std::atoi(value.c_str());
    } else if (name == "--connections") {
      settings.connections.clear();
      for (size_t comma = 0; comma != std::string::npos; value.erase(0, comma + 1)) {
        comma = value.find(',');
        settings.connections.push_back(value.substr(0, comma));
        if (comma == std::string::npos) break;
      }
    } else {
      std::fprintf(stderr, "unknown argument %s\n", argument.c_str());
      return std::nullopt;
    }
  }
  return settings;
}

inline void FillOrders(testing::PostgresServer& server, uint64_t rows) {
  server.Sql(
      "CREATE TABLE orders(id bigint PRIMARY KEY, customer varchar(40), price numeric(12,2), "
      "quantity int, status varchar(10), created timestamp(3), active boolean);"
      "INSERT INTO orders SELECT i, 'customer ' || substr(md5(i::text), 1, 8), "
      "i * 7919 % 81920000 / 100.0, i * 31 % 50, "
      "(ARRAY['open', 'paid', 'shipped', 'returned'])[1 + i % 4], timestamp '2024-01-01' + "
      "(i * 7919 % 30000000000) * interval '1 millisecond', i * 13 % 7 < 3 "
      "FROM generate_series(1::bigint, " +
      std::to_string(rows) + ") i");
  server.Sql("VACUUM (FREEZE, ANALYZE) orders");
}

inline void FillOrders(testing::MariadbServer& server, uint64_t rows) {
  server.Sql(
      "CREATE TABLE orders(id bigint PRIMARY KEY, customer varchar(40), price decimal(12,2), "
      "quantity int, status varchar(10), created datetime(3), active tinyint(1))");
  constexpr uint64_t kStep = 500'000;
  for (uint64_t begin = 1; begin <= rows; begin += kStep) {
    const uint64_t last = std::min(rows, begin + kStep - 1);
    server.Sql(
        "SET sql_log_bin = 0; INSERT INTO orders SELECT seq, concat('customer ', "
        "left(md5(seq), 8)), seq * 7919 % 81920000 / 100, seq * 31 % 50, "
        "elt(1 + seq % 4, 'open', 'paid', 'shipped', 'returned'), "
        "timestamp '2024-01-01 00:00:00' + interval seq * 7919 % 30000000000 * 1000 microsecond, "
        "seq * 13 % 7 < 3 FROM seq_" +
        std::to_string(begin) + "_to_" + std::to_string(last));
  }
}

// The index of that table through so many connections, beside `baseline`.
inline void CompareOrdersIndex(const char* what, const std::string& url,
                               const std::string& connections, const OrdersSettings& settings,
                               const std::function<void()>& baseline) {
  testing::TempDir folder;
  const auto key = merkle::DigestKey::Random();
  CompareIndex(std::string(what) + ", connections=" + connections, settings.rows, settings.rounds,
               baseline, [&] {
                 IndexStore(StoreUrl::Parse(url).value(), OrdersAgreement(key), key,
                            settings.threads, settings.rows, folder / "index");
               });
}

}  // namespace driftwood
