#include "agent/stores/sql/server_line.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cstdint>

#include "merkle/check.h"

namespace driftwood::agent {

absl::Status ServerLine::Follow(int socket) {
  cut_.reset();
  socket_ = merkle::UniqueFd(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (socket_.get() < 0) return absl::ResourceExhaustedError("no file descriptor is left");
  cut_.emplace(stop_, [this] { Cut(); });
  return absl::OkStatus();
}

void ServerLine::Cut() { ::shutdown(socket_.get(), SHUT_RDWR); }

// A std::random_device asks the processor first what it can, for which a virtual machine is left.
std::string NewTransactionMark() {
  uint64_t mark = 0;
  DRIFTWOOD_CHECK(::getrandom(&mark, sizeof mark, 0) == sizeof mark);  // so few come at once
  return std::to_string(mark >> 32) + "." + std::to_string(static_cast<uint32_t>(mark));
}

}  // namespace driftwood::agent
