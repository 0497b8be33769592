// Records re-read from the live store, by their keys.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/index/column_tagger.h"
#include "agent/index/found_record.h"
#include "agent/source/cancellation.h"
#include "agent/source/store.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"

namespace driftwood::agent {

// Of keys that were not found, those that the source had when it was indexed.
using HeldBefore =
    std::function<std::vector<std::string>(const std::vector<std::string>& not_found)>;

// Re-reads the records with exactly the given canonical keys (compared in binary) from the live
// store, by lookup where it has one, else by one scan. Absent keys are absent from the result,
// which is in key order. Values only if `with_values`: the memory it takes is theirs. Aborted: the
// source changed while it was scanned, so that an absent key may only have been overlooked.
//
// A lookup may overlook a record too: an index of the store's lacks it (a collation that has
// changed under it), or its character set can't write the key as we read it. So what a lookup does
// not find and was there before is gone only if one scan does not meet it either.
absl::StatusOr<std::vector<FoundRecord>> ReadRecords(
    Store& store, const merkle::Agreement& agreement, const merkle::DigestKey& key,
    const std::vector<std::string>& keys, bool with_values = true,
    Cancellation* cancellation = nullptr, const HeldBefore& held_before = nullptr);

// The same without values, with the tags that `tagger` makes. Not of a multiset.
absl::StatusOr<std::vector<FoundRecord>> ReadTagged(
    Store& store, const merkle::Agreement& agreement, const merkle::DigestKey& key,
    const std::vector<std::string>& keys, ColumnTagger* tagger,
    Cancellation* cancellation = nullptr, const HeldBefore& held_before = nullptr);

}  // namespace driftwood::agent
