#include "tests/testing/mysql_relay.h"

#include <array>
#include <thread>
#include <utility>
#include <vector>

#include "tests/testing/unix_sockets.h"

namespace driftwood::testing {
namespace {

// Three bytes of length, one that counts, and as many bytes.
bool ReceivePacket(int from, std::string* packet) {
  packet->clear();
  if (!ReceiveMore(from, 4, packet)) return false;
  size_t size = 0;
  for (size_t i = 0; i < 3; ++i) {
    size |= static_cast<size_t>(static_cast<unsigned char>((*packet)[i])) << (8 * i);
  }
  return ReceiveMore(from, size, packet);
}

// Of a query or of what is prepared; empty for other commands.
std::string TextOf(const std::string& packet) {
  constexpr char kQuery = 3, kPrepare = 22;
  const bool has_text = packet.size() > 5 && (packet[4] == kQuery || packet[4] == kPrepare);
  return has_text ? packet.substr(5) : "";
}

void PassAll(int from, int to) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t size = ::recv(from, buffer.data(), buffer.size(), 0);
    if (size <= 0 || !SendAll(to, {buffer.data(), static_cast<size_t>(size)})) break;
  }
  ::shutdown(to, SHUT_RDWR);
}

}  // namespace

MysqlRelay::MysqlRelay(const std::filesystem::path& path, std::filesystem::path target,
                       Before before)
    : before_(std::move(before)),
      relay_(path, std::move(target),
             [this](SocketRelay& relay, int client) { Serve(relay, client); }) {}

void MysqlRelay::Serve(SocketRelay& relay, int client) {
  const std::array<int, 2> servers = {relay.ConnectToServer(), relay.ConnectToServer()};
  std::string greeting, other, packet;
  const bool greeted = ReceivePacket(servers[0], &greeting) && ReceivePacket(servers[1], &other) &&
                       SendAll(client, greeting) && ReceivePacket(client, &packet) &&
                       SendAll(servers[0], packet) && SendAll(servers[1], packet);
  // Both say that we are welcome; the client hears it once.
  const bool welcome = greeted && ReceivePacket(servers[1], &other) &&
                       ReceivePacket(servers[0], &packet) && SendAll(client, packet);
  std::vector<std::thread> answers;
  if (welcome) {
    for (const int server : servers) answers.emplace_back(PassAll, server, client);
  }
  for (size_t current = 0; welcome && ReceivePacket(client, &packet);) {
    const std::string sql = TextOf(packet);
    if (!sql.empty()) {
      const std::lock_guard<std::mutex> lock(before_mutex_);
      if (before_(sql)) current = 1 - current;
    }
    if (!SendAll(servers[current], packet)) break;
  }
  ::shutdown(client, SHUT_RDWR);
  for (const int server : servers) ::shutdown(server, SHUT_RDWR);
  for (std::thread& answer : answers) answer.join();
}

}  // namespace driftwood::testing
