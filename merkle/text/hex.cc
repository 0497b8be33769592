#include "merkle/text/hex.h"

namespace driftwood {

void AppendHex(std::string_view bytes, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  size_t at = out->size();
  out->resize(at + 2 * bytes.size());
  for (const char c : bytes) {
    (*out)[at++] = kDigits[static_cast<unsigned char>(c) >> 4];
    (*out)[at++] = kDigits[static_cast<unsigned char>(c) & 15];
  }
}

std::string Hex(std::string_view bytes) {
  std::string hex;
  AppendHex(bytes, &hex);
  return hex;
}

std::optional<std::string> BytesOfHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::string ShortHex(std::string_view bytes, size_t bytes_max) {
  return Hex(bytes.substr(0, bytes_max)) + (bytes.size() > bytes_max ? "..." : "");
}

}  // namespace driftwood
