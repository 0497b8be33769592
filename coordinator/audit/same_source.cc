#include "coordinator/audit/same_source.h"

#include <algorithm>
#include <map>

namespace driftwood::coordinator {

namespace {

absl::Status AreTheSame(const SourceOfReplica& one, const SourceOfReplica& other,
                        const SettingText& setting) {
  return absl::InvalidArgumentError(
      one.name + " and " + other.name + " are the same source (" + one.source +
      (one.source == other.source ? "" : " and " + other.source) +
      "), which agrees with itself whatever it holds; name the other copy, or say " +
      setting(Setting::kAllowSame, ""));
}

}  // namespace

absl::Status CheckAreNotTheSame(const std::vector<SourceOfReplica>& replicas,
                                const SettingText& setting) {
  std::map<std::vector<std::string>, const SourceOfReplica*> seen;
  for (const SourceOfReplica& replica : replicas) {
    std::vector<std::string> identities = replica.identities;
    std::sort(identities.begin(), identities.end());
    if (identities.empty() || identities.front().empty()) continue;
    const auto [first, is_new] = seen.emplace(std::move(identities), &replica);
    if (!is_new) return AreTheSame(*first->second, replica, setting);
  }
  return absl::OkStatus();
}

}  // namespace driftwood::coordinator
