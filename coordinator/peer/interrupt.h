// The user's wish to stop (Ctrl-C), passed to whatever is in progress. Thread-safe.
#pragma once

#include <functional>
#include <list>
#include <stop_token>

#include "merkle/mutex.h"

namespace driftwood::coordinator {

class Interrupt {
 public:
  // Calls every listener, on this thread. Later calls do nothing more.
  void Raise() DRIFTWOOD_EXCLUDES(mutex_);
  bool raised() const DRIFTWOOD_EXCLUDES(mutex_);
  // Stopped when it is raised.
  std::stop_token token() const { return stop_.get_token(); }
  // Returns after `seconds`, or at once when it is raised. True if it is.
  bool WaitFor(double seconds) DRIFTWOOD_EXCLUDES(mutex_);

  // Calls `callback` once when the interrupt is raised: at once if it has been already. Not called
  // any more when the listener's destructor has returned.
  class Listener {
   public:
    Listener(Interrupt* interrupt, std::function<void()> callback);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    Interrupt* const interrupt_;
    std::list<std::function<void()>>::iterator place_;
  };

 private:
  mutable merkle::Mutex mutex_;
  merkle::CondVar raising_;
  std::stop_source stop_;
  bool raised_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  std::list<std::function<void()>> listeners_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::coordinator
