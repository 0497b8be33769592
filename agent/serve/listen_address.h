// Where an agent listens: "unix:PATH" or "HOST:PORT" ("[::1]:0"; port 0 takes a free one).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood::agent {

struct ListenAddress {
  // The longest path of a unix socket that the system takes.
  static constexpr size_t kUnixPathBytesMax = 107;

  std::string unix_path;  // empty: TCP
  std::string host;       // without the brackets of an IPv6 address
  std::string port;

  // InvalidArgument: neither form, or a path that is too long (says by how much).
  static absl::StatusOr<ListenAddress> Parse(std::string_view text);

  bool is_unix() const { return !unix_path.empty(); }
  // Reached from this machine only: a unix socket, localhost, 127.0.0.0/8, ::1.
  bool IsLocal() const;
  std::string ToString() const;
  std::string WithPort(int chosen) const;
};

// Makes way for a unix socket at `path`: removes one that nobody listens on. FailedPrecondition:
// somebody does, or what is there is no socket.
absl::Status PrepareUnixSocket(const std::string& path);

}  // namespace driftwood::agent
