// Whose turn it is among tables that are compared side by side: so many work at a time, those that
// wait to be re-read do so together, and what is large works alone. Thread-safe; a Turn is of one
// thread.
//
// One pause is for all: it begins when no table works and none can begin, so that there is one of
// them, unless so many tables wait that what is known of them takes too much memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "merkle/mutex.h"

namespace driftwood::coordinator {

struct TurnLimits {
  size_t at_once = 1;              // that work
  uint64_t held_max = UINT64_MAX;  // as Pause() has it, of all that have begun
};

class Turns {
 public:
  Turns(const TurnLimits& limits, size_t tables) : limits_(limits), tables_(tables) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Before it no turn begins. So many threads have one turn after the other until there is none
  // left, each of them: one that did not come would be waited for.
  void Begin(size_t threads) DRIFTWOOD_EXCLUDES(mutex_);

  class Turn {
   public:
    explicit Turn(Turns* turns);  // waits until it is one's turn
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // The number of the table, which begin in their order; absent: there is none left.
    const std::optional<size_t>& table() const { return table_; }

    // Waits until all others have ended, also those that had not begun, as far as there is a thread
    // for them. Until this one ends, none works.
    void WorkAlone();
    // Waits as `wait`, which is given seconds, together with all others that do: one of them waits
    // for as long as any of them wants to. `held`: what this turn keeps in memory from now on, in
    // any unit. Who works alone goes on doing so, and waits by itself.
    void Pause(double seconds, uint64_t held, const std::function<void(double)>& wait);

   private:
    Turns* const turns_;
    std::optional<size_t> table_;
    uint64_t held_ = 0;
    bool alone_ = false;
  };

 private:
  // There is a table for which there is a thread, and room.
  bool CanBegin() const DRIFTWOOD_REQUIRES(mutex_);
  bool MustWait() const DRIFTWOOD_REQUIRES(mutex_);
  // Nobody works, or will before what waits for that goes on.
  bool IsQuiet() const DRIFTWOOD_REQUIRES(mutex_);
  // After each change: wakes who may go on by it. Of those that want to begin it is one, who wakes
  // the next if he may begin too: there may be a hundred.
  void Wake() DRIFTWOOD_REQUIRES(mutex_);

  const TurnLimits limits_;
  const size_t tables_;
  merkle::Mutex mutex_;
  merkle::CondVar may_begin_;  // or there is no table left
  merkle::CondVar may_go_on_;  // who has begun
  size_t threads_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  size_t next_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  size_t begun_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;  // and not ended
  size_t working_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool alone_ DRIFTWOOD_GUARDED_BY(mutex_) = false;  // the one that works
  uint64_t held_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  // Of the pause to come, or that is.
  size_t pausing_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  double seconds_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool in_pause_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  // Pauses that are over, and those of the last one that don't work yet.
  uint64_t pauses_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  size_t returning_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
};

}  // namespace driftwood::coordinator
