// What a person sees on the terminal while an audit runs: one line on stderr, rewritten a few times
// a second. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/audit/audit.h"
#include "merkle/mutex.h"

namespace driftwood::coordinator {

class TerminalProgress final : public AuditObserver {
 public:
  struct Options {
    std::string label;                            // stands before each line
    std::function<void(std::string_view)> write;  // to the terminal
    std::function<double()> now_seconds;
    std::function<size_t()> columns;  // how wide the terminal is now
    double interval_seconds = 0.1;
  };
  TerminalProgress(std::vector<std::string> names, Options options);
  ~TerminalProgress() override;  // clears the line

  void OnPhase(Phase phase) override DRIFTWOOD_EXCLUDES(mutex_);
  void OnDescribed(size_t replica, const DatasetDescription& description) override
      DRIFTWOOD_EXCLUDES(mutex_);
  void OnIndexing(size_t replica, const PrepareProgress& progress) override
      DRIFTWOOD_EXCLUDES(mutex_);
  void OnIndexed(size_t replica, uint64_t records) override DRIFTWOOD_EXCLUDES(mutex_);
  void OnRound(uint32_t round) override DRIFTWOOD_EXCLUDES(mutex_);

 private:
  struct ReplicaState {
    std::string name;
    std::optional<uint64_t> goal;  // of `progress`, in bytes or records
    PrepareProgress progress;
    bool done = false;
  };

  void Draw(bool now) DRIFTWOOD_REQUIRES(mutex_);
  void Clear() DRIFTWOOD_REQUIRES(mutex_);
  std::string Line(double now) const DRIFTWOOD_REQUIRES(mutex_);
  // `brief`: without records and rates, so that many replicas fit a line.
  std::string Indexing(double elapsed, bool brief) const DRIFTWOOD_REQUIRES(mutex_);
  static std::string ReplicaText(const ReplicaState& replica, double elapsed, bool brief);

  const Options options_;
  mutable merkle::Mutex mutex_;
  std::vector<ReplicaState> replicas_ DRIFTWOOD_GUARDED_BY(mutex_);
  Phase phase_ DRIFTWOOD_GUARDED_BY(mutex_) = Phase::kDescribing;
  double phase_start_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  double last_drawn_ DRIFTWOOD_GUARDED_BY(mutex_) = -1e9;
  uint32_t round_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool visible_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
};

}  // namespace driftwood::coordinator
