#include "coordinator/diff/turns.h"

namespace driftwood::coordinator {

Turns::Turn::Turn(Turns* turns) : turns_(turns) {
  merkle::MutexLock lock(&turns_->mutex_);
  while (turns_->large_ > 0 || turns_->working_ >= turns_->at_once_) {
    turns_->changed_.Wait(&turns_->mutex_);
  }
  ++turns_->working_;
}

Turns::Turn::~Turn() {
  merkle::MutexLock lock(&turns_->mutex_);
  --turns_->working_;
  if (alone_) --turns_->large_;
  turns_->changed_.SignalAll();
}

// Several that wait for it are not in each other's way: none of them works meanwhile.
void Turns::Turn::WorkAlone() {
  if (alone_) return;
  alone_ = true;
  merkle::MutexLock lock(&turns_->mutex_);
  ++turns_->large_;
  --turns_->working_;
  turns_->changed_.SignalAll();
  while (turns_->working_ + turns_->pausing_ > 0) turns_->changed_.Wait(&turns_->mutex_);
  ++turns_->working_;
}

// Who comes back goes before who begins: what was found is held in memory.
void Turns::Turn::Pause(const std::function<void()>& wait) {
  if (alone_) return wait();
  {
    merkle::MutexLock lock(&turns_->mutex_);
    --turns_->working_;
    ++turns_->pausing_;
    turns_->changed_.SignalAll();
  }
  wait();
  merkle::MutexLock lock(&turns_->mutex_);
  while (turns_->working_ >= turns_->at_once_) turns_->changed_.Wait(&turns_->mutex_);
  --turns_->pausing_;
  ++turns_->working_;
}

}  // namespace driftwood::coordinator
