// Tables of PostgreSQL databases as stores: "postgresql://USER@HOST:PORT/DB?table=schema.name".
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/source/store_options.h"
#include "proto/contract/store_url.h"
#include "proto/contract/table_list.h"

namespace driftwood::agent {

// The URL is libpq's, with the parameters `table`, `where`, `key` and `connections` (README.md);
// all others are libpq's own. InvalidArgument for what neither knows. Connects to nothing yet.
//
// Each scan reads one snapshot, in read-only transactions, on one or more connections. Only what
// the server has confirmed as complete is the end of a scan.
absl::StatusOr<std::unique_ptr<Store>> OpenPostgresqlStore(const StoreUrl& url,
                                                           const StoreOptions& options = {});

// The tables of one schema: partitioned ones as one table, those that inherit from another for
// themselves too; and its views, materialised views and foreign tables, which are marked.
absl::StatusOr<TableList> ListPostgresqlTables(const StoreUrl& url,
                                               const StoreOptions& options = {},
                                               const std::stop_token& stop = {});

}  // namespace driftwood::agent
