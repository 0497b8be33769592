// Waiting for what can only be asked for: the state of a server's session, or of a call that gRPC
// has. What says itself that it has happened is waited for by a condition variable.
#pragma once

#include <chrono>
#include <string>
#include <thread>

namespace driftwood::testing {

// Whether `condition()` becomes true, asking until it is; a minute at most.
template <typename Condition>
bool Becomes(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::yield();
  }
  return true;
}

// The same of what a server's query gives.
template <typename Server>
bool Becomes(Server& server, const std::string& query, const std::string& value) {
  return Becomes([&] { return server.Value(query) == value; });
}

}  // namespace driftwood::testing
