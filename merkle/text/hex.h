// Bytes in hexadecimal digits. Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace driftwood {

// The value of a digit of either case; -1 for any other character.
constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Two lower-case digits a byte.
void AppendHex(std::string_view bytes, std::string* out);
std::string Hex(std::string_view bytes);

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
