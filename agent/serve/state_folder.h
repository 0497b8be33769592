// The directories in which an agent keeps its indexes: private, and one agent's at a time.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::agent {

// Makes it where it isn't there, readable by its owner only. What lies in it is believed, so nobody
// else may write to it or to what is above (merkle/os/private_path.h). PermissionDenied,
// FailedPrecondition.
absl::Status MakeStateFolder(const std::filesystem::path& folder);

// It is this process's as long as the descriptor is open. FailedPrecondition: another agent uses
// it.
absl::StatusOr<merkle::UniqueFd> LockStateFolder(const std::filesystem::path& folder);

// `what` failed on `path` by that errno: "can't remove DIR/index-1: …".
absl::Status StateError(const std::string& what, const std::filesystem::path& path, int error);

}  // namespace driftwood::agent
