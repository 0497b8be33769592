// The clocks, given in, so that tests have their own.
#pragma once

#include <chrono>
#include <functional>

namespace driftwood::merkle {

// The one of whatever waits, expires or measures. Never goes back. Any thread.
using Clock = std::function<std::chrono::steady_clock::time_point()>;

inline Clock SteadyClock() { return std::chrono::steady_clock::now; }

// UTC, for people; whoever set the machine's clock decides. Any thread.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using WallClock = std::function<WallTime()>;

inline WallClock SystemClock() {
  return [] {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  };
}

}  // namespace driftwood::merkle
