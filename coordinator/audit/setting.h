// The settings of a plan (coordinator/audit/audit_plan.h) that messages advise about. A command
// line, a configuration file and a service each write them in their own way.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace driftwood::coordinator {

enum class Setting : uint8_t {
  kReplicaName,
  kKey,
  kColumns,
  kIgnore,
  kCommonColumns,
  kTypes,
  kRules,
  kZone,           // of one replica's timestamps, in its source's URL
  kEstimateAbove,  // to be left out, so that all is compared
  kAllowNotPointInTime,
  kAllowSame,
  kRecheckSeconds,
  kRecheckKeysMax,
  kRecheckPassesMax
};
inline constexpr size_t kSettings = 14;

// A setting as its reader would write it, with a value behind it unless that is empty:
// "--types price=TYPE" on a command line. Callable from any thread.
using SettingText = std::function<std::string(Setting setting, std::string_view value)>;

// As AuditPlan's members are called: "types price=TYPE".
std::string PlanSettingText(Setting setting, std::string_view value);

}  // namespace driftwood::coordinator
