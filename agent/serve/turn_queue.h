// One call at a time uses what takes one at a time; others wait for their turn. Thread-safe.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "merkle/mutex.h"
#include "merkle/os/stop.h"

namespace driftwood::agent {

class TurnQueue {
 public:
  // `what` is that for which calls wait, in messages: "dataset orders".
  TurnQueue(std::string what, size_t waiting_max)
      : what_(std::move(what)), waiting_max_(waiting_max) {}

  // Waits for a turn, which End() ends. Cancelled once `stop` is requested, ResourceExhausted if
  // too many wait already.
  absl::Status Begin(const std::stop_token& stop) DRIFTWOOD_EXCLUDES(mutex_) {
    const merkle::WakeOnStop wake(stop, &mutex_, &ended_);
    merkle::MutexLock lock(&mutex_);
    if (busy_ && waiting_ >= waiting_max_) {
      return absl::ResourceExhaustedError("too many calls wait for " + what_ + "; try again later");
    }
    ++waiting_;
    while (busy_ && !stop.stop_requested()) ended_.Wait(&mutex_);
    --waiting_;
    if (stop.stop_requested()) return absl::CancelledError("cancelled while waiting for its turn");
    busy_ = true;
    return absl::OkStatus();
  }
  // False if somebody has the turn.
  bool TryBegin() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return !std::exchange(busy_, true);
  }
  void End() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    busy_ = false;
    ended_.SignalAll();
  }

 private:
  const std::string what_;
  const size_t waiting_max_;
  merkle::Mutex mutex_;
  merkle::CondVar ended_;
  bool busy_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  size_t waiting_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
};

}  // namespace driftwood::agent
