// What relays in front of a server's unix socket share. Strings are bytes.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "merkle/check.h"

namespace driftwood::testing {

inline sockaddr_un UnixAddress(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  DRIFTWOOD_CHECK(path.string().size() < sizeof address.sun_path);
  std::strcpy(address.sun_path, path.c_str());
  return address;
}

// A listening socket; the test ends if there can't be one.
inline int ListenOn(const std::filesystem::path& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = UnixAddress(path);
  DRIFTWOOD_CHECK(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                  0);
  DRIFTWOOD_CHECK(::listen(listener, 16) == 0);
  return listener;
}

// A socket, connected if that was possible.
inline int ConnectTo(const std::filesystem::path& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = UnixAddress(path);
  (void)::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return socket;
}

// False if the other side is gone.
inline bool SendAll(int to, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t part = ::send(to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (part <= 0) return false;
    sent += static_cast<size_t>(part);
  }
  return true;
}

// Adds `size` bytes to `*bytes`. False if the other side is gone.
inline bool ReceiveMore(int from, size_t size, std::string* bytes) {
  const size_t begin = bytes->size();
  bytes->resize(begin + size);
  for (size_t got = 0; got < size;) {
    const ssize_t part = ::recv(from, bytes->data() + begin + got, size - got, 0);
    if (part <= 0) return false;
    got += static_cast<size_t>(part);
  }
  return true;
}

}  // namespace driftwood::testing
