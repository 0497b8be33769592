#include "coordinator/interrupt.h"

#include <utility>

namespace driftwood::coordinator {

void Interrupt::Raise() {
  merkle::MutexLock lock(&mutex_);
  if (raised_) return;
  raised_ = true;
  for (const auto& listener : listeners_) listener();
}

bool Interrupt::raised() const {
  merkle::MutexLock lock(&mutex_);
  return raised_;
}

Interrupt::Listener::Listener(Interrupt* interrupt, std::function<void()> callback)
    : interrupt_(interrupt) {
  merkle::MutexLock lock(&interrupt_->mutex_);
  if (interrupt_->raised_) callback();
  place_ = interrupt_->listeners_.insert(interrupt_->listeners_.end(), std::move(callback));
}

Interrupt::Listener::~Listener() {
  merkle::MutexLock lock(&interrupt_->mutex_);
  interrupt_->listeners_.erase(place_);
}

}  // namespace driftwood::coordinator
