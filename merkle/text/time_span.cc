#include "merkle/text/time_span.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "merkle/text/display.h"

namespace driftwood {

absl::StatusOr<std::chrono::milliseconds> ParseTimeSpan(std::string_view text) {
  constexpr std::chrono::milliseconds kMax = std::chrono::hours(24 * 24);
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1000}, {"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
  double number = 0;
  // Also "inf" and "-1", which the comparisons refuse.
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  for (const auto& [name, milliseconds] : kUnits) {
    if (error != std::errc() || name != unit) continue;
    const double time = std::round(number * milliseconds);
    if (time >= 0 && time <= static_cast<double>(kMax.count()) && !std::signbit(number)) {
      return std::chrono::milliseconds(static_cast<int64_t>(time));
    }
  }
  return absl::InvalidArgumentError("\"" + Printable(text) +
                                    "\" is no time: write 500ms, 30s, 5min or 1h");
}

}  // namespace driftwood
