// A table, view or materialised view as the catalogue describes it. Only this directory's files
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
  // Whether to plan how it is read may run functions, which may read other tables: the server
  // computes what is constant in the predicates and expressions of its indexes, statistics and
  // checks.
  bool has_expressions = false;
  std::string file;  // its node, "0" if it has none of its own
  std::optional<uint64_t> rows_estimate;
  std::vector<PgColumn> columns;
  std::vector<std::string>
      key;  // primary key, else the smallest unique index over NOT NULL columns
  // ReadPgUserPath(), if it was read to find the table.
  std::vector<std::string> user_path;

  const PgColumn* Find(const std::string& column) const;
  std::string Quoted() const { return PgQuoted(schema) + "." + PgQuoted(name); }
  std::string Display() const { return schema + "." + name; }
  bool IsSameAs(const PgTable& other) const {
    return oid == other.oid && schema == other.schema && name == other.name && kind == other.kind;
  }
  // As SET search_path takes it. Temporary objects, which only others can have made, come last.
  std::string UserPath() const;
  // Whether its rows stand in pages of its own that can be read range by range.
  bool HasPages() const { return (kind == 'r' || kind == 'm') && !has_children; }
};

// `name` as written in a URL: "orders", "shop.orders", with quotes where a part has a dot. Taken
// as it is, else in lower case; without a schema it is looked for in those of the user's path.
// NotFound names what is there. Without its columns and key. Like all below, in a transaction.
absl::StatusOr<PgTable> FindPgTable(PgConnection& connection, const std::string& name);
// The same table in another transaction. Aborted if its name is another's by now.
absl::StatusOr<PgTable> FindPgTableAgain(PgConnection& connection, const PgTable& before);
absl::Status ReadPgColumns(PgConnection& connection, PgTable* table);
absl::Status ReadPgKey(PgConnection& connection, PgTable* table);
// The schemas in which the user's own names are looked for, in that order: those that exist of the
// search path that the role, the database or the URL has.
absl::StatusOr<std::vector<std::string>> ReadPgUserPath(PgConnection& connection);

// "LATERAL (…) p": for the type whose oid the SQL `type` is, as `part` the oid of each type that it
// is made of (a domain's base, an array's element, a range's subtype, a composite's field), else 0.
// It asks for that type alone: a database has two types for each of its tables.
std::string PgTypeParts(const PgConnection& connection, const std::string& type);

}  // namespace driftwood::agent
