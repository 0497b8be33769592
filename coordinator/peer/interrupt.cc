#include "coordinator/peer/interrupt.h"

#include <chrono>
#include <utility>

namespace driftwood::coordinator {

void Interrupt::Raise() {
  merkle::MutexLock lock(&mutex_);
  if (raised_) return;
  raised_ = true;
  raising_.SignalAll();
  stop_.request_stop();
  for (const auto& listener : listeners_) listener();
}

bool Interrupt::raised() const {
  merkle::MutexLock lock(&mutex_);
  return raised_;
}

bool Interrupt::WaitFor(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(seconds));
  merkle::MutexLock lock(&mutex_);
  while (!raised_ && Clock::now() < deadline) raising_.WaitUntil(&mutex_, deadline);
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
