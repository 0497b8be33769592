// Tables of SQLite databases as stores: "sqlite:PATH?table=T", with &key=a,b if the table has no
// key of its own or another one is asked for.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "agent/source/idle_connections.h"
#include "agent/source/store.h"
#include "proto/contract/store_url.h"
#include "proto/contract/table_list.h"

namespace driftwood::agent {

// Opened for reading only. Each scan has a connection and a read transaction of its own: one
// snapshot. (In rollback-journal mode writers wait while a scan runs; in WAL mode they don't.)
// InvalidArgument for a parameter other than `table` and `key`. Does not touch the file yet. If
// there is `idle`, connections are kept there and used again as long as the file is proven
// unchanged.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(
    const StoreUrl& url, std::shared_ptr<IdleConnections> idle = nullptr);

// The tables, virtual tables and views of a database file.
absl::StatusOr<TableList> ListSqliteTables(const StoreUrl& url, const std::stop_token& stop = {});

}  // namespace driftwood::agent
