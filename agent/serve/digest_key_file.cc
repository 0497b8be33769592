#include "agent/serve/digest_key_file.h"

#include <optional>
#include <string>
#include <string_view>

#include "merkle/os/private_path.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using merkle::DigestKey;

constexpr size_t kHexDigits = 2 * DigestKey::kBytes;

constexpr size_t kFileBytesMax = 256;
constexpr std::string_view kWhat = "digest key file";

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() == kHexDigits + 1 && text.back() == '\n') text.remove_suffix(1);
  if (text.size() != kHexDigits) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    if (i % 2 == 0) {
      bytes.push_back(static_cast<char>(digit << 4));
    } else {
      bytes.back() = static_cast<char>(bytes.back() | digit);
    }
  }
  return bytes;
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
