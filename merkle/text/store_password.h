// Passwords in the URLs of database servers, taken out before a URL is shown, logged, kept or
// handed to a process whose arguments others can read. Pure functions. (Here because both programs
// need it and this is what they share.)
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

struct UrlWithoutPassword {
  std::string url;                      // the same URL without any password
  std::optional<std::string> password;  // decoded
  // A secret was taken out that is no user's password ("sslpassword").
  bool has_other_secret = false;
};

// Of "scheme://user:password@host/…?password=…" (also behind "NAME="); anything else is returned
// as it is. What only might be a password, in a malformed URL, is taken for one. This is for what
// connects: what is shown goes through Redacted() (redaction.h).
UrlWithoutPassword TakePassword(std::string_view url);

}  // namespace driftwood::merkle
