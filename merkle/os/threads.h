// Work on threads that ends as a Status, whatever happens in it: what is thrown there (memory that
// is not to be had, above all) fails the one call that the work was for, and not the process.
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "merkle/mutex.h"

namespace driftwood::merkle {

// What `work` returns; what it throws as a Status: ResourceExhausted for memory, Internal for
// anything else. `work` must leave no lock held when it throws.
absl::Status Guarded(const std::function<absl::Status()>& work);

// Threads that work for one call. Thread-safe but for Start() and Join(), which one thread calls.
class ThreadGroup {
 public:
  ThreadGroup() = default;
  // Joins: the work must have been told to end.
  ~ThreadGroup();
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  // Runs `work`, Guarded(), on a thread of its own. False if the system has no more threads, or no
  // memory for one: the work is not done then, and that is no error yet.
  bool Start(std::function<absl::Status()> work) DRIFTWOOD_EXCLUDES(mutex_);

  // Waits for all of them. The error that was first in time, if there was one.
  absl::Status Join() DRIFTWOOD_EXCLUDES(mutex_);

 private:
  void Run(const std::function<absl::Status()>& work) DRIFTWOOD_EXCLUDES(mutex_);

  std::vector<std::thread> threads_;
  Mutex mutex_;
  absl::Status error_ DRIFTWOOD_GUARDED_BY(mutex_);
};

// `work(0)` to `work(count - 1)`, each on a thread of its own, the first on this one; those that
// get no thread follow on this one. Returns when all have ended: the error of the lowest number.
absl::Status ForEachOnThreads(size_t count, const std::function<absl::Status(size_t)>& work);

}  // namespace driftwood::merkle
