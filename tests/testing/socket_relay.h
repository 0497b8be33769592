// A relay in front of a unix socket that can cut the connections that pass through it.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

namespace driftwood::testing {

class SocketRelay {
 public:
  // Listens on `path` and passes on what comes to `target`.
  SocketRelay(const std::filesystem::path& path, std::filesystem::path target);
  ~SocketRelay();
  SocketRelay(const SocketRelay&) = delete;
  SocketRelay& operator=(const SocketRelay&) = delete;

  // Cuts all connections that there are, and refuses new ones.
  void Cut();

 private:
  void Accept();
  void Pass(int from, int to);

  const std::filesystem::path target_;
  int listener_ = -1;
  std::atomic<bool> cut_{false};
  std::mutex mutex_;  // the two vectors
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace driftwood::testing
