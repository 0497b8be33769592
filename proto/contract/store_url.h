// Store URLs: "csv:PATH?key=a,b", "sqlite:PATH?table=T", "jsonl:PATH?key=a", "lmdb:PATH?db=NAME",
// and of database servers: "postgresql://USER@HOST:PORT/DB?table=T".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood {

// The path is taken literally up to the last '?' that is followed by name=value pairs joined by
// '&'; in both, %XX is a byte. A parameter without name or value, a repeated one or malformed %XX
// is an error.
//
// Of a server's URL ("SCHEME://…") the path is all from "//" to the first '?', not decoded, since
// its parts are escaped each for itself; a password is taken out wherever it stands.
struct StoreUrl {
  std::string scheme;
  std::string path;  // decoded, unless it is a server's
  // Name (decoded) to value, still percent-encoded: a comma that separates a list's parts and one
  // inside a part ("%2C") differ. Use Parameter() and List().
  std::map<std::string, std::string> parameters;
  std::optional<std::string> password = {};  // decoded; servers only

  // InvalidArgument: not such a URL; the message shows the expected form.
  static absl::StatusOr<StoreUrl> Parse(std::string_view url);

  // The decoded value.
  std::optional<std::string> Parameter(const std::string& name) const;
  // A comma-separated parameter's parts; "%2C" is a comma inside a name. Empty if absent.
  std::vector<std::string> List(const std::string& name) const;
  // InvalidArgument naming the first parameter that is not among `known`, and those that are.
  absl::Status OnlyKnows(const std::vector<std::string>& known) const;
  // The same URL with that parameter set to `value`, or without it.
  StoreUrl With(const std::string& name, std::string_view value) const;
  StoreUrl Without(const std::string& name) const;
  // "postgresql://…": its path is not decoded.
  bool IsServer() const;
  // For messages about a parameter that may be a mistyped secret.
  std::string WithoutParameters() const;
  // For reports, so without the password. Parse(ToString()) is the same URL but for that.
  std::string ToString() const;
  friend bool operator==(const StoreUrl&, const StoreUrl&) = default;
};

}  // namespace driftwood
