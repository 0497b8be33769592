// Keeps off servers that are busy: a store that is read only while its server's load is low.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/source/cancellation.h"
#include "agent/source/store.h"
#include "merkle/os/clock.h"

namespace driftwood::agent {

struct LoadLimits {
  std::optional<uint64_t> running;               // so many queries of others are not too many yet
  std::optional<std::chrono::milliseconds> lag;  // nor is so much replication lag
  // How long a pause may keep a snapshot open.
  std::chrono::milliseconds hold{60'000};
};

// "running=20,lag=10s,hold=60s" in any order, without either of the first two or without the last.
// InvalidArgument for anything else.
absl::StatusOr<LoadLimits> ParseLoadLimits(std::string_view text);

struct LoadGateOptions {
  LoadLimits limits;
  merkle::Clock clock = merkle::SteadyClock();
  // For so long, or until it is stopped. Empty: merkle::SleepUntil().
  std::function<void(std::chrono::nanoseconds, const std::stop_token&)> sleep;
  const Cancellation* cancellation = nullptr;  // may be null
  // Told at each look at the load while it is too high why nothing is read, and "" when that is
  // over. May be empty. Called on the thread that reads.
  std::function<void(const std::string& why)> on_wait;
};

// `store` (which must outlive it), for the time of one call, by one thread at a time. Its load is
// looked at once a second at most.
//
// A scan begins once the load is low, however long that takes: nothing is open meanwhile. While it
// is under way a load that is too high stops it from being read for `hold` at most. After that the
// scan is ended, which gives its snapshot back, with a transient error (transient.h). So what one
// scan gives always belongs to one snapshot, of which no part is read later than the hold allows.
// Lookups, which are short, are never paused; those of one call wait for `hold` in all before they
// begin in any case.
//
// A load that can't be read is an error, and never none: before the scan that of the store (but
// transient where the server can't be reached), then Aborted. Cancelled as soon as `cancellation`
// says so. A store whose MeasureLoad() is Unimplemented has no server: it is read at once.
std::unique_ptr<Store> MakeGatedStore(Store* store, LoadGateOptions options);

}  // namespace driftwood::agent
