// LMDB databases as stores: "lmdb:PATH" (the unnamed database), "lmdb:PATH?db=NAME".
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// Two columns of raw bytes, "key" and "value"; the key is "key". A scan's rows are views of the
// memory map. InvalidArgument for a parameter other than `db`. Does not touch the file yet.
absl::StatusOr<std::unique_ptr<Store>> OpenLmdbStore(const StoreUrl& url);

}  // namespace driftwood::agent
