#include "coordinator/audit/audit_plan.h"

#include <algorithm>
#include <functional>
#include <set>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

absl::Status CheckRecheck(const RecheckOptions& recheck, const SettingText& setting) {
  const auto expected = [&](Setting which, const std::string& what) {
    return absl::InvalidArgumentError(setting(which, "") + ": expected " + what);
  };
  // Written so that what is no number fails too.
  if (recheck.seconds && !(*recheck.seconds >= 0 && *recheck.seconds <= kRecheckSecondsMax)) {
    return expected(Setting::kRecheckSeconds,
                    "0 to " + GroupDigits(static_cast<uint64_t>(kRecheckSecondsMax)) + " seconds");
  }
  if (recheck.keys_max > kRecheckKeysMax) {
    return expected(Setting::kRecheckKeysMax, "at most " + GroupDigits(kRecheckKeysMax) + " keys");
  }
  if (recheck.passes_max < 1 || recheck.passes_max > kRecheckPassesMax) {
    return expected(Setting::kRecheckPassesMax, "1 to " + GroupDigits(kRecheckPassesMax));
  }
  return absl::OkStatus();
}

absl::Status CheckList(const std::vector<std::string>& names, Setting which,
                       const SettingText& setting) {
  if (std::find(names.begin(), names.end(), "") == names.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(setting(which, "") +
                                    ": an empty name; expected COLUMN,COLUMN,…");
}

// Of replicas or sources (`what`); `given` says what is wrong with one.
absl::Status CheckNames(const std::vector<std::string>& names, const std::string& what,
                        const std::function<std::string(const std::string&)>& given) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!IsName(name)) {
      return absl::InvalidArgumentError(given(name) + " is no " + what +
                                        " name; expected 1 to 64 letters, digits, '-', '_' or '.'");
    }
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(given(name) + " is given twice; each " + what +
                                        " needs a name of its own");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckReplicaNames(const std::vector<std::string>& names, const SettingText& setting) {
  return CheckNames(names, "replica", [&](const std::string& name) {
    return setting(Setting::kReplicaName, "") + " '" + name + "'";
  });
}

absl::Status CheckPlan(const AuditPlan& plan, const SettingText& setting) {
  if (plan.replicas.size() < 2) {
    return absl::InvalidArgumentError("a comparison needs at least two replicas, not " +
                                      std::to_string(plan.replicas.size()));
  }
  std::vector<std::string> names;
  for (const PlannedReplica& replica : plan.replicas) {
    names.push_back(replica.name);
    if (replica.sources.empty()) {
      return absl::InvalidArgumentError("replica '" + replica.name + "' has no source");
    }
    if (replica.source_names.empty()) continue;
    if (replica.source_names.size() != replica.sources.size()) {
      return absl::InvalidArgumentError("replica '" + replica.name +
                                        "' has names for some of its sources only");
    }
    RETURN_IF_ERROR(CheckNames(replica.source_names, "source", [&](const std::string& name) {
      return "replica '" + replica.name + "': '" + name + "'";
    }));
  }
  RETURN_IF_ERROR(CheckReplicaNames(names, setting));
  RETURN_IF_ERROR(CheckList(plan.reconcile.key, Setting::kKey, setting));
  RETURN_IF_ERROR(CheckList(plan.reconcile.columns, Setting::kColumns, setting));
  // A column without a name can be left out, and nothing else.
  return CheckRecheck(plan.recheck, setting);
}

}  // namespace driftwood::coordinator
