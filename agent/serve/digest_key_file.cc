#include "agent/serve/digest_key_file.h"

#include <optional>
#include <string>
#include <string_view>

#include "merkle/os/private_path.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

using merkle::DigestKey;

constexpr size_t kHexDigits = 2 * DigestKey::kBytes;

constexpr size_t kFileBytesMax = 256;
constexpr std::string_view kWhat = "digest key file";

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() == kHexDigits + 1 && text.back() == '\n') text.remove_suffix(1);
  if (text.size() != kHexDigits) return std::nullopt;
  return BytesOfHex(text);
}

}  // namespace

absl::StatusOr<DigestKey> ReadDigestKeyFile(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(std::string content, merkle::ReadSecretFile(path, kWhat, kFileBytesMax));
  if (const auto bytes = FromHex(content)) content = *bytes;
  if (content.size() != DigestKey::kBytes) {
    return absl::InvalidArgumentError("digest key file " + path.string() +
                                      " must hold 32 bytes or 64 hexadecimal digits; "
                                      "make one with: head -c 32 /dev/urandom");
  }
  ASSIGN_OR_RETURN(const DigestKey key, DigestKey::FromBytes(content));
  if (!key.keyed()) {
    return absl::InvalidArgumentError("digest key file " + path.string() +
                                      " holds only zeros; --unkeyed says that there is no key");
  }
  return key;
}

absl::StatusOr<DigestKey> ReadOrCreateDigestKeyFile(const std::filesystem::path& path) {
  absl::StatusOr<DigestKey> key = ReadDigestKeyFile(path);
  if (key.status().code() != absl::StatusCode::kNotFound) return key;
  RETURN_IF_ERROR(merkle::CreateSecretFile(path, kWhat, DigestKey::Random().bytes()));
  return ReadDigestKeyFile(path);
}

}  // namespace driftwood::agent
