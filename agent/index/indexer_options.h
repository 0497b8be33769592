// What an index is built with, and under what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "agent/source/cancellation.h"
#include "merkle/hash/digest.h"
#include "merkle/os/clock.h"
#include "merkle/record/agreement.h"

namespace driftwood::agent {

struct IndexerOptions {
  merkle::DigestKey key;
  int threads = 0;  // 0: as many as there are cores
  // Bounds what is held of rows that are being read, too.
  size_t sort_memory_bytes = size_t{64} << 20;
  bool durable = true;  // merkle::IndexOptions
  // Called from one thread at a time, now and then.
  std::function<void(uint64_t records, uint64_t progress)> on_progress;
  // Makes the build end with Cancelled. May be null.
  Cancellation* cancellation = nullptr;
  // For when the scan began.
  merkle::WallClock wall_clock = merkle::SystemClock();
};

// FailedPrecondition: an agreement of another encoding version or digest key. InvalidArgument:
// none.
absl::Status CheckAgreement(const merkle::Agreement& agreement, const merkle::DigestKey& key);

}  // namespace driftwood::agent
