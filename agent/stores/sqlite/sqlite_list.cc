// The tables of a database file.
#include <set>
#include <utility>

#include "agent/source/file_watch.h"
#include "agent/source/messages.h"
#include "agent/source/source_identity.h"
#include "agent/stores/sqlite/sqlite_store.h"
#include "agent/stores/sqlite/sqlite_table.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// What virtual tables keep their data in, in whatever order they like.
absl::StatusOr<std::set<std::string>> ShadowTables(const SqliteConnection& connection) {
  ASSIGN_OR_RETURN(SqliteStatement statement,
                   connection.Prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' "
                                      "AND type = 'shadow'"));
  std::set<std::string> names;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return names;
    names.insert(statement.Text(0));
  }
}

absl::StatusOr<TableList> List(const StoreUrl& url, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection,
                   SqliteConnection::Open(url.path, stop));
  RETURN_IF_ERROR(connection->BeginSnapshot());
  TableList list;
  list.source = url.ToString();
  list.identity = FileIdentity(url.path);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, SqliteTableNames(*connection));
  ASSIGN_OR_RETURN(const std::set<std::string> shadows, ShadowTables(*connection));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const SqliteTable table, ReadSqliteTable(*connection, name));
    TableEntry entry;
    entry.name = table.name;
    const bool is_shadow = shadows.contains(table.name);
    entry.kind = table.is_view      ? "view"
                 : table.is_virtual ? "virtual table"
                 : is_shadow        ? "shadow table"
                                    : "table";
    entry.is_table = !table.is_view && !is_shadow;
    entry.key = table.key;
    for (const SqliteColumn& column : table.columns) entry.columns.push_back(column.name);
    entry.url = url.With("table", entry.name).ToString();
    list.tables.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

absl::StatusOr<TableList> ListSqliteTables(const StoreUrl& url, const std::stop_token& stop) {
  RETURN_IF_ERROR(url.OnlyKnows({}));
  const FileGlance glance(url.path);
  absl::StatusOr<TableList> list = List(url, stop);
  if (!list.ok()) return glance.Explain(list.status(), stop);
  // A file that is empty is a database without tables; one that is copied over begins so.
  if (list->tables.empty()) {
    const absl::Status none = absl::NotFoundError(Printable(url.path) + " had no table");
    if (const absl::Status why = glance.Explain(none, stop); absl::IsAborted(why)) return why;
  }
  return list;
}

}  // namespace driftwood::agent
