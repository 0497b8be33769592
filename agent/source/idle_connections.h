// Connections to servers that nobody uses for the moment, kept for who needs such a one next: to
// connect and to get to know the catalogue takes a server longer than to read a small table.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "merkle/mutex.h"

namespace driftwood::agent {

// Any thread. What it holds at its end is closed.
class IdleConnections {
 public:
  // Of all kinds together. Each takes a place at its server; who compares few tables at once needs
  // no more.
  static constexpr size_t kMax = 8;

  // A client library's connection, and what closes it.
  using Connection = std::unique_ptr<void, void (*)(void*)>;

  // `kind`: equal for connections of which either will do. Over the limit, the one that has been
  // here for the longest time is closed.
  void Give(std::string kind, Connection connection);
  // The one of that kind that came last; null if there is none.
  Connection Take(const std::string& kind);
  // Closes all.
  void Clear();

 private:
  merkle::Mutex mutex_;
  std::vector<std::pair<std::string, Connection>> held_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
