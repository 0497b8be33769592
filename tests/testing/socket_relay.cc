#include "tests/testing/socket_relay.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "merkle/check.h"

namespace driftwood::testing {
namespace {

sockaddr_un AddressOf(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  DRIFTWOOD_CHECK(path.string().size() < sizeof address.sun_path);
  std::strcpy(address.sun_path, path.c_str());
  return address;
}

}  // namespace

SocketRelay::SocketRelay(const std::filesystem::path& path, std::filesystem::path target)
    : target_(std::move(target)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_un address = AddressOf(path);
  DRIFTWOOD_CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                  0);
  DRIFTWOOD_CHECK(::listen(listener_, 16) == 0);
  accepting_ = std::thread([this] { Accept(); });
}

SocketRelay::~SocketRelay() {
  Cut();
  accepting_.join();
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
  ::close(listener_);
}

void SocketRelay::Cut() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cut_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

void SocketRelay::Accept() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = AddressOf(target_);
    const bool connected =
        ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const std::lock_guard<std::mutex> lock(mutex_);
    sockets_.insert(sockets_.end(), {client, server});
    if (cut_ || !connected) {
      ::shutdown(client, SHUT_RDWR);
      ::shutdown(server, SHUT_RDWR);
      continue;
    }
    threads_.emplace_back([this, client, server] { Pass(client, server); });
    threads_.emplace_back([this, client, server] { Pass(server, client); });
  }
}

void SocketRelay::Pass(int from, int to) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t size = ::recv(from, buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    for (ssize_t sent = 0; sent < size;) {
      const ssize_t part =
          ::send(to, buffer.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (part <= 0) break;
      sent += part;
    }
  }
  ::shutdown(to, SHUT_WR);
}

}  // namespace driftwood::testing
