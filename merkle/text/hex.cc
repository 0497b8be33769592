#include "merkle/text/hex.h"

namespace driftwood {

void AppendHex(std::string_view bytes, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    *out += kDigits[static_cast<unsigned char>(c) >> 4];
    *out += kDigits[static_cast<unsigned char>(c) & 15];
  }
}

std::string Hex(std::string_view bytes) {
  std::string hex;
  AppendHex(bytes, &hex);
  return hex;
}

std::string ShortHex(std::string_view bytes, size_t bytes_max) {
  return Hex(bytes.substr(0, bytes_max)) + (bytes.size() > bytes_max ? "..." : "");
}

}  // namespace driftwood
