#include "agent/serve/digest_key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using merkle::DigestKey;

constexpr size_t kHexDigits = 2 * DigestKey::kBytes;

// Closes a file descriptor at the end of its scope.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  const int descriptor_;
};

absl::Status SystemError(const std::string& what, const std::filesystem::path& path, int error) {
  const std::string message = what + " digest key file " + path.string() + ": ";
  if (error == ENOENT) return absl::NotFoundError(message + "no such file");
  return absl::PermissionDeniedError(message + std::strerror(error));
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() == kHexDigits + 1 && text.back() == '\n') text.remove_suffix(1);
  if (text.size() != kHexDigits) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    if (i % 2 == 0) {
      bytes.push_back(static_cast<char>(digit << 4));
    } else {
      bytes.back() = static_cast<char>(bytes.back() | digit);
    }
  }
  return bytes;
}

absl::StatusOr<std::string> ReadAll(int file, const std::filesystem::path& path) {
  std::string content;
  char buffer[256];
  while (content.size() <= sizeof buffer) {
    const ssize_t got = ::read(file, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("can't read", path, errno);
    if (got == 0) break;
    content.append(buffer, static_cast<size_t>(got));
  }
  return content;
}

// Makes the file whole before it gets its name, so that nobody reads half a key.
absl::Status Create(const std::filesystem::path& path) {
  std::string aside = path.string() + ".XXXXXX";
  const File file(::mkostemp(aside.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) return SystemError("can't create", path, errno);
  const DigestKey key = DigestKey::Random();
  const ssize_t written = ::write(file.get(), key.bytes().data(), DigestKey::kBytes);
  int error = 0;
  if (written != static_cast<ssize_t>(DigestKey::kBytes)) {
    error = written < 0 ? errno : ENOSPC;
  } else if (::fsync(file.get()) != 0) {
    error = errno;
  } else if (::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    error = errno;
  }
  ::unlink(aside.c_str());
  return error == 0 ? absl::OkStatus() : SystemError("can't create", path, error);
}

}  // namespace

absl::StatusOr<DigestKey> ReadDigestKeyFile(const std::filesystem::path& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return SystemError("can't read", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return SystemError("can't read", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError("digest key file " + path.string() +
                                      " is no regular file; name one that holds 32 bytes");
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::PermissionDeniedError("digest key file " + path.string() +
                                       " is open to others than its owner; chmod 600 " +
                                       path.string());
  }
  ASSIGN_OR_RETURN(std::string content, ReadAll(file.get(), path));
  if (const auto bytes = FromHex(content)) content = *bytes;
  if (content.size() != DigestKey::kBytes) {
    return absl::InvalidArgumentError("digest key file " + path.string() +
                                      " must hold 32 bytes or 64 hexadecimal digits; "
                                      "make one with: head -c 32 /dev/urandom");
  }
  ASSIGN_OR_RETURN(const DigestKey key, DigestKey::FromBytes(content));
  if (!key.keyed()) {
    return absl::InvalidArgumentError("digest key file " + path.string() +
                                      " holds only zeros; --unkeyed says that there is no key");
  }
  return key;
}

absl::StatusOr<DigestKey> ReadOrCreateDigestKeyFile(const std::filesystem::path& path) {
  absl::StatusOr<DigestKey> key = ReadDigestKeyFile(path);
  if (key.status().code() != absl::StatusCode::kNotFound) return key;
  RETURN_IF_ERROR(Create(path));
  return ReadDigestKeyFile(path);
}

}  // namespace driftwood::agent
