#include "merkle/os/temporary_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "merkle/os/private_path.h"
#include "merkle/os/room.h"
#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "driftwood-run-";
constexpr size_t kSuffixBytes = 6;
constexpr int kAttempts = 20;

bool IsOneOfOurs(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.size() == kPrefix.size() + kSuffixBytes && name.starts_with(kPrefix);
}

UniqueFd OpenFolder(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// That `path` still is what `folder` was opened as: who has the lock may have removed it.
bool IsStillThere(const fs::path& path, const UniqueFd& folder) {
  struct stat opened {};
  struct stat there {};
  return ::fstat(folder.get(), &opened) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

// What killed processes of this user left in `parent`. Whoever makes a directory locks it and then
// looks whether it is there still; here it is removed under that lock. So none is removed that is
// in use, also not between its making and its locking.
void RemoveAbandoned(const fs::path& parent) {
  std::vector<fs::path> candidates;
  std::error_code ignored;
  for (fs::directory_iterator it(parent, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    if (IsOneOfOurs(it->path())) candidates.push_back(it->path());
  }
  for (const fs::path& path : candidates) {
    const UniqueFd folder = OpenFolder(path);
    struct stat info {};
    if (folder.get() < 0 || ::fstat(folder.get(), &info) != 0) continue;
    if (info.st_uid != ::geteuid() || ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (IsStillThere(path, folder)) fs::remove_all(path, ignored);
  }
}

absl::Status CantMake(const fs::path& parent, int error) {
  const std::string message =
      "can't make a temporary directory in " + parent.string() + ": " + std::strerror(error) +
      (IsNoRoom(error) ? RoomAdvice(parent) : "; set TMPDIR to another place");
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  return absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<TemporaryFolder> TemporaryFolder::Create() { return CreateIn(TemporaryPlace()); }

absl::StatusOr<TemporaryFolder> TemporaryFolder::CreateIn(const fs::path& parent) {
  RemoveAbandoned(parent);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string pattern = (parent / (std::string(kPrefix) + "XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) return CantMake(parent, errno);  // mode 0700
    UniqueFd lock = OpenFolder(pattern);
    if (lock.get() < 0) continue;  // swept already
    // Where a file system knows no locks nothing is swept either.
    const bool taken = ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (taken || !IsStillThere(pattern, lock)) continue;
    TemporaryFolder made(pattern, std::move(lock));
    RETURN_IF_ERROR(CheckOwned(pattern, "temporary directory"));
    return made;
  }
  return CantMake(parent, EBUSY);
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

void TemporaryFolder::Remove() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
  path_.clear();
  lock_.Close();
}

}  // namespace driftwood::merkle
