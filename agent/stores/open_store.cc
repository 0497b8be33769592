#include "agent/stores/open_store.h"

#include <utility>

#include "agent/source/mapped_store.h"
#include "agent/source/messages.h"
#include "agent/stores/csv/csv_store.h"
#include "agent/stores/jsonl/jsonl_store.h"
#include "agent/stores/lmdb/lmdb_store.h"
#include "agent/stores/mysql/mysql_store.h"
#include "agent/stores/postgresql/postgresql_store.h"
#include "agent/stores/sqlite/sqlite_store.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {

namespace {

absl::StatusOr<std::unique_ptr<Store>> OpenPlainStore(const StoreUrl& url,
                                                      const StoreOptions& options) {
  if (url.scheme == "csv" || url.scheme == "tsv") return OpenCsvStore(url);
  if (url.scheme == "jsonl") return OpenJsonlStore(url);
  if (url.scheme == "sqlite") return OpenSqliteStore(url);
  if (url.scheme == "postgresql" || url.scheme == "postgres") {
    return OpenPostgresqlStore(url, options);
  }
  if (url.scheme == "mysql" || url.scheme == "mariadb") return OpenMysqlStore(url, options);
  if (url.scheme == "lmdb") return OpenLmdbStore(url);
  return absl::InvalidArgumentError("unknown store \"" + Printable(url.scheme) +
                                    "\" (known: csv, tsv, jsonl, sqlite, lmdb, postgresql, mysql)");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreUrl& url, const StoreOptions& options) {
  ASSIGN_OR_RETURN(ColumnMapping mapping, ParseColumnMapping(url));
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store,
                   OpenPlainStore(WithoutColumnMapping(url), options));
  if (mapping.empty()) return store;
  return MapColumns(std::move(store), std::move(mapping), url.ToString());
}

absl::StatusOr<TableList> ListTables(const StoreUrl& url, const StoreOptions& options) {
  RETURN_IF_ERROR(CheckDatabaseUrl(url));
  if (url.scheme == "sqlite") return ListSqliteTables(url);
  if (url.scheme == "postgresql" || url.scheme == "postgres") {
    return ListPostgresqlTables(url, options);
  }
  if (url.scheme == "mysql" || url.scheme == "mariadb") return ListMysqlTables(url, options);
  return absl::UnimplementedError("\"" + Printable(url.scheme) +
                                  "\" has no tables to list; databases are postgresql://…/DB, "
                                  "mysql://…/DB and sqlite:PATH");
}

}  // namespace driftwood::agent
