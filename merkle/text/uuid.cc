#include "merkle/text/uuid.h"

#include <cstdint>

namespace driftwood::merkle {
namespace {

// The value of a hexadecimal digit, -1 for any other byte.
constexpr std::array<int8_t, 256> kHexDigits = [] {
  std::array<int8_t, 256> digits{};
  for (int8_t& digit : digits) digit = -1;
  for (int8_t i = 0; i < 10; ++i) digits[static_cast<size_t>('0' + i)] = i;
  for (int8_t i = 10; i < 16; ++i) {
    digits[static_cast<size_t>('a' + i - 10)] = i;
    digits[static_cast<size_t>('A' + i - 10)] = i;
  }
  return digits;
}();

int HexDigit(char c) { return kHexDigits[static_cast<uint8_t>(c)]; }

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
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < 16; ++i) {
    if (HyphenBefore(i)) text.push_back('-');
    text.push_back(kHex[bytes[i] >> 4]);
    text.push_back(kHex[bytes[i] & 15]);
  }
  return text;
}

}  // namespace driftwood::merkle
