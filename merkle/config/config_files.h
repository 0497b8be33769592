// The files around a configuration: itself, those that it names, and the passwords in them. Any
// thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/config/config_reader.h"

namespace driftwood {

// NotFound, InvalidArgument: no file, or over 16 MiB.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

// PermissionDenied: a file with a password in it that others than its owner may read or write.
absl::Status CheckConfigIsPrivate(const std::string& path);

// What a path, or a store's or agent's URL, names of this machine's files is relative to `folder`,
// that of the file which it stands in; empty: the current one.
std::string PathBeside(const std::filesystem::path& folder, const std::string& path);
std::string UrlBeside(const std::filesystem::path& folder, const std::string& url);

// Whether there is a password in a URL.
bool HasPassword(const std::string& url);

// By `password_file` or `password_env` of the table; what is wrong with them is noted. The
// environment is left alone unless it is to be `resolved`.
std::optional<std::string> ReadPassword(const std::filesystem::path& folder, bool resolved,
                                        ConfigReader* table);

}  // namespace driftwood
