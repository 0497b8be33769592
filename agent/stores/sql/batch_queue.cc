#include "agent/stores/sql/batch_queue.h"

#include <utility>

namespace driftwood::agent {
namespace {

absl::Status NotWanted() { return absl::CancelledError("the scan was cancelled"); }

}  // namespace

void BatchQueue::AddReader() {
  merkle::MutexLock lock(&mutex_);
  ++running_;
}

void BatchQueue::EndReader(const absl::Status& status) {
  merkle::MutexLock lock(&mutex_);
  if (!status.ok()) Fail(status);
  --running_;
  ready_.SignalAll();
}

absl::Status BatchQueue::Deliver(std::unique_ptr<NumberedBatch> batch, bool has_turn) {
  merkle::MutexLock lock(&mutex_);
  const bool is_large = IsLarge(*batch);
  if (is_large) ++large_queued_;
  if (has_turn) {
    turn_taken_ = false;
    room_.SignalAll();
  }
  bytes_ += batch->bytes();
  rows_delivered_ += batch->rows();
  queue_.push_back(std::move(batch));
  ready_.SignalAll();
  while (error_.ok() && (bytes_ >= kBytesMax || (is_large && LargeUnderWay()))) {
    room_.Wait(&mutex_);
  }
  return error_.ok() ? absl::OkStatus() : NotWanted();
}

absl::Status BatchQueue::TakeTurn() {
  merkle::MutexLock lock(&mutex_);
  while (error_.ok() && (turn_taken_ || LargeUnderWay())) room_.Wait(&mutex_);
  if (!error_.ok()) return NotWanted();
  turn_taken_ = true;
  return absl::OkStatus();
}

void BatchQueue::GiveTurn() {
  merkle::MutexLock lock(&mutex_);
  turn_taken_ = false;
  room_.SignalAll();
}

absl::Status BatchQueue::CheckWanted() const {
  merkle::MutexLock lock(&mutex_);
  return error_.ok() ? absl::OkStatus() : NotWanted();
}

absl::Status BatchQueue::Pause(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  merkle::MutexLock lock(&mutex_);
  while (error_.ok() && std::chrono::steady_clock::now() < end) room_.WaitUntil(&mutex_, end);
  return error_.ok() ? absl::OkStatus() : NotWanted();
}

uint64_t BatchQueue::rows_delivered() const {
  merkle::MutexLock lock(&mutex_);
  return rows_delivered_;
}

absl::StatusOr<std::unique_ptr<RowBatch>> BatchQueue::Take() {
  merkle::MutexLock lock(&mutex_);
  if (large_taken_) room_.SignalAll();
  large_taken_ = false;
  while (error_.ok() && queue_.empty() && running_ > 0) ready_.Wait(&mutex_);
  if (!error_.ok()) return error_;
  if (queue_.empty()) {
    at_end_ = true;
    return std::unique_ptr<RowBatch>();
  }
  std::unique_ptr<NumberedBatch> batch = std::move(queue_.front());
  queue_.pop_front();
  bytes_ -= batch->bytes();
  if (IsLarge(*batch)) {
    --large_queued_;
    large_taken_ = true;
  }
  room_.SignalAll();
  batch->set_first(rows_taken_);
  rows_taken_ += batch->rows();
  return std::unique_ptr<RowBatch>(std::move(batch));
}

uint64_t BatchQueue::rows_taken() const {
  merkle::MutexLock lock(&mutex_);
  return rows_taken_;
}

bool BatchQueue::at_end() const {
  merkle::MutexLock lock(&mutex_);
  return at_end_;
}

void BatchQueue::Stop() {
  merkle::MutexLock lock(&mutex_);
  Fail(NotWanted());
}

void BatchQueue::Fail(const absl::Status& status) {
  if (error_.ok()) error_ = status;
  ready_.SignalAll();
  room_.SignalAll();
}

}  // namespace driftwood::agent
