#include "tests/testing/socket_relay.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "tests/testing/unix_sockets.h"

namespace driftwood::testing {
namespace {

void Pass(int from, int to) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t size = ::recv(from, buffer.data(), buffer.size(), 0);
    if (size <= 0 || !SendAll(to, {buffer.data(), static_cast<size_t>(size)})) break;
  }
  ::shutdown(to, SHUT_WR);
}

void PassBothWays(SocketRelay& relay, int client) {
  const int server = relay.ConnectToServer();
  std::thread back([&] { Pass(server, client); });
  Pass(client, server);
  back.join();
}

}  // namespace

SocketRelay::SocketRelay(const std::filesystem::path& path, std::filesystem::path target)
    : SocketRelay(path, std::move(target), PassBothWays) {}

SocketRelay::SocketRelay(const std::filesystem::path& path, std::filesystem::path target,
                         Serve serve)
    : target_(std::move(target)), serve_(std::move(serve)), listener_(ListenOn(path)) {
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

int SocketRelay::ConnectToServer() { return Keep(ConnectTo(target_)); }

int SocketRelay::Keep(int socket) {
  const std::lock_guard<std::mutex> lock(mutex_);
  sockets_.push_back(socket);
  if (cut_) ::shutdown(socket, SHUT_RDWR);
  return socket;
}

void SocketRelay::Accept() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    Keep(client);
    const std::lock_guard<std::mutex> lock(mutex_);
    threads_.emplace_back([this, client] { serve_(*this, client); });
  }
}

}  // namespace driftwood::testing
