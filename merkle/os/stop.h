// Waits that end when they are told to, at once and without polling: std::stop_token beside Mutex
// and CondVar.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include "absl/status/statusor.h"
#include "merkle/mutex.h"
#include "merkle/os/unique_fd.h"

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

// What a stop calls, by which a member can be stopped with its owner's token.
using OnStop = std::stop_callback<std::function<void()>>;

// Stopped by itself, or with a token.
class LinkedStop {
 public:
  explicit LinkedStop(std::stop_token token)
      : link_(std::make_unique<OnStop>(std::move(token),
                                       [source = source_]() mutable { source.request_stop(); })) {}

  // For good, once or more often. Any thread.
  void RequestStop() { source_.request_stop(); }
  bool stopped() const { return source_.stop_requested(); }
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::unique_ptr<OnStop> link_;
};

// A descriptor for poll() that becomes readable when `stop` is requested, and stays so.
class StopFd {
 public:
  // ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<StopFd>> Create(std::stop_token stop);
  int fd() const { return fd_.get(); }

 private:
  StopFd(UniqueFd fd, std::stop_token stop);

  const UniqueFd fd_;
  const OnStop write_;  // last: it uses the descriptor
};

// Waits until `end`, or until `stop`. True if it is stopped.
bool SleepUntil(std::chrono::steady_clock::time_point end, const std::stop_token& stop);

}  // namespace driftwood::merkle
