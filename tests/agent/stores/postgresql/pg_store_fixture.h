// Tables of a PostgreSQL of the test's own, read as a store, also through a relay.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "agent/stores/postgresql/postgresql_store.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/pg_relay.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {

class PgStoreTest : public ::testing::Test {
 protected:
  using Relay = testing::PgRelay;
  using Rows = std::vector<std::vector<std::string>>;

  void SetUp() override {
    server_ = testing::PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public; "
        "DROP SCHEMA IF EXISTS live, staged, retired, app CASCADE");
  }

  // From now on all stores are reached through it.
  void RelayBy(Relay::Settings settings) {
    relay_.reset();
    relay_folder_ = std::make_unique<testing::TempDir>();
    relay_ = std::make_unique<Relay>(relay_folder_->path(), server_->socket(), std::move(settings));
  }
  // Runs `sql` before the server has the `number`-th of the statements that begin so.
  void At(const std::string& beginning, int number, const std::string& sql) {
    RelayBy({Relay::Pooling::kNever, "", [=, this, seen = 0](const std::string& statement) mutable {
               if (statement.starts_with(beginning) && ++seen == number) server_->Sql(sql);
             }});
  }

  std::unique_ptr<Store> Open(const std::string& table, const std::string& more = "",
                              const std::string& user = "test") {
    const auto& folder = relay_ == nullptr ? server_->folder() : relay_folder_->path();
    const std::string url =
        "postgresql://" + user + "@/postgres?host=" + folder.string() + "&table=" + table + more;
    auto store = OpenPostgresqlStore(StoreUrl::Parse(url).value());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  static ScanOutcome Sorted(ScanOutcome outcome) {
    std::sort(outcome.rows.begin(), outcome.rows.end());
    return outcome;
  }
  ScanOutcome Scan(const std::string& table, const std::vector<std::string>& columns,
                   const std::string& more = "", const std::string& user = "test") {
    return Sorted(ReadAll(*Open(table, more, user), columns));
  }
  static bool Says(const absl::Status& status, const std::string& words) {
    return status.message().find(words) != absl::string_view::npos;
  }

  testing::PostgresServer* server_ = nullptr;
  std::unique_ptr<testing::TempDir> relay_folder_;
  std::unique_ptr<Relay> relay_;
};

}  // namespace driftwood::agent
