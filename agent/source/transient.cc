#include "agent/source/transient.h"

#include "absl/strings/cord.h"

namespace driftwood::agent {

namespace {
constexpr char kPayload[] = "driftwood/transient";
}

absl::Status Transient(absl::Status status) {
  status.SetPayload(kPayload, absl::Cord());
  return status;
}

bool IsTransient(const absl::Status& status) { return status.GetPayload(kPayload).has_value(); }

}  // namespace driftwood::agent
