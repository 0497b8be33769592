// Keeps the reading of stores below a rate.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "merkle/mutex.h"
#include "merkle/os/clock.h"

namespace driftwood::agent {

// 0: no limit.
struct Rate {
  uint64_t rows_per_second = 0;
  uint64_t bytes_per_second = 0;
};

// "50000rows", "20MB", "20MiB", "50000rows,20MB", each with "/s" if liked; units of bytes: B, kB,
// MB, GB, KiB, MiB, GiB. InvalidArgument for anything else, and for 0.
absl::StatusOr<Rate> ParseRate(std::string_view text);

// One budget for all that shares it. Thread-safe.
//
// What was read is paid for afterwards, by waiting: so nothing has to be known before it was read,
// and no row is larger than the budget. What was not used within a second is lost.
class Pacer {
 public:
  explicit Pacer(Rate rate, merkle::Clock clock = merkle::SteadyClock());
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  void Spend(uint64_t rows, uint64_t bytes) DRIFTWOOD_EXCLUDES(mutex_);
  // How long to wait until all is paid for.
  std::chrono::nanoseconds Debt() const DRIFTWOOD_EXCLUDES(mutex_);
  // Cancelled after Stop(), and as soon as `interrupted` is set and Wake() called.
  absl::Status WaitUntilPaid(const std::atomic<bool>* interrupted = nullptr)
      DRIFTWOOD_EXCLUDES(mutex_);
  // Whoever waits looks at its flag again.
  void Wake() DRIFTWOOD_EXCLUDES(mutex_);
  // Ends all waiting, for good.
  void Stop() DRIFTWOOD_EXCLUDES(mutex_);

 private:
  const Rate rate_;
  const merkle::Clock clock_;

  mutable merkle::Mutex mutex_;
  merkle::CondVar wake_;
  bool stopped_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  // When all that was spent is paid for.
  std::chrono::steady_clock::time_point paid_ DRIFTWOOD_GUARDED_BY(mutex_);
};

// `store`, whose scans and lookups wait for `pacer` before each batch. Bytes are those of the
// values: of texts their length, of all else 8.
std::unique_ptr<Store> MakePacedStore(std::unique_ptr<Store> store, std::shared_ptr<Pacer> pacer);

}  // namespace driftwood::agent
