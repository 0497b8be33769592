#include "agent/source/transient.h"

#include "absl/strings/cord.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {

namespace {
constexpr char kPayload[] = "driftwood/transient";
}

absl::Status Transient(absl::Status status) {
  status.SetPayload(kPayload, absl::Cord());
  return status;
}

bool IsTransient(const absl::Status& status) { return status.GetPayload(kPayload).has_value(); }

absl::Status BeforeRows(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return Transient(WithDefaultFault(status, Fault::kSource));
    case absl::StatusCode::kDeadlineExceeded:
      return WithDefaultFault(status, Fault::kSource);
    default:
      return status;
  }
}

absl::Status WhileScanning(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return Transient(WithDefaultFault(status, Fault::kSource));
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return WithDefaultFault(status, Fault::kSource);
    default:
      return status;
  }
}

}  // namespace driftwood::agent
