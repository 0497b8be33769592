// Failures of the way to a source, not of the source or of what the user wrote: the same once more
// may succeed.
#pragma once

#include "absl/status/status.h"

namespace driftwood::agent {

// `status` with a mark that survives copying, but not a change of its message.
absl::Status Transient(absl::Status status);
bool IsTransient(const absl::Status& status);

}  // namespace driftwood::agent
