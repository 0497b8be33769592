// Whether a text is JSON, by how it begins. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "agent/stores/text/file_snapshot.h"

namespace driftwood::agent {

// True of a text that begins with an object that has members, or with an array of objects.
absl::StatusOr<bool> BeginsAsJson(const ByteSource& source);

}  // namespace driftwood::agent
