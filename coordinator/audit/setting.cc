#include "coordinator/audit/setting.h"

#include <array>

namespace driftwood::coordinator {

std::string PlanSettingText(Setting setting, std::string_view value) {
  static constexpr std::array<std::string_view, kSettings> kNames = {"name",
                                                                     "key",
                                                                     "columns",
                                                                     "ignore",
                                                                     "common_columns",
                                                                     "types",
                                                                     "rules",
                                                                     "zone",
                                                                     "no estimate_above",
                                                                     "allow_not_point_in_time",
                                                                     "allow_same",
                                                                     "recheck.seconds",
                                                                     "recheck.keys_max",
                                                                     "recheck.passes_max"};
  std::string text(kNames[static_cast<size_t>(setting)]);
  if (!value.empty()) text.append(" ").append(value);
  return text;
}

}  // namespace driftwood::coordinator
