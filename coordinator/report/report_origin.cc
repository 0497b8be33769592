#include "coordinator/report/report_origin.h"

#include <chrono>
#include <ctime>

namespace driftwood::coordinator {

std::string UtcText(merkle::WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, size};
}

}  // namespace driftwood::coordinator
