#include "merkle/text/utf8.h"

#include <cstdint>
#include <cstring>

namespace driftwood::merkle {
namespace {

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

constexpr uint64_t kHighBits = 0x8080808080808080;

template <typename Word>
uint64_t Load(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// Short texts of all lengths come one after the other: a loop over the last few bytes would be
// mispredicted each time, so the last words overlap instead.
bool HasAsciiOnly(const char* p, size_t size) {
  uint64_t bits = 0;
  if (size >= 8) {
    const char* const last = p + size - 8;
    for (; p < last; p += 8) bits |= Load<uint64_t>(p);
    bits |= Load<uint64_t>(last);
  } else if (size >= 4) {
    bits = Load<uint32_t>(p) | Load<uint32_t>(p + size - 4);
  } else if (size > 0) {
    bits = static_cast<uint8_t>(p[0] | p[size / 2] | p[size - 1]);
  }
  return (bits & kHighBits) == 0;
}

// Skips ASCII, as far as that is quickly done.
const char* SkipAscii(const char* p, const char* end) {
  while (end - p >= 8 && (Load<uint64_t>(p) & kHighBits) == 0) p += 8;
  while (p != end && static_cast<signed char>(*p) >= 0) ++p;
  return p;
}

}  // namespace

size_t Utf8CharacterBytes(const char* p, const char* end) {
  if (p == end) return 0;
  const uint8_t first = static_cast<uint8_t>(*p);
  const auto left = end - p;
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;  // a continuation byte or an overlong form
  if (first < 0xE0) return left >= 2 && IsContinuation(p[1]) ? 2 : 0;
  const uint8_t second = left >= 2 ? static_cast<uint8_t>(p[1]) : 0;
  if (first < 0xF0) {
    if (left < 3 || !IsContinuation(p[1]) || !IsContinuation(p[2])) return 0;
    if (first == 0xE0 && second < 0xA0) return 0;   // overlong
    if (first == 0xED && second >= 0xA0) return 0;  // a surrogate
    return 3;
  }
  if (first > 0xF4 || left < 4) return 0;
  if (!IsContinuation(p[1]) || !IsContinuation(p[2]) || !IsContinuation(p[3])) return 0;
  if (first == 0xF0 && second < 0x90) return 0;   // overlong
  if (first == 0xF4 && second >= 0x90) return 0;  // above U+10FFFF
  return 4;
}

char32_t DecodeUtf8(const char* p, size_t bytes) {
  const auto first = static_cast<uint8_t>(*p);
  if (bytes == 1) return first;
  char32_t code_point = first & (0xFFu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    code_point = (code_point << 6) | (static_cast<uint8_t>(p[i]) & 0x3Fu);
  }
  return code_point;
}

bool IsAscii(std::string_view text) { return HasAsciiOnly(text.data(), text.size()); }

bool IsUtf8(std::string_view text) {
  if (IsAscii(text)) return true;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (true) {
    p = SkipAscii(p, end);
    if (p == end) return true;
    // Text that is not ASCII here seldom is in the next character: no fast path until it is.
    do {
      const size_t bytes = Utf8CharacterBytes(p, end);
      if (bytes == 0) return false;
      p += bytes;
    } while (p != end && static_cast<signed char>(*p) < 0);
  }
}

void AppendUtf8(char32_t code_point, std::string* out) {
  const auto push = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  const uint32_t c = code_point;
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xC0 | (c >> 6));
    push(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    push(0xE0 | (c >> 12));
    push(0x80 | ((c >> 6) & 0x3F));
    push(0x80 | (c & 0x3F));
  } else {
    push(0xF0 | (c >> 18));
    push(0x80 | ((c >> 12) & 0x3F));
    push(0x80 | ((c >> 6) & 0x3F));
    push(0x80 | (c & 0x3F));
  }
}

}  // namespace driftwood::merkle
