// The tables of a schema, from the catalogue alone: no privilege on a table is needed to see it.
#include <algorithm>
#include <map>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/postgresql/pg_connection.h"
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

absl::StatusOr<std::string> FindSchema(PgConnection& connection, const StoreUrl& url,
                                       const std::string& schema) {
  ASSIGN_OR_RETURN(
      const PgResult found,
      connection.Query("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {schema}));
  if (found.rows() == 1) return found.Text(0, 0);
  ASSIGN_OR_RETURN(
      const PgResult others,
      connection.Query(
          "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\\_%' "
          "AND nspname <> 'information_schema' ORDER BY 1 LIMIT 1000"));
  std::vector<std::string> names;
  for (int i = 0; i < others.rows(); ++i) names.push_back(others.Text(i, 0));
  return absl::NotFoundError("the database has no schema \"" + Printable(schema) + "\"" +
                             (url.Parameter("schema") ? "" : ": name another with &schema=NAME") +
                             " (it has: " + ListNames(names) + ")");
}

// Partitions are part of their root. One whose root is in another schema is listed for itself: here
// nothing else stands for it.
absl::StatusOr<PgResult> FindTables(PgConnection& connection, const std::string& schema_oid) {
  return connection.Query(
      "SELECT c.oid, c.relname, c.relkind, c.relispartition FROM pg_catalog.pg_class c "
      "WHERE c.relnamespace = $1::pg_catalog.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
      "AND (c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_class r WHERE "
      "r.oid = pg_catalog.pg_partition_root(c.oid) AND r.relnamespace = c.relnamespace)) IS NOT "
      "TRUE "
      "ORDER BY c.relname COLLATE pg_catalog.\"C\"",
      {schema_oid});
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

// As ReadPgTable() chooses them.
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

absl::Status WarnOfOtherSchemas(PgConnection& connection, const std::string& schema,
                                const std::string& schema_oid, TableList* list) {
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Query(
          "SELECT DISTINCT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
          "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
          "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> "
          "'information_schema' AND n.oid <> $1::pg_catalog.oid ORDER BY 1",
          {schema_oid}));
  if (result.rows() == 0) return absl::OkStatus();
  std::vector<std::string> names;
  for (int i = 0; i < result.rows(); ++i) names.push_back(Printable(result.Text(i, 0)));
  list->warnings.push_back("only the tables of the schema " + Printable(schema) +
                           " are compared; there are others in " + ListNames(names) +
                           " (&schema=NAME)");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TableList> ListPostgresqlTables(const StoreUrl& url, const StoreOptions& options) {
  if (!url.IsServer()) {
    return absl::InvalidArgumentError("store URL \"" + url.ToString() +
                                      "\": write postgresql://USER@HOST:PORT/DATABASE");
  }
  const std::string schema = url.Parameter("schema").value_or("public");
  const StoreUrl base = url.Without("schema");
  ASSIGN_OR_RETURN(const PgParameters parameters, PgParametersOf(base));
  ASSIGN_OR_RETURN(const std::unique_ptr<PgConnection> connection,
                   PgConnection::Open(parameters, options.statement_timeout));
  RETURN_IF_ERROR(connection->Begin());
  ASSIGN_OR_RETURN(const std::string oid, FindSchema(*connection, url, schema));
  ASSIGN_OR_RETURN(const PgResult found, FindTables(*connection, oid));
  ASSIGN_OR_RETURN(NamesByOid columns, Names(*connection, kColumns, oid));
  ASSIGN_OR_RETURN(NamesByOid keys, Names(*connection, kKeys, oid));
  TableList list;
  list.source = url.ToString();
  for (int i = 0; i < found.rows(); ++i) {
    const std::string table_oid = found.Text(i, 0);
    const char relkind = found.Text(i, 2)[0];
    TableEntry entry;
    entry.name = found.Text(i, 1);
    entry.kind = KindOf(relkind, found.Bool(i, 3));
    entry.is_table = relkind == 'r' || relkind == 'p';
    entry.key = std::move(keys[table_oid]);
    entry.columns = std::move(columns[table_oid]);
    entry.url = base.With("table", NamePart(schema) + "." + NamePart(entry.name)).ToString();
    list.tables.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(WarnOfOtherSchemas(*connection, schema, oid, &list));
  return list;
}

}  // namespace driftwood::agent
