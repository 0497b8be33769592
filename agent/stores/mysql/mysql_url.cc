#include "agent/stores/mysql/mysql_url.h"

#include <charconv>
#include <chrono>
#include <cstdlib>

#include "agent/source/messages.h"
#include "agent/source/store_options.h"
#include "merkle/status_macros.h"
#include "merkle/text/redaction.h"

namespace driftwood::agent {
namespace {

absl::Status Malformed(const StoreUrl& url, const std::string& why) {
  return absl::InvalidArgumentError("store URL \"" + merkle::Redacted(url.ToString()) + "\": " +
                                    why + "; write mysql://USER@HOST:PORT/DATABASE?table=NAME");
}

// Of a part of a URL whose escapes are known to be well-formed.
std::string Decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

absl::Status ReadHost(const StoreUrl& url, std::string_view authority, MysqlOptions* options) {
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    if (at > 0) options->user = Decode(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view text = authority.substr(colon + 1);
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) {
      return Malformed(url, "\"" + Printable(text) + "\" is no port");
    }
    options->port = port;
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  // Several hosts would be several servers, perhaps one for each connection.
  if (authority.find(',') != std::string_view::npos) return Malformed(url, "more than one host");
  if (!authority.empty()) options->host = Decode(authority);
  return absl::OkStatus();
}

absl::Status ReadTls(const StoreUrl& url, MysqlOptions* options) {
  options->tls_ca = url.Parameter("ssl_ca");
  const std::optional<std::string> mode = url.Parameter("ssl");
  if (mode && *mode != "required" && *mode != "verify") {
    return Malformed(url, "ssl is \"required\" or \"verify\"");
  }
  options->require_tls = mode.has_value() || options->tls_ca.has_value();
  options->verify_server = options->tls_ca.has_value() || (mode && *mode == "verify");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<uint64_t>> MysqlNumber(const StoreUrl& url, const std::string& name,
                                                    uint64_t max) {
  const std::optional<std::string> text = url.Parameter(name);
  if (!text) return std::optional<uint64_t>();
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number < 1 || number > max) {
    return Malformed(url, name + " is 1 to " + std::to_string(max));
  }
  return std::optional<uint64_t>(number);
}

namespace {

// Of whole seconds, as the server takes it; nothing is rounded to less. What the URL says comes
// first.
absl::StatusOr<std::optional<uint64_t>> TimeoutSeconds(const StoreUrl& url,
                                                       const StoreOptions& store_options) {
  std::chrono::milliseconds time = store_options.statement_timeout;
  if (const std::optional<std::string> text = url.Parameter("statement_timeout")) {
    const absl::StatusOr<std::chrono::milliseconds> said = ParseTime(*text);
    if (!said.ok())
      return Malformed(url, "statement_timeout " + std::string(said.status().message()));
    time = *said;
  }
  if (time.count() == 0) return std::optional<uint64_t>();
  return std::optional<uint64_t>(
      static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(time).count()));
}

}  // namespace

absl::StatusOr<MysqlOptions> MysqlOptionsOf(const StoreUrl& url,
                                            const StoreOptions& store_options) {
  RETURN_IF_ERROR(url.OnlyKnows({"table", "where", "moved", "deleted", "key", "connections",
                                 "socket", "statement_timeout", "ssl", "ssl_ca"}));
  if (!url.IsServer()) return Malformed(url, "no host");
  MysqlOptions options;
  const std::string_view rest = std::string_view(url.path).substr(2);
  const size_t slash = rest.find('/');
  RETURN_IF_ERROR(ReadHost(url, rest.substr(0, slash), &options));
  if (slash == std::string_view::npos || slash + 1 == rest.size()) {
    return Malformed(url, "no database");
  }
  const std::string_view database = rest.substr(slash + 1);
  if (database.find('/') != std::string_view::npos) {
    return Malformed(url, "\"" + Printable(database) + "\" is no database (write '/' as %2F)");
  }
  options.database = Decode(database);
  options.socket = url.Parameter("socket");
  if (options.socket && ((options.host && *options.host != "localhost") || options.port)) {
    return Malformed(url, "both a socket and a host or port");
  }
  options.password = url.password;
  const char* const password = std::getenv("MYSQL_PWD");
  if (!options.password && password != nullptr) options.password = password;
  ASSIGN_OR_RETURN(options.statement_timeout_s, TimeoutSeconds(url, store_options));
  RETURN_IF_ERROR(ReadTls(url, &options));
  return options;
}

}  // namespace driftwood::agent
