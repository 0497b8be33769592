// UUIDs as text. Pure functions.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// 32 hexadecimal digits of any case, without hyphens or with all four in their usual places, with
// or without braces around.
std::optional<std::array<unsigned char, 16>> ParseUuid(std::string_view text);

// 36 characters, lower case.
std::string FormatUuid(const unsigned char bytes[16]);

}  // namespace driftwood::merkle
