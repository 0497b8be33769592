// The end of a call from outside. Whoever works for the call looks at it now and then; what waits
// for it does so by its token; scans that wait for their source meanwhile are interrupted.
// Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "agent/source/store.h"

namespace driftwood::agent {

class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // For good; once or more often.
  void Cancel() { source_.request_stop(); }
  bool cancelled() const { return source_.stop_requested(); }
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
};

// False without a cancellation.
inline bool IsCancelled(const Cancellation* cancellation) {
  return cancellation != nullptr && cancellation->cancelled();
}
// One that is never stopped without a cancellation.
inline std::stop_token TokenOf(const Cancellation* cancellation) {
  return cancellation == nullptr ? std::stop_token() : cancellation->token();
}

// While it lives, and the scan with it, cancelling (which may have been before) interrupts the
// scan.
class InterruptOnCancel {
 public:
  InterruptOnCancel(const Cancellation* cancellation, Scan* scan)  // `cancellation` may be null
      : callback_(TokenOf(cancellation), [scan] { scan->Interrupt(); }) {}
  InterruptOnCancel(const InterruptOnCancel&) = delete;
  InterruptOnCancel& operator=(const InterruptOnCancel&) = delete;

 private:
  std::stop_callback<std::function<void()>> callback_;
};

}  // namespace driftwood::agent
