#include "agent/serve/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "merkle/os/private_path.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {

namespace fs = std::filesystem;

absl::Status StateError(const std::string& what, const fs::path& path, int error) {
  const std::string message = what + " " + path.string() + ": " + std::strerror(error);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::FailedPreconditionError(message);
}

absl::Status MakeStateFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return StateError("can't create the state directory", folder, error.value());
  fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return StateError("can't make private the state directory", folder, error.value());
  return merkle::CheckOwned(folder, "state directory");
}

absl::StatusOr<merkle::UniqueFd> LockStateFolder(const fs::path& folder) {
  const fs::path path = folder / "lock";
  merkle::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return StateError("can't create", path, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  const int reason = errno;
  if (reason != EWOULDBLOCK) return StateError("can't lock", path, reason);
  return absl::FailedPreconditionError("another agent uses the state directory " + folder.string() +
                                       "; stop it, or give another --state-dir");
}

}  // namespace driftwood::agent
