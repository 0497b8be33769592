// Replicas that are one source agree with each other whatever it holds. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/audit/setting.h"

namespace driftwood::coordinator {

// What a replica is read from.
struct SourceOfReplica {
  std::string name;                     // the replica's
  std::string source;                   // for people
  std::vector<std::string> identities;  // of its sources: SourceDescription::identity
};

// InvalidArgument, in the words of `setting`: all sources of one are those of another. One of which
// that isn't known is no other's.
absl::Status CheckAreNotTheSame(const std::vector<SourceOfReplica>& replicas,
                                const SettingText& setting);

}  // namespace driftwood::coordinator
