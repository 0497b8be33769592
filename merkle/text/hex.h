// Bytes in hexadecimal digits. Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace driftwood {

// By byte. A table, since uuids are parsed by the million.
inline constexpr std::array<int8_t, 256> kHexValues = [] {
  std::array<int8_t, 256> values{};
  for (int8_t& value : values) value = -1;
  for (int8_t i = 0; i < 10; ++i) values[static_cast<size_t>('0' + i)] = i;
  for (int8_t i = 10; i < 16; ++i) {
    values[static_cast<size_t>('a' + i - 10)] = i;
    values[static_cast<size_t>('A' + i - 10)] = i;
  }
  return values;
}();

// The value of a digit of either case; -1 for any other character.
constexpr int HexDigit(char c) { return kHexValues[static_cast<unsigned char>(c)]; }

// Two lower-case digits a byte.
void AppendHex(std::string_view bytes, std::string* out);
inline void AppendHex(char byte, std::string* out) { AppendHex(std::string_view(&byte, 1), out); }
std::string Hex(std::string_view bytes);
// The bytes of digits of either case, two a byte; nothing if `hex` is not all digits in pairs.
std::optional<std::string> BytesOfHex(std::string_view hex);
// Of at most so many bytes, then "..." if there are more.
std::string ShortHex(std::string_view bytes, size_t bytes_max);

// Bytes as PostgreSQL writes them, "\x0aff": whether all of `text` is that.
inline bool IsHexText(std::string_view text) {
  if (text.size() % 2 != 0 || !text.starts_with("\\x")) return false;
  for (const char c : text.substr(2)) {
    if (HexDigit(c) < 0) return false;
  }
  return true;
}

// Of IsHexText(): how many bytes it stands for.
inline size_t HexTextBytes(std::string_view text) { return text.size() / 2 - 1; }

// Of IsHexText(): the bytes, in pieces that live during their call.
template <typename TakePiece>
void ForEachHexPiece(std::string_view text, const TakePiece& take) {
  std::array<char, 4096> piece;
  size_t bytes = 0;
  for (size_t i = 2; i < text.size(); i += 2) {
    piece[bytes++] = static_cast<char>(HexDigit(text[i]) * 16 + HexDigit(text[i + 1]));
    if (bytes < piece.size() && i + 2 < text.size()) continue;
    take(std::string_view(piece.data(), bytes));
    bytes = 0;
  }
}

}  // namespace driftwood
