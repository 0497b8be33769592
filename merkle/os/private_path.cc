#include "merkle/os/private_path.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <system_error>

#include "merkle/os/room.h"
#include "merkle/os/unique_fd.h"
#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

namespace fs = std::filesystem;

absl::Status SystemError(std::string_view what, const fs::path& path, int error) {
  const std::string message = std::string(what) + " " + path.string() + ": " + std::strerror(error);
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  return absl::FailedPreconditionError(message +
                                       (IsNoRoom(error) ? RoomAdvice(path.parent_path()) : ""));
}

bool IsInGroup(gid_t group) {
  if (group == ::getegid()) return true;
  std::array<gid_t, 256> groups;
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  for (int i = 0; i < count; ++i) {
    if (groups[static_cast<size_t>(i)] == group) return true;
  }
  return false;
}

// A group of this user alone: many systems give each user one of his own name, and containers give
// volumes one that nobody else knows.
bool IsOwnGroup(gid_t group) {
  if (!IsInGroup(group)) return false;
  std::array<char, 16384> group_buffer;
  struct group found_group {};
  struct group* group_entry = nullptr;
  if (::getgrgid_r(group, &found_group, group_buffer.data(), group_buffer.size(), &group_entry) !=
      0) {
    return false;
  }
  if (group_entry == nullptr) return true;
  std::array<char, 16384> user_buffer;
  struct passwd found_user {};
  struct passwd* user = nullptr;
  if (::getpwuid_r(::geteuid(), &found_user, user_buffer.data(), user_buffer.size(), &user) != 0 ||
      user == nullptr || std::strcmp(user->pw_name, group_entry->gr_name) != 0) {
    return false;
  }
  for (char** member = group_entry->gr_mem; *member != nullptr; ++member) {
    if (std::strcmp(*member, user->pw_name) != 0) return false;
  }
  return true;
}

std::string Octal(mode_t mode) {
  std::string digits;
  for (int shift = 9; shift >= 0; shift -= 3) {
    digits += static_cast<char>('0' + ((mode >> shift) & 7));
  }
  return digits;
}

bool IsOurs(const struct stat& info) { return info.st_uid == 0 || info.st_uid == ::geteuid(); }

// Of one place on the way: `above` is true of the directories over what is asked for.
absl::Status CheckPlace(const fs::path& place, bool above, const std::string& subject) {
  struct stat link {};
  struct stat info {};
  if (::lstat(place.c_str(), &link) != 0) return SystemError(subject, place, errno);
  if (::stat(place.c_str(), &info) != 0) return SystemError(subject, place, errno);
  if (!IsOurs(link) || !IsOurs(info)) {
    return absl::PermissionDeniedError(
        subject + ": " + place.string() + " belongs to another user (uid " +
        std::to_string(IsOurs(link) ? info.st_uid : link.st_uid) +
        "), who may have put there what he likes; chown it, or name another place");
  }
  const bool sticky = above && S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
  const bool others = (info.st_mode & S_IWOTH) != 0;
  const bool group = (info.st_mode & S_IWGRP) != 0 && !IsOwnGroup(info.st_gid);
  if (sticky || (!others && !group)) return absl::OkStatus();
  return absl::PermissionDeniedError(subject + ": others than its owner may write to " +
                                     place.string() + " (mode " + Octal(info.st_mode) +
                                     "); chmod go-w " + place.string() + ", or name another place");
}

absl::Status CheckWay(const fs::path& path, const std::string& subject) {
  fs::path place;
  for (auto part = path.begin(); part != path.end();) {
    place /= *part;
    const bool last = ++part == path.end() || (part->empty() && std::next(part) == path.end());
    RETURN_IF_ERROR(CheckPlace(place, !last, subject));
    if (last) break;
  }
  return absl::OkStatus();
}

// Until all of it is written, whatever a single write does.
bool WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    if (written == 0) {
      errno = ENOSPC;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

absl::Status CheckOwned(const fs::path& path, std::string_view what) {
  const std::string subject = std::string(what) + " " + path.string();
  std::error_code error;
  const fs::path given = fs::absolute(path, error);
  const fs::path canonical = fs::canonical(path, error);
  if (error) return SystemError(what, path, error.value());
  // The way as it is written, so that no link on it is another user's, and as it leads.
  RETURN_IF_ERROR(CheckWay(given, subject));
  return CheckWay(canonical, subject);
}

absl::StatusOr<std::string> ReadSecretFile(const fs::path& path, std::string_view what,
                                           size_t bytes_max) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const std::string subject = std::string(what) + " " + path.string();
  if (file.get() < 0) return SystemError("can't read " + std::string(what), path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return SystemError(what, path, errno);
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(subject + " is no regular file");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::PermissionDeniedError(subject + " is open to others than its owner; chmod 600 " +
                                       path.string());
  }
  if (!IsOurs(info)) {
    return absl::PermissionDeniedError(subject + " belongs to another user; chown it");
  }
  RETURN_IF_ERROR(CheckOwned(path, what));
  std::string content;
  std::array<char, 4096> buffer;
  while (content.size() <= bytes_max) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(what, path, errno);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(got));
  }
  return absl::InvalidArgumentError(subject + " is longer than " + std::to_string(bytes_max) +
                                    " bytes");
}

absl::Status CreateSecretFile(const fs::path& path, std::string_view what,
                              std::string_view content) {
  std::string aside = path.string() + ".XXXXXX";
  const UniqueFd file(::mkostemp(aside.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) return SystemError("can't create " + std::string(what), path, errno);
  int error = WriteAll(file.get(), content) && ::fsync(file.get()) == 0 ? 0 : errno;
  if (error == 0 && ::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST) error = errno;
  ::unlink(aside.c_str());
  if (error != 0) return SystemError("can't create " + std::string(what), path, error);
  return absl::OkStatus();
}

}  // namespace driftwood::merkle
