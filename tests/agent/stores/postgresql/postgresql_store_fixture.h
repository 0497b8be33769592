// A PostgreSQL server's tables, read as rows of texts.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "agent/index/indexer.h"
#include "agent/stores/postgresql/postgresql_store.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

class PostgresqlStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = testing::PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; "
        "GRANT USAGE ON SCHEMA public TO public");
  }

  std::unique_ptr<Store> Open(const std::string& table, const std::string& more = "",
                              const std::string& user = "test") {
    auto store = OpenPostgresqlStore(StoreUrl::Parse(server_->Url(table, more, user)).value());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  SourceDescription Describe(const std::string& table, const std::string& more = "") {
    auto description = Open(table, more)->Describe();
    EXPECT_TRUE(description.ok()) << description.status();
    return description.ok() ? *description : SourceDescription{};
  }
  // All rows, sorted.
  Rows Read(const std::string& table, const std::vector<std::string>& columns,
            const std::string& more = "") {
    const auto store = Open(table, more);
    ScanOutcome outcome = ReadAll(*store, columns);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.end.position, "");
    EXPECT_EQ(outcome.end.not_point_in_time, "");
    std::sort(outcome.rows.begin(), outcome.rows.end());
    return outcome.rows;
  }
  // The one value of `SELECT expression`, as a table's column of that type.
  std::string ValueOf(const std::string& expression, std::string* declared = nullptr) {
    server_->Sql("DROP TABLE IF EXISTS v; CREATE TABLE v AS SELECT " + expression + " AS x");
    if (declared != nullptr) {
      const SourceColumn column = Describe("v").columns.at(0);
      *declared = merkle::TypeText(column.value_type());
    }
    const Rows rows = Read("v", {"x"});
    return rows.size() == 1 ? rows[0][0] : "no row";
  }

  testing::PostgresServer* server_ = nullptr;
};

}  // namespace driftwood::agent
