#include "coordinator/peer/workspace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "coordinator/peer/connector.h"
#include "merkle/hash/digest.h"
#include "merkle/os/private_path.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/names.h"
#include "proto/contract/standard_input.h"

namespace driftwood::coordinator {

namespace {

namespace fs = std::filesystem;

// A socket address holds 107 characters; our names in the directory take up to 12 of them. And gRPC
// reads addresses as URIs, in which some characters mean something.
bool IsGoodForSockets(const std::string& folder) {
  return folder.size() <= 90 && folder.find_first_of("%?#\n\r\t") == std::string::npos;
}

absl::Status SystemError(const std::string& what, int error) {
  const std::string message = what + ": " + std::strerror(error);
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  return absl::FailedPreconditionError(message);
}

// "csv:orders.csv?key=id" -> "csv-0123456789abcdef".
std::string FolderName(const std::string& url) {
  return Lowercase(url.substr(0, url.find(':'))) + "-" +
         Hex(merkle::Sha256(StoreIdentity(url)).substr(0, 8));
}

}  // namespace

absl::Status WriteRandomDigestKey(const fs::path& path) {
  return merkle::CreateSecretFile(path, "digest key file",
                                  Hex(merkle::DigestKey::Random().bytes()) + "\n");
}

absl::StatusOr<std::unique_ptr<Workspace>> Workspace::Create(const WorkspaceOptions& options) {
  std::unique_ptr<Workspace> workspace(new Workspace);
  RETURN_IF_ERROR(workspace->MakePrivateFolders());
  if (options.state_dir.empty()) {
    workspace->state_folder_ = workspace->private_folder_->path();
  } else {
    RETURN_IF_ERROR(workspace->OpenStateFolder(options.state_dir));
  }
  RETURN_IF_ERROR(workspace->ProvideDigestKey(options));
  return workspace;
}

Workspace::~Workspace() = default;

absl::Status Workspace::MakePrivateFolders() {
  ASSIGN_OR_RETURN(merkle::TemporaryFolder folder, merkle::TemporaryFolder::Create());
  private_folder_.emplace(std::move(folder));
  if (IsGoodForSockets(private_folder_->path().string())) return absl::OkStatus();
  ASSIGN_OR_RETURN(merkle::TemporaryFolder sockets, merkle::TemporaryFolder::CreateIn("/tmp"));
  socket_folder_.emplace(std::move(sockets));
  return absl::OkStatus();
}

absl::Status Workspace::OpenStateFolder(const std::string& state_dir) {
  if (::mkdir(state_dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError("--state-dir: can't make directory " + state_dir, errno);
  }
  struct stat info;
  if (::stat(state_dir.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError("--state-dir: " + state_dir + " is not a directory");
  }
  if (::access(state_dir.c_str(), W_OK | X_OK) != 0) {
    return SystemError("--state-dir: can't write in directory " + state_dir, errno);
  }
  // What lies in it is believed: the digest key, and the indexes.
  RETURN_IF_ERROR(merkle::CheckOwned(state_dir, "--state-dir:"));
  std::error_code error;
  state_folder_ = fs::absolute(state_dir, error);
  return absl::OkStatus();
}

absl::Status Workspace::ProvideDigestKey(const WorkspaceOptions& options) {
  if (!options.digest_key_file.empty()) {
    if (::access(options.digest_key_file.c_str(), R_OK) != 0) {
      return SystemError("--digest-key-file: can't read " + options.digest_key_file, errno);
    }
    std::error_code error;
    digest_key_file_ = fs::absolute(options.digest_key_file, error).string();
    return absl::OkStatus();
  }
  // Kept beside kept indexes: under another key they would be of no use.
  const fs::path path = state_folder_ / "digest.key";
  digest_key_file_ = path.string();
  if (::access(path.c_str(), F_OK) == 0) return absl::OkStatus();
  return WriteRandomDigestKey(path);
}

std::string Workspace::NewSocketPath() {
  const fs::path& folder = (socket_folder_ ? *socket_folder_ : *private_folder_).path();
  return (folder / ("s" + std::to_string(++sockets_))).string();
}

std::string Workspace::DatasetName(const std::string& url) {
  const std::string name = FolderName(url);
  const int uses = ++uses_[name];
  return uses > 1 ? name + "-" + std::to_string(uses) : name;
}

}  // namespace driftwood::coordinator
