// PQconnectdbParams() can't be ended from outside. The same step by step, as PQconnectPoll() gives
// them: it knows no connect_timeout, so that is counted here, anew for each host, and a host that
// was too slow is taken out of the lists for another try, as libpq goes on to the next itself.
#include "agent/stores/postgresql/pg_connect.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>
#include <memory>
#include <string_view>

#include "agent/source/messages.h"
#include "merkle/os/stop.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Parameters = std::vector<std::pair<std::string, std::string>>;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

Connection Start(const Parameters& parameters) {
  std::vector<const char*> names, values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  // Of what is said before the first transaction; each sets it for itself.
  names.push_back("client_encoding");
  values.push_back("UTF8");
  names.push_back(nullptr);
  values.push_back(nullptr);
  return {PQconnectStartParams(names.data(), values.data(), 0), PQfinish};
}

// What the connection was told, by the environment and service files too.
std::string Told(PGconn* connection, std::string_view name) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> all(PQconninfo(connection),
                                                                         PQconninfoFree);
  for (const PQconninfoOption* o = all.get(); o != nullptr && o->keyword != nullptr; ++o) {
    if (name == o->keyword && o->val != nullptr) return o->val;
  }
  return "";
}

// 0: no end.
absl::StatusOr<milliseconds> ConnectTimeout(PGconn* connection) {
  const std::string text = Told(connection, "connect_timeout");
  int seconds = 0;
  const char* const begin = text.data() + std::min(text.find_first_not_of(' '), text.size());
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, seconds);
  if (begin != end && (error != std::errc() || rest != end)) {
    return absl::InvalidArgumentError("connect_timeout=" + Printable(text) +
                                      " is no number of seconds");
  }
  constexpr int kSecondsMin = 2;  // libpq's
  if (seconds <= 0) return milliseconds(0);
  return std::chrono::seconds(std::max(seconds, kSecondsMin));
}

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string Join(const std::vector<std::string>& parts) {
  std::string list;
  for (size_t i = 0; i < parts.size(); ++i) list += (i == 0 ? "" : ",") + parts[i];
  return list;
}

// Takes the host that the connection waits for out of the lists. False if it is the only one.
bool LeaveOutHost(PGconn* connection, Parameters* parameters) {
  std::map<std::string, std::vector<std::string>> lists;
  size_t hosts = 1;
  for (const char* const name : {"host", "hostaddr", "port"}) {
    lists[name] = Split(Told(connection, name));
    if (name != std::string_view("port")) hosts = std::max(hosts, lists[name].size());
  }
  if (hosts == 1) return false;
  const auto is_at = [&](const std::string& name, size_t i, const char* value) {
    const std::vector<std::string>& list = lists[name];
    const std::string& item = list.size() == hosts ? list[i] : list[0];
    return item.empty() || value == nullptr || item == value;
  };
  size_t at = 0;
  while (at < hosts &&
         !(is_at("host", at, PQhost(connection)) && is_at("hostaddr", at, PQhostaddr(connection)) &&
           is_at("port", at, PQport(connection)))) {
    ++at;
  }
  if (at == hosts) return false;
  for (auto& [name, list] : lists) {
    if (list.size() != hosts) continue;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
    std::erase_if(*parameters, [&n = name](const auto& each) { return each.first == n; });
    parameters->emplace_back(name, Join(list));
  }
  return true;
}

std::string HostOf(PGconn* connection) {
  const char* const host = PQhost(connection);
  const char* const port = PQport(connection);
  return std::string(host == nullptr ? "" : host) + ":" + (port == nullptr ? "" : port);
}

// Until it is connected or has failed. DeadlineExceeded if a host is silent for too long.
absl::Status Await(PGconn* connection, const merkle::StopFd& stop) {
  ASSIGN_OR_RETURN(const milliseconds timeout, ConnectTimeout(connection));
  std::string host;
  steady_clock::time_point end;
  // As if it had said that it wants to write.
  for (PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
       wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED;
       wants = PQconnectPoll(connection)) {
    if (HostOf(connection) != host) {
      host = HostOf(connection);
      end = steady_clock::now() + timeout;
    }
    const short events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    pollfd watched[] = {{PQsocket(connection), events, 0}, {stop.fd(), POLLIN, 0}};
    for (;;) {
      const auto rest = std::chrono::ceil<milliseconds>(end - steady_clock::now());
      const int wait_ms = static_cast<int>(std::max<int64_t>(rest.count(), 0));
      const int ready = ::poll(watched, 2, timeout.count() == 0 ? -1 : wait_ms);
      if (ready < 0 && errno != EINTR) return absl::InternalError("can't wait for PostgreSQL");
      if (ready > 0) break;
      if (ready == 0) {
        return absl::DeadlineExceededError("connection to server at \"" + Printable(host) +
                                           "\" failed: timeout expired");
      }
    }
    if (watched[1].revents != 0) return absl::CancelledError("cancelled while connecting");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PGconn*> ConnectPg(Parameters parameters, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::unique_ptr<merkle::StopFd> stop_fd, merkle::StopFd::Create(stop));
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("cancelled while connecting");
    Connection connection = Start(parameters);
    if (connection == nullptr) return absl::ResourceExhaustedError("no memory for a connection");
    if (PQstatus(connection.get()) == CONNECTION_BAD) return connection.release();
    const absl::Status status = Await(connection.get(), *stop_fd);
    if (status.ok()) return connection.release();
    if (!absl::IsDeadlineExceeded(status)) return status;
    if (!LeaveOutHost(connection.get(), &parameters)) {
      return absl::UnavailableError(status.message());
    }
  }
}

}  // namespace driftwood::agent
