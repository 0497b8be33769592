// The factory over all stores, by a table of their kinds (agent/stores/open_store.cc): the one
// place that knows them all.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/source/store_kind.h"
#include "agent/source/store_options.h"
#include "proto/contract/store_kind.h"
#include "proto/contract/store_url.h"
#include "proto/contract/table_list.h"

namespace driftwood::agent {

const std::vector<const StoreKind*>& AllStoreKinds();
// The same for those outside of this program.
StoreKinds DescribeStoreKinds();

// InvalidArgument for an unknown scheme (names the known ones) or parameter. Does not touch the
// source yet: that is Store::Describe().
absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreUrl& url,
                                                 const StoreOptions& options = {});

// Whether ListTables() can list what the URL names. InvalidArgument: CheckDatabaseUrl().
// Unimplemented: a store without tables. Does not touch the source.
absl::Status CheckIsDatabase(const StoreUrl& url);

// The tables of a database, by name: the URL is that of a store without what belongs to one table
// (CheckDatabaseUrl), for PostgreSQL perhaps with `schema` (all without it). All that are there are
// listed, readable or not, but for what the server does not show to its user. Fails as
// CheckIsDatabase() and Store::Describe() do, and with Cancelled once `stop` is requested.
absl::StatusOr<TableList> ListTables(const StoreUrl& url, const StoreOptions& options = {},
                                     const std::stop_token& stop = {});

}  // namespace driftwood::agent
