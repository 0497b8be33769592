#include "merkle/text/uuid.h"

#include <cstdint>

#include "merkle/text/hex.h"

namespace driftwood::merkle {
namespace {

// A hyphen stands before these bytes.
bool HyphenBefore(size_t byte) { return byte == 4 || byte == 6 || byte == 8 || byte == 10; }

}  // namespace

std::optional<std::array<unsigned char, 16>> ParseUuid(std::string_view text) {
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, text.size() - 2);
  }
  const bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return std::nullopt;
  std::array<unsigned char, 16> bytes;
  const char* p = text.data();
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (hyphens && HyphenBefore(i) && *p++ != '-') return std::nullopt;
    const int high = HexDigit(p[0]);
    const int low = HexDigit(p[1]);
    if ((high | low) < 0) return std::nullopt;
    bytes[i] = static_cast<unsigned char>(high * 16 + low);
    p += 2;
  }
  return bytes;
}

std::string FormatUuid(const unsigned char bytes[16]) {
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < 16; ++i) {
    if (HyphenBefore(i)) text.push_back('-');
    AppendHex(static_cast<char>(bytes[i]), &text);
  }
  return text;
}

}  // namespace driftwood::merkle
