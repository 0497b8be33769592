#include "agent/stores/open_store.h"

#include "agent/messages.h"
#include "agent/stores/csv/csv_store.h"
#include "agent/stores/jsonl/jsonl_store.h"
#include "agent/stores/lmdb/lmdb_store.h"
#include "agent/stores/postgresql/postgresql_store.h"
#include "agent/stores/sqlite/sqlite_store.h"

namespace driftwood::agent {

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreUrl& url) {
  if (url.scheme == "csv" || url.scheme == "tsv") return OpenCsvStore(url);
  if (url.scheme == "jsonl") return OpenJsonlStore(url);
  if (url.scheme == "sqlite") return OpenSqliteStore(url);
  if (url.scheme == "postgresql" || url.scheme == "postgres") return OpenPostgresqlStore(url);
  if (url.scheme == "lmdb") return OpenLmdbStore(url);
  return absl::InvalidArgumentError("unknown store \"" + Printable(url.scheme) +
                                    "\" (known: csv, tsv, jsonl, sqlite, lmdb, postgresql)");
}

}  // namespace driftwood::agent
