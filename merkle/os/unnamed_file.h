// A temporary file without a name.
#pragma once

#include <filesystem>

#include "merkle/os/unique_fd.h"

namespace driftwood::merkle {

// For reading and writing, in `folder`, mode 0600. It is gone with its last descriptor, whatever
// becomes of the process. Without one, errno says why. Any thread.
UniqueFd CreateUnnamedFile(const std::filesystem::path& folder);

}  // namespace driftwood::merkle
