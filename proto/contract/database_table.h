// A table of a database that an agent serves as a whole, as requests and agents' URLs name it:
// "shop?table=orders", and perhaps "&rename=…" and "&zone=…" behind it, as store URLs have them.
// proto/README.md has the form. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace driftwood {

struct DatabaseTable {
  std::string database;  // a dataset's name
  std::string table;     // decoded
  // As they are written; empty: none.
  std::string rename{};
  std::string zone{};

  friend bool operator==(const DatabaseTable&, const DatabaseTable&) = default;
};

// Whether a dataset's name is that of such a table. No other has a '?'.
bool NamesTable(std::string_view dataset);

// In one spelling. ParseDatabaseTable() gives the same table again.
std::string DatasetOf(const DatabaseTable& table);

// InvalidArgument: unknown, doubled or empty parameters, none that names the table, a bare '?' or a
// '%' without two hexadecimal digits.
absl::StatusOr<DatabaseTable> ParseDatabaseTable(std::string_view dataset);

}  // namespace driftwood
