// A relay in front of a MariaDB server that has two sessions for each client, as a proxy that
// multiplexes has, and lets a test act at a certain statement.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

#include "tests/testing/socket_relay.h"

namespace driftwood::testing {

class MysqlRelay {
 public:
  // Called with the text of each statement before the server has it, by one thread at a time.
  // True: it, and what follows, goes to the client's other session.
  using Before = std::function<bool(const std::string& sql)>;

  // Listens on `path` and passes on what comes to `target`, a server that asks for no password.
  MysqlRelay(const std::filesystem::path& path, std::filesystem::path target, Before before);

 private:
  void Serve(SocketRelay& relay, int client);

  const Before before_;
  std::mutex before_mutex_;
  SocketRelay relay_;  // the last: its threads use the others
};

}  // namespace driftwood::testing
