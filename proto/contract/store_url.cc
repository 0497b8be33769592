#include "proto/contract/store_url.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/names.h"
#include "merkle/text/percent.h"
#include "merkle/text/redaction.h"
#include "merkle/text/store_password.h"

namespace driftwood {
namespace {

constexpr std::string_view kForm =
    "write SCHEME:PATH?name=value&..., for instance csv:orders.csv?key=id";

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

constexpr std::string_view kSpecialInValues = "%&?,";

// One spelling for each value: escaped is what would otherwise be read as something else. A comma
// stays as it was written.
std::string NormalValue(std::string_view value) {
  std::string out;
  size_t begin = 0;
  for (;;) {
    const size_t comma = value.find(',', begin);
    out += PercentEncode(PercentDecode(value.substr(begin, comma - begin)), kSpecialInValues);
    if (comma == std::string_view::npos) return out;
    out.push_back(',');
    begin = comma + 1;
  }
}

absl::Status Malformed(std::string_view url, const std::string& why) {
  return absl::InvalidArgumentError("store URL \"" + PercentEncode(merkle::Redacted(url), "") +
                                    "\": " + why + "; " + std::string(kForm));
}

// Where the parameters begin: after the last '?' that has name=value pairs behind it.
size_t FindQuestionMark(std::string_view rest) {
  size_t at = rest.size();
  while (at > 0) {
    at = rest.rfind('?', at - 1);
    if (at == std::string_view::npos) break;
    if (rest.find('=', at) != std::string_view::npos) return at;
  }
  return std::string_view::npos;
}

absl::Status ParseParameters(std::string_view url, std::string_view text, StoreUrl* out) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('&', begin), text.size());
    const std::string_view pair = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      // A server's may be a piece of its password.
      const std::string shown = out->IsServer() ? "" : " \"" + std::string(pair) + "\"";
      return Malformed(url, "parameter" + shown + " has no value");
    }
    std::string name = PercentDecode(pair.substr(0, equals));
    const std::string_view value = pair.substr(equals + 1);
    if (name.empty()) return Malformed(url, "a parameter has no name");
    // Of a server's URL it has been taken out; a path may hide it there behind a '?' of its own.
    if (merkle::NamesASecret(name)) {
      return absl::InvalidArgumentError("store URL \"" + out->WithoutParameters() +
                                        "\": parameter \"" + PercentEncode(name, "") +
                                        "\" can't be given here");
    }
    if (value.empty()) return Malformed(url, "parameter \"" + name + "\" has no value");
    if (!out->parameters.emplace(name, NormalValue(value)).second) {
      return Malformed(url, "parameter \"" + name + "\" is given twice");
    }
  }
  return absl::OkStatus();
}

bool IsScheme(std::string_view text) {
  if (text.empty() || text[0] < 'a' || text[0] > 'z') return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string_view::npos;
}

bool IsServerScheme(std::string_view scheme) {
  return scheme == "postgresql" || scheme == "postgres" || scheme == "mysql" || scheme == "mariadb";
}

// A path in which a server's host seems to begin must not get to look as if a password stood in it.
std::string WrittenPath(const std::string& path) {
  const bool like_server = path.starts_with("//") || path.find("://") != std::string::npos;
  return PercentEncode(path, like_server ? "%?:@" : "%?");
}

}  // namespace

bool StoreUrl::IsServer() const { return path.starts_with("//") && IsServerScheme(scheme); }

absl::StatusOr<StoreUrl> StoreUrl::Parse(std::string_view given) {
  const merkle::UrlWithoutPassword split = merkle::TakePassword(given);
  const std::string_view url = split.url;  // no message may show the password
  if (!split.other_secret.empty()) {
    return Malformed(url, PercentEncode(split.other_secret, "") + " can't be given here");
  }
  if (merkle::MayHoldAPassword(url)) {
    return Malformed(given, std::string(merkle::kWhereThePasswordEnds));
  }
  const size_t colon = url.find(':');
  if (colon == std::string_view::npos) return Malformed(url, "has no scheme");
  StoreUrl result;
  result.scheme = std::string(url.substr(0, colon));
  if (!IsScheme(result.scheme)) {
    return Malformed(
        url, "\"" + PercentEncode(merkle::Redacted(result.scheme), "") + "\" is not a scheme");
  }
  const std::string_view rest = url.substr(colon + 1);
  if (!PercentIsWellFormed(rest)) {
    return Malformed(url, "'%' must be followed by two hexadecimal digits (write '%' as \"%25\")");
  }
  result.path = rest.substr(0, rest.find('?'));
  const bool is_server = result.IsServer();
  if (!is_server && IsServerScheme(result.scheme)) {
    return Malformed(url, "has no host (write " + result.scheme + "://USER@HOST/DB)");
  }
  const size_t mark = is_server ? rest.find('?') : FindQuestionMark(rest);
  if (!is_server) result.path = PercentDecode(rest.substr(0, mark));
  if (is_server && std::any_of(result.path.begin(), result.path.end(), IsControl)) {
    return Malformed(url, "a control character (write it as %XX)");
  }
  result.password = split.password;
  if (result.path.empty()) return Malformed(url, "has no path");
  if (result.path.find('\0') != std::string::npos) return Malformed(url, "a zero byte in the path");
  if (mark != std::string_view::npos) {
    RETURN_IF_ERROR(ParseParameters(url, rest.substr(mark + 1), &result));
  }
  return result;
}

std::optional<std::string> StoreUrl::Parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return std::nullopt;
  return PercentDecode(found->second);
}

std::vector<std::string> StoreUrl::List(const std::string& name) const {
  std::vector<std::string> parts;
  const auto found = parameters.find(name);
  if (found == parameters.end()) return parts;
  const std::string_view value = found->second;
  size_t begin = 0;
  for (;;) {
    const size_t comma = value.find(',', begin);
    parts.push_back(PercentDecode(value.substr(begin, comma - begin)));
    if (comma == std::string_view::npos) return parts;
    begin = comma + 1;
  }
}

absl::Status StoreUrl::OnlyKnows(const std::vector<std::string>& known) const {
  for (const auto& [name, value] : parameters) {
    bool is_known = false;
    std::string names;
    for (const std::string& candidate : known) {
      is_known = is_known || candidate == name;
      names += (names.empty() ? "" : ", ") + candidate;
    }
    if (is_known) continue;
    return absl::InvalidArgumentError(
        "store URL \"" + WithoutParameters() + "\": unknown parameter \"" +
        PercentEncode(name, "") + "\"" + DidYouMean(name, known) +
        " (known: " + (names.empty() ? std::string("none") : names) + ")");
  }
  return absl::OkStatus();
}

StoreUrl StoreUrl::With(const std::string& name, std::string_view value) const {
  StoreUrl url = *this;
  url.parameters[name] = PercentEncode(value, kSpecialInValues);
  return url;
}

StoreUrl StoreUrl::Without(const std::string& name) const {
  StoreUrl url = *this;
  url.parameters.erase(name);
  return url;
}

std::string StoreUrl::WithoutParameters() const {
  return merkle::Redacted(scheme + ":" + (IsServer() ? path : WrittenPath(path)));
}

std::string StoreUrl::ToString() const {
  std::string out = scheme + ":" + (IsServer() ? path : WrittenPath(path));
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    out += separator + PercentEncode(name, "%&?=:@") + "=" + value;
    separator = '&';
  }
  return out;
}

}  // namespace driftwood
