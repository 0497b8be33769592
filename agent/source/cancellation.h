// The end of a call from outside. Whoever works for the call looks at it now and then; scans that
// wait for their source meanwhile are interrupted. Thread-safe.
#pragma once

#include <atomic>
#include <set>

#include "agent/source/store.h"
#include "merkle/mutex.h"

namespace driftwood::agent {

class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // For good; once or more often.
  void Cancel() DRIFTWOOD_EXCLUDES(mutex_);
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  friend class InterruptOnCancel;

  std::atomic<bool> cancelled_{false};
  merkle::Mutex mutex_;
  std::set<Scan*> scans_ DRIFTWOOD_GUARDED_BY(mutex_);
};

// False without a cancellation.
inline bool IsCancelled(const Cancellation* cancellation) {
  return cancellation != nullptr && cancellation->cancelled();
}

// While it lives, and the scan with it, cancelling (which may have been before) interrupts the
// scan.
class InterruptOnCancel {
 public:
  InterruptOnCancel(Cancellation* cancellation, Scan* scan);  // `cancellation` may be null
  ~InterruptOnCancel();
  InterruptOnCancel(const InterruptOnCancel&) = delete;
  InterruptOnCancel& operator=(const InterruptOnCancel&) = delete;

 private:
  Cancellation* const cancellation_;
  Scan* const scan_;
};

}  // namespace driftwood::agent
