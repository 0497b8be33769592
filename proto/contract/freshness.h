// On the strength of what an index stands for its source: the basis of a verdict. Each snapshot
// brings its own, with its root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "merkle/os/clock.h"

namespace driftwood {

using merkle::WallTime;

// What a scan read. The source was in that state at some moment after `time`: the scan began then,
// or the source was asked then and proved that nothing has changed since the scan.
struct ProvedUnchanged {
  WallTime time{};

  friend bool operator==(const ProvedUnchanged&, const ProvedUnchanged&) = default;
};

// Kept current from the source's change stream, to the end of a transaction.
struct Followed {
  std::string history;   // in which positions mean something, as the source names it
  std::string position;  // likewise
  WallTime proved{};     // when that was last proven to be all that there was

  friend bool operator==(const Followed&, const Followed&) = default;
};

// Kept current by whoever writes to the source, as far as that is told.
struct Pushed {
  std::string epoch;                         // in which the numbers count
  uint64_t sequence = 0;                     // of the last batch that is in the index
  std::optional<WallTime> complete_up_to{};  // as told; absent: nothing was told yet

  friend bool operator==(const Pushed&, const Pushed&) = default;
};

using Freshness = std::variant<ProvedUnchanged, Followed, Pushed>;

// For people: "scan as of 2026-11-28 12:00:00Z", "stream up to 0/16B3748 of 7301…, proven at
// …", "pushed up to number 17 of epoch 3, complete up to …".
std::string DescribeFreshness(const Freshness& freshness);

}  // namespace driftwood
