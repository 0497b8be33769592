// What one request or one reply may take of our memory and time, whatever the other side says: it
// is charged while the thing is read, so that no number that came with it says what is kept.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood {

struct BudgetLimits {
  size_t bytes = 0;
  size_t items = 0;  // columns, records, warnings: whatever is counted
  std::chrono::milliseconds time = std::chrono::milliseconds::max();  // from the beginning
};

// One thread.
class Budget {
 public:
  using Now = std::chrono::steady_clock::time_point (*)();

  // `what` begins the messages: "the agent's description".
  Budget(
      std::string what, const BudgetLimits& limits,
      Now now = [] { return std::chrono::steady_clock::now(); });

  // ResourceExhausted, or DeadlineExceeded: that is over a limit, and which. It stays so.
  absl::Status Charge(size_t bytes, size_t items = 1);

  size_t bytes_left() const { return limits_.bytes - bytes_; }

 private:
  const std::string what_;
  const BudgetLimits limits_;
  const Now now_;
  const std::chrono::steady_clock::time_point began_;
  size_t bytes_ = 0;
  size_t items_ = 0;
  absl::Status status_;
};

// What several of them share. Thread-safe; outlives its shares.
class BudgetPool {
 public:
  explicit BudgetPool(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Given back when it is destroyed.
  class Share {
   public:
    Share(BudgetPool* pool, size_t bytes) : pool_(pool), bytes_(bytes) {}
    Share(Share&& other) noexcept : pool_(other.pool_), bytes_(other.bytes_) { other.bytes_ = 0; }
    Share& operator=(Share&&) = delete;
    ~Share() { pool_->used_ -= bytes_; }

   private:
    BudgetPool* const pool_;
    size_t bytes_;
  };

  // ResourceExhausted: the others have so much that it doesn't fit; try again later.
  absl::StatusOr<Share> Take(size_t bytes);

 private:
  const size_t bytes_max_;
  std::atomic<size_t> used_{0};
};

}  // namespace driftwood
