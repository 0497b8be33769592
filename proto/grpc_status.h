// absl::Status <-> grpc::Status. Their codes have the same numbers.
#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace driftwood::proto {

// The message is made fit for a trailer by WireMessage(). A fault that the status says
// (proto/contract/fault.h) goes with it, as v1::ErrorDetails.
grpc::Status ToGrpc(const absl::Status& status);
// A code that isn't one becomes Unknown. Never OK unless `status` is.
absl::Status FromGrpc(const grpc::Status& status);

// `message` as UTF-8 that is short enough for gRPC's trailer (which is percent-encoded and limited
// to 8 KiB, over which the call would fail with another error): bytes that are not UTF-8 become
// U+FFFD, and what is over 4 KiB in that form is cut at a character and ends in "...".
std::string WireMessage(std::string_view message);

// `text` with U+FFFD in place of each byte that is not UTF-8, for proto3 string fields: a message
// with other bytes in them is one that the receiver can't read.
std::string ValidUtf8(std::string_view text);

}  // namespace driftwood::proto
