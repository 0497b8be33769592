#include "agent/stores/sql/server_line.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <random>

namespace driftwood::agent {

absl::Status ServerLine::Follow(int socket) {
  cut_.reset();
  socket_ = merkle::UniqueFd(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (socket_.get() < 0) return absl::ResourceExhaustedError("no file descriptor is left");
  cut_.emplace(stop_, [this] { Cut(); });
  return absl::OkStatus();
}

void ServerLine::Cut() { ::shutdown(socket_.get(), SHUT_RDWR); }

std::string NewTransactionMark() {
  std::random_device random;
  return std::to_string(random()) + "." + std::to_string(random());
}

}  // namespace driftwood::agent
