// Records without a key (key `*`, merkle/tree/multiset.h), re-read: how many copies of them
// there are. No store can look them up, so that it takes a scan.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/index/found_record.h"
#include "agent/source/cancellation.h"
#include "agent/source/store.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"
#include "merkle/tree/tree_view.h"

namespace driftwood::agent {

// ReadRecords() of a multiset: by one scan of the live store, under the same contract. `value` is
// that of the record itself, not the number of its copies. `keys` ascend, each once.
absl::StatusOr<std::vector<FoundRecord>> CountCopies(Store& store,
                                                     const merkle::Agreement& agreement,
                                                     const merkle::DigestKey& key,
                                                     const std::vector<std::string>& keys,
                                                     bool with_values, Cancellation* cancellation);

// FindRecords() of a multiset of `records` records, copies counted. `cancellation`
// may be null. DataLoss: a digest in the index stands for no copy count.
absl::StatusOr<std::vector<FoundRecord>> FindCopies(const merkle::TreeView& view,
                                                    const std::vector<std::string>& keys,
                                                    const merkle::DigestKey& key, uint64_t records,
                                                    const Cancellation* cancellation);

}  // namespace driftwood::agent
