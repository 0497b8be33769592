// std::mutex with the annotations that clang's -Wthread-safety checks. (absl::Mutex reports
// falsely under TSan.)
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define DRIFTWOOD_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define DRIFTWOOD_THREAD_ATTRIBUTE(x)
#endif

// The prefix keeps them apart from those that Abseil defines. On a member: read and written only
// with the mutex held.
#define DRIFTWOOD_GUARDED_BY(x) DRIFTWOOD_THREAD_ATTRIBUTE(guarded_by(x))
#define DRIFTWOOD_PT_GUARDED_BY(x) DRIFTWOOD_THREAD_ATTRIBUTE(pt_guarded_by(x))
// On a function: the caller holds the mutex, or must not.
#define DRIFTWOOD_REQUIRES(...) DRIFTWOOD_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define DRIFTWOOD_EXCLUDES(...) DRIFTWOOD_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define DRIFTWOOD_NO_THREAD_SAFETY_ANALYSIS DRIFTWOOD_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace driftwood::merkle {

class DRIFTWOOD_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() DRIFTWOOD_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void Unlock() DRIFTWOOD_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

  // The names that the standard library's waits ask for (CondVar below).
  void lock() DRIFTWOOD_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() DRIFTWOOD_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds the mutex for its own lifetime.
class DRIFTWOOD_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) DRIFTWOOD_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() DRIFTWOOD_THREAD_ATTRIBUTE(release_capability()) { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

// Waits with a Mutex held: `while (!ready_) condition_.Wait(&mutex_);`
class CondVar {
 public:
  void Wait(Mutex* mutex) DRIFTWOOD_REQUIRES(mutex) DRIFTWOOD_NO_THREAD_SAFETY_ANALYSIS {
    condition_.wait(*mutex);
  }
  // False if the time passed without a signal.
  template <typename Clock, typename Duration>
  bool WaitUntil(Mutex* mutex, const std::chrono::time_point<Clock, Duration>& deadline)
      DRIFTWOOD_REQUIRES(mutex) DRIFTWOOD_NO_THREAD_SAFETY_ANALYSIS {
    return condition_.wait_until(*mutex, deadline) == std::cv_status::no_timeout;
  }
  void Signal() { condition_.notify_one(); }
  void SignalAll() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace driftwood::merkle
