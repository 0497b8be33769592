#include "proto/contract/fault.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace driftwood {
namespace {

constexpr char kPayload[] = "driftwood/fault";

Fault FaultOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kOutOfRange:
      return Fault::kUser;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kCancelled:
      return Fault::kTransport;
    case absl::StatusCode::kAborted:
      return Fault::kSource;
    default:  // DataLoss too: mostly of an index
      return Fault::kOurs;
  }
}

}  // namespace

absl::Status WithFault(absl::Status status, Fault fault) {
  status.SetPayload(kPayload,
                    absl::Cord(std::string(1, static_cast<char>('0' + static_cast<int>(fault)))));
  return status;
}

absl::Status WithDefaultFault(absl::Status status, Fault fault) {
  return StatedFault(status) ? status : WithFault(std::move(status), fault);
}

std::optional<Fault> StatedFault(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload || payload->size() != 1) return std::nullopt;
  const int number = std::string(*payload)[0] - '0';
  if (number < 0 || number > static_cast<int>(Fault::kOurs)) return std::nullopt;
  return static_cast<Fault>(number);
}

Fault FaultOf(const absl::Status& status) {
  return StatedFault(status).value_or(FaultOfCode(status.code()));
}

absl::Status Reworded(const absl::Status& status, std::string_view message) {
  absl::Status result(status.code(), std::string(message));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { result.SetPayload(url, payload); });
  return result;
}

}  // namespace driftwood
