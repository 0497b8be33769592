#include "proto/contract/budget.h"

#include <utility>

namespace driftwood {

Budget::Budget(std::string what, const BudgetLimits& limits, Now now)
    : what_(std::move(what)), limits_(limits), now_(now), began_(now()) {}

absl::Status Budget::Charge(size_t bytes, size_t items) {
  if (!status_.ok()) return status_;
  const auto over = [&](const std::string& limit) {
    status_ =
        absl::ResourceExhaustedError(what_ + " has more than " + limit + ", which is the limit");
    return status_;
  };
  if (bytes > limits_.bytes - bytes_) return over(std::to_string(limits_.bytes) + " bytes");
  if (items > limits_.items - items_) return over(std::to_string(limits_.items) + " parts");
  bytes_ += bytes;
  items_ += items;
  if (limits_.time != std::chrono::milliseconds::max() && now_() - began_ > limits_.time) {
    status_ = absl::DeadlineExceededError(what_ + " took more than " +
                                          std::to_string(limits_.time.count()) +
                                          " ms, which is the limit");
  }
  return status_;
}

absl::StatusOr<BudgetPool::Share> BudgetPool::Take(size_t bytes) {
  size_t used = used_;
  do {
    // One that is over the limit for itself has it while nobody else has any.
    if (used > 0 && (bytes > bytes_max_ || used > bytes_max_ - bytes)) {
      return absl::ResourceExhaustedError("this agent has " + std::to_string(used) +
                                          " bytes of replies that nobody has taken yet, "
                                          "and room for " +
                                          std::to_string(bytes_max_) + "; try again later");
    }
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return Share(this, bytes);
}

}  // namespace driftwood
