// The token that a coordinator shows to an agent which demands one: a secret of both, in a file of
// each (merkle/os/private_path.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace driftwood {

// The metadata of each call that carries it, as "Bearer TOKEN" (RFC 6750).
inline constexpr char kTokenMetadata[] = "authorization";
inline constexpr std::string_view kTokenScheme = "Bearer ";

// The token in `path`: 16 to 256 printable characters without blanks, and perhaps a newline. The
// codes of merkle::ReadSecretFile(), and InvalidArgument for what is no such token.
absl::StatusOr<std::string> ReadTokenFile(const std::filesystem::path& path);

}  // namespace driftwood
