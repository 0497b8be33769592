// What a source is, by whatever name it is reached: so that one that is given twice is known. Looks
// at the file system.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace driftwood::agent {

// Of what tells the source from all others: equal for equal parts, and nothing can be told from it.
std::string SourceIdentity(const std::vector<std::string>& parts);

// Of `parts` of a server that is told from all others by `server`. Empty if it does not say; but
// Cancelled stays an error.
absl::StatusOr<std::string> ServerIdentity(absl::StatusOr<std::vector<std::string>> server,
                                           const std::vector<std::string>& parts);

// Of a file of this machine, however many names it has; `part` says which of the data in it.
std::string FileIdentity(uint64_t device, uint64_t inode, std::string_view part = "");
// Empty if there is no such file.
std::string FileIdentity(const std::string& path, std::string_view part = "");

}  // namespace driftwood::agent
