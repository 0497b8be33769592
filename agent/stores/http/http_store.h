// A system with a JSON API as a source: "http:FILE", a description in TOML (docs/http.md). Its URL
// takes:
//   key=a,b        the key columns, in key order; else the description's
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// InvalidArgument for parameters that make no sense. Does not read the description yet.
absl::StatusOr<std::unique_ptr<Store>> OpenHttpStore(const StoreUrl& url);

}  // namespace driftwood::agent
