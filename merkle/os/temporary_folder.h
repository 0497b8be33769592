// A directory of this process only, removed at its end. It is locked while it is in use, so that
// those of killed processes are known by their lack of a lock, and are removed when the next one is
// made.
#pragma once

#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::merkle {

class TemporaryFolder {
 public:
  // In TemporaryPlace() (merkle/os/room.h).
  static absl::StatusOr<TemporaryFolder> Create();
  // Mode 0700. PermissionDenied, FailedPrecondition: it can't be made there, or others could put
  // theirs in its place (merkle/os/private_path.h).
  static absl::StatusOr<TemporaryFolder> CreateIn(const std::filesystem::path& parent);
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() { Remove(); }

  // Removes it with all that is in it, now.
  void Remove();
  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryFolder(std::filesystem::path path, UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;  // empty: removed
  UniqueFd lock_;
};

}  // namespace driftwood::merkle
