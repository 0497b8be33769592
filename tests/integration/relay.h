// A unix-socket relay between a client and a server: forwards bytes both ways and calls back when
// it first sees a given text go towards the server, before it passes that on. So a test can make
// something happen at an exact point of a conversation, without sleeping.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "merkle/check.h"

namespace driftwood::testing {

// One thread of its own; the callback runs on it, once. Stops when destroyed.
class Relay {
 public:
  Relay(const std::string& listen_path, const std::string& server_path, std::string text,
        std::function<void()> on_text)
      : server_path_(server_path), text_(std::move(text)), on_text_(std::move(on_text)) {
    ::unlink(listen_path.c_str());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = Address(listen_path);
    DRIFTWOOD_CHECK(
        ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    DRIFTWOOD_CHECK(::listen(listener_, 8) == 0);
    DRIFTWOOD_CHECK(::pipe(wake_.data()) == 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Relay() {
    Release();
    DRIFTWOOD_CHECK(::write(wake_[1], "x", 1) == 1);
    thread_.join();
    for (const Pair& pair : pairs_) ::close(pair.client), ::close(pair.server);
    ::close(listener_);
    ::close(wake_[0]);
    ::close(wake_[1]);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  bool triggered() const { return triggered_; }
  // Between Hold() and Release() nothing is accepted, so that a test can finish its own set-up.
  void Hold() { SetHeld(true); }
  void Release() { SetHeld(false); }

 private:
  struct Pair {
    int client;
    int server;
    std::string seen;
  };

  static sockaddr_un Address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    DRIFTWOOD_CHECK(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
  }

  void SetHeld(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }

  void Accept() {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !held_; });
    }
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = Address(server_path_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(client);
      ::close(server);
      return;
    }
    pairs_.push_back({client, server, {}});
  }

  static bool Forward(int to, const char* bytes, size_t size) {
    while (size > 0) {
      const ssize_t sent = ::send(to, bytes, size, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      bytes += sent;
      size -= static_cast<size_t>(sent);
    }
    return true;
  }

  // False when the connection has ended.
  bool Pump(Pair& pair, bool from_client) {
    std::array<char, 65536> buffer;
    const ssize_t got =
        ::read(from_client ? pair.client : pair.server, buffer.data(), buffer.size());
    if (got <= 0) return false;
    if (from_client && !triggered_) {
      pair.seen.append(buffer.data(), static_cast<size_t>(got));
      if (pair.seen.find(text_) != std::string::npos) {
        triggered_ = true;
        on_text_();
      } else if (pair.seen.size() > text_.size()) {
        pair.seen.erase(0, pair.seen.size() - text_.size());
      }
    }
    return Forward(from_client ? pair.server : pair.client, buffer.data(),
                   static_cast<size_t>(got));
  }

  void Serve() {
    for (;;) {
      std::vector<pollfd> fds = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        fds.push_back({pair.client, POLLIN, 0});
        fds.push_back({pair.server, POLLIN, 0});
      }
      if (::poll(fds.data(), fds.size(), -1) < 0) continue;
      if (fds[0].revents != 0) return;
      std::vector<bool> ended(pairs_.size());
      for (size_t i = 0; i < pairs_.size(); ++i) {
        if (fds[2 + 2 * i].revents != 0) ended[i] = !Pump(pairs_[i], true);
        if (!ended[i] && fds[3 + 2 * i].revents != 0) ended[i] = !Pump(pairs_[i], false);
      }
      for (size_t i = pairs_.size(); i-- > 0;) {
        if (!ended[i]) continue;
        ::close(pairs_[i].client);
        ::close(pairs_[i].server);
        pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (fds[1].revents != 0) Accept();
    }
  }

  const std::string server_path_;
  const std::string text_;
  const std::function<void()> on_text_;
  int listener_ = -1;
  std::array<int, 2> wake_{};
  std::atomic<bool> triggered_ = false;
  std::vector<Pair> pairs_;  // the thread's own

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;

  std::thread thread_;
};

}  // namespace driftwood::testing
