// What the load meters of all servers share: one connection, opened again when it was cut.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"

namespace driftwood::agent {

template <typename Connection>
class ReconnectingMeter : public LoadMeter {
 public:
  // A connection that was cut since it was last used is no reason to give up.
  absl::StatusOr<ServerLoad> Read() final {
    const bool is_new = connection_ == nullptr;
    absl::StatusOr<ServerLoad> load = ReadOnce();
    if (load.ok()) return load;
    connection_.reset();
    if (is_new || !absl::IsUnavailable(load.status())) return load;
    load = ReadOnce();
    if (!load.ok()) connection_.reset();
    return load;
  }

 protected:
  // Opens the connection if there is none.
  virtual absl::StatusOr<ServerLoad> ReadOnce() = 0;

  std::unique_ptr<Connection> connection_;  // null: not yet, or no more
};

}  // namespace driftwood::agent
