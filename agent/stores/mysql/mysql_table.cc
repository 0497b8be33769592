#include "agent/stores/mysql/mysql_table.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "agent/source/messages.h"
#include "agent/stores/mysql/mysql_dated_time.h"
#include "agent/stores/mysql/mysql_view.h"
#include "agent/stores/mysql/mysql_volatile.h"
#include "agent/stores/sql/sql_table.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

constexpr int kViewDepthMax = 32;

absl::Status NoSuchTable(MysqlConnection& connection, const std::string& database,
                         const std::string& wanted) {
  ASSIGN_OR_RETURN(const MysqlResult result,
                   connection.Query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                                    "TABLE_SCHEMA = " +
                                    connection.Literal(database) + " ORDER BY 1 LIMIT 1000"));
  std::vector<std::string> names;
  for (size_t i = 0; i < result.rows(); ++i) names.push_back(result.Text(i, 0));
  return NoSuchSqlTable("database \"" + Printable(database) + "\"", wanted, names,
                        " that this user may see");
}

std::string Where(const MysqlConnection& connection, const MysqlTable& table) {
  return " WHERE TABLE_SCHEMA = " + connection.Literal(table.database) +
         " AND TABLE_NAME = " + connection.Literal(table.name);
}

// information_schema compares names without case, whatever the server's tables do.
absl::Status FindTable(MysqlConnection& connection, MysqlTable* table) {
  ASSIGN_OR_RETURN(const MysqlResult found,
                   connection.Query("SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, "
                                    "@@lower_case_table_names, TABLE_SCHEMA, CREATE_OPTIONS "
                                    "FROM information_schema.TABLES" +
                                    Where(connection, *table)));
  for (size_t i = 0; i < found.rows(); ++i) {
    if (found.Text(i, 4) == "0" &&
        (found.Text(i, 0) != table->name || found.Text(i, 5) != table->database)) {
      continue;
    }
    const std::string type = found.Text(i, 1);
    table->name = found.Text(i, 0);
    table->is_view = type == "VIEW" || type == "SYSTEM VIEW";
    table->engine = table->is_view ? "" : found.Text(i, 2);
    table->is_partitioned = found.Text(i, 6).find("partitioned") != std::string::npos;
    const std::string rows = found.Text(i, 3);
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(rows.data(), rows.data() + rows.size(), number);
    if (error == std::errc() && end == rows.data() + rows.size()) table->rows_estimate = number;
    return absl::OkStatus();
  }
  return NoSuchTable(connection, table->database, table->name);
}

// MariaDB's JSON is a longtext whose values are checked.
absl::Status FindJson(MysqlConnection& connection, MysqlTable* table) {
  std::string list;
  for (const MysqlColumn& column : table->columns) {
    if (column.declared == "longtext" && column.is_selectable) {
      list += (list.empty() ? "" : ", ") + MysqlQuoted(column.name);
    }
  }
  if (list.empty() || !connection.is_mariadb()) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const std::vector<std::string> names,
      connection.JsonColumns("SELECT " + list + " FROM " + table->Quoted() + " LIMIT 0"));
  for (MysqlColumn& column : table->columns) {
    if (std::find(names.begin(), names.end(), column.name) != names.end()) {
      column.mapping = {StoredForm(column.mapping.form), merkle::ColumnType::kJson};
      column.declared = "json";
    }
  }
  return absl::OkStatus();
}

absl::Status ReadColumns(MysqlConnection& connection, MysqlTable* table) {
  ASSIGN_OR_RETURN(
      const MysqlResult result,
      connection.Query("SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, "
                       "COLLATION_NAME, PRIVILEGES FROM information_schema.COLUMNS" +
                       Where(connection, *table) + " ORDER BY ORDINAL_POSITION"));
  for (size_t i = 0; i < result.rows(); ++i) {
    MysqlColumn& column = table->columns.emplace_back();
    column.name = result.Text(i, 0);
    column.declared = result.Text(i, 1);
    column.character_set = result.Text(i, 3);
    column.collation = result.Text(i, 4);
    column.is_selectable = result.Text(i, 5).find("select") != std::string::npos;
    column.mapping = MapMysqlType({result.Text(i, 2), result.Text(i, 1), result.Text(i, 3)});
  }
  if (table->columns.empty()) return NoSuchTable(connection, table->database, table->name);
  return FindJson(connection, table);
}

absl::Status ReadKey(MysqlConnection& connection, MysqlTable* table) {
  ASSIGN_OR_RETURN(const MysqlResult result,
                   connection.Query("SELECT INDEX_NAME, COLUMN_NAME, NULLABLE FROM "
                                    "information_schema.STATISTICS" +
                                    Where(connection, *table) +
                                    " AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"));
  std::vector<MysqlIndexColumn> columns;
  for (size_t i = 0; i < result.rows(); ++i) {
    columns.push_back({result.Text(i, 0), result.Text(i, 1), result.Text(i, 2) == "YES"});
  }
  table->key = ChooseMysqlKey(columns, &table->key_is_primary);
  return absl::OkStatus();
}

std::string ViewIsNotOnePoint(const MysqlTable& view, const std::string& why) {
  return Printable(view.Display()) + " is a view " + why;
}

// In lower case.
absl::StatusOr<std::set<std::string>> TimeColumns(MysqlConnection& connection,
                                                  const MysqlTable& table) {
  ASSIGN_OR_RETURN(const MysqlResult result,
                   connection.Query("SELECT COLUMN_NAME FROM information_schema.COLUMNS" +
                                    Where(connection, table) + " AND DATA_TYPE = 'time'"));
  std::set<std::string> names;
  for (size_t i = 0; i < result.rows(); ++i) names.insert(Lowercase(result.Text(i, 0)));
  return names;
}

// information_schema has those columns on which the user has some privilege, SHOW CREATE has all.
absl::StatusOr<bool> HidesColumns(MysqlConnection& connection, const MysqlTable& table) {
  const std::string sql = table.is_view ? "SELECT * FROM " + table.Quoted() + " LIMIT 0"
                                        : "SHOW CREATE TABLE " + table.Quoted();
  const absl::StatusOr<MysqlResult> shown = connection.Query(sql);
  if (absl::IsPermissionDenied(shown.status())) return true;
  RETURN_IF_ERROR(shown.status());
  if (table.is_view) return false;
  ASSIGN_OR_RETURN(const MysqlResult listed,
                   connection.Query("SELECT COUNT(*) FROM information_schema.COLUMNS" +
                                    Where(connection, table)));
  size_t columns = 0;
  const std::string create = shown->rows() == 1 ? shown->Text(0, 1) : "";
  for (size_t at = create.find("\n  `"); at != std::string::npos;
       at = create.find("\n  `", at + 1)) {
    ++columns;
  }
  return listed.Text(0, 0) != std::to_string(columns);
}

// Behind what reads it.
std::string GetsToday(const std::string& time) {
  return " may give the TIME " + Printable(time) + " the date of the day on which it is read";
}

// A virtual column may be one over a clock.
absl::StatusOr<std::string> WhyColumnsMove(MysqlConnection& connection, const MysqlTable& table) {
  ASSIGN_OR_RETURN(const MysqlResult result,
                   connection.Query("SELECT COLUMN_NAME, GENERATION_EXPRESSION, DATA_TYPE FROM "
                                    "information_schema.COLUMNS" +
                                    Where(connection, table) + " AND EXTRA LIKE 'VIRTUAL%'"));
  if (result.rows() == 0) return std::string();
  ASSIGN_OR_RETURN(const std::set<std::string> times, TimeColumns(connection, table));
  for (size_t i = 0; i < result.rows(); ++i) {
    const std::string column =
        "the column " + Printable(result.Text(i, 0)) + " of " + Printable(table.Display());
    const std::string moving = MysqlMovingFunctionIn(result.Text(i, 1), /*clocks=*/true);
    if (!moving.empty()) return column + " calls " + moving;
    // What it becomes has a type too.
    const char* const as_is = result.Text(i, 2) == "time" ? "select " : "";
    const std::string dated = MysqlDatedTimeIn(as_is + result.Text(i, 1), times);
    if (!dated.empty()) return column + GetsToday(dated);
  }
  return std::string();
}

absl::StatusOr<std::string> WhyViewIsNotOnePoint(MysqlConnection& connection,
                                                 const MysqlTable& view, std::string* engine,
                                                 int depth);

// Empty if what is read of the table or view is a consistent snapshot, and others of the same
// engine are beside it.
absl::StatusOr<std::string> WhyNotOnePoint(MysqlConnection& connection, const MysqlTable& table,
                                           std::string* engine, int depth) {
  if (table.is_view) return WhyViewIsNotOnePoint(connection, table, engine, depth);
  if (!MysqlEngineHasSnapshots(table.engine)) {
    return Printable(table.Display()) + " has the engine " + Printable(table.engine) +
           ", which has no snapshots";
  }
  if (!engine->empty() && *engine != table.engine) {
    return Printable(table.Display()) + " has another engine than what is read beside it";
  }
  *engine = table.engine;
  return WhyColumnsMove(connection, table);
}

// Empty if all tables that the view reads are known and of one engine with snapshots, and it calls
// nothing that moves.
absl::StatusOr<std::string> WhyViewIsNotOnePoint(MysqlConnection& connection,
                                                 const MysqlTable& view, std::string* engine,
                                                 int depth) {
  ASSIGN_OR_RETURN(const MysqlResult result,
                   connection.Query("SELECT VIEW_DEFINITION FROM information_schema.VIEWS" +
                                    Where(connection, view)));
  const std::string definition = result.rows() == 1 ? result.Text(0, 0) : "";
  const MysqlViewSources sources = SourcesOfMysqlView(definition);
  if (sources.has_unknown || depth > kViewDepthMax) {
    return ViewIsNotOnePoint(view,
                             "and what it reads is not known (it calls stored functions, or this "
                             "user lacks SHOW VIEW), so it may be no snapshot");
  }
  const std::string moving = MysqlMovingFunctionIn(definition, /*clocks=*/true);
  if (!moving.empty()) return "the view " + Printable(view.Display()) + " calls " + moving;
  std::set<std::string> times;
  for (const auto& [database, name] : sources.tables) {
    MysqlTable table;
    table.database = database;
    table.name = name;
    const absl::Status found = FindTable(connection, &table);
    if (absl::IsNotFound(found)) {
      return ViewIsNotOnePoint(view, "of " + Printable(table.Display()) +
                                         ", whose engine this user may not see, so it may be no "
                                         "snapshot");
    }
    RETURN_IF_ERROR(found);
    ASSIGN_OR_RETURN(const std::string why, WhyNotOnePoint(connection, table, engine, depth + 1));
    if (!why.empty()) {
      return table.is_view ? why : ViewIsNotOnePoint(view, "of " + Printable(name) + ": " + why);
    }
    ASSIGN_OR_RETURN(const bool hides, HidesColumns(connection, table));
    if (hides) {
      return ViewIsNotOnePoint(view, "of " + Printable(table.Display()) +
                                         ", whose columns this user may not all see, so it may be "
                                         "no snapshot");
    }
    ASSIGN_OR_RETURN(const std::set<std::string> more, TimeColumns(connection, table));
    times.insert(more.begin(), more.end());
  }
  const std::string dated = MysqlDatedTimeIn(definition, times);
  if (dated.empty()) return std::string();
  return "the view " + Printable(view.Display()) + GetsToday(dated);
}

std::string ListOf(const MysqlConnection& connection, const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + connection.Literal(name);
  }
  return list;
}

// Of those tables that the condition may name: a column can have a table's name too.
absl::StatusOr<std::string> WhyTablesAreNotOnePoint(MysqlConnection& connection,
                                                    const MysqlTable& table,
                                                    const std::set<std::string>& names,
                                                    std::set<std::string>* times) {
  ASSIGN_OR_RETURN(const MysqlResult found,
                   connection.Query("SELECT TABLE_SCHEMA, TABLE_NAME FROM "
                                    "information_schema.TABLES WHERE TABLE_NAME IN (" +
                                    ListOf(connection, names) +
                                    ") AND (TABLE_SCHEMA = " + connection.Literal(table.database) +
                                    " OR TABLE_SCHEMA IN (" + ListOf(connection, names) + "))"));
  std::string engine = table.engine;
  for (size_t i = 0; i < found.rows(); ++i) {
    MysqlTable other;
    other.database = found.Text(i, 0);
    other.name = found.Text(i, 1);
    RETURN_IF_ERROR(FindTable(connection, &other));
    ASSIGN_OR_RETURN(std::string why, WhyNotOnePoint(connection, other, &engine, 0));
    if (!why.empty()) return why;
    ASSIGN_OR_RETURN(const std::set<std::string> more, TimeColumns(connection, other));
    times->insert(more.begin(), more.end());
  }
  return std::string();
}

// Functions of the server come before stored ones of the same name, but a version may not have them
// yet, and some only without a space before the "(".
absl::StatusOr<std::string> StoredFunctionAmong(MysqlConnection& connection,
                                                const MysqlTable& table,
                                                const std::set<std::string>& called) {
  if (called.empty()) return std::string();
  ASSIGN_OR_RETURN(const MysqlResult found,
                   connection.Query("SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE "
                                    "ROUTINE_SCHEMA = " +
                                    connection.Literal(table.database) + " AND ROUTINE_NAME IN (" +
                                    ListOf(connection, called) + ")"));
  return found.rows() == 0 ? "" : found.Text(0, 0) + "()";
}

}  // namespace

const MysqlColumn* MysqlTable::Find(const std::string& column) const {
  for (const MysqlColumn& candidate : columns) {
    if (candidate.name == column) return &candidate;
  }
  return nullptr;
}

std::vector<std::string> ChooseMysqlKey(const std::vector<MysqlIndexColumn>& columns,
                                        bool* is_primary) {
  std::map<std::string, std::vector<std::string>> indexes;
  std::map<std::string, bool> is_usable;
  for (const MysqlIndexColumn& column : columns) {
    indexes[column.index].push_back(column.column);
    is_usable.emplace(column.index, true);
    if (column.column.empty() || column.is_nullable) is_usable[column.index] = false;
  }
  std::vector<std::string> key;
  for (const auto& [index, names] : indexes) {
    if (!is_usable[index]) continue;
    if (index == "PRIMARY") {
      *is_primary = true;
      return names;
    }
    if (key.empty() || names.size() < key.size()) key = names;
  }
  return key;
}

bool MysqlEngineHasSnapshots(const std::string& engine) {
  return engine == "InnoDB" || engine == "ROCKSDB";
}

absl::StatusOr<std::string> WhyMysqlFilterIsNotOnePoint(MysqlConnection& connection,
                                                        const MysqlTable& table,
                                                        const std::string& where) {
  const MysqlNames names = MysqlNamesIn(where);
  // What leaves a filter when the clock goes on is looked up without it.
  std::string moving = MysqlMovingFunctionIn(where, /*clocks=*/false);
  if (moving.empty()) {
    ASSIGN_OR_RETURN(moving, StoredFunctionAmong(connection, table, names.called));
  }
  if (!moving.empty()) {
    return "where= of " + Printable(table.Display()) + " calls " + Printable(moving);
  }
  ASSIGN_OR_RETURN(std::set<std::string> times, TimeColumns(connection, table));
  if (names.has_query) {
    std::set<std::string> others;
    ASSIGN_OR_RETURN(const std::string why,
                     WhyTablesAreNotOnePoint(connection, table, names.all, &others));
    if (!why.empty()) return "where= of " + Printable(table.Display()) + " reads more: " + why;
    // A query may read it by "*" or a name of its own.
    if (!others.empty())
      return "where= of " + Printable(table.Display()) + GetsToday(*others.begin());
  }
  const std::string dated = MysqlDatedTimeIn(where, times);
  return dated.empty() ? "" : "where= of " + Printable(table.Display()) + GetsToday(dated);
}

absl::StatusOr<MysqlTable> ReadMysqlTable(MysqlConnection& connection, const std::string& database,
                                          const std::string& name) {
  MysqlTable table;
  table.database = database;
  table.name = name;
  RETURN_IF_ERROR(FindTable(connection, &table));
  RETURN_IF_ERROR(ReadColumns(connection, &table));
  RETURN_IF_ERROR(ReadKey(connection, &table));
  std::string engine;
  ASSIGN_OR_RETURN(table.not_point_in_time, WhyNotOnePoint(connection, table, &engine, 0));
  return table;
}

}  // namespace driftwood::agent
