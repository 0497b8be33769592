#include "agent/stores/sqlite/sqlite_position.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/source/messages.h"
#include "merkle/hash/digest.h"

namespace driftwood::agent {
namespace {

std::string StatText(const struct stat& file) {
  const auto time = [](const timespec& t) {
    return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
  };
  return std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) + " size " +
         std::to_string(file.st_size) + " modified " + time(file.st_mtim) + " changed " +
         time(file.st_ctim);
}

uint32_t BigEndian32(const unsigned char* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

absl::StatusOr<uint32_t> ChangeCounter(const SqliteConnection& connection) {
  sqlite3_file* file = nullptr;
  const int rc = sqlite3_file_control(connection.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  std::array<unsigned char, 100> header{};
  if (rc != SQLITE_OK || file == nullptr || file->pMethods == nullptr ||
      file->pMethods->xRead(file, header.data(), static_cast<int>(header.size()), 0) != SQLITE_OK) {
    return absl::InternalError(Printable(connection.path()) + ": the header can't be read");
  }
  return BigEndian32(&header[24]);
}

// Reads exactly `size` bytes; false at the end of the file or on an error.
bool ReadAt(int fd, uint64_t offset, unsigned char* to, size_t size) {
  while (size > 0) {
    const ssize_t got = ::pread(fd, to, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return true;
}

// The log's header, and a hash over its frames' headers.
// https://sqlite.org/fileformat2.html#walformat
absl::StatusOr<std::string> LogText(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::string("none");
  if (fd < 0) return absl::PermissionDeniedError(Printable(path) + ": " + std::strerror(errno));
  std::array<unsigned char, 32> header{};
  std::string text = "empty";
  if (ReadAt(fd, 0, header.data(), header.size())) {
    constexpr size_t kFrameHeader = 24;
    const uint64_t frame_bytes = kFrameHeader + BigEndian32(&header[8]);
    std::string frames;
    std::array<unsigned char, kFrameHeader> frame{};
    for (uint64_t at = header.size(); ReadAt(fd, at, frame.data(), frame.size());
         at += frame_bytes) {
      // A frame with other salts is left over from before the log was started again.
      if (std::memcmp(&frame[8], &header[16], 8) != 0) break;
      frames.append(reinterpret_cast<const char*>(frame.data()), frame.size());
    }
    text = Hex({reinterpret_cast<const char*>(header.data()), header.size()}) + " frames " +
           std::to_string(frames.size() / kFrameHeader) + " " + Hex(merkle::Sha256(frames));
  }
  ::close(fd);
  return text;
}

}  // namespace

absl::StatusOr<std::string> SqlitePosition(const SqliteConnection& connection) {
  const char* const path = sqlite3_db_filename(connection.get(), "main");
  struct stat file {};
  if (path == nullptr || ::stat(path, &file) != 0) {
    return absl::NotFoundError(Printable(connection.path()) + " is gone");
  }
  int moved = 0;
  sqlite3_file_control(connection.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (moved != 0) {
    return absl::FailedPreconditionError(Printable(connection.path()) + " has been replaced");
  }
  const absl::StatusOr<uint32_t> counter = ChangeCounter(connection);
  if (!counter.ok()) return counter.status();
  const absl::StatusOr<std::string> log = LogText(std::string(path) + "-wal");
  if (!log.ok()) return log.status();
  return "sqlite file " + StatText(file) + " counter " + std::to_string(*counter) + " log " + *log;
}

}  // namespace driftwood::agent
