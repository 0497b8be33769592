// What messages, logs and reports may show of a store URL that may be mistyped, or may stand where
// none belongs: TakePassword() (store_password.h) is exact and for what connects; this errs on the
// side of hiding. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace driftwood::merkle {

// `text` with "***" for what may be a password, or without it as TakePassword() does where there is
// no doubt. Hidden is what stands between the first ':' (after "SCHEME://", or "csv:" and the other
// files') and the last '@', and the value of every name=value whose name is much like "password".
std::string Redacted(std::string_view text);

// True for a database server's URL, as TakePassword() leaves it, of which it is not sure where user
// and password end, so that a piece of the password may be its host or its database ('@', '/' or
// '?' unescaped in one; a forgotten '@'). Nothing must connect to that.
bool MayHoldAPassword(std::string_view url);
inline constexpr std::string_view kWhereThePasswordEnds =
    "it is not clear where a password in it ends (in user, password and database write '@' as %40, "
    "':' as %3A, '/' as %2F and '?' as %3F; a port is digits)";

// True if `text` is (or once was meant to be) a database server's URL with something to hide: no
// value of any other option.
bool IsUrlWithSecret(std::string_view text);

// Overwrites a program argument that holds a password with what Redacted() shows of it, so that no
// process list shows more.
void HidePassword(char* argument);

// What the arguments of a program hold that no message may quote.
class Secrets {
 public:
  Secrets() = default;
  explicit Secrets(const std::vector<std::string>& arguments) { Add(arguments); }
  // Others that are to be hidden too, as if they had been arguments. No thread may hide meanwhile.
  void Add(const std::vector<std::string>& arguments);
  // `message` with each argument as Redacted() shows it, and "***" for what that hides in it. What
  // the arguments show elsewhere, such as a database named like its password, and plain words of
  // ours stay.
  std::string Hide(std::string message) const;

 private:
  std::vector<std::pair<std::string, std::string>> replaced_;  // the longest first
};

}  // namespace driftwood::merkle
