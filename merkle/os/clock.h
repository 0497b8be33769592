// The one clock of whatever waits, expires or measures: given in, so that tests have their own.
#pragma once

#include <chrono>
#include <functional>

namespace driftwood::merkle {

// Never goes back. Any thread.
using Clock = std::function<std::chrono::steady_clock::time_point()>;

inline Clock SteadyClock() { return std::chrono::steady_clock::now; }

}  // namespace driftwood::merkle
