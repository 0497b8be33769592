// The lists of tables that stores give (agent/stores/open_store.h). Covers
// agent/stores/sqlite/sqlite_list.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "agent/stores/open_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

StoreUrl Url(const std::string& text) { return StoreUrl::Parse(text).value(); }

TEST(ListTablesTest, WhatBelongsToOneTableIsNoDatabase) {
  for (const char* parameter : {"table=t", "where=1", "key=id", "rename=a=b", "zone=a=UTC"}) {
    const auto list = ListTables(Url(std::string("sqlite:a.db?") + parameter));
    EXPECT_EQ(list.status().code(), absl::StatusCode::kInvalidArgument) << parameter;
    EXPECT_THAT(std::string(list.status().message()), HasSubstr("belongs to one table"));
  }
  for (const char* url : {"csv:a.csv", "jsonl:a", "lmdb:a"}) {
    EXPECT_EQ(ListTables(Url(url)).status().code(), absl::StatusCode::kUnimplemented) << url;
  }
  EXPECT_FALSE(ListTables(Url("sqlite:a.db?nonsense=1")).ok());
  EXPECT_FALSE(StoreUrl::Parse("postgresql:x").ok());
  EXPECT_FALSE(ListTables(Url("mysql://h/")).ok());
}

TEST(ListTablesTest, ADatabaseFileHasTablesViewsAndVirtualTables) {
  const testing::TempDir folder;
  const std::string path = (folder / "what?.db").string();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db,
                         "CREATE TABLE \"b&%,?=x\"(id INTEGER PRIMARY KEY, n);"
                         "CREATE TABLE nokey(x); CREATE VIEW v AS SELECT 1 AS one;"
                         "CREATE VIRTUAL TABLE f USING fts5(text)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  const auto list = ListTables(Url("sqlite:" + path));
  ASSERT_TRUE(list.ok()) << list.status();
  std::vector<std::string> found;
  for (const TableEntry& table : list->tables) {
    if (table.kind == "shadow table") {
      EXPECT_FALSE(table.is_table);
      continue;
    }
    found.push_back(table.name + " " + table.kind + (table.is_table ? "" : ", skipped") +
                    (table.key.empty() ? "" : ", " + table.key[0]));
    // Each URL leads back to its table.
    const auto store = OpenStore(Url(table.url));
    ASSERT_TRUE(store.ok()) << table.url;
    const auto description = (*store)->Describe();
    ASSERT_TRUE(description.ok()) << description.status();
    EXPECT_EQ(description->columns.size(), table.columns.size());
  }
  EXPECT_THAT(
      found, ElementsAre("b&%,?=x table, id", "f virtual table", "nokey table", "v view, skipped"));
  EXPECT_FALSE(ListTables(Url("sqlite:" + (folder / "nosuch.db").string())).ok());
}

}  // namespace
}  // namespace driftwood::agent
