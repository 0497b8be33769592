// Golden vectors: text files in tests/testdata/ that pin bytes, so that a changed one is seen.
//
// A line has fields separated by '|' (blanks around are not part of them); the last one is what
// the others lead to. '#' begins a comment line. In fields \xNN is a byte, and \\ a backslash.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace driftwood::testing {

// Expects `actual`, given a line's fields without the last, to return the last, for each line. With
// DRIFTWOOD_REGENERATE_GOLDEN=1 in the environment it writes the last fields anew instead and
// fails, so that no run like that counts as a success.
void CheckGolden(const std::filesystem::path& file,
                 const std::function<std::string(const std::vector<std::string>&)>& actual);

// Two lower-case digits a byte, and back. FromHex() CHECKs.
std::string ToHex(std::string_view bytes);
std::string FromHex(std::string_view hex);

}  // namespace driftwood::testing
