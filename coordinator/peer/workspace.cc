#include "coordinator/peer/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "coordinator/peer/connector.h"
#include "merkle/hash/digest.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

namespace fs = std::filesystem;

// A socket address holds 107 characters; our names in the folder take up to 12 of them. And gRPC
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

absl::StatusOr<fs::path> MakeFolderIn(const fs::path& parent) {
  std::string pattern = (parent / "driftwood-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {  // 0700
    return SystemError(
        "can't make a temporary directory in " + parent.string() + " (set TMPDIR to another place)",
        errno);
  }
  return fs::path(pattern);
}

// "csv:orders.csv?key=id" -> "csv-0123456789abcdef": the same file, however its path is written.
std::string FolderName(const std::string& url) {
  const size_t server = url.find("://");
  if (server != std::string::npos && url.find(':') == server) {
    return Lowercase(url.substr(0, server)) + "-" + Hex(merkle::Sha256(url).substr(0, 8));
  }
  const size_t colon = url.find(':');
  const size_t query = url.rfind('?');
  const size_t path_end = query == std::string::npos || query < colon ? url.size() : query;
  std::error_code error;
  const fs::path path = StorePath(url);
  const fs::path canonical = fs::weakly_canonical(fs::absolute(path, error), error);
  const std::string identity = url.substr(0, colon) + '\0' + (error ? path : canonical).string() +
                               '\0' + url.substr(path_end);
  return Lowercase(url.substr(0, colon)) + "-" + Hex(merkle::Sha256(identity).substr(0, 8));
}

}  // namespace

absl::Status WriteRandomDigestKey(const fs::path& path) {
  // Aside, then linked into place: whoever finds the file finds all of it, and of two that make it
  // at once one wins for both.
  std::string aside = path.string() + ".XXXXXX";
  const int fd = ::mkostemp(aside.data(), O_CLOEXEC);  // 0600
  if (fd < 0) return SystemError("can't write " + path.string(), errno);
  const std::string text = Hex(merkle::DigestKey::Random().bytes()) + "\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  int error = written ? 0 : errno;
  ::close(fd);
  if (written && ::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST) error = errno;
  ::unlink(aside.c_str());
  if (error != 0) return SystemError("can't write " + path.string(), error);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Workspace>> Workspace::Create(const WorkspaceOptions& options) {
  std::unique_ptr<Workspace> workspace(new Workspace);
  RETURN_IF_ERROR(workspace->MakePrivateFolders());
  if (options.state_dir.empty()) {
    workspace->state_folder_ = workspace->private_folder_;
  } else {
    RETURN_IF_ERROR(workspace->OpenStateFolder(options.state_dir));
  }
  RETURN_IF_ERROR(workspace->ProvideDigestKey(options));
  return workspace;
}

Workspace::~Workspace() {
  std::error_code ignored;
  if (!private_folder_.empty()) fs::remove_all(private_folder_, ignored);
  if (!socket_folder_.empty()) fs::remove_all(socket_folder_, ignored);
}

absl::Status Workspace::MakePrivateFolders() {
  const char* configured = std::getenv("TMPDIR");
  const fs::path parent = configured != nullptr && *configured != '\0' ? configured : "/tmp";
  std::error_code error;
  ASSIGN_OR_RETURN(private_folder_, MakeFolderIn(fs::absolute(parent, error)));
  if (IsGoodForSockets(private_folder_.string())) {
    socket_folder_ = private_folder_;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(socket_folder_, MakeFolderIn("/tmp"));
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
  return (socket_folder_ / ("s" + std::to_string(++sockets_))).string();
}

absl::StatusOr<std::string> Workspace::StateFolder(const std::string& url) {
  std::string name = FolderName(url);
  const int uses = ++uses_[name];
  if (uses > 1) name += "-" + std::to_string(uses);
  const std::string folder = (state_folder_ / name).string();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError("can't make directory " + folder, errno);
  }
  return folder;
}

}  // namespace driftwood::coordinator
