#include "agent/stores/postgresql/pg_table.h"

#include <algorithm>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

struct TableName {
  std::string schema;  // empty: on the search path
  std::string name;
  bool is_quoted = false;
};

absl::StatusOr<TableName> ParseTableName(const std::string& text) {
  std::vector<std::string> parts(1);
  TableName result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      parts.emplace_back();
    } else if (text[i] == '"' && parts.back().empty()) {
      result.is_quoted = true;
      for (++i;; ++i) {
        if (i >= text.size()) return absl::InvalidArgumentError("table name without closing quote");
        if (text[i] == '"' && (i + 1 >= text.size() || text[i + 1] != '"')) break;
        if (text[i] == '"') ++i;
        parts.back() += text[i];
      }
    } else {
      parts.back() += text[i];
    }
  }
  const bool empty =
      std::any_of(parts.begin(), parts.end(), [](const auto& p) { return p.empty(); });
  if (empty || parts.size() > 2) {
    return absl::InvalidArgumentError("\"" + Printable(text) +
                                      "\" is no table name: write NAME or SCHEMA.NAME, with "
                                      "quotes (\"a.b\") around a part that has a dot");
  }
  result.name = parts.back();
  if (parts.size() == 2) result.schema = parts.front();
  return result;
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

absl::StatusOr<PgResult> FindTable(PgConnection& connection, const TableName& name) {
  return connection.Query(
      "SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples::int8, "
      "EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) "
      "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND "
      "CASE WHEN $2 = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END",
      {name.name, name.schema});
}

absl::Status NoSuchTable(PgConnection& connection, const std::string& wanted) {
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Query("SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname "
                       "ELSE n.nspname || '.' || c.relname END FROM pg_class c "
                       "JOIN pg_namespace n ON n.oid = c.relnamespace "
                       "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND "
                       "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') "
                       "ORDER BY 1 LIMIT 1000"));
  std::vector<std::string> names;
  for (int i = 0; i < result.rows(); ++i) names.push_back(result.Text(i, 0));
  const std::string nearest = NearestName(wanted, names).value_or("");
  return absl::NotFoundError(
      "the database has no table \"" + Printable(wanted) + "\"" +
      (nearest.empty() ? std::string() : "; did you mean \"" + Printable(nearest) + "\"?") +
      " (it has: " + ListNames(names) + ")");
}

// The types of the columns, and those that they are made of.
absl::StatusOr<PgTypes> ReadTypes(PgConnection& connection, const std::string& oid) {
  const std::string multirange =
      connection.server_version() >= 140000 ? "r.rngmultitypid" : "NULL::oid";
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Query(
          "WITH RECURSIVE parts AS (SELECT t.oid, CASE "
          "WHEN t.typtype = 'd' THEN t.typbasetype "
          "WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem "
          "ELSE coalesce((SELECT r.rngsubtype FROM pg_range r "
          "WHERE t.oid IN (r.rngtypid, " +
              multirange +
              ")), 0) END AS part FROM pg_type t), "
              "used(oid) AS (SELECT atttypid FROM pg_attribute "
              "WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped "
              "UNION SELECT p.part FROM used JOIN parts p ON p.oid = used.oid WHERE p.part <> 0) "
              "SELECT t.oid, t.typname, n.nspname = 'pg_catalog', t.typtype, p.part, "
              "t.typcategory = 'A' AND t.typelem <> 0 AND t.typtype = 'b' "
              "AND t.typname NOT IN ('int2vector', 'oidvector') FROM used "
              "JOIN pg_type t ON t.oid = used.oid JOIN parts p ON p.oid = t.oid "
              "JOIN pg_namespace n ON n.oid = t.typnamespace",
          {oid}));
  PgTypes types;
  for (int i = 0; i < result.rows(); ++i) {
    PgType& type = types[static_cast<uint32_t>(result.Int(i, 0))];
    type.name = result.Text(i, 1);
    type.is_system = result.Bool(i, 2);
    type.kind = result.Text(i, 3)[0];
    type.base = static_cast<uint32_t>(result.Int(i, 4));
    type.is_array = result.Bool(i, 5);
  }
  return types;
}

absl::Status ReadColumns(PgConnection& connection, const std::string& oid, PgTable* table) {
  ASSIGN_OR_RETURN(const PgTypes types, ReadTypes(connection, oid));
  ASSIGN_OR_RETURN(const PgResult result,
                   connection.Query("SELECT attname, format_type(atttypid, atttypmod), atttypid "
                                    "FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 "
                                    "AND NOT attisdropped ORDER BY attnum",
                                    {oid}));
  for (int i = 0; i < result.rows(); ++i) {
    table->columns.push_back({result.Text(i, 0), result.Text(i, 1),
                              MapPgType(types, static_cast<uint32_t>(result.Int(i, 2)))});
  }
  return absl::OkStatus();
}

// Not partial, not over expressions, valid.
absl::Status ReadKey(PgConnection& connection, const std::string& oid, PgTable* table) {
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Query("SELECT a.attname FROM (SELECT i.indexrelid, i.indrelid, i.indkey, "
                       "i.indnkeyatts FROM pg_index i WHERE i.indrelid = $1::oid "
                       "AND i.indisunique AND i.indisvalid AND i.indpred IS NULL "
                       "AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM "
                       "unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n) "
                       "JOIN pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = k.attnum "
                       "WHERE k.n <= i.indnkeyatts AND NOT b.attnotnull) "
                       "ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) i "
                       "CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n) "
                       "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
                       "WHERE k.n <= i.indnkeyatts ORDER BY k.n",
                       {oid}));
  for (int i = 0; i < result.rows(); ++i) table->key.push_back(result.Text(i, 0));
  return absl::OkStatus();
}

}  // namespace

const PgColumn* PgTable::Find(const std::string& column) const {
  for (const PgColumn& candidate : columns) {
    if (candidate.name == column) return &candidate;
  }
  return nullptr;
}

absl::StatusOr<PgTable> ReadPgTable(PgConnection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(TableName wanted, ParseTableName(name));
  ASSIGN_OR_RETURN(PgResult found, FindTable(connection, wanted));
  if (found.rows() == 0 && !wanted.is_quoted) {
    wanted = {Lower(wanted.schema), Lower(wanted.name), false};
    ASSIGN_OR_RETURN(found, FindTable(connection, wanted));
  }
  if (found.rows() == 0) return NoSuchTable(connection, name);
  PgTable table;
  const std::string oid = found.Text(0, 0);
  table.oid = static_cast<uint32_t>(found.Int(0, 0));
  table.schema = found.Text(0, 1);
  table.name = found.Text(0, 2);
  table.kind = found.Text(0, 3)[0];
  if (found.Int(0, 4) > 0 && table.kind != 'v') {
    table.rows_estimate = static_cast<uint64_t>(found.Int(0, 4));
  }
  table.has_children = found.Bool(0, 5);
  RETURN_IF_ERROR(ReadColumns(connection, oid, &table));
  RETURN_IF_ERROR(ReadKey(connection, oid, &table));
  return table;
}

}  // namespace driftwood::agent
