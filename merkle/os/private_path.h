// Files and directories that nobody but their owner can have put there: what lies in a directory is
// believed only where that holds. As ssh demands it of its keys.
//
// Pure functions over the file system; any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood::merkle {

// OK if `path`, which is there, and every directory above it belong to this process's user or to
// root, and nobody else may write to them. A directory above in which all may write is fine where
// it is sticky (/tmp), since what is in it is its owner's; so is one that a group may write to
// which has no other members. Links are looked at, and what they lead to. PermissionDenied: says
// which directory, and what to do. NotFound: there is nothing. `what` begins the message, as in
// "state directory".
absl::Status CheckOwned(const std::filesystem::path& path, std::string_view what);

// All of a file with a secret in it, which CheckOwned() and which only its owner may read.
// NotFound; PermissionDenied: names the chmod; InvalidArgument: no regular file, or over
// `bytes_max`.
absl::StatusOr<std::string> ReadSecretFile(const std::filesystem::path& path, std::string_view what,
                                           size_t bytes_max);

// Makes such a file (mode 0600), whole before it has its name. One that is there already, also one
// that another makes at this moment, stays as it is: whoever finds the file finds all of it, and of
// two that make it at once one wins for both. A file that could not be written whole is an error.
absl::Status CreateSecretFile(const std::filesystem::path& path, std::string_view what,
                              std::string_view content);

}  // namespace driftwood::merkle
