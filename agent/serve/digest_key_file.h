// The file that holds a dataset's digest key: 32 raw bytes, or 64 hexadecimal digits and perhaps a
// newline. Readable by its owner only, in directories that nobody else may write to
// (private_path.h).
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"

namespace driftwood::agent {

// NotFound, PermissionDenied (others than the owner may read it, or may have put it there: says
// what to do), InvalidArgument (not such a key, or all zeros, which would be no key).
absl::StatusOr<merkle::DigestKey> ReadDigestKeyFile(const std::filesystem::path& path);

// The key in `path`, made there with a random one (mode 0600) if there is no such file. Agents that
// do this at one time end up with one key.
absl::StatusOr<merkle::DigestKey> ReadOrCreateDigestKeyFile(const std::filesystem::path& path);

}  // namespace driftwood::agent
