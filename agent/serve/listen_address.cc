#include "agent/serve/listen_address.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kForms = "expected unix:PATH or HOST:PORT";

absl::Status Malformed(std::string_view text, const std::string& why) {
  return absl::InvalidArgumentError("can't listen on '" + std::string(text) + "': " + why + "; " +
                                    std::string(kForms));
}

bool IsPort(const std::string& port) {
  return !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoi(port) <= 65535;
}

absl::StatusOr<ListenAddress> ParseUnix(std::string_view text) {
  ListenAddress address;
  address.unix_path = text.substr(kUnixPrefix.size());
  if (address.unix_path.empty()) return Malformed(text, "the path is empty");
  if (address.unix_path.find('\0') != std::string::npos) {
    return Malformed(text, "the path has a zero byte");
  }
  const size_t bytes = address.unix_path.size();
  if (bytes > ListenAddress::kUnixPathBytesMax) {
    return absl::InvalidArgumentError(
        "the path of a unix socket may have " + std::to_string(ListenAddress::kUnixPathBytesMax) +
        " bytes, '" + address.unix_path + "' has " + std::to_string(bytes) +
        "; choose a directory with a shorter path");
  }
  return address;
}

}  // namespace

absl::StatusOr<ListenAddress> ListenAddress::Parse(std::string_view text) {
  if (text.substr(0, kUnixPrefix.size()) == kUnixPrefix) return ParseUnix(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Malformed(text, "there is no port");
  ListenAddress address;
  address.host = text.substr(0, colon);
  address.port = text.substr(colon + 1);
  if (!IsPort(address.port)) return Malformed(text, "'" + address.port + "' is no port");
  if (address.host.size() >= 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  } else if (address.host.find(':') != std::string::npos) {
    return Malformed(text, "an IPv6 address stands in brackets");
  }
  if (address.host.empty()) return Malformed(text, "there is no host");
  return address;
}

bool ListenAddress::IsLocal() const {
  if (is_unix() || host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 &&
         std::memcmp(&v6, &in6addr_loopback, sizeof v6) == 0;
}

std::string ListenAddress::ToString() const {
  if (is_unix()) return std::string(kUnixPrefix) + unix_path;
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

std::string ListenAddress::WithPort(int chosen) const {
  ListenAddress copy = *this;
  if (!is_unix()) copy.port = std::to_string(chosen);
  return copy.ToString();
}

absl::Status PrepareUnixSocket(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::FailedPreconditionError("can't listen on unix:" + path + ": " +
                                         std::strerror(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError("can't listen on unix:" + path +
                                         ": what is there is no socket; remove it");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answers =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int reason = errno;
  if (probe >= 0) ::close(probe);
  if (answers || reason != ECONNREFUSED) {
    return absl::FailedPreconditionError("can't listen on unix:" + path +
                                         ": another program does; stop it or choose another path");
  }
  if (::unlink(path.c_str()) != 0) {
    return absl::FailedPreconditionError("can't remove the unused socket " + path + ": " +
                                         std::strerror(errno));
  }
  return absl::OkStatus();
}

}  // namespace driftwood::agent
