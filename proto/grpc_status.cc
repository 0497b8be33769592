#include "proto/grpc_status.h"

#include <optional>

#include "driftwood/v1/agent.pb.h"
#include "proto/contract/fault.h"

namespace driftwood::proto {
namespace {

constexpr size_t kWireBytesMax = 4096;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kCut = "...";

// Length of the well-formed UTF-8 character that `text` begins with, 0 if there is none (Unicode
// 15, table 3-7: no surrogates, no overlong forms). `text` is not empty.
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                        : first >= 0xE0 && first <= 0xEF ? 3
                        : first >= 0xF0 && first <= 0xF4 ? 4
                                                         : 0;
  if (length == 0 || text.size() < length) return 0;
  const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

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
    const size_t length = CharacterBytes(message);
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
    const size_t length = CharacterBytes(text);
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
