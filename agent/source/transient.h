// Failures of a source while it is read: whose fault they are, and whether they may pass.
#pragma once

#include "absl/status/status.h"

namespace driftwood::agent {

// A failure of the way to a source, not of the source or of what the user wrote: the same once more
// may succeed. `status` with a mark that survives copying, but not a change of its message.
absl::Status Transient(absl::Status status);
bool IsTransient(const absl::Status& status);

// What a server's failure means to a scan; its code stays what happened, and a failure that is none
// of these stays as it is.
//
// Before the first row what the user wrote may be wrong (a column that does not exist, a privilege
// that is missing). But a server that can't be reached or has no room may be there later, and one
// that is too slow is so by itself.
absl::Status BeforeRows(const absl::Status& status);
// Once rows flow nothing is wrong with what the user wrote: nothing was proven, no more.
absl::Status WhileScanning(const absl::Status& status);

}  // namespace driftwood::agent
