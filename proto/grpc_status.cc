#include "proto/grpc_status.h"

#include <optional>

#include "driftwood/v1/agent.pb.h"
#include "merkle/text/utf8.h"
#include "proto/contract/fault.h"

namespace driftwood::proto {
namespace {

constexpr size_t kWireBytesMax = 4096;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kCut = "...";

// Bytes that a character takes when percent-encoded.
size_t WireBytes(std::string_view character) {
  const char c = character[0];
  return character.size() == 1 && c >= ' ' && c <= '~' && c != '%' ? 1 : 3 * character.size();
}

v1::Fault FaultToProto(Fault fault) {
  switch (fault) {
    case Fault::kUser:
      return v1::FAULT_USER;
    case Fault::kSource:
      return v1::FAULT_SOURCE;
    case Fault::kTransport:
      return v1::FAULT_TRANSPORT;
    case Fault::kOurs:
      return v1::FAULT_OURS;
  }
  return v1::FAULT_UNSPECIFIED;
}

std::optional<Fault> FaultFromProto(v1::Fault fault) {
  switch (fault) {
    case v1::FAULT_USER:
      return Fault::kUser;
    case v1::FAULT_SOURCE:
      return Fault::kSource;
    case v1::FAULT_TRANSPORT:
      return Fault::kTransport;
    case v1::FAULT_OURS:
      return Fault::kOurs;
    default:
      return std::nullopt;
  }
}

std::string ErrorDetailsOf(const absl::Status& status) {
  const std::optional<Fault> fault = StatedFault(status);
  if (!fault) return "";
  v1::ErrorDetails details;
  details.set_code(static_cast<int>(status.code()));
  details.set_fault(FaultToProto(*fault));
  return details.SerializeAsString();
}

}  // namespace

std::string WireMessage(std::string_view message) {
  std::string result;
  size_t used = kCut.size();
  while (!message.empty()) {
    const size_t length = merkle::Utf8CharacterBytes(message.begin(), message.end());
    const std::string_view character = length == 0 ? kReplacement : message.substr(0, length);
    used += WireBytes(character);
    if (used > kWireBytesMax) return result.append(kCut);
    result.append(character);
    message.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

std::string ValidUtf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t length = merkle::Utf8CharacterBytes(text.begin(), text.end());
    result.append(length == 0 ? kReplacement : text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message(status.message().data(), status.message().size());
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), WireMessage(message),
                      ErrorDetailsOf(status));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const int code = status.error_code();
  const bool known = code >= 1 && code <= 16;
  const absl::Status result(
      known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown,
      WireMessage(status.error_message()));
  v1::ErrorDetails details;
  if (!details.ParseFromString(status.error_details())) return result;
  const std::optional<Fault> fault = FaultFromProto(details.fault());
  return fault ? WithFault(result, *fault) : result;
}

}  // namespace driftwood::proto
