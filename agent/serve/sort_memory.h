// The memory in which an agent's datasets sort what they read, shared by those that do so at the
// same time: side by side they must not take several times what one may. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>

namespace driftwood::agent {

class SortMemory {
 public:
  explicit SortMemory(size_t bytes) : bytes_(bytes) {}
  SortMemory(const SortMemory&) = delete;
  SortMemory& operator=(const SortMemory&) = delete;

  // Given back when it ends. It must not outlive its memory.
  class Share {
   public:
    explicit Share(SortMemory* memory) : memory_(memory), others_(memory->shares_++) {}
    ~Share() { --memory_->shares_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Who comes first is mostly alone. Others need little, as most tables are small; with little
    // memory a large one takes longer, and nothing worse.
    size_t bytes() const { return others_ == 0 ? memory_->bytes_ : memory_->bytes_ / kOthers; }

   private:
    static constexpr size_t kOthers = 16;
    SortMemory* const memory_;
    const size_t others_;
  };

 private:
  const size_t bytes_;
  std::atomic<size_t> shares_{0};
};

}  // namespace driftwood::agent
