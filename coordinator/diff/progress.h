// What a person sees while an audit runs. On a terminal: one line on stderr, rewritten a few times
// a second. In a log: a line a minute, with the time. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/audit/audit.h"
#include "merkle/mutex.h"
#include "merkle/os/clock.h"

namespace driftwood::coordinator {

enum class ProgressForm : uint8_t { kTerminal, kLines, kOff };
// "terminal", "lines", "off".
std::optional<ProgressForm> ProgressFromName(std::string_view name);
const std::vector<std::string>& ProgressNames();

class Progress final : public AuditObserver {
 public:
  struct Options {
    ProgressForm form = ProgressForm::kTerminal;
    std::string label;                            // stands before each line
    std::function<void(std::string_view)> write;  // to the terminal, or the log
    std::function<double()> now_seconds;
    std::function<size_t()> columns;    // how wide the terminal is now
    merkle::WallClock wall_clock = {};  // of kLines
    // When the last line of a log was written, or the run began, by now_seconds(): one for all
    // audits of a run. Of kLines; outlives this.
    std::atomic<double>* last_line = nullptr;
    // Which of several audits at once is seen: the first that draws, until it ends or re-reads.
    // Outlives this. Null: there is one only.
    std::atomic<const Progress*>* seen = nullptr;
  };
  Progress(std::vector<std::string> names, Options options);
  ~Progress() override;  // clears a terminal's line

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

  bool IsSeen() const;
  void LetOthersBeSeen() const;
  void Draw(bool now) DRIFTWOOD_REQUIRES(mutex_);
  void Log() DRIFTWOOD_REQUIRES(mutex_);
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
