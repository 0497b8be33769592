// Normal forms of Unicode, by utf8proc. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// Normalisation Form C (Unicode Standard Annex 15). Nothing if `text` is not UTF-8.
std::optional<std::string> NormaliseNfc(std::string_view text);
// The same with what only looks otherwise made one, such as full-width letters: Form KC.
std::optional<std::string> NormaliseNfkc(std::string_view text);
// Full case folding (Unicode Standard, section 3.13), not normalised: "Straße" becomes "strasse".
// Nothing if `text` is not UTF-8.
std::optional<std::string> FoldCase(std::string_view text);
// For words that are to be found in any letter case: what is not UTF-8 has letters of ASCII only.
std::string FoldWord(std::string_view word);

}  // namespace driftwood::merkle
