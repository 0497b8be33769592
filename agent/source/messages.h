// What the stores' error messages share.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "merkle/text/display.h"

namespace driftwood::agent {

// InvalidArgument: a key column that is not among `columns` (names those and the nearest), or is
// given twice.
absl::Status CheckKeyColumns(const std::string& source, const std::vector<std::string>& columns,
                             const std::vector<std::string>& key);

// NotFound, with the nearest name of a file beside it.
absl::Status NoSuchFile(const std::string& path);

}  // namespace driftwood::agent
