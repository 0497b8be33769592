// A relay in front of a PostgreSQL server that knows its protocol: it can act as a pooler, which
// gives each transaction of a client another backend, and lets a test act at a certain statement.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

#include "tests/testing/socket_relay.h"

namespace driftwood::testing {

class PgRelay {
 public:
  // When a client's next message goes to another backend.
  enum class Pooling { kNever, kAfterTransactions, kAfterStatements };
  struct Settings {
    Pooling pooling = Pooling::kNever;
    // What an application that used each backend before has left behind there.
    std::string left_behind;
    // Called with the text of each statement before the server has it, by one thread at a time.
    std::function<void(const std::string& sql)> before;
    // Whether a pooler tells the number of the first backend's process for the client's. Most make
    // one up.
    bool tells_process = false;
  };

  // Listens on DIRECTORY/.s.PGSQL.5432 and passes on what comes to `target`, a server that asks for
  // no password.
  PgRelay(const std::filesystem::path& folder, std::filesystem::path target, Settings settings);

 private:
  void Serve(SocketRelay& relay, int client);
  // A backend that has started and is idle; what it said on the way is added to `*said`.
  int Connect(SocketRelay& relay, const std::string& startup, std::string* said);
  // Passes on a backend's messages until it is ready for the next; its transaction's state, or 0.
  static char PassAnswer(int server, int client);

  const Settings settings_;
  std::mutex before_mutex_;
  SocketRelay relay_;  // the last: its threads use the others
};

}  // namespace driftwood::testing
