// The tables of a database, as information_schema shows them to the user.
#include <map>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_identity.h"
#include "agent/stores/mysql/mysql_store.h"
#include "agent/stores/mysql/mysql_table.h"
#include "agent/stores/mysql/mysql_url.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// information_schema compares names without case, whatever the server's tables do.
std::string OfDatabase(const MysqlConnection& connection, const std::string& database) {
  const std::string name = connection.Literal(database);
  return " WHERE TABLE_SCHEMA = " + name +
         " AND (@@lower_case_table_names <> 0 OR BINARY TABLE_SCHEMA = " + name + ")";
}

// By table.
absl::StatusOr<std::map<std::string, std::vector<std::string>>> ReadColumns(
    MysqlConnection& connection, const std::string& where) {
  ASSIGN_OR_RETURN(const MysqlResult result,
                   connection.Query("SELECT TABLE_NAME, COLUMN_NAME FROM "
                                    "information_schema.COLUMNS" +
                                    where + " ORDER BY TABLE_NAME, ORDINAL_POSITION"));
  std::map<std::string, std::vector<std::string>> columns;
  for (size_t i = 0; i < result.rows(); ++i) {
    columns[result.Text(i, 0)].push_back(result.Text(i, 1));
  }
  return columns;
}

absl::StatusOr<std::map<std::string, std::vector<MysqlIndexColumn>>> ReadIndexes(
    MysqlConnection& connection, const std::string& where) {
  ASSIGN_OR_RETURN(const MysqlResult result,
                   connection.Query("SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE FROM "
                                    "information_schema.STATISTICS" +
                                    where +
                                    " AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, "
                                    "SEQ_IN_INDEX"));
  std::map<std::string, std::vector<MysqlIndexColumn>> indexes;
  for (size_t i = 0; i < result.rows(); ++i) {
    indexes[result.Text(i, 0)].push_back(
        {result.Text(i, 1), result.Text(i, 2), result.Text(i, 3) == "YES"});
  }
  return indexes;
}

// Who may read the whole database sees all of it; who may read some tables does not see others,
// and can't know that they are there.
absl::Status WarnOfUnseenTables(MysqlConnection& connection, const std::string& database,
                                TableList* list) {
  ASSIGN_OR_RETURN(
      const MysqlResult result,
      connection.Query("SELECT (SELECT count(*) FROM information_schema.USER_PRIVILEGES "
                       "WHERE PRIVILEGE_TYPE = 'SELECT') + (SELECT count(*) FROM "
                       "information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SELECT' AND " +
                       connection.Literal(database) + " LIKE TABLE_SCHEMA)"));
  if (result.rows() == 1 && result.Text(0, 0) != "0") return absl::OkStatus();
  list->scope = "what its user may see";
  list->warnings.push_back(
      "its user may not read the whole database " + Printable(database) +
      ", and a server shows no table on which its user has no privilege: such tables are not "
      "compared (GRANT SELECT ON the database, or name the tables with --tables)");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TableList> ListMysqlTables(const StoreUrl& url, const StoreOptions& store_options,
                                          const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const MysqlOptions options, MysqlOptionsOf(url, store_options));
  ASSIGN_OR_RETURN(const std::unique_ptr<MysqlConnection> connection,
                   MysqlConnection::Open(options, stop));
  RETURN_IF_ERROR(connection->Begin());
  const std::string where = OfDatabase(*connection, options.database);
  ASSIGN_OR_RETURN(const MysqlResult found,
                   connection->Query("SELECT TABLE_NAME, TABLE_TYPE, @@lower_case_table_names FROM "
                                     "information_schema.TABLES" +
                                     where + " ORDER BY BINARY TABLE_NAME"));
  ASSIGN_OR_RETURN(auto columns, ReadColumns(*connection, where));
  ASSIGN_OR_RETURN(const auto indexes, ReadIndexes(*connection, where));
  TableList list;
  list.source = url.ToString();
  for (size_t i = 0; i < found.rows(); ++i) {
    const std::string type = found.Text(i, 1);
    // Those of this session only, which has none.
    if (type.find("SEQUENCE") != std::string::npos || type.starts_with("TEMPORARY")) continue;
    TableEntry entry;
    entry.name = found.Text(i, 0);
    entry.is_table = type.find("VIEW") == std::string::npos;
    entry.kind = entry.is_table ? "table" : "view";
    entry.columns = std::move(columns[entry.name]);
    const auto index = indexes.find(entry.name);
    bool is_primary = false;
    if (index != indexes.end()) entry.key = ChooseMysqlKey(index->second, &is_primary);
    entry.url = url.With("table", entry.name).ToString();
    list.folds_names = found.Text(i, 2) != "0";
    list.tables.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(WarnOfUnseenTables(*connection, options.database, &list));
  ASSIGN_OR_RETURN(list.identity, MysqlIdentity(*connection, {"tables", options.database}));
  return list;
}

}  // namespace driftwood::agent
