// What SQLite's catalogue says about one table or view. Only this directory's files include it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/sqlite/sqlite_connection.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {

struct SqliteColumn {
  std::string name;
  std::string declared;  // empty: no declared type
  bool not_null = false;
  int key_position = 0;  // in the primary key, from 1; 0: not in it
};

struct SqliteTable {
  std::string name;  // as the catalogue has it
  std::vector<SqliteColumn> columns;
  bool is_view = false;
  bool is_virtual = false;
  // The name under which its rowid can be read, empty if there is none.
  std::string rowid_name;
  // Of the primary key, else of a unique index over NOT NULL columns; empty if there is neither.
  std::vector<std::string> key;

  // Whether `name` is an INTEGER PRIMARY KEY: always an integer, found in O(log n).
  bool IsRowidAlias(const std::string& column) const;
  bool HasColumn(const std::string& column) const;
};

// NotFound if there is no such table or view: names those that there are.
absl::StatusOr<SqliteTable> ReadSqliteTable(const SqliteConnection& connection,
                                            const std::string& name);

// All tables and views of the user.
absl::StatusOr<std::vector<std::string>> SqliteTableNames(const SqliteConnection& connection);

// The canonical type of a declared one; absent if it is not known. docs/agent.md has the table.
std::optional<merkle::ColumnType> TypeOfDeclared(std::string_view declared);

}  // namespace driftwood::agent
