#include "agent/stores/open_store.h"

#include <utility>

#include "agent/source/mapped_store.h"
#include "agent/source/messages.h"
#include "agent/stores/csv/csv_kind.h"
#include "agent/stores/exec/exec_kind.h"
#include "agent/stores/http/http_kind.h"
#include "agent/stores/jsonl/jsonl_kind.h"
#include "agent/stores/lmdb/lmdb_kind.h"
#include "agent/stores/log/log_kind.h"
#include "agent/stores/mysql/mysql_kind.h"
#include "agent/stores/postgresql/postgresql_kind.h"
#include "agent/stores/sqlite/sqlite_kind.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {

namespace {

const StoreKind* FindKind(const std::string& scheme) {
  for (const StoreKind* const kind : AllStoreKinds()) {
    for (const std::string& one : kind->schemes) {
      if (one == scheme) return kind;
    }
  }
  return nullptr;
}

std::string DatabaseForms() {
  std::string forms;
  for (const StoreKind* const kind : AllStoreKinds()) {
    if (kind->list_tables != nullptr) forms += (forms.empty() ? "" : ", ") + kind->database_form;
  }
  return forms;
}

absl::StatusOr<std::unique_ptr<Store>> OpenPlainStore(const StoreUrl& url,
                                                      const StoreOptions& options) {
  if (const StoreKind* const kind = FindKind(url.scheme)) return kind->open(url, options);
  std::string known;
  for (const std::string& scheme : AllSchemes(DescribeStoreKinds())) {
    known += (known.empty() ? "" : ", ") + scheme;
  }
  return absl::InvalidArgumentError("unknown store \"" + Printable(url.scheme) +
                                    "\" (known: " + known + ")");
}

}  // namespace

// In the order in which messages name them.
const std::vector<const StoreKind*>& AllStoreKinds() {
  static const std::vector<const StoreKind*> kinds = {
      &PostgresqlKind(), &MysqlKind(), &SqliteKind(), &CsvKind(), &JsonlKind(),
      &LogKind(),        &LmdbKind(),  &ExecKind(),   &HttpKind()};
  return kinds;
}

StoreKinds DescribeStoreKinds() {
  StoreKinds kinds;
  for (const StoreKind* const kind : AllStoreKinds()) kinds.push_back(*kind);
  return kinds;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreUrl& url, const StoreOptions& options) {
  ASSIGN_OR_RETURN(ColumnMapping mapping, ParseColumnMapping(url));
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store,
                   OpenPlainStore(WithoutColumnMapping(url), options));
  if (mapping.empty()) return store;
  return MapColumns(std::move(store), std::move(mapping), url.ToString());
}

absl::Status CheckIsDatabase(const StoreUrl& url) {
  RETURN_IF_ERROR(CheckDatabaseUrl(url));
  const StoreKind* const kind = FindKind(url.scheme);
  if (kind != nullptr && kind->list_tables != nullptr) return absl::OkStatus();
  return absl::UnimplementedError("\"" + Printable(url.scheme) +
                                  "\" has no tables to list; databases are " + DatabaseForms());
}

absl::StatusOr<TableList> ListTables(const StoreUrl& url, const StoreOptions& options,
                                     const std::stop_token& stop) {
  RETURN_IF_ERROR(CheckIsDatabase(url));
  return FindKind(url.scheme)->list_tables(url, options, stop);
}

}  // namespace driftwood::agent
