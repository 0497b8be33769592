#include "agent/stores/sqlite/sqlite_position.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/source/messages.h"
#include "merkle/hash/digest.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

uint32_t BigEndian32(const unsigned char* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

// https://sqlite.org/fileformat2.html#the_database_header
using Header = std::array<unsigned char, 100>;

absl::StatusOr<Header> ReadHeader(const SqliteConnection& connection) {
  ASSIGN_OR_RETURN(sqlite3_file* const file, connection.File());
  Header header{};
  if (file->pMethods->xRead(file, header.data(), static_cast<int>(header.size()), 0) != SQLITE_OK) {
    return absl::InternalError(Printable(connection.path()) + ": the header can't be read");
  }
  return header;
}

uint32_t ChangeCounter(const Header& header) { return BigEndian32(&header[24]); }

// Of a connection with a read transaction: while there is one, nobody changes the mode. (PRAGMA
// journal_mode would parse the whole schema.)
bool IsInWalMode(const Header& header) { return header[19] == 2; }

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

// The log's header, and a hash over the headers of its frames, or of the first `frames_max` of
// them. https://sqlite.org/fileformat2.html#walformat
absl::StatusOr<std::string> LogText(const std::string& path, uint32_t frames_max = UINT32_MAX) {
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
    uint64_t at = header.size();
    for (uint32_t i = 0; i < frames_max && ReadAt(fd, at, frame.data(), frame.size());
         ++i, at += frame_bytes) {
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

std::string LogPath(const SqliteConnection& connection) {
  return std::string(sqlite3_db_filename(connection.get(), "main")) + "-wal";
}

}  // namespace

absl::StatusOr<std::string> SqlitePosition(const SqliteConnection& connection) {
  ASSIGN_OR_RETURN(const FileState state,
                   FileWatch::StateOf(connection.path(), FileWatch::Access::kIdentity));
  int moved = 0;
  sqlite3_file_control(connection.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (moved != 0) {
    return absl::FailedPreconditionError(Printable(connection.path()) + " has been replaced");
  }
  ASSIGN_OR_RETURN(const Header header, ReadHeader(connection));
  ASSIGN_OR_RETURN(const std::string log, LogText(LogPath(connection)));
  return "sqlite2 file " + state.ToString() + " counter " + std::to_string(ChangeCounter(header)) +
         " log " + log;
}

absl::StatusOr<std::unique_ptr<SqliteWatch>> SqliteWatch::Begin(const SqliteConnection& connection,
                                                                const std::stop_token& stop) {
  ASSIGN_OR_RETURN(sqlite3_file* const handle, connection.File());
  FileWatch::Options options;
  options.access = FileWatch::Access::kIdentity;
  options.stop = stop;
  options.sync = [handle] {
    const int rc = handle->pMethods->xSync(handle, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    return rc == SQLITE_OK ? absl::OkStatus() : absl::InternalError(sqlite3_errstr(rc));
  };
  // The log first: what is copied into the file meanwhile then counts as copied later.
  ASSIGN_OR_RETURN(std::optional<Log> log, ReadLog(connection));
  ASSIGN_OR_RETURN(std::unique_ptr<FileWatch> file, FileWatch::Begin(connection.path(), options));
  return std::unique_ptr<SqliteWatch>(new SqliteWatch(std::move(file), std::move(log)));
}

absl::StatusOr<std::optional<SqliteWatch::Log>> SqliteWatch::ReadLog(
    const SqliteConnection& connection, std::optional<uint32_t> frames) {
  ASSIGN_OR_RETURN(const Header header, ReadHeader(connection));
  if (!IsInWalMode(header)) return std::optional<Log>();
  ASSIGN_OR_RETURN(sqlite3_file* const file, connection.File());
  // The index lies in memory that all who have the database open share; SQLite has mapped it, and
  // under a read transaction it stays.
  constexpr int kIndexBlock = 32768;
  volatile void* shared = nullptr;
  const int rc = file->pMethods->iVersion < 2
                     ? SQLITE_ERROR
                     : file->pMethods->xShmMap(file, 0, kIndexBlock, 0, &shared);
  if ((rc != SQLITE_OK && rc != SQLITE_READONLY) || shared == nullptr) {
    return absl::InternalError(Printable(connection.path()) + ": the log's index can't be read");
  }
  const auto* const words = static_cast<const volatile uint32_t*>(shared);
  Log log;
  log.frames = words[4];
  log.salt = uint64_t{words[8]} << 32 | words[9];
  log.copied = words[24];
  log.copied_soon = words[32];
  ASSIGN_OR_RETURN(log.text, LogText(LogPath(connection), frames.value_or(log.frames)));
  return std::optional<Log>(std::move(log));
}

// How the part of the log that the snapshot needs has changed; empty: not at all.
std::string SqliteWatch::ChangeOfLog(const SqliteConnection& connection, bool* has_copied) const {
  const absl::StatusOr<std::optional<Log>> now = ReadLog(connection, log_->frames);
  if (!now.ok()) return std::string(now.status().message());
  if (!now->has_value()) return "it is no longer in WAL mode";
  const bool is_same_log = (*now)->salt == log_->salt;
  *has_copied =
      !is_same_log || (*now)->copied_soon != log_->copied || log_->copied_soon != log_->copied;
  // A log that was copied whole before is not read, and may be begun anew.
  if (log_->copied == log_->frames) return "";
  if (is_same_log && (*now)->text == log_->text) return "";
  return "its -wal file was overwritten";
}

// What was written last stands in the log beside the name under which it was written, and nothing
// here says that there is another log. SQLite itself reads the older state then.
std::string SqliteWatch::WhyLogMayBeElsewhere(const SqliteConnection& connection) const {
  struct stat named {};
  if (!log_ || ::stat(file_->path().c_str(), &named) != 0 || named.st_nlink < 2) return "";
  struct stat log {};
  if (::stat(LogPath(connection).c_str(), &log) == 0 && log.st_size > 0) return "";
  return Printable(file_->path()) + " is in WAL mode and has " + std::to_string(named.st_nlink) +
         " names (hard links): what was written last may stand in a -wal file beside another; "
         "compare it by the name that its programs use, or a copy";
}

std::string SqliteWatch::WhyNotOneState(const SqliteConnection& connection) const {
  if (std::string elsewhere = WhyLogMayBeElsewhere(connection); !elsewhere.empty()) {
    return elsewhere;
  }
  const std::string written =
      Printable(file_->path()) + " was written past SQLite's locks while it was read: ";
  // The file before the log: a checkpoint that begins in between has not changed what was looked
  // at.
  const std::string change = file_->Change();
  bool has_copied = false;
  if (log_) {
    const std::string change_of_log = ChangeOfLog(connection, &has_copied);
    if (!change_of_log.empty()) return written + change_of_log;
  }
  if (change.empty()) return file_->WhyNotOneState(change);
  const absl::StatusOr<FileState> now =
      FileWatch::StateOf(file_->path(), FileWatch::Access::kIdentity);
  const bool is_same_file =
      now.ok() && now->device == file_->state().device && now->inode == file_->state().inode;
  // Frames that are copied into the file are those that the snapshot reads from the log.
  if (has_copied && is_same_file) return "";
  return written + change;
}

}  // namespace driftwood::agent
