#include "agent/source/store_options.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "agent/source/messages.h"
#include "merkle/text/time_span.h"

namespace driftwood::agent {

absl::StatusOr<uint64_t> ParseConnections(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 1 &&
      number <= StoreOptions::kConnectionsMax) {
    return number;
  }
  return absl::InvalidArgumentError("\"" + Printable(text) +
                                    "\" is no number of connections: 1 to " +
                                    std::to_string(StoreOptions::kConnectionsMax));
}

absl::StatusOr<std::vector<std::chrono::milliseconds>> ParseRetries(std::string_view text) {
  constexpr size_t kDefault = 4, kMax = 100;
  constexpr std::chrono::milliseconds kFirst{500}, kLongest{60'000};
  size_t number = kDefault;
  if (!text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number > kMax) {
      return absl::InvalidArgumentError("\"" + Printable(text) +
                                        "\" is no number of retries: 0 to " + std::to_string(kMax));
    }
  }
  std::vector<std::chrono::milliseconds> pauses;
  for (auto pause = kFirst; pauses.size() < number; pause = std::min(2 * pause, kLongest)) {
    pauses.push_back(pause);
  }
  return pauses;
}

absl::StatusOr<std::chrono::milliseconds> ParseTime(std::string_view text) {
  absl::StatusOr<std::chrono::milliseconds> time = ParseTimeSpan(text);
  if (!time.ok() || time->count() > 0) return time;
  return absl::InvalidArgumentError("\"" + Printable(text) + "\" is too short a time");
}

}  // namespace driftwood::agent
