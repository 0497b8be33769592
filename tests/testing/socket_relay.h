// A relay in front of a server's unix socket. It can cut the connections that pass through it; what
// becomes of a client's words on their way is up to who makes it.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace driftwood::testing {

class SocketRelay {
 public:
  // Serves one client, on a thread of its own, until it or its server is gone. The sockets are the
  // relay's to close.
  using Serve = std::function<void(SocketRelay& relay, int client)>;

  // Listens on `path` and passes on what comes to `target`, and back.
  SocketRelay(const std::filesystem::path& path, std::filesystem::path target);
  SocketRelay(const std::filesystem::path& path, std::filesystem::path target, Serve serve);
  ~SocketRelay();
  SocketRelay(const SocketRelay&) = delete;
  SocketRelay& operator=(const SocketRelay&) = delete;

  // Cuts all connections that there are, and refuses new ones.
  void Cut();

  // For Serve: a socket that is connected to the server, if that was possible.
  int ConnectToServer();

 private:
  void Accept();
  int Keep(int socket);

  const std::filesystem::path target_;
  const Serve serve_;
  const int listener_;
  std::mutex mutex_;  // all below but `accepting_`
  bool cut_ = false;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace driftwood::testing
