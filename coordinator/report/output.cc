#include "coordinator/report/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

namespace fs = std::filesystem;

constexpr size_t kBufferBytes = size_t{64} << 10;

absl::Status WriteError(const std::string& name, int error) {
  const std::string message = "can't write " + name + ": " + std::strerror(error);
  return error == EPIPE ? absl::CancelledError(message) : absl::DataLossError(message);
}

// Behind a symbolic link the file that it points to is replaced, not the link.
std::string ResolveLinks(const std::string& path) {
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(path, error);
  return error ? path : resolved.string();
}

std::string FolderOf(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A device or a pipe can't be replaced, only written to.
bool IsSpecialFile(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

// That of what is replaced, else the usual one.
mode_t ModeFor(const std::string& target, mode_t usual) {
  struct stat info;
  if (::stat(target.c_str(), &info) == 0) return info.st_mode & 0777;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return usual & ~mask;
}

// Without the '/' that may stand behind a directory.
std::string DirectoryPath(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return ResolveLinks(path);
}

absl::Status SyncFolder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return WriteError(folder, errno);
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  // Some file systems can't sync a directory; the file itself is synced.
  if (result != 0 && error != EINVAL) return WriteError(folder, error);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOutputPath(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError("--output: " + path + " is a directory; name a file in it");
  }
  if (IsSpecialFile(path)) return absl::OkStatus();
  const std::string folder = FolderOf(ResolveLinks(path));
  if (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return absl::NotFoundError("--output: no such directory: " + folder);
  }
  if (::access(folder.c_str(), W_OK) != 0) {
    return absl::PermissionDeniedError("--output: can't write in directory " + folder);
  }
  return absl::OkStatus();
}

bool IsWrittenAside(const std::string& path) { return !IsSpecialFile(path); }

bool ReaderIsGone(const absl::Status& status) { return absl::IsCancelled(status); }

bool IsSameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  if (fs::equivalent(a, b, error)) return true;
  const fs::path absolute_a = fs::absolute(a, error);
  const fs::path absolute_b = fs::absolute(b, error);
  return ResolveLinks(absolute_a.string()) == ResolveLinks(absolute_b.string());
}

std::string VerdictPath(const std::string& path) { return ResolveLinks(path) + ".verdict"; }

absl::Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return SyncFolder(FolderOf(path));
  return errno == ENOENT ? absl::OkStatus() : WriteError(path, errno);
}

Output::Output(int fd, std::string name, std::string path, std::string temporary)
    : fd_(fd), name_(std::move(name)), path_(std::move(path)), temporary_(std::move(temporary)) {}

std::unique_ptr<Output> Output::ToDescriptor(int fd, std::string name) {
  return std::unique_ptr<Output>(new Output(fd, std::move(name), "", ""));
}

absl::StatusOr<std::unique_ptr<Output>> Output::ToFile(const std::string& path) {
  RETURN_IF_ERROR(CheckOutputPath(path));
  if (IsSpecialFile(path)) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return WriteError(path, errno);
    return std::unique_ptr<Output>(new Output(fd, path, path, ""));
  }
  const std::string target = ResolveLinks(path);
  std::string temporary = target + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return WriteError(path, errno);
  // mkstemp makes it 0600.
  if (::fchmod(fd, ModeFor(target, 0666)) != 0) {
    const int error = errno;
    ::close(fd);
    ::unlink(temporary.c_str());
    return WriteError(path, error);
  }
  return std::unique_ptr<Output>(new Output(fd, path, target, std::move(temporary)));
}

Output::~Output() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (!path_.empty() && fd_ >= 0) ::close(fd_);
}

absl::Status Output::Write(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status Output::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return WriteError(name_, written < 0 ? errno : ENOSPC);
    rest.remove_prefix(static_cast<size_t>(written));
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status Output::Commit() {
  RETURN_IF_ERROR(Flush());
  if (path_.empty()) return absl::OkStatus();
  if (!temporary_.empty() && ::fsync(fd_) != 0) return WriteError(name_, errno);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) return WriteError(name_, errno);
  if (temporary_.empty()) return absl::OkStatus();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return WriteError(name_, errno);
  temporary_.clear();
  return SyncFolder(FolderOf(path_));
}

OutputDirectory::OutputDirectory(std::string path, std::string temporary)
    : path_(std::move(path)), temporary_(std::move(temporary)) {}

OutputDirectory::~OutputDirectory() {
  std::error_code error;
  if (!temporary_.empty()) fs::remove_all(temporary_, error);
}

absl::Status OutputDirectory::Check(const std::string& path) {
  const std::string target = DirectoryPath(path);
  std::error_code error;
  if (fs::exists(target, error)) {
    if (!fs::is_directory(target, error)) {
      return absl::InvalidArgumentError(path + " is no directory; name an empty or a new one");
    }
    if (!fs::is_empty(target, error) || error) {
      return absl::InvalidArgumentError(path + " is not empty; name an empty or a new directory");
    }
  }
  const std::string above = FolderOf(target);
  if (!fs::is_directory(above, error)) return absl::NotFoundError("no such directory: " + above);
  if (::access(above.c_str(), W_OK) != 0) {
    return absl::PermissionDeniedError("can't write in directory " + above);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<OutputDirectory>> OutputDirectory::Create(const std::string& path) {
  RETURN_IF_ERROR(Check(path));
  const std::string target = DirectoryPath(path);
  std::string temporary = target + ".XXXXXX";
  if (::mkdtemp(temporary.data()) == nullptr) return WriteError(path, errno);
  std::unique_ptr<OutputDirectory> directory(new OutputDirectory(target, temporary));
  if (::chmod(temporary.c_str(), ModeFor(target, 0777)) != 0) return WriteError(path, errno);
  return directory;
}

absl::StatusOr<std::unique_ptr<Output>> OutputDirectory::File(const std::string& name) {
  const fs::path file = fs::path(temporary_) / name;
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) return WriteError(name, error.value());
  return Output::ToFile(file.string());
}

// An empty directory is replaced by a rename as a file is.
absl::Status OutputDirectory::Commit() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return WriteError(path_, errno);
  temporary_.clear();
  return SyncFolder(FolderOf(path_));
}

}  // namespace driftwood::coordinator
