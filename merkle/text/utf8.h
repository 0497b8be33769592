// UTF-8 as The Unicode Standard defines it: no overlong forms, no surrogates, nothing above
// U+10FFFF. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// Bytes of the well-formed character at `p` (1 to 4), 0 if there is none before `end`.
size_t Utf8CharacterBytes(const char* p, const char* end);

// The code point of a well-formed character of so many bytes, as Utf8CharacterBytes() gives them.
char32_t DecodeUtf8(const char* p, size_t bytes);

// Fast for ASCII, which is most of what is asked.
bool IsUtf8(std::string_view text);

bool IsAscii(std::string_view text);

// `code_point` must be a Unicode scalar value.
void AppendUtf8(char32_t code_point, std::string* out);

}  // namespace driftwood::merkle
