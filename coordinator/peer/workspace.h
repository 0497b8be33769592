// The directories and files that a one-shot comparison needs for its own agents: a private
// directory for sockets and the digest key, and one for indexes. One thread at a time.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "merkle/os/temporary_folder.h"

namespace driftwood::coordinator {

struct WorkspaceOptions {
  std::string state_dir;        // empty: indexes in the private directory, removed at the end
  std::string digest_key_file;  // empty: a random key; with state_dir the one that is kept there
};

class Workspace {
 public:
  // InvalidArgument, FailedPrecondition, PermissionDenied: an unusable state directory or key file.
  static absl::StatusOr<std::unique_ptr<Workspace>> Create(const WorkspaceOptions& options);
  // Removes the private directory with all that is in it.
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const std::string& digest_key_file() const { return digest_key_file_; }
  // A socket path that does not exist yet, short enough for a socket address.
  std::string NewSocketPath();
  // Where the agents started here keep their indexes, each dataset's in a directory of its name.
  std::string state_folder() const { return state_folder_.string(); }
  // Whether they are removed at the end.
  bool is_temporary() const { return private_folder_ && state_folder_ == private_folder_->path(); }
  // The name of the dataset of one store. The same URL gets the same name in every run; given twice
  // in one run, it gets two.
  std::string DatasetName(const std::string& url);

 private:
  Workspace() = default;
  absl::Status MakePrivateFolders();
  absl::Status OpenStateFolder(const std::string& state_dir);
  absl::Status ProvideDigestKey(const WorkspaceOptions& options);

  std::optional<merkle::TemporaryFolder> private_folder_;
  std::optional<merkle::TemporaryFolder> socket_folder_;  // where the other's path is no address
  std::filesystem::path state_folder_;
  std::string digest_key_file_;
  int sockets_ = 0;
  std::map<std::string, int> uses_;  // of each store's name
};

// A random digest key in a new file that only its owner can read, written as driftwood-agent's
// --digest-key-file wants it.
absl::Status WriteRandomDigestKey(const std::filesystem::path& path);

}  // namespace driftwood::coordinator
