// The factory over all stores (agent/stores/open_store.cc): the one place that knows them all.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "agent/store.h"
#include "agent/store_options.h"
#include "agent/store_url.h"

namespace driftwood::agent {

// InvalidArgument for an unknown scheme (names the known ones) or parameter. Does not touch the
// source yet: that is Store::Describe().
absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreUrl& url,
                                                 const StoreOptions& options = {});

}  // namespace driftwood::agent
