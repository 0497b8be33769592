// Tables of a MariaDB of the test's own, read as a store.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/index/indexer.h"
#include "agent/index/read_records.h"
#include "agent/stores/mysql/mysql_store.h"
#include "merkle/record/encoding.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/mariadb_server.h"

namespace driftwood::agent {

class MysqlStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = testing::MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(server_);
    server_->Sql("DROP DATABASE test; CREATE DATABASE test");
  }

  std::unique_ptr<Store> Open(const std::string& table, const std::string& more = "",
                              const std::string& user = "root") {
    auto store = OpenMysqlStore(StoreUrl::Parse(server_->Url(table, more, user)).value());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  SourceDescription Describe(const std::string& table, const std::string& more = "") {
    auto description = Open(table, more)->Describe();
    EXPECT_TRUE(description.ok()) << description.status();
    return description.ok() ? *description : SourceDescription{};
  }
  // All rows, sorted.
  std::vector<std::vector<std::string>> Read(const std::string& table,
                                             const std::vector<std::string>& columns,
                                             const std::string& more = "") {
    const auto store = Open(table, more);
    ScanOutcome outcome = ReadAll(*store, columns);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.end.position, "");
    EXPECT_EQ(outcome.end.not_point_in_time, "");
    std::sort(outcome.rows.begin(), outcome.rows.end());
    return outcome.rows;
  }
  std::vector<FoundRecord> Find(const std::string& table, const merkle::Schema& schema,
                                const std::vector<std::string>& keys) {
    merkle::Agreement agreement;
    agreement.schema = schema;
    agreement.key_id = merkle::DigestKey::Unkeyed().KeyId();
    auto found = ReadRecords(*Open(table), agreement, merkle::DigestKey::Unkeyed(), keys);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::vector<FoundRecord>{};
  }
  static std::string TextKey(std::string_view text) {
    std::string key;
    merkle::AppendText(text, merkle::Place::kKeyLast, &key);
    return key;
  }
  static absl::Status OneLine(const absl::Status& status) {
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
    return status;
  }

  testing::MariadbServer* server_ = nullptr;
};

}  // namespace driftwood::agent
