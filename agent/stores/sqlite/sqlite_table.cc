#include "agent/stores/sqlite/sqlite_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// SQLite's names are equal whatever the case of their ASCII letters.
bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Upper(x) == Upper(y); });
}

// "varchar(20)  not much" -> {"VARCHAR", "NOT", "MUCH"}: without what is in parentheses.
std::vector<std::string> Words(std::string_view declared) {
  std::vector<std::string> words;
  int depth = 0;
  bool in_word = false;
  for (const char c : declared) {
    if (c == '(') ++depth;
    const bool part = depth == 0 && c != ' ' && c != '\t' && c != '\n' && c != '\r';
    if (c == ')' && depth > 0) --depth;
    if (part && !in_word) words.emplace_back();
    if (part) words.back() += Upper(c);
    in_word = part;
  }
  return words;
}

struct TypeWord {
  std::string_view word;
  ColumnType type;
};

constexpr std::array kTypeWords = {
    TypeWord{"INT", ColumnType::kInteger},
    TypeWord{"INTEGER", ColumnType::kInteger},
    TypeWord{"TINYINT", ColumnType::kInteger},
    TypeWord{"SMALLINT", ColumnType::kInteger},
    TypeWord{"MEDIUMINT", ColumnType::kInteger},
    TypeWord{"BIGINT", ColumnType::kInteger},
    TypeWord{"INT2", ColumnType::kInteger},
    TypeWord{"INT4", ColumnType::kInteger},
    TypeWord{"INT8", ColumnType::kInteger},
    TypeWord{"REAL", ColumnType::kFloat64},
    TypeWord{"FLOAT", ColumnType::kFloat64},
    TypeWord{"FLOAT4", ColumnType::kFloat64},
    TypeWord{"FLOAT8", ColumnType::kFloat64},
    TypeWord{"DOUBLE", ColumnType::kFloat64},
    TypeWord{"NUMERIC", ColumnType::kDecimal},
    TypeWord{"DECIMAL", ColumnType::kDecimal},
    TypeWord{"DEC", ColumnType::kDecimal},
    TypeWord{"NUMBER", ColumnType::kDecimal},
    TypeWord{"MONEY", ColumnType::kDecimal},
    TypeWord{"BOOL", ColumnType::kBool},
    TypeWord{"BOOLEAN", ColumnType::kBool},
    TypeWord{"DATE", ColumnType::kDate},
    TypeWord{"TIME", ColumnType::kTime},
    TypeWord{"DATETIME", ColumnType::kTimestamp},
    TypeWord{"TIMESTAMP", ColumnType::kTimestamp},
    TypeWord{"TIMESTAMPTZ", ColumnType::kTimestampTz},
    TypeWord{"UUID", ColumnType::kUuid},
    TypeWord{"GUID", ColumnType::kUuid},
    TypeWord{"JSON", ColumnType::kJson},
    TypeWord{"JSONB", ColumnType::kJson},
    TypeWord{"BLOB", ColumnType::kBytes},
    TypeWord{"TINYBLOB", ColumnType::kBytes},
    TypeWord{"MEDIUMBLOB", ColumnType::kBytes},
    TypeWord{"LONGBLOB", ColumnType::kBytes},
    TypeWord{"BYTEA", ColumnType::kBytes},
    TypeWord{"BINARY", ColumnType::kBytes},
    TypeWord{"VARBINARY", ColumnType::kBytes},
};

absl::Status ReadColumns(const SqliteConnection& connection, SqliteTable* table) {
  ASSIGN_OR_RETURN(SqliteStatement statement,
                   connection.Prepare("SELECT name, type, \"notnull\", pk, hidden FROM "
                                      "pragma_table_xinfo(?, 'main') ORDER BY cid"));
  RETURN_IF_ERROR(statement.Bind(1, table->name));
  constexpr int64_t kHidden = 1;  // 2 and 3 are generated columns
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return absl::OkStatus();
    if (statement.Int(4) == kHidden) continue;
    table->columns.push_back({statement.Text(0), statement.Text(1), statement.Int(2) != 0,
                              static_cast<int>(statement.Int(3))});
  }
}

std::vector<std::string> PrimaryKey(const SqliteTable& table) {
  std::vector<std::pair<int, std::string>> parts;
  for (const SqliteColumn& column : table.columns) {
    if (column.key_position > 0) parts.emplace_back(column.key_position, column.name);
  }
  std::sort(parts.begin(), parts.end());
  std::vector<std::string> names;
  for (auto& [position, name] : parts) names.push_back(std::move(name));
  return names;
}

// The columns of an index if they make a key: all of them columns, none of them may be NULL.
absl::StatusOr<std::vector<std::string>> KeyOfIndex(const SqliteConnection& connection,
                                                    const SqliteTable& table,
                                                    const std::string& index) {
  ASSIGN_OR_RETURN(
      SqliteStatement statement,
      connection.Prepare("SELECT name FROM pragma_index_info(?, 'main') ORDER BY seqno"));
  RETURN_IF_ERROR(statement.Bind(1, index));
  std::vector<std::string> names;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return names;
    const std::string name = statement.Text(0);
    const bool fits = std::any_of(
        table.columns.begin(), table.columns.end(),
        [&](const SqliteColumn& column) { return column.name == name && column.not_null; });
    if (!fits) return std::vector<std::string>();
    names.push_back(name);
  }
}

// Of several the one with the fewest columns, then the first by name.
absl::StatusOr<std::vector<std::string>> UniqueKey(const SqliteConnection& connection,
                                                   const SqliteTable& table) {
  ASSIGN_OR_RETURN(SqliteStatement statement,
                   connection.Prepare("SELECT name FROM pragma_index_list(?, 'main') "
                                      "WHERE \"unique\" AND NOT partial ORDER BY name"));
  RETURN_IF_ERROR(statement.Bind(1, table.name));
  std::vector<std::string> best;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return best;
    ASSIGN_OR_RETURN(std::vector<std::string> key,
                     KeyOfIndex(connection, table, statement.Text(0)));
    if (!key.empty() && (best.empty() || key.size() < best.size())) best = std::move(key);
  }
}

std::string RowidName(const SqliteTable& table) {
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    const bool taken =
        std::any_of(table.columns.begin(), table.columns.end(),
                    [&](const SqliteColumn& column) { return SameName(column.name, name); });
    if (!taken) return name;
  }
  return "";
}

}  // namespace

bool SqliteTable::IsRowidAlias(const std::string& column) const {
  if (is_view || is_virtual || rowid_name.empty()) return false;
  size_t key_columns = 0;
  bool is_alias = false;
  for (const SqliteColumn& candidate : columns) {
    if (candidate.key_position == 0) continue;
    ++key_columns;
    is_alias = candidate.name == column && SameName(candidate.declared, "INTEGER");
  }
  return key_columns == 1 && is_alias;
}

bool SqliteTable::HasColumn(const std::string& column) const {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const SqliteColumn& candidate) { return candidate.name == column; });
}

absl::StatusOr<std::vector<std::string>> SqliteTableNames(const SqliteConnection& connection) {
  ASSIGN_OR_RETURN(SqliteStatement statement,
                   connection.Prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', "
                                      "'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
                                      "ORDER BY name"));
  std::vector<std::string> names;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return names;
    names.push_back(statement.Text(0));
  }
}

absl::StatusOr<SqliteTable> ReadSqliteTable(const SqliteConnection& connection,
                                            const std::string& name) {
  ASSIGN_OR_RETURN(SqliteStatement statement,
                   connection.Prepare("SELECT name, type, wr FROM pragma_table_list(?) WHERE "
                                      "schema = 'main'"));
  RETURN_IF_ERROR(statement.Bind(1, name));
  ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, SqliteTableNames(connection));
    const std::string nearest = NearestName(name, names).value_or("");
    return absl::NotFoundError(
        Printable(connection.path()) + " has no table \"" + Printable(name) + "\"" +
        (nearest.empty() ? std::string() : "; did you mean \"" + Printable(nearest) + "\"?") +
        " (it has: " + ListNames(names) + ")");
  }
  SqliteTable table;
  table.name = statement.Text(0);
  table.is_view = statement.Text(1) == "view";
  table.is_virtual = statement.Text(1) == "virtual";
  const bool without_rowid = statement.Int(2) != 0;
  RETURN_IF_ERROR(ReadColumns(connection, &table));
  if (!table.is_view && !table.is_virtual && !without_rowid) table.rowid_name = RowidName(table);
  table.key = PrimaryKey(table);
  if (table.key.empty()) {
    ASSIGN_OR_RETURN(table.key, UniqueKey(connection, table));
  }
  return table;
}

std::optional<ColumnType> TypeOfDeclared(std::string_view declared) {
  const std::vector<std::string> words = Words(declared);
  if (words.empty()) return std::nullopt;
  const auto has = [&](std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const bool zoned = has("ZONE") && has("WITH");
  if (zoned && words[0] == "TIMESTAMP") return ColumnType::kTimestampTz;
  if (zoned) return std::nullopt;  // a time with zone is no type of ours
  for (const std::string& word : words) {
    const auto found = std::find_if(kTypeWords.begin(), kTypeWords.end(),
                                    [&](const TypeWord& known) { return known.word == word; });
    if (found != kTypeWords.end()) return found->type;
    // VARCHAR, NCHAR, TINYTEXT, NCLOB, ...: SQLite gives them all the affinity TEXT.
    for (const std::string_view part : {"CHAR", "TEXT", "CLOB"}) {
      if (word.find(part) != std::string::npos) return ColumnType::kText;
    }
  }
  return std::nullopt;
}

}  // namespace driftwood::agent
