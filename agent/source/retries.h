// How often what was lost is tried again, and after what pauses: one count for all that tries
// within a call. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "merkle/mutex.h"

namespace driftwood::agent {

class Retries {
 public:
  explicit Retries(std::vector<std::chrono::milliseconds> pauses) : pauses_(std::move(pauses)) {}
  Retries(const Retries&) = delete;
  Retries& operator=(const Retries&) = delete;

  // A new call has all of them.
  void Reset() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    taken_ = 0;
  }
  // Takes one: the pause before it. Absent if there is none left.
  std::optional<std::chrono::milliseconds> Next() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    if (taken_ == pauses_.size()) return std::nullopt;
    return pauses_[taken_++];
  }
  size_t taken() const DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return taken_;
  }

 private:
  const std::vector<std::chrono::milliseconds> pauses_;
  mutable merkle::Mutex mutex_;
  size_t taken_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
};

}  // namespace driftwood::agent
