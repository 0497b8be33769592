// The world that an audit runs in, and who is told how it goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>

#include "coordinator/audit/diagnostics/sample.h"
#include "coordinator/audit/setting.h"
#include "coordinator/peer/peer.h"
#include "coordinator/walk/walk_types.h"

namespace driftwood::coordinator {

// The world that an audit runs in. What it is asked for is its plan
// (coordinator/audit/audit_plan.h).
struct AuditOptions {
  std::string salt;  // of the versions: random, at least 16 bytes
  SampleOptions sample;
  WalkOptions walk;      // run_keys_listed_max and its directory are set from what is here
  int restarts_max = 2;  // how often the walk begins anew because a snapshot has expired
  std::function<double()> now_seconds;
  // Waits for so many seconds, or until the interrupt is raised. Empty: Interrupt::WaitFor().
  std::function<void(double)> wait_seconds;
  SettingText setting = PlanSettingText;  // in messages
  std::string table;  // which settings of columns name beside them; empty: there is but one
  // Of very many records those behind the first `records_held_max` lie in a file in this directory
  // until the report is written (Report::more_records), as most of what the walk finds does.
  std::filesystem::path records_folder = "/tmp";
  uint64_t records_held_max = std::numeric_limits<uint64_t>::max();
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
  // Before the first pause: so many keys are to be re-read, and held until then.
  virtual void OnReread(uint64_t keys) { (void)keys; }
};

}  // namespace driftwood::coordinator
