// Tables of MariaDB and MySQL databases as stores: "mysql://USER@HOST:PORT/DB?table=T".
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/source/store_options.h"
#include "proto/contract/store_url.h"
#include "proto/contract/table_list.h"

namespace driftwood::agent {

// The URL's parameters are in README.md. InvalidArgument for what is unknown or malformed.
// Connects to nothing yet.
//
// Each scan reads one snapshot, in read-only transactions, on one connection, or on several if
// their snapshots are proven to be one. Tables without snapshots are marked. Only what the server
// has said to be the end of a result is the end of a scan.
absl::StatusOr<std::unique_ptr<Store>> OpenMysqlStore(const StoreUrl& url,
                                                      const StoreOptions& store_options = {});

// The tables and views of one database that the server shows to its user: those on which it has
// some privilege.
absl::StatusOr<TableList> ListMysqlTables(const StoreUrl& url, const StoreOptions& options = {},
                                          const std::stop_token& stop = {});

}  // namespace driftwood::agent
