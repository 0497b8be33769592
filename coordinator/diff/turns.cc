#include "coordinator/diff/turns.h"

#include <algorithm>
#include <utility>

namespace driftwood::coordinator {

void Turns::Begin(size_t threads) {
  merkle::MutexLock lock(&mutex_);
  threads_ = threads;
  Wake();
}

bool Turns::CanBegin() const {
  return next_ < tables_ && begun_ < threads_ && held_ < limits_.held_max;
}

bool Turns::IsQuiet() const {
  return working_ == 0 && returning_ == 0 && !in_pause_ && !CanBegin();
}

// Who comes back goes before who begins: what was found is held in memory.
bool Turns::MustWait() const {
  if (next_ == tables_) return false;
  return !CanBegin() || alone_ || returning_ > 0 || working_ >= limits_.at_once;
}

void Turns::Wake() {
  if (next_ == tables_) {
    may_begin_.SignalAll();
  } else if (!MustWait()) {
    may_begin_.Signal();
  }
  if (IsQuiet() || (returning_ > 0 && working_ < limits_.at_once)) may_go_on_.SignalAll();
}

Turns::Turn::Turn(Turns* turns) : turns_(turns) {
  merkle::MutexLock lock(&turns_->mutex_);
  while (turns_->MustWait()) turns_->may_begin_.Wait(&turns_->mutex_);
  if (turns_->next_ == turns_->tables_) return;
  table_ = turns_->next_++;
  ++turns_->begun_;
  ++turns_->working_;
  turns_->Wake();
}

Turns::Turn::~Turn() {
  if (!table_) return;
  merkle::MutexLock lock(&turns_->mutex_);
  --turns_->begun_;
  --turns_->working_;
  turns_->held_ -= held_;
  if (alone_) turns_->alone_ = false;
  turns_->Wake();
}

// Those in a pause go before: their pause is not to be as long as a large table takes.
void Turns::Turn::WorkAlone() {
  if (alone_) return;
  alone_ = true;
  merkle::MutexLock lock(&turns_->mutex_);
  --turns_->working_;
  turns_->Wake();
  while (!turns_->IsQuiet() || turns_->pausing_ > 0) turns_->may_go_on_.Wait(&turns_->mutex_);
  turns_->alone_ = true;
  ++turns_->working_;
}

void Turns::Turn::Pause(double seconds, uint64_t held, const std::function<void(double)>& wait) {
  if (alone_) return wait(seconds);
  merkle::MutexLock lock(&turns_->mutex_);
  turns_->held_ += held - std::exchange(held_, held);
  --turns_->working_;
  ++turns_->pausing_;
  turns_->seconds_ = std::max(turns_->seconds_, seconds);
  turns_->Wake();
  for (const uint64_t pause = turns_->pauses_; turns_->pauses_ == pause;) {
    if (!turns_->IsQuiet()) {
      turns_->may_go_on_.Wait(&turns_->mutex_);
      continue;
    }
    turns_->in_pause_ = true;
    const double longest = std::exchange(turns_->seconds_, 0);
    turns_->mutex_.Unlock();
    wait(longest);
    turns_->mutex_.Lock();
    turns_->in_pause_ = false;
    turns_->returning_ = std::exchange(turns_->pausing_, 0);
    ++turns_->pauses_;
    turns_->Wake();
  }
  while (turns_->working_ >= turns_->limits_.at_once) turns_->may_go_on_.Wait(&turns_->mutex_);
  --turns_->returning_;
  ++turns_->working_;
  turns_->Wake();
}

}  // namespace driftwood::coordinator
