#include "proto/contract/token.h"

#include <algorithm>

#include "merkle/os/private_path.h"
#include "merkle/status_macros.h"

namespace driftwood {
namespace {

constexpr size_t kTokenBytesMin = 16;
constexpr size_t kTokenBytesMax = 256;
constexpr std::string_view kWhat = "token file";

// Not inline: of what it knows of the size, GCC 12 makes a false warning (-Wstringop-overread, with
// sanitizers).
[[gnu::noinline]] bool IsToken(const std::string& token) {
  return token.size() >= kTokenBytesMin && token.size() <= kTokenBytesMax &&
         std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

absl::StatusOr<std::string> ReadTokenFile(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(std::string token, merkle::ReadSecretFile(path, kWhat, kTokenBytesMax + 1));
  if (token.ends_with('\n')) token.pop_back();
  if (IsToken(token)) return token;
  return absl::InvalidArgumentError(
      std::string(kWhat) + " " + path.string() + " must hold one line of " +
      std::to_string(kTokenBytesMin) + " to " + std::to_string(kTokenBytesMax) +
      " printable characters without blanks; make one with: openssl rand -hex 32");
}

}  // namespace driftwood
