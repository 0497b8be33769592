// A table, view or materialised view as the catalogue describes it. Only this folder's files
// include it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_types.h"

namespace driftwood::agent {

struct PgColumn {
  std::string name;
  std::string declared;  // "character varying(20)"
  PgMapping mapping;
};

struct PgTable {
  uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'r';            // relkind: table, partitioned table, view, materialised view, foreign
  bool has_children = false;  // tables that inherit from it
  std::optional<uint64_t> rows_estimate;
  std::vector<PgColumn> columns;
  std::vector<std::string>
      key;  // primary key, else the smallest unique index over NOT NULL columns

  const PgColumn* Find(const std::string& column) const;
  std::string Quoted() const { return PgQuoted(schema) + "." + PgQuoted(name); }
  std::string Display() const { return schema + "." + name; }
  // Whether its rows stand in pages of its own that can be read range by range.
  bool HasPages() const { return (kind == 'r' || kind == 'm') && !has_children; }
};

// `name` as written in a URL: "orders", "shop.orders", with quotes where a part has a dot. Taken
// as it is, else in lower case. NotFound names what is there.
absl::StatusOr<PgTable> ReadPgTable(PgConnection& connection, const std::string& name);

}  // namespace driftwood::agent
