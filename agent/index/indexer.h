// Builds an index from one scan of a store: one reader, decoding and hashing on all cores, the
// small (key, digest) pairs into the index. Bounded memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "agent/index/indexer_options.h"
#include "agent/source/store.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"

namespace driftwood::agent {

struct IndexerResult {
  merkle::Summary root;  // of a multiset: of its different records
  uint64_t records = 0;  // all that the scan gave, copies too
  uint64_t unparsed = 0;
  std::string position;           // Scan::End
  std::string not_point_in_time;  // Scan::End
  std::string reread_position{};  // Scan::End; it is not kept in the index
};

// Builds the index of `store` under `agreement` at `path`. The position, `unparsed`,
// not_point_in_time and when the scan began are kept in the index's source position (see
// IndexedState). AlreadyExists: two
// records with one key; the message has the key, both origins, and both original keys where they
// are written differently ('7' and '007').
absl::StatusOr<IndexerResult> BuildIndex(Store& store, const merkle::Agreement& agreement,
                                         const IndexerOptions& options,
                                         const std::filesystem::path& path);

}  // namespace driftwood::agent
