// The tables of one replica's database, as its agent lists them (agent/README.md). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace driftwood::coordinator {

struct ListedTable {
  std::string name;
  std::string kind;              // for people: "table", "view", "foreign table"
  bool is_table = true;          // false: not data of its own
  std::vector<std::string> key;  // empty: it has none
  std::vector<std::string> columns;
  std::string url;  // of the store that this table is, without a password
};

struct TableListing {
  std::string source;  // of the database, without a password
  std::vector<ListedTable> tables;
  std::vector<std::string> warnings;
  bool folds_names = false;  // the server keeps all tables' names in lower case
};

// DataLoss: not such a list, or not all of it. A table that is listed twice is one of the former.
absl::StatusOr<TableListing> ParseTableListing(std::string_view text);

}  // namespace driftwood::coordinator
