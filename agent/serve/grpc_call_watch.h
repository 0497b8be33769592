// Ends calls whose caller doesn't take what it is given: a thread waits in each of them, and there
// are not many.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <list>
#include <thread>

#include "merkle/mutex.h"

struct grpc_call;

namespace driftwood::agent {

class CallWatch {
 public:
  CallWatch();
  ~CallWatch();
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

  struct Entry {
    grpc_call* call;  // holds a reference
    std::chrono::steady_clock::time_point deadline;
    bool guarded;
    bool cancelled = false;
  };

  // Cancels the call after `patience`, unless it is destroyed before.
  class Guard {
   public:
    Guard(CallWatch* watch, grpc_call* call, std::chrono::milliseconds patience);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    CallWatch* const watch_;
    const std::list<Entry>::iterator entry_;
  };

  // Cancels the call after `patience`, whatever has become of it: for a reply that is sent when its
  // handler has returned. A call that has ended is not harmed.
  void Expect(grpc_call* call, std::chrono::milliseconds patience) DRIFTWOOD_EXCLUDES(mutex_);

 private:
  std::list<Entry>::iterator Add(grpc_call* call, std::chrono::milliseconds patience, bool guarded)
      DRIFTWOOD_EXCLUDES(mutex_);
  void Remove(std::list<Entry>::iterator entry) DRIFTWOOD_EXCLUDES(mutex_);
  void Watch() DRIFTWOOD_EXCLUDES(mutex_);
  // Returns when the next one is due.
  std::chrono::steady_clock::time_point CancelLateOnes() DRIFTWOOD_REQUIRES(mutex_);

  merkle::Mutex mutex_;
  merkle::CondVar changed_;
  std::list<Entry> entries_ DRIFTWOOD_GUARDED_BY(mutex_);  // a few dozen
  bool stopped_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace driftwood::agent
