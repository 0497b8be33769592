// Waits that end when they are told to, at once and without polling: std::stop_token beside Mutex
// and CondVar.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <utility>

#include "merkle/mutex.h"

namespace driftwood::merkle {

// While it lives, a stop wakes all who wait on `condition`, who hold `mutex` then:
//
//   WakeOnStop wake(stop, &mutex_, &changed_);  // before the lock: it may take the mutex
//   MutexLock lock(&mutex_);
//   while (!ready_ && !stop.stop_requested()) changed_.Wait(&mutex_);
class WakeOnStop {
 public:
  WakeOnStop(std::stop_token stop, Mutex* mutex, CondVar* condition)
      : callback_(std::move(stop), [mutex, condition] {
          // Whoever has looked at the token and does not wait yet holds the mutex.
          MutexLock lock(mutex);
          condition->SignalAll();
        }) {}

 private:
  std::stop_callback<std::function<void()>> callback_;
};

// Waits until `end`, or until `stop`. True if it is stopped.
bool SleepUntil(std::chrono::steady_clock::time_point end, const std::stop_token& stop);

}  // namespace driftwood::merkle
