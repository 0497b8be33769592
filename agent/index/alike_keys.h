// Keys that are one to a store and two to us: under a collation that knows no letter case, or that
// pads, 'A' is equal to 'a', so that a table with 'a' can't hold 'A' too. What such a store lacks
// is missing there all the same; this says why, and no verdict depends on it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/cancellation.h"
#include "agent/source/store.h"
#include "merkle/record/agreement.h"
#include "proto/contract/record.h"

namespace driftwood::agent {

// How many keys of a call are looked up one by one.
inline constexpr size_t kAlikeLookupsMax = 20;

// Of `keys` (canonical, of records that the store lacks), those that it considers equal to one that
// it holds: the first kAlikeLookupsMax that might be. None if it has no lookup for such keys.
absl::StatusOr<std::vector<AlikeKey>> FindAlikeKeys(Store& store,
                                                    const merkle::Agreement& agreement,
                                                    const std::vector<std::string>& keys,
                                                    Cancellation* cancellation);

}  // namespace driftwood::agent
