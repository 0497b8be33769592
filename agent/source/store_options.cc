#include "agent/source/store_options.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "agent/source/messages.h"

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
  constexpr int64_t kDaysMax = 24;  // of milliseconds that fit 32 bits
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"", 1000}, {"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  for (const auto& [name, factor] : kUnits) {
    if (error != std::errc() || name != unit || number == 0) continue;
    const std::chrono::milliseconds time(number * factor);
    if (time <= std::chrono::hours(24 * kDaysMax)) return time;
  }
  return absl::InvalidArgumentError("\"" + Printable(text) +
                                    "\" is no time: write 500ms, 30s, 5min or 1h");
}

}  // namespace driftwood::agent
