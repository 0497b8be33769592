// Texts that look the same to people and are not. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driftwood {

// As EscapeForDisplay(), and characters that show nothing, or a space that is no U+0020, are
// written as <U+00A0>.
std::string ShowInvisible(std::string_view text);

// Different texts, each as ShowInvisible() has it. Where two of them look the same ("pаy" with a
// Cyrillic letter, an accent that is a character of its own) those characters beyond ASCII by which
// they differ are written as <U+0430>.
std::vector<std::string> ShowApart(const std::vector<std::string>& texts);

}  // namespace driftwood
