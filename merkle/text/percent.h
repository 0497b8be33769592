// Bytes as "%XX", as URLs have them. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace driftwood {

// True if two hexadecimal digits follow each '%'.
bool PercentIsWellFormed(std::string_view text);
// What is no escape stays as it is.
std::string PercentDecode(std::string_view text);
// Escapes control characters and those of `special`, with upper-case digits.
std::string PercentEncode(std::string_view text, std::string_view special);

}  // namespace driftwood
