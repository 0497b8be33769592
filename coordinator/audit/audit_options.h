// What an audit is asked for, and who is told how it goes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/audit/diagnostics/sample.h"
#include "coordinator/audit/reconcile.h"
#include "coordinator/peer/interrupt.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/walk_types.h"

namespace driftwood::coordinator {

struct AuditReplica {
  std::string name;
  std::string source;  // shown until the replica describes itself
  Peer* peer = nullptr;
  // Without a consistent snapshot of all of it there is a verdict all the same, which
  // says so.
  bool allow_not_point_in_time = false;
};

// How divergences are confirmed (coordinator/audit/confirm/confirm.h).
struct RecheckOptions {
  bool enabled = true;
  // The pause before each pass. Absent: kLiveRecheckSeconds if any replica's source is live, else
  // none, since nobody writes to files all the time.
  std::optional<double> seconds;
  uint64_t keys_max = 100'000;
  int passes_max = 3;

  // How many divergent keys are re-read.
  uint64_t keys_within_reach() const { return enabled ? keys_max : 0; }
};
inline constexpr double kLiveRecheckSeconds = 2;

struct AuditOptions {
  ReconcileOptions reconcile;
  uint64_t records_listed_max = 1000;
  bool show_values = false;
  bool plan_only = false;  // describes and reconciles; the report has a plan, and no verdict
  bool explain = false;    // samples divergent records and says what they differ by
  RecheckOptions recheck;
  // Where more records than this would have to be compared one by one, and a sample says that they
  // differ in more than half of all places, the sample is the result, and the verdict INCOMPLETE.
  // Absent: everything is compared, however long it takes.
  std::optional<uint64_t> estimate_above = 1'000'000;
  SampleOptions sample;
  std::string salt;      // of the versions: random, at least 16 bytes
  WalkOptions walk;      // run_keys_listed_max is set from what is listed and re-read
  int restarts_max = 2;  // how often the walk begins anew because a snapshot has expired
  std::function<double()> now_seconds;
  // Waits for so many seconds, or until the interrupt is raised. Empty: Interrupt::WaitFor().
  std::function<void(double)> wait_seconds;
};

// Told what goes on, from any thread, several at once.
class AuditObserver {
 public:
  enum class Phase : uint8_t {
    kDescribing,
    kIndexing,
    kComparing,
    kConfirming,
    kReadingValues,
    kDone
  };
  virtual ~AuditObserver() = default;
  virtual void OnPhase(Phase phase) = 0;
  virtual void OnDescribed(size_t replica, const DatasetDescription& description) = 0;
  virtual void OnIndexing(size_t replica, const PrepareProgress& progress) = 0;
  virtual void OnIndexed(size_t replica, uint64_t records) = 0;
  virtual void OnRound(uint32_t round) = 0;
};

}  // namespace driftwood::coordinator
