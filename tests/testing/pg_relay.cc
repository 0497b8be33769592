#include "tests/testing/pg_relay.h"

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "tests/testing/unix_sockets.h"

namespace driftwood::testing {
namespace {

constexpr size_t kBackends = 2;
constexpr uint32_t kCancelRequest = 80877102;

uint32_t Get32(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// With its type, but for the first message of a client, which has none.
bool ReceiveMessage(int from, bool has_type, std::string* message) {
  message->clear();
  const size_t head = has_type ? 5 : 4;
  if (!ReceiveMore(from, head, message)) return false;
  return ReceiveMore(from, Get32(*message, head - 4) - 4, message);
}

std::string Query(const std::string& sql) {
  std::string message = "Q";
  const size_t size = sql.size() + 5;
  for (const int shift : {24, 16, 8, 0}) message += static_cast<char>(size >> shift & 255);
  return message + sql + '\0';
}

// Of a simple query, or of one that is prepared; empty for other messages.
std::string TextOf(const std::string& message) {
  if (message[0] == 'Q') return message.substr(5, message.size() - 6);
  if (message[0] != 'P') return "";
  return message.c_str() + 5 + std::strlen(message.c_str() + 5) + 1;
}

}  // namespace

PgRelay::PgRelay(const std::filesystem::path& folder, std::filesystem::path target,
                 Settings settings)
    : settings_(std::move(settings)),
      relay_(folder / ".s.PGSQL.5432", std::move(target),
             [this](SocketRelay& relay, int client) { Serve(relay, client); }) {}

int PgRelay::Connect(SocketRelay& relay, const std::string& startup, std::string* said) {
  const int server = relay.ConnectToServer();
  std::string message;
  if (!SendAll(server, startup)) return server;
  for (bool started = false;;) {
    if (!ReceiveMessage(server, true, &message)) return server;
    const bool makes_up = settings_.pooling != Pooling::kNever && !settings_.tells_process;
    if (message[0] == 'K' && makes_up) message[5] ^= 0x40;  // the number's highest byte
    if (!started) *said += message;
    if (message[0] != 'Z') continue;
    if (started || settings_.left_behind.empty()) return server;
    started = true;
    SendAll(server, Query(settings_.left_behind));
  }
}

char PgRelay::PassAnswer(int server, int client) {
  std::string message;
  for (;;) {
    if (!ReceiveMessage(server, true, &message) || !SendAll(client, message)) return 0;
    if (message[0] == 'Z') return message[5];
  }
}

void PgRelay::Serve(SocketRelay& relay, int client) {
  std::string message;
  if (!ReceiveMessage(client, false, &message)) return;
  std::vector<int> servers;
  std::string said, unheard;
  if (Get32(message, 4) == kCancelRequest) {
    const int server = relay.ConnectToServer();
    std::string nothing;
    if (SendAll(server, message)) ReceiveMore(server, 1, &nothing);  // until it has heard it
  } else {
    for (size_t i = 0; i < kBackends; ++i) {
      servers.push_back(Connect(relay, message, i == 0 ? &said : &unheard));
    }
    SendAll(client, said);
  }
  for (size_t current = 0; !servers.empty() && ReceiveMessage(client, true, &message);) {
    const std::string sql = TextOf(message);
    if (!sql.empty() && settings_.before) {
      const std::lock_guard<std::mutex> lock(before_mutex_);
      settings_.before(sql);
    }
    if (!SendAll(servers[current], message)) break;
    if (message[0] != 'Q' && message[0] != 'S') continue;
    const char state = PassAnswer(servers[current], client);
    if (state == 0) break;
    const bool moves = settings_.pooling == Pooling::kAfterStatements ||
                       (settings_.pooling == Pooling::kAfterTransactions && state == 'I');
    if (moves) current = (current + 1) % servers.size();
  }
  ::shutdown(client, SHUT_RDWR);
  for (const int server : servers) ::shutdown(server, SHUT_RDWR);
}

}  // namespace driftwood::testing
