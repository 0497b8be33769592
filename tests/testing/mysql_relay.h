// A relay in front of a MariaDB server that has two sessions for each client, as a proxy that
// multiplexes has, and lets a test act at a certain statement.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace driftwood::testing {

class MysqlRelay {
 public:
  // Called with the text of each statement before the server has it, by one thread at a time.
  // True: it, and what follows, goes to the client's other session.
  using Before = std::function<bool(const std::string& sql)>;

  // Listens on `path` and passes on what comes to `target`, a server that asks for no password.
  MysqlRelay(const std::filesystem::path& path, std::filesystem::path target, Before before);
  ~MysqlRelay();
  MysqlRelay(const MysqlRelay&) = delete;
  MysqlRelay& operator=(const MysqlRelay&) = delete;

 private:
  void Accept();
  void Serve(int client);
  int Keep(int socket);

  const std::filesystem::path target_;
  const Before before_;
  std::mutex before_mutex_;
  const int listener_;
  std::mutex mutex_;  // all below but `accepting_`
  bool closed_ = false;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace driftwood::testing
