// Whose turn it is among tables that are compared side by side: so many work at a time, more of
// them may be in a pause, and what is large works alone. Thread-safe; a Turn is of one thread.
#pragma once

#include <cstddef>
#include <functional>

#include "merkle/mutex.h"

namespace driftwood::coordinator {

class Turns {
 public:
  explicit Turns(size_t at_once) : at_once_(at_once) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  class Turn {
   public:
    explicit Turn(Turns* turns);  // waits until it is one's turn
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // Waits until all others have ended, those in a pause too. Until this one ends, none begins.
    void WorkAlone();
    // Lets others work while `wait` runs; who works alone goes on doing so.
    void Pause(const std::function<void()>& wait);

   private:
    Turns* const turns_;
    bool alone_ = false;
  };

 private:
  const size_t at_once_;
  merkle::Mutex mutex_;
  merkle::CondVar changed_;
  size_t working_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  size_t pausing_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  size_t large_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;  // work alone, or wait to do so
};

}  // namespace driftwood::coordinator
