#include "agent/serve/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using merkle::UniqueFd;

constexpr size_t kConnectionsMin = 8;
constexpr size_t kConnectionsMost = 256;
constexpr int kBacklog = 128;
// After an accept() that failed for a reason that may last (no memory, say).
constexpr int kPauseMs = 50;

absl::Status CantListen(const ListenAddress& address, const std::string& why) {
  return absl::FailedPreconditionError("can't listen on " + address.ToString() + ": " + why);
}

absl::StatusOr<UniqueFd> NewSocket(int family) {
  UniqueFd made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.get() < 0) return absl::FailedPreconditionError(std::strerror(errno));
  return made;
}

int PortOf(int socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) return 0;
  if (own.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&own)->sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6*>(&own)->sin6_port);
}

void SetPort(int port, sockaddr* address) {
  const auto network = htons(static_cast<uint16_t>(port));
  if (address->sa_family == AF_INET) reinterpret_cast<sockaddr_in*>(address)->sin_port = network;
  if (address->sa_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(address)->sin6_port = network;
}

// gRPC owns the descriptor and may close it just now, which is what is asked: its number may even
// be another file's already. The bare call, since ThreadSanitizer takes fstat() beside close() for
// a race of two threads that share a file.
std::optional<ino_t> InodeOf(int fd) {
  struct stat info {};
  if (::syscall(SYS_newfstatat, fd, "", &info, AT_EMPTY_PATH) != 0) return std::nullopt;
  return info.st_ino;
}

}  // namespace

size_t ConnectionsMax() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kConnectionsMin;
  return std::clamp<size_t>(limit.rlim_cur / 4, kConnectionsMin, kConnectionsMost);
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const ListenAddress& address) {
  std::unique_ptr<Listener> listener(new Listener(address));
  RETURN_IF_ERROR(address.is_unix() ? listener->BindUnix() : listener->BindTcp());
  for (const UniqueFd& socket : listener->sockets_) {
    if (::listen(socket.get(), kBacklog) != 0) return CantListen(address, std::strerror(errno));
  }
  listener->stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  listener->spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (listener->stop_.get() < 0 || listener->spare_.get() < 0) {
    return CantListen(address, std::strerror(errno));
  }
  return listener;
}

absl::Status Listener::BindUnix() {
  RETURN_IF_ERROR(PrepareUnixSocket(listen_.unix_path));
  ASSIGN_OR_RETURN(UniqueFd socket, NewSocket(AF_UNIX));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, listen_.unix_path.c_str(),
              std::min(listen_.unix_path.size(), sizeof address.sun_path - 1));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return CantListen(listen_, std::strerror(errno));
  }
  sockets_.push_back(std::move(socket));
  address_ = listen_.ToString();
  // Nobody can connect before listen().
  if (::chmod(listen_.unix_path.c_str(), S_IRUSR | S_IWUSR) != 0) {
    return CantListen(listen_, std::strerror(errno));
  }
  return absl::OkStatus();
}

absl::Status Listener::BindTcp() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(listen_.host.c_str(), listen_.port.c_str(), &hints, &found);
  if (rc != 0) return CantListen(listen_, ::gai_strerror(rc));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  int port = 0;
  std::string why = "no address";
  for (addrinfo* one = found; one != nullptr; one = one->ai_next) {
    absl::StatusOr<UniqueFd> socket = NewSocket(one->ai_family);
    if (!socket.ok()) {
      why = std::string(socket.status().message());
      continue;
    }
    // Else the next start would have to wait for the connections of the last one to be forgotten.
    const int on = 1;
    (void)::setsockopt(socket->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (port != 0) SetPort(port, one->ai_addr);  // one for all
    if (::bind(socket->get(), one->ai_addr, one->ai_addrlen) != 0) {
      why = std::strerror(errno);
      // Another program there would get a part of the calls.
      if (errno == EADDRINUSE) return CantListen(listen_, why);
      continue;
    }
    port = PortOf(socket->get());
    sockets_.push_back(*std::move(socket));
  }
  if (sockets_.empty()) return CantListen(listen_, why);
  address_ = listen_.WithPort(port);
  return absl::OkStatus();
}

Listener::~Listener() {
  Stop();
  RemoveSocket();
}

void Listener::RemoveSocket() {
  if (listen_.is_unix() && !address_.empty()) ::unlink(listen_.unix_path.c_str());
}

void Listener::Start(size_t connections_max, std::function<void(int)> take) {
  connections_max_ = connections_max;
  take_ = std::move(take);
  thread_ = std::thread([this] { Accept(); });
}

void Listener::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
  sockets_.clear();
}

void Listener::Accept() {
  std::vector<pollfd> watched = {{stop_.get(), POLLIN, 0}};
  for (const UniqueFd& socket : sockets_) watched.push_back({socket.get(), POLLIN, 0});
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[0].revents != 0) return;
    for (const pollfd& one : watched) {
      if (one.revents != 0) AcceptOne(one.fd);
    }
  }
}

void Listener::AcceptOne(int socket) {
  UniqueFd connection(::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (connection.get() < 0) {
    if (errno == EMFILE || errno == ENFILE) return TurnAwayWithoutDescriptor(socket);
    const bool passing = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    if (!passing) (void)::poll(nullptr, 0, kPauseMs);
    return;
  }
  const std::optional<ino_t> inode = InodeOf(connection.get());
  if (!inode || !HasRoom()) return;
  const int on = 1;
  if (!listen_.is_unix()) {
    (void)::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  given_.push_back({connection.get(), *inode});
  take_(connection.Release());
}

// Whoever waits must not wait for ever: the backlog would fill with those who have gone.
void Listener::TurnAwayWithoutDescriptor(int socket) {
  spare_.Close();
  UniqueFd(::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC)).Close();
  spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (spare_.get() < 0) (void)::poll(nullptr, 0, kPauseMs);
}

bool Listener::HasRoom() {
  if (given_.size() < connections_max_) return true;
  std::erase_if(given_, [](const Given& given) { return InodeOf(given.fd) != given.inode; });
  return given_.size() < connections_max_;
}

}  // namespace driftwood::agent
