#include "merkle/text/store_password.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "merkle/text/names.h"
#include "merkle/text/percent.h"

namespace driftwood::merkle {
namespace {

// Where what follows "scheme://" begins; npos if this is no such URL.
size_t AfterScheme(std::string_view url) {
  const size_t at = url.find("://");
  if (at == std::string_view::npos) return at;
  const std::string_view before = url.substr(0, at);
  const std::string_view scheme = before.substr(before.rfind('=') + 1);
  const bool is_scheme = !scheme.empty() && std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  return is_scheme ? at + 3 : std::string_view::npos;
}

bool IsPort(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9'); });
}

// Where the '@' is that ends user and password; npos if there are none.
size_t EndOfUser(std::string_view rest) {
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) return at;
  // A password with '/' or '?' unescaped looks like a host and its port.
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.find(']', colon) != std::string_view::npos ||
      authority.find(',') != std::string_view::npos || IsPort(authority.substr(colon + 1))) {
    return std::string_view::npos;
  }
  return rest.rfind('@');
}

void TakeParameters(std::string_view query, bool other_spellings, UrlWithoutPassword* result) {
  char separator = '?';
  for (size_t begin = 0; begin <= query.size();) {
    const size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view pair = query.substr(begin, end - begin);
    begin = end + 1;
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = PercentDecode(pair.substr(0, equals));
    if (name == "password") {
      result->password = PercentDecode(pair.substr(std::min(equals + 1, pair.size())));
    } else if (name == "sslpassword" || (other_spellings && NamesASecret(name))) {
      result->other_secret = name;
    } else {
      result->url += separator + std::string(pair);
      separator = '&';
    }
  }
}

}  // namespace

// Of libpq, MySQL's and MariaDB's connectors, JDBC and ODBC.
bool NamesASecret(std::string_view name) {
  static constexpr std::string_view kInside[] = {"pass",   "pwd",        "pswd",
                                                 "secret", "client_key", "server_key"};
  const std::string lower = Lowercase(name);
  if (lower == "passfile") return false;  // where passwords are
  if (lower == "pw" || lower == "psw") return true;
  return std::any_of(std::begin(kInside), std::end(kInside),
                     [&](std::string_view part) { return lower.find(part) != lower.npos; });
}

UrlWithoutPassword TakePassword(std::string_view url, bool other_spellings) {
  UrlWithoutPassword result;
  const size_t begin = AfterScheme(url);
  if (begin == std::string_view::npos) {
    result.url = url;
    return result;
  }
  result.url = url.substr(0, begin);
  std::string_view rest = url.substr(begin);
  const size_t at = EndOfUser(rest);
  if (at != std::string_view::npos) {
    const std::string_view user = rest.substr(0, at);
    const size_t colon = user.find(':');
    result.url += user.substr(0, colon);
    if (colon != std::string_view::npos) result.password = PercentDecode(user.substr(colon + 1));
    rest.remove_prefix(at);
  }
  const size_t mark = rest.find('?');
  result.url += rest.substr(0, mark);
  if (mark != std::string_view::npos) {
    TakeParameters(rest.substr(mark + 1), other_spellings, &result);
  };
  return result;
}

}  // namespace driftwood::merkle
