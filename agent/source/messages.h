// Words that the stores' error messages share: names made printable, column names checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace driftwood::agent {

// `text` fit for one line of a message: control characters and bytes that are not UTF-8 as \xHH,
// cut after `bytes_max` bytes with "…".
std::string Printable(std::string_view text, size_t bytes_max = 4096);

// "a, b, c"; after 20 names "and 3 more". "none" if empty.
std::string ListNames(const std::vector<std::string>& names);

// The one of `names` that `wanted` is most likely a misspelling of; empty if none is near.
std::string NearestName(std::string_view wanted, const std::vector<std::string>& names);

// InvalidArgument: a key column that is not among `columns` (names those and the nearest), or is
// given twice.
absl::Status CheckKeyColumns(const std::string& source, const std::vector<std::string>& columns,
                             const std::vector<std::string>& key);

}  // namespace driftwood::agent
