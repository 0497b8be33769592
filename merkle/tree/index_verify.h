// Every invariant of a tree, from the records up (docs/tree.md lists them).
#pragma once

#include "absl/status/status.h"
#include "merkle/tree/index_snapshot.h"

namespace driftwood::merkle {

// DataLoss names the first invariant that is broken, and where. Reads everything once; bounded
// memory. One thread at a time, as the snapshot.
absl::Status VerifyTree(const IndexSnapshot& snapshot);

}  // namespace driftwood::merkle
