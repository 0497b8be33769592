// Between the threads that read a source side by side and the scan that hands out what they read.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "merkle/mutex.h"

namespace driftwood::agent {

// A batch whose rows are numbered in the order in which the scan hands them out.
class NumberedBatch : public RowBatch {
 public:
  virtual uint64_t rows() const = 0;
  // The number of rows that the scan gave before these.
  void set_first(uint64_t first) { first_ = first; }
  void set_part(const ScanPart& part) { part_ = part; }
  ScanPart part() const override { return part_; }

 protected:
  uint64_t first() const { return first_; }

 private:
  uint64_t first_ = 0;
  ScanPart part_;
};

// Bounded: a reader that has delivered more than there is room for waits. Thread-safe. Take() is
// called by one thread at a time.
//
// A large batch, which is one row that takes all room, is not followed by another, of any reader,
// before it was taken and the next was asked for: who asks has room for it.
//
// It comes to its end when all readers have come to theirs without an error; the first error is
// what the scan ends with, and makes the other readers' calls Cancelled.
class BatchQueue {
 public:
  // Before the reader's thread starts.
  void AddReader() DRIFTWOOD_EXCLUDES(mutex_);
  // Once for each, after all else that it calls. OK: it has delivered all that it was to read.
  void EndReader(const absl::Status& status) DRIFTWOOD_EXCLUDES(mutex_);
  static constexpr size_t kBytesMax = size_t{8} << 20;  // and of a batch that is not large

  // Waits afterwards until there is room, so that nothing is read that has none yet. Cancelled if
  // no more is needed. `has_turn`: the turn is given back with it.
  absl::Status Deliver(std::unique_ptr<NumberedBatch> batch, bool has_turn = false)
      DRIFTWOOD_EXCLUDES(mutex_);
  // Waits until no reader has the turn and no large batch is under way. Who takes it before it
  // copies a large row is the only reader that holds two of it. Cancelled as above.
  absl::Status TakeTurn() DRIFTWOOD_EXCLUDES(mutex_);
  void GiveTurn() DRIFTWOOD_EXCLUDES(mutex_);
  // Cancelled if no more is needed: the scan has failed or was stopped.
  absl::Status CheckWanted() const DRIFTWOOD_EXCLUDES(mutex_);
  // Waits for so long, or until no more is needed, which is Cancelled.
  absl::Status Pause(std::chrono::milliseconds time) DRIFTWOOD_EXCLUDES(mutex_);
  // Of all rows, taken or not.
  uint64_t rows_delivered() const DRIFTWOOD_EXCLUDES(mutex_);

  // Scan::Next().
  absl::StatusOr<std::unique_ptr<RowBatch>> Take() DRIFTWOOD_EXCLUDES(mutex_);
  uint64_t rows_taken() const DRIFTWOOD_EXCLUDES(mutex_);
  // Take() has given the end.
  bool at_end() const DRIFTWOOD_EXCLUDES(mutex_);
  // From now on Take() gives the error that there was, else Cancelled.
  void Stop() DRIFTWOOD_EXCLUDES(mutex_);

 private:
  static bool IsLarge(const NumberedBatch& batch) { return batch.bytes() >= kBytesMax; }
  bool LargeUnderWay() const DRIFTWOOD_REQUIRES(mutex_) {
    return large_queued_ > 0 || large_taken_;
  }
  void Fail(const absl::Status& status) DRIFTWOOD_REQUIRES(mutex_);

  mutable merkle::Mutex mutex_;
  merkle::CondVar ready_;  // for Take()
  merkle::CondVar room_;   // for readers
  std::deque<std::unique_ptr<NumberedBatch>> queue_ DRIFTWOOD_GUARDED_BY(mutex_);
  size_t bytes_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;  // in the queue
  size_t large_queued_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool large_taken_ DRIFTWOOD_GUARDED_BY(mutex_) = false;  // and nothing asked for since
  bool turn_taken_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  size_t running_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  absl::Status error_ DRIFTWOOD_GUARDED_BY(mutex_);
  uint64_t rows_delivered_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  uint64_t rows_taken_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool at_end_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
};

}  // namespace driftwood::agent
