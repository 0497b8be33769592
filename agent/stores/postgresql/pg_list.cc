// The tables of a database, or of one of its schemas, from the catalogue alone: no privilege on a
// table is needed to see it.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_identity.h"
#include "agent/stores/postgresql/pg_url.h"
#include "agent/stores/postgresql/postgresql_store.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using NamesByOid = std::map<std::string, std::vector<std::string>>;

std::string KindOf(char relkind, bool is_partition) {
  switch (relkind) {
    case 'p':
      return "partitioned table";
    case 'v':
      return "view";
    case 'm':
      return "materialised view";
    case 'f':
      return "foreign table";
    default:
      return is_partition ? "partition" : "table";
  }
}

// As `table=` reads it back, and as nothing else: a plain name would also be tried in lower case.
std::string NamePart(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return plain && !name.empty() ? name : PgQuoted(name);
}

struct PgSchema {
  std::string oid;
  std::string name;
};

// Those of the users: what the server keeps for itself is no data.
constexpr char kSchemas[] =
    "SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\\_%' "
    "AND nspname <> 'information_schema' ORDER BY nspname COLLATE pg_catalog.\"C\"";

absl::StatusOr<std::vector<PgSchema>> AllSchemas(PgConnection& connection) {
  ASSIGN_OR_RETURN(const PgResult found, connection.Query(kSchemas));
  std::vector<PgSchema> schemas;
  for (int i = 0; i < found.rows(); ++i) schemas.push_back({found.Text(i, 0), found.Text(i, 1)});
  return schemas;
}

absl::StatusOr<std::vector<PgSchema>> OneSchema(PgConnection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(
      const PgResult found,
      connection.Query("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {name}));
  if (found.rows() == 1) return std::vector<PgSchema>{{found.Text(0, 0), name}};
  ASSIGN_OR_RETURN(const std::vector<PgSchema> others, AllSchemas(connection));
  std::vector<std::string> names;
  for (const PgSchema& schema : others) names.push_back(schema.name);
  return absl::NotFoundError("the database has no schema \"" + Printable(name) + "\"" +
                             " (it has: " + ListNames(names) + ")");
}

// What a table is called among those of all schemas. One of the schema public has the name that it
// would have at a server without schemas, in quotes if it could be read as another schema's.
std::string NameAmongAll(const std::string& schema, const std::string& table) {
  if (schema != "public") return NamePart(schema) + "." + NamePart(table);
  return table.find('.') == std::string::npos ? table : PgQuoted(table);
}

// Partitions are part of their root. One whose root is in another schema is listed for itself if
// that schema is not: nothing else stands for it then.
absl::StatusOr<PgResult> FindTables(PgConnection& connection, const std::string& schema_oid,
                                    bool all_schemas) {
  return connection.Query(
      "SELECT c.oid, c.relname, c.relkind, c.relispartition FROM pg_catalog.pg_class c "
      "WHERE c.relnamespace = $1::pg_catalog.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
      "AND (c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_class r WHERE "
      "r.oid = pg_catalog.pg_partition_root(c.oid) "
      "AND ($2 = 'all' OR r.relnamespace = c.relnamespace))) IS NOT TRUE "
      "ORDER BY c.relname COLLATE pg_catalog.\"C\"",
      {schema_oid, all_schemas ? "all" : "one"});
}

// The second column's values by the first's.
absl::StatusOr<NamesByOid> Names(PgConnection& connection, const std::string& sql,
                                 const std::string& schema_oid) {
  ASSIGN_OR_RETURN(const PgResult result, connection.Query(sql, {schema_oid}));
  NamesByOid names;
  for (int i = 0; i < result.rows(); ++i) names[result.Text(i, 0)].push_back(result.Text(i, 1));
  return names;
}

constexpr char kColumns[] =
    "SELECT a.attrelid, a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON "
    "c.oid = a.attrelid "
    "WHERE c.relnamespace = $1::pg_catalog.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
    "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";

// As ReadPgColumns() chooses them.
constexpr char kKeys[] =
    "SELECT i.indrelid, a.attname FROM (SELECT DISTINCT ON (i.indrelid) i.indrelid, i.indkey, "
    "i.indnkeyatts FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid "
    "WHERE c.relnamespace = $1::pg_catalog.oid AND i.indisunique AND i.indisvalid AND i.indpred IS "
    "NULL "
    "AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM "
    "pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, n) "
    "JOIN pg_catalog.pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = k.attnum "
    "WHERE k.n <= i.indnkeyatts AND NOT b.attnotnull) "
    "ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid) i "
    "CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, "
    "n) "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
    "WHERE k.n <= i.indnkeyatts ORDER BY i.indrelid, k.n";

absl::Status AddTables(PgConnection& connection, const PgSchema& schema, bool all_schemas,
                       const StoreUrl& base, TableList* list) {
  ASSIGN_OR_RETURN(const PgResult found, FindTables(connection, schema.oid, all_schemas));
  ASSIGN_OR_RETURN(NamesByOid columns, Names(connection, kColumns, schema.oid));
  ASSIGN_OR_RETURN(NamesByOid keys, Names(connection, kKeys, schema.oid));
  for (int i = 0; i < found.rows(); ++i) {
    const std::string table_oid = found.Text(i, 0);
    const std::string name = found.Text(i, 1);
    const char relkind = found.Text(i, 2)[0];
    TableEntry entry;
    entry.name = all_schemas ? NameAmongAll(schema.name, name) : name;
    entry.kind = KindOf(relkind, found.Bool(i, 3));
    entry.is_table = relkind == 'r' || relkind == 'p';
    entry.key = std::move(keys[table_oid]);
    entry.columns = std::move(columns[table_oid]);
    entry.url = base.With("table", NamePart(schema.name) + "." + NamePart(name)).ToString();
    list->tables.push_back(std::move(entry));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TableList> ListPostgresqlTables(const StoreUrl& url, const StoreOptions& options,
                                               const std::stop_token& stop) {
  if (!url.IsServer()) {
    return absl::InvalidArgumentError("store URL \"" + url.ToString() +
                                      "\": write postgresql://USER@HOST:PORT/DATABASE");
  }
  const std::optional<std::string> schema = url.Parameter("schema");
  const StoreUrl base = url.Without("schema");
  ASSIGN_OR_RETURN(const PgParameters parameters, PgParametersOf(base));
  ASSIGN_OR_RETURN(const std::unique_ptr<PgConnection> connection,
                   PgConnection::Open(parameters, options.statement_timeout, stop));
  RETURN_IF_ERROR(connection->Begin());
  ASSIGN_OR_RETURN(const std::vector<PgSchema> schemas,
                   schema ? OneSchema(*connection, *schema) : AllSchemas(*connection));
  TableList list;
  list.source = url.ToString();
  if (schema) list.scope = "the schema " + Printable(*schema);
  for (const PgSchema& one : schemas) {
    RETURN_IF_ERROR(AddTables(*connection, one, /*all_schemas=*/!schema, base, &list));
  }
  list.qualified = !schema;
  ASSIGN_OR_RETURN(list.identity,
                   PgIdentity(*connection, {"tables", schema ? schemas[0].oid : ""}));
  return list;
}

}  // namespace driftwood::agent
