// What the connections of all SQL stores need: a line that can be cut, and marks of transactions.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "merkle/os/stop.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::agent {

// The line of a server's client library, which waits for the server wherever it is asked something.
// A stop cuts it: that ends any wait at once. The library closes its own descriptor whenever the
// line breaks, after which its number may be another file's, so this has a second one.
class ServerLine {
 public:
  explicit ServerLine(std::stop_token stop) : stop_(std::move(stop)) {}

  // From now on the line is this socket of the library's, which stays its own. ResourceExhausted:
  // no descriptor is left for it. The thread of the connection.
  absl::Status Follow(int socket);
  // Any thread, once Follow() has returned.
  void Cut();
  // A stop does nothing any more: due before the library ends the connection politely.
  void Release() { cut_.reset(); }

 private:
  const std::stop_token stop_;
  merkle::UniqueFd socket_;
  std::optional<merkle::OnStop> cut_;  // last: it uses the socket
};

// That no other transaction of any program has. Random.
std::string NewTransactionMark();

}  // namespace driftwood::agent
