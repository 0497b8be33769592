// What tables a database has, for a comparison of all of them: the data, and its form on the stdout
// of `driftwood-agent --list-tables`, written and read here. Each store lists its own
// (agent/stores/open_store.h). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/contract/store_url.h"

namespace driftwood {

struct TableEntry {
  std::string name;
  std::string kind;              // for people: "table", "view", "foreign table"
  bool is_table = true;          // false: not data of its own (a view, a foreign table)
  std::vector<std::string> key;  // as Store::Describe() would say; empty if it has none
  std::vector<std::string> columns;
  // Of the store that this table is; never has a password. Of one that a running agent has listed
  // it is the agent's, which says as little of the store as that does.
  std::string url;

  friend bool operator==(const TableEntry&, const TableEntry&) = default;
};

struct TableList {
  std::string source;  // the database's URL without any password
  std::vector<TableEntry> tables;
  std::string scope{};  // the part of the database that was asked for: "the schema a"; empty: all
  std::vector<std::string> warnings;
  // Names are those of several schemas: "a.b" is the table b of a, and "\"a.b\"" one of that name.
  bool qualified = false;
  bool folds_names = false;  // the server keeps all tables' names in lower case
  std::string identity{};    // of the database, or its part, as SourceDescription has it

  friend bool operator==(const TableList&, const TableList&) = default;
};

// InvalidArgument for a parameter that belongs to one table (`table`, `where`, `key`, `rename`,
// `zone`).
absl::Status CheckDatabaseUrl(const StoreUrl& url);

// DataLoss: a list whose end says that it has `count` tables has not these, or one of them twice.
absl::Status CheckIsWhole(const TableList& list, uint64_t count);

// JSON Lines: an object for each table, and a last one that says how many there were, without which
// a list is cut off. README.md has the members.
std::string TableListText(const TableList& list);
// DataLoss: not such a list, or not all of it. A table that is listed twice is one of the former.
absl::StatusOr<TableList> ParseTableList(std::string_view text);

}  // namespace driftwood
