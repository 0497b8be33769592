// What an audit is asked for, and who is told how it goes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/audit/diagnostics/sample.h"
#include "coordinator/audit/reconcile.h"
#include "coordinator/peer/interrupt.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/walk_types.h"

namespace driftwood::coordinator {

// What one agent reads: a replica, or one shard of it.
struct AuditSource {
  std::string name;    // within its replica; only of one of several, and then not empty
  std::string source;  // shown until it describes itself
  Peer* peer = nullptr;
};

struct AuditReplica {
  AuditReplica(std::string replica_name, std::string source, Peer* peer, bool allow_moving = false)
      : AuditReplica(std::move(replica_name), {AuditSource{"", std::move(source), peer}},
                     allow_moving) {}
  AuditReplica(std::string replica_name, std::vector<AuditSource> replica_sources,
               bool allow_moving = false)
      : name(std::move(replica_name)),
        sources(std::move(replica_sources)),
        allow_not_point_in_time(allow_moving) {}

  std::string name;
  // At least one. Each holds a part of the records; one that several hold is a divergence of its
  // own kind. Names are unique within the replica. Each is read at one moment, but not all at the
  // same: what moves from one to another meanwhile is looked up once more, as all that differs is.
  std::vector<AuditSource> sources;
  // Without one point in time that all of a source was read at there is a verdict all the same,
  // which says so.
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

  // How many divergent keys are read again.
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
  WalkOptions walk;      // run_keys_listed_max is set from what is listed and read again
  int restarts_max = 2;  // how often the walk begins anew because a snapshot has expired
  std::function<double()> now_seconds;
  // Waits for so many seconds, or until the interrupt is raised. Empty: Interrupt::WaitFor().
  std::function<void(double)> wait_seconds;
};

// Told what goes on, from any thread, several at once. Sources are numbered in the replicas' order.
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
  virtual void OnDescribed(size_t source, const DatasetDescription& description) = 0;
  virtual void OnIndexing(size_t source, const PrepareProgress& progress) = 0;
  virtual void OnIndexed(size_t source, uint64_t records) = 0;
  virtual void OnRound(uint32_t round) = 0;
};

}  // namespace driftwood::coordinator
