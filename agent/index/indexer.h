// Builds an index from one scan of a store: one reader, decoding and hashing on all cores, the
// small (key, digest) pairs into the index. Bounded memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/index/column_tagger.h"
#include "agent/source/cancellation.h"
#include "agent/source/store.h"
#include "merkle/hash/digest.h"
#include "merkle/record/schema.h"
#include "merkle/tree/tree_view.h"

namespace driftwood::agent {

struct IndexerOptions {
  merkle::DigestKey key;
  int threads = 0;  // 0: as many as there are cores
  size_t sort_memory_bytes = size_t{64} << 20;
  // Called from one thread at a time, now and then.
  std::function<void(uint64_t records, uint64_t progress)> on_progress;
  // Makes the build end with Cancelled. May be null.
  Cancellation* cancellation = nullptr;
};

struct IndexerResult {
  merkle::Summary root;  // of a multiset: of its different records
  uint64_t records = 0;  // all that the scan gave, copies too
  uint64_t unparsed = 0;
  std::string position;           // Scan::End
  std::string not_point_in_time;  // Scan::End
};

// Builds the index of `store` under `agreement` at `path`. The position, `unparsed` and
// not_point_in_time are kept in the index's source position (see IndexedState). AlreadyExists: two
// records with one key; the message has the key, both origins, and both original keys where they
// are written differently ('7' and '007').
absl::StatusOr<IndexerResult> BuildIndex(Store& store, const merkle::Agreement& agreement,
                                         const IndexerOptions& options,
                                         const std::filesystem::path& path);

// What an index's source position holds, so that a reused index reports the same as a fresh one.
struct IndexedState {
  std::string position;
  uint64_t unparsed = 0;
  std::string not_point_in_time;
  uint64_t records = 0;

  std::string Encode() const;
  // DataLoss: not such bytes.
  static absl::StatusOr<IndexedState> Decode(std::string_view bytes);
};

// A record read from the live store by key, for reports.
struct FoundRecord {
  std::string key;    // canonical
  std::string value;  // canonical
  merkle::Digest digest;
  uint64_t copies = 0;          // of a multiset only (agent/index/copies.h)
  bool value_too_long = false;  // no room for it (agent/index/found_value.h): not in `value`
  std::string column_tags{};    // ReadTagged(): ColumnTagger::TagColumns()
  std::string rule_tags{};      // the same: ColumnTagger::TagRules(); of a longer value none
};

// Of keys that were not found, those that the source had when it was indexed.
using HeldBefore =
    std::function<std::vector<std::string>(const std::vector<std::string>& not_found)>;

// Re-reads the records with exactly the given canonical keys (compared in binary) from the live
// store, by look-up where it has one, else by one scan. Absent keys are absent from the result,
// which is in key order. Values only if `with_values`: the memory it takes is theirs. Aborted: the
// source changed while it was scanned, so that an absent key may only have been overlooked.
//
// A look-up may overlook a record too: an index of the store's lacks it (a collation that has
// changed under it), or its character set can't write the key as we read it. So what a look-up does
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

// The same without values from an index that is proven to stand for the store as it is.
absl::StatusOr<std::vector<FoundRecord>> FindRecords(const merkle::TreeView& view,
                                                     const std::vector<std::string>& keys);

}  // namespace driftwood::agent
