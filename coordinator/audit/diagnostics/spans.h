// Where in the key space the divergences lie: stretches of keys that diverge about equally often.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/audit/confirm/confirm.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/walk_types.h"
#include "merkle/hash/level.h"

namespace driftwood::coordinator {

// With fewer divergences than this the list of them says it better.
inline constexpr uint64_t kSpansDivergencesMin = 20;

// A part of the key space; it ends where the next one begins.
struct KeyPart {
  std::string begin;  // the first one's is empty: -inf
  uint64_t records = 0;
};

// The whole key space in at most about 20 parts of about equally many records, as the open
// snapshot of `peer` has them, whose root holds `records`. Ends that snapshot's walk. Any answer
// that does not add up is DataLoss.
absl::StatusOr<std::vector<KeyPart>> CutKeySpace(Peer& peer, uint64_t records,
                                                 const merkle::TreeParams& params);

// Adds to `parts` the `records` of another source of the same replica. Fails as CutKeySpace().
absl::Status AddRecords(Peer& peer, uint64_t records, std::vector<KeyPart>* parts);

// The divergences outside missing runs, without those in flight, counted over `parts`; neighbouring
// parts that diverge about equally often are one span. By key. Pure. Fails if `result` can't be read.
absl::StatusOr<std::vector<ReportSpan>> FindSpans(const std::vector<KeyPart>& parts,
                                                  const WalkResult& result,
                                                  const Confirmation& confirmation,
                                                  size_t key_columns);

}  // namespace driftwood::coordinator
