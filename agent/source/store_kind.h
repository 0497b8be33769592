// A kind of store: all that the agent must know to open one. Each store has one such object in its
// directory, and agent/stores/open_store.cc a table of them: nothing else knows a store by name.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/source/store_options.h"
#include "proto/contract/store_kind.h"
#include "proto/contract/store_url.h"
#include "proto/contract/table_list.h"

namespace driftwood::agent {

struct StoreKind : StoreKindDescription {
  // InvalidArgument for parameters that make no sense. Does not touch the source yet.
  absl::StatusOr<std::unique_ptr<Store>> (*open)(const StoreUrl&, const StoreOptions&) = nullptr;
  // Of a database without what belongs to one table. Cancelled once the token's stop is requested.
  // Null without a `database_form`.
  absl::StatusOr<TableList> (*list_tables)(const StoreUrl&, const StoreOptions&,
                                           const std::stop_token&) = nullptr;
};

}  // namespace driftwood::agent
