// What is to be compared, and how: as a command line, a configuration file or a service says it.
// Data only, free to be copied and kept.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/audit/reconcile.h"
#include "coordinator/audit/setting.h"

namespace driftwood::coordinator {

struct PlannedReplica {
  std::string name;
  // Where its records are, as messages and reports show it: store URLs and addresses of agents,
  // without passwords. At least one.
  // Several are shards, each of which holds a part of the records; a key that two of them hold is a
  // divergence of its own kind. Each is read at one moment, but not all at the same: what moves
  // from one to another meanwhile is looked up once more, as all that differs is.
  std::vector<std::string> sources;
  // Without a consistent snapshot of all of it there is a verdict all the same, which
  // says so.
  bool allow_not_point_in_time = false;
  // What messages and reports call each of several sources; empty: "1", "2" and so on.
  std::vector<std::string> source_names{};
};

// How divergences are confirmed (coordinator/audit/confirm/confirm.h).
struct RecheckOptions {
  bool enabled = true;
  // The pause before each pass. Absent: kLiveRecheckSeconds if any replica's source is live, else
  // none, since nobody writes to files all the time.
  std::optional<double> seconds;
  uint64_t keys_max = 100'000;
  uint64_t passes_max = 3;

  // How many divergent keys are re-read.
  uint64_t keys_within_reach() const { return enabled ? keys_max : 0; }
};
inline constexpr double kLiveRecheckSeconds = 2;
inline constexpr double kRecheckSecondsMax = 86'400;
inline constexpr uint64_t kRecheckKeysMax = 50'000'000;  // some hundred bytes each
inline constexpr uint64_t kRecheckPassesMax = 100;

struct AuditPlan {
  std::vector<PlannedReplica> replicas;  // two or more
  ReconcileOptions reconcile{};          // key, columns, types, rules
  // Of kAllRecords those inside missing runs are listed as far as recheck.keys_max says.
  uint64_t records_listed_max = 1000;
  static constexpr uint64_t kAllRecords = std::numeric_limits<uint64_t>::max();
  // Of the records listed, how many have their values read.
  uint64_t values_read_max = kAllRecords;
  // Those of the records listed, where all agents give them away.
  bool show_values = false;
  bool plan_only = false;   // describes and reconciles; the report has a plan, and no verdict
  bool explain = false;     // samples divergent records and says what they differ by
  bool allow_same = false;  // a verdict though two replicas are one source
  RecheckOptions recheck{};
  // Where more records than this would have to be compared one by one, and a sample says that they
  // differ in more than half of all places, the sample is the result: DIVERGENT with an estimate,
  // if any difference in it is confirmed. Absent: everything is compared, however long it takes.
  std::optional<uint64_t> estimate_above = 1'000'000;
};

// InvalidArgument in the words of `setting`: a name is none or is given twice, there are too few
// replicas, or a number is out of its bounds. Nothing is connected to.
absl::Status CheckPlan(const AuditPlan& plan, const SettingText& setting = PlanSettingText);

// Of these, CheckPlan()'s part: 1 to 64 letters, digits, '-', '_' or '.', each once.
absl::Status CheckReplicaNames(const std::vector<std::string>& names, const SettingText& setting);

}  // namespace driftwood::coordinator
