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
  // The name of a parameter that was taken out and is no user's password as we take it:
  // "sslpassword", or another spelling ("pwd"). Empty if there was none.
  std::string other_secret;
};

// Whether a parameter's name (decoded) is that of a password or what stands for one, for any of the
// drivers that a URL may have been written for: "password", "PWD", "sslpassword", "passphrase",
// "scram_client_key". Not "passfile".
bool NamesASecret(std::string_view name);

// Of "scheme://user:password@host/…?password=…" (also behind "NAME="); anything else is returned
// as it is. What only might be a password, in a malformed URL, is taken for one. This is for what
// connects: what is shown goes through Redacted() (redaction.h). `other_spellings`: what
// NamesASecret() too, not only what libpq calls so.
UrlWithoutPassword TakePassword(std::string_view url, bool other_spellings = true);

}  // namespace driftwood::merkle
