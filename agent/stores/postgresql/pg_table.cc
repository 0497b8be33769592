#include "agent/stores/postgresql/pg_table.h"

#include <algorithm>

#include "agent/source/messages.h"
#include "agent/stores/sql/sql_table.h"
#include "merkle/status_macros.h"

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

// A text that PostgreSQL reads as an array of names.
std::string NameArray(const std::vector<std::string>& names) {
  std::string array = "{";
  for (const std::string& name : names) {
    array += array.size() == 1 ? "\"" : ",\"";
    for (const char c : name) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

// In the first schema that has it. Never another session's temporary table, which a pooler's server
// may have kept for its own.
absl::StatusOr<PgResult> FindTable(PgConnection& connection, const std::string& name,
                                   const std::vector<std::string>& schemas) {
  return connection.Ask(
      "SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples::pg_catalog.int8, "
      "EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid), c.relfilenode, "
      "c.relchecks > 0 OR EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid "
      "AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)) OR EXISTS (SELECT FROM "
      "pg_catalog.pg_statistic_ext x WHERE x.stxrelid = c.oid) "
      "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relname = $1 AND n.nspname = ANY ($2::pg_catalog.name[]) "
      "AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' "
      "ORDER BY pg_catalog.array_position($2::pg_catalog.name[], n.nspname) LIMIT 1",
      {name, NameArray(schemas)});
}

absl::Status NoSuchTable(PgConnection& connection, const std::string& wanted) {
  ASSIGN_OR_RETURN(const std::vector<std::string> path, ReadPgUserPath(connection));
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Ask("SELECT CASE WHEN n.nspname = ANY ($1::pg_catalog.name[]) THEN c.relname "
                     "ELSE n.nspname || '.' || c.relname END FROM pg_catalog.pg_class c "
                     "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                     "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition "
                     "AND c.relpersistence <> 't' AND "
                     "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') "
                     "ORDER BY 1 LIMIT 1000",
                     {NameArray(path)}));
  std::vector<std::string> names;
  for (int i = 0; i < result.rows(); ++i) names.push_back(result.Text(i, 0));
  return NoSuchSqlTable("the database", wanted, names);
}

// The types of the columns, and those that they are made of.
absl::StatusOr<PgTypes> ReadTypes(PgConnection& connection, const std::string& oid) {
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Ask(
          "WITH RECURSIVE used(oid) AS (SELECT atttypid FROM pg_catalog.pg_attribute "
          "WHERE attrelid = $1::pg_catalog.oid AND attnum > 0 AND NOT attisdropped "
          "UNION SELECT p.part FROM used CROSS JOIN " +
              PgTypeParts(connection, "used.oid") +
              " WHERE p.part <> 0) "
              "SELECT t.oid, t.typname, n.nspname = 'pg_catalog', t.typtype, p.part, "
              "t.typcategory = 'A' AND t.typelem <> 0 AND t.typtype = 'b' "
              "AND t.typname NOT IN ('int2vector', 'oidvector'), t.typdelim, "
              // An extension may be in any schema.
              "CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.format_type(t.oid, NULL) "
              "WHEN EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' "
              "AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid) "
              "AND t.typname <> 'interval' THEN t.typname "
              "ELSE pg_catalog.quote_ident(n.nspname) || '.' || "
              "pg_catalog.quote_ident(t.typname) || "
              // What it is made of: another server may have another type of that name.
              "coalesce(CASE t.typtype "
              "WHEN 'c' THEN '(' || (SELECT "
              "pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) "
              "|| ' ' || pg_catalog.format_type(a.atttypid, NULL), ', ' ORDER BY a.attnum) "
              "FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 "
              "AND NOT a.attisdropped) || ')' "
              "WHEN 'd' THEN '(' || pg_catalog.format_type(t.typbasetype, NULL) || ')' "
              "WHEN 'r' THEN '(' || pg_catalog.format_type((SELECT r.rngsubtype "
              "FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid), NULL) || ')' END, '') END, "
              // Else a cast does the same, and needs no rights on a schema.
              "CASE WHEN o.nspname = 'pg_catalog' OR EXISTS (SELECT FROM pg_catalog.pg_cast c "
              "WHERE c.castsource = t.oid AND c.castmethod = 'f' "
              "AND c.casttarget = 'pg_catalog.text'::pg_catalog.regtype) "
              "THEN pg_catalog.quote_ident(o.nspname) || '.' || "
              "pg_catalog.quote_ident(f.proname) ELSE '' END FROM used "
              "JOIN pg_catalog.pg_type t ON t.oid = used.oid CROSS JOIN " +
              PgTypeParts(connection, "used.oid") +
              " "
              "JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace "
              "JOIN pg_catalog.pg_proc f ON f.oid = t.typoutput "
              "JOIN pg_catalog.pg_namespace o ON o.oid = f.pronamespace "
              "ORDER BY t.oid, p.part <> 0 DESC",
          {oid}));
  PgTypes types;
  for (int i = 0; i < result.rows(); ++i) {
    ASSIGN_OR_RETURN(const int64_t type_oid, result.Int(i, 0));
    ASSIGN_OR_RETURN(const int64_t part, result.Int(i, 4));
    PgType& type = types[static_cast<uint32_t>(type_oid)];
    type.name = result.Text(i, 1);
    type.is_system = result.Bool(i, 2);
    type.kind = result.Text(i, 3)[0];
    type.parts.push_back(static_cast<uint32_t>(part));
    type.is_array = result.Bool(i, 5);
    type.delimiter = result.Text(i, 6)[0];
    type.opaque = result.Text(i, 7);
    type.output = result.Text(i, 8);
  }
  return types;
}

absl::StatusOr<PgTable> ReadFound(const PgResult& found) {
  PgTable table;
  ASSIGN_OR_RETURN(const int64_t number, found.Int(0, 0));
  ASSIGN_OR_RETURN(const int64_t rows, found.Int(0, 4));
  table.oid = static_cast<uint32_t>(number);
  table.schema = found.Text(0, 1);
  table.name = found.Text(0, 2);
  table.kind = found.Text(0, 3)[0];
  if (rows > 0 && table.kind != 'v') table.rows_estimate = static_cast<uint64_t>(rows);
  table.has_children = found.Bool(0, 5);
  table.file = found.Text(0, 6);
  table.has_expressions = found.Bool(0, 7);
  return table;
}

}  // namespace

const PgColumn* PgTable::Find(const std::string& column) const {
  for (const PgColumn& candidate : columns) {
    if (candidate.name == column) return &candidate;
  }
  return nullptr;
}

std::string PgTypeParts(const PgConnection& connection, const std::string& type) {
  const std::string multirange =
      connection.server_version() >= 140000 ? "r.rngmultitypid" : "NULL::pg_catalog.oid";
  const std::string of_type = "t.oid = " + type;
  return "LATERAL (SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype "
         "WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem "
         "ELSE coalesce((SELECT r.rngsubtype FROM pg_catalog.pg_range r "
         "WHERE t.oid IN (r.rngtypid, " +
         multirange + ")), 0) END AS part FROM pg_catalog.pg_type t WHERE " + of_type +
         " UNION ALL SELECT a.atttypid FROM pg_catalog.pg_type t "
         "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid WHERE " +
         of_type + " AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped) p";
}

absl::Status ReadPgColumns(PgConnection& connection, PgTable* table) {
  const std::string oid = std::to_string(table->oid);
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Ask("SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), "
                     "a.atttypid, t.typname, t.typtype = 'b' AND t.typnamespace = "
                     "'pg_catalog'::pg_catalog.regnamespace FROM pg_catalog.pg_attribute a "
                     "LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
                     "WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 "
                     "AND NOT a.attisdropped ORDER BY a.attnum",
                     {oid}));
  PgTypes types;
  for (int i = 0; i < result.rows(); ++i) {
    ASSIGN_OR_RETURN(const int64_t type, result.Int(i, 2));
    PgType& known = types[static_cast<uint32_t>(type)];
    known.name = result.Text(i, 3);
    known.is_system = result.Bool(i, 4);
  }
  // To plan that question takes longer than to read a small table.
  if (!std::all_of(types.begin(), types.end(),
                   [](const auto& t) { return IsPlainPgType(t.second); })) {
    ASSIGN_OR_RETURN(types, ReadTypes(connection, oid));
  }
  for (int i = 0; i < result.rows(); ++i) {
    ASSIGN_OR_RETURN(const int64_t type, result.Int(i, 2));
    PgColumn& column = table->columns.emplace_back();
    column.name = result.Text(i, 0);
    column.declared = result.Text(i, 1);
    column.mapping = MapPgType(types, static_cast<uint32_t>(type));
    // Without a length, as a query may have made it, each row has as many as it likes.
    if (column.mapping.form == PgForm::kBits && !column.declared.starts_with("bit(")) {
      column.mapping.form = PgForm::kOpaque;
    }
  }
  return absl::OkStatus();
}

// Of an index that is not partial, not over expressions, valid.
absl::Status ReadPgKey(PgConnection& connection, PgTable* table) {
  ASSIGN_OR_RETURN(
      const PgResult result,
      connection.Ask(
          "SELECT a.attname FROM (SELECT i.indexrelid, i.indrelid, i.indkey, "
          "i.indnkeyatts FROM pg_catalog.pg_index i WHERE i.indrelid = $1::pg_catalog.oid "
          "AND i.indisunique AND i.indisvalid AND i.indpred IS NULL "
          "AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM "
          "pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, n) "
          "JOIN pg_catalog.pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = k.attnum "
          "WHERE k.n <= i.indnkeyatts AND NOT b.attnotnull) "
          "ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) i CROSS JOIN LATERAL "
          "pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, n) "
          "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
          "WHERE k.n <= i.indnkeyatts ORDER BY k.n",
          {std::to_string(table->oid)}));
  for (int i = 0; i < result.rows(); ++i) table->key.push_back(result.Text(i, 0));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadPgUserPath(PgConnection& connection) {
  ASSIGN_OR_RETURN(const PgResult result,
                   connection.QueryUnder(
                       "DEFAULT", "SELECT pg_catalog.unnest(pg_catalog.current_schemas(true))"));
  std::vector<std::string> schemas;
  for (int i = 0; i < result.rows(); ++i) {
    std::string schema = result.Text(i, 0);
    if (!schema.starts_with("pg_temp_")) schemas.push_back(std::move(schema));
  }
  return schemas;
}

absl::StatusOr<PgTable> FindPgTable(PgConnection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(TableName wanted, ParseTableName(name));
  std::vector<std::string> path;
  if (wanted.schema.empty()) {
    ASSIGN_OR_RETURN(path, ReadPgUserPath(connection));
  }
  const auto find = [&] {
    return FindTable(connection, wanted.name,
                     wanted.schema.empty() ? path : std::vector<std::string>{wanted.schema});
  };
  ASSIGN_OR_RETURN(PgResult found, find());
  if (found.rows() == 0 && !wanted.is_quoted) {
    wanted = {Lower(wanted.schema), Lower(wanted.name), false};
    ASSIGN_OR_RETURN(found, find());
  }
  if (found.rows() == 0) return NoSuchTable(connection, name);
  ASSIGN_OR_RETURN(PgTable table, ReadFound(found));
  table.user_path = std::move(path);
  return table;
}

absl::StatusOr<PgTable> FindPgTableAgain(PgConnection& connection, const PgTable& before) {
  ASSIGN_OR_RETURN(const PgResult found, FindTable(connection, before.name, {before.schema}));
  const absl::Status replaced =
      absl::AbortedError(Printable(before.Display()) + " was replaced just now; try again");
  if (found.rows() == 0) return replaced;
  ASSIGN_OR_RETURN(PgTable table, ReadFound(found));
  if (table.oid != before.oid) return replaced;
  table.user_path = before.user_path;
  return table;
}

std::string PgTable::UserPath() const {
  std::string path;
  for (const std::string& each : user_path) path += PgQuoted(each) + ", ";
  return path + "pg_temp";
}

}  // namespace driftwood::agent
