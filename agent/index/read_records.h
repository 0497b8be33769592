// Records re-read from the live store, by their keys.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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

// What spares a scan most of its way where an index is proven to stand for the store as it is now:
// the records of the keys that are in it, and of no others, are looked for until all are found.
// Those found must be the index's, digest by digest, or else the store is scanned as if there was
// no index.
struct ProvenIndex {
  // Of the keys that are asked for, the records that are there, without values. Absent: there is no
  // such proof. Asked once, and only where a store is scanned.
  std::function<std::optional<std::vector<FoundRecord>>()> records;
  // Where in the store a scan begins, and where it ended: rows of files often lie in the order of
  // their keys, and so do the keys of one call after the other.
  uint64_t* scanned_up_to = nullptr;
};

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
    Cancellation* cancellation = nullptr, const HeldBefore& held_before = nullptr,
    const ProvenIndex& proven = {});

// The same without values, with the tags that `tagger` makes. Not of a multiset.
absl::StatusOr<std::vector<FoundRecord>> ReadTagged(
    Store& store, const merkle::Agreement& agreement, const merkle::DigestKey& key,
    const std::vector<std::string>& keys, ColumnTagger* tagger,
    Cancellation* cancellation = nullptr, const HeldBefore& held_before = nullptr,
    const ProvenIndex& proven = {});

// Says of those of `found`, which are in key order, that `such` has a row of, that they are
// `presence`: records no more. `such` holds the source's rows of that kind (Store::Only()).
absl::Status MarkAs(Presence presence, Store& such, const merkle::Agreement& agreement,
                    const merkle::DigestKey& key, Cancellation* cancellation,
                    std::vector<FoundRecord>* found);

}  // namespace driftwood::agent
