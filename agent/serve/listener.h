// Accepts connections on one address and hands them on: so many at a time as there are file
// descriptors for. It is ours and not gRPC's, since gRPC 1.51 stops listening for good once
// accept() has failed for want of a descriptor, sets no limit on connections, and lets a unix
// socket be open to all for a moment.
//
// Start() and Stop() by one thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/serve/listen_address.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::agent {

// A quarter of the descriptors that this process may have, 8 to 256: the rest is for stores and
// indexes.
size_t ConnectionsMax();

class Listener {
 public:
  // Bound, with a unix socket of mode 0600, but nobody is taken yet. FailedPrecondition: the
  // address can't be had.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const ListenAddress& address);
  // Stops, and removes the unix socket.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // With the port that was chosen: what a client connects to.
  const std::string& address() const { return address_; }

  // Calls `take` on a thread of its own with each connection's non-blocking descriptor, whose owner
  // it then is. Whoever comes while `connections_max` of them are open is turned away at once.
  void Start(size_t connections_max, std::function<void(int)> take);
  // Takes no more; returns when `take` is called no more.
  void Stop();
  // For an end that can't wait for the rest.
  void RemoveSocket();

 private:
  // A connection that was handed on, whoever closes it: open as long as the number stands for the
  // same socket.
  struct Given {
    int fd;
    ino_t inode;
  };

  explicit Listener(ListenAddress address) : listen_(std::move(address)) {}
  absl::Status BindUnix();
  absl::Status BindTcp();
  void Accept();
  void AcceptOne(int socket);
  void TurnAwayWithoutDescriptor(int socket);
  bool HasRoom();

  const ListenAddress listen_;
  std::string address_;
  std::vector<merkle::UniqueFd> sockets_;  // a host may have several addresses
  merkle::UniqueFd stop_;                  // readable when it is to stop
  std::thread thread_;

  // Of the thread.
  size_t connections_max_ = 0;
  std::function<void(int)> take_;
  std::vector<Given> given_;
  merkle::UniqueFd spare_;  // given up for a moment where there is no other descriptor
};

}  // namespace driftwood::agent
