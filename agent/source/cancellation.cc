#include "agent/source/cancellation.h"

namespace driftwood::agent {

void Cancellation::Cancel() {
  merkle::MutexLock lock(&mutex_);
  cancelled_ = true;
  for (Scan* const scan : scans_) scan->Interrupt();
}

InterruptOnCancel::InterruptOnCancel(Cancellation* cancellation, Scan* scan)
    : cancellation_(cancellation), scan_(scan) {
  if (cancellation_ == nullptr) return;
  merkle::MutexLock lock(&cancellation_->mutex_);
  cancellation_->scans_.insert(scan_);
  if (cancellation_->cancelled_) scan_->Interrupt();
}

InterruptOnCancel::~InterruptOnCancel() {
  if (cancellation_ == nullptr) return;
  merkle::MutexLock lock(&cancellation_->mutex_);
  cancellation_->scans_.erase(scan_);
}

}  // namespace driftwood::agent
