#include "agent/source/idle_connections.h"

#include <algorithm>

namespace driftwood::agent {

// To close one may take a while: never under the lock.
void IdleConnections::Give(std::string kind, Connection connection) {
  Connection oldest(nullptr, nullptr);
  merkle::MutexLock lock(&mutex_);
  if (held_.size() == kMax) {
    oldest = std::move(held_.front().second);
    held_.erase(held_.begin());
  }
  held_.emplace_back(std::move(kind), std::move(connection));
}

IdleConnections::Connection IdleConnections::Take(const std::string& kind) {
  merkle::MutexLock lock(&mutex_);
  const auto found = std::find_if(held_.rbegin(), held_.rend(),
                                  [&](const auto& each) { return each.first == kind; });
  if (found == held_.rend()) return {nullptr, nullptr};
  Connection connection = std::move(found->second);
  held_.erase(std::next(found).base());
  return connection;
}

void IdleConnections::Clear() {
  std::vector<std::pair<std::string, Connection>> all;
  merkle::MutexLock lock(&mutex_);
  all.swap(held_);
}

}  // namespace driftwood::agent
