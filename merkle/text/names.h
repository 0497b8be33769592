// Names that are nearly alike, for diagnostics. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace driftwood {

// ASCII letters only.
std::string Lowercase(std::string_view text);

// Insertions, deletions, substitutions and swaps of neighbours. Takes time and memory by the
// product of the sizes.
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate with the smallest edit distance to `name`, letter case not counting, if it is near
// enough to be what was meant. Names of over 200 bytes are near to none.
std::optional<std::string> NearestName(std::string_view name,
                                       const std::vector<std::string>& candidates);
// " (did you mean 'order_id'?)", or nothing.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace driftwood
