// A length of time as a person types it. Pure.
#pragma once

#include <chrono>
#include <string_view>

#include "absl/status/statusor.h"

namespace driftwood {

// "500ms", "30s", "1.5min", "2h", and "30", which are seconds. InvalidArgument: none of that, or
// more than 24 days (whose milliseconds fit 32 bits); the message has the forms.
absl::StatusOr<std::chrono::milliseconds> ParseTimeSpan(std::string_view text);

}  // namespace driftwood
