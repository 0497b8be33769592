#include "agent/stores/text/file_snapshot.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/source/messages.h"
#include "agent/source/source_identity.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

std::string EncodePosition(const FileState& state, std::string_view reading) {
  return "file2 " + state.ToString() + " " + std::string(reading);
}

}  // namespace

absl::Status MemorySource::ReadAt(uint64_t offset, std::span<char> to) const {
  DRIFTWOOD_CHECK(offset <= text_.size() && to.size() <= text_.size() - offset);
  std::copy_n(text_.data() + offset, to.size(), to.data());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileSnapshot>> FileSnapshot::Open(const std::string& path,
                                                                 const WallClock& clock,
                                                                 std::stop_token stop) {
  FileWatch::Options options;
  options.clock = clock;
  options.stop = stop;
  ASSIGN_OR_RETURN(std::unique_ptr<FileWatch> watch, FileWatch::Begin(path, options));
  return std::unique_ptr<FileSnapshot>(new FileSnapshot(std::move(watch), std::move(stop)));
}

std::string FileSnapshot::identity() const {
  return FileIdentity(watch_->state().device, watch_->state().inode);
}

absl::Status FileSnapshot::ReadAt(uint64_t offset, std::span<char> to) const {
  size_t done = 0;
  while (done < to.size()) {
    if (stop_.stop_requested()) {
      return absl::CancelledError("cancelled while reading " + Printable(path()));
    }
    const ssize_t got = ::pread(watch_->fd(), to.data() + done, to.size() - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return absl::DataLossError("can't read " + Printable(path()) + " at byte " +
                                 std::to_string(offset + done) + ": " + std::strerror(errno));
    if (got == 0) {
      // The end of the file, short of the size that it had: never the end of data.
      const std::string change = ChangeSinceOpen();
      return absl::AbortedError(Printable(path()) + " changed while it was read: it ends at byte " +
                                std::to_string(offset + done) + " of " + std::to_string(size()) +
                                (change.empty() ? "" : " (" + change + ")") +
                                "; compare it again when nothing writes to it");
    }
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

Scan::End FileSnapshot::Finish(std::string_view reading) const {
  Scan::End end;
  if (ChangeSinceOpen().empty()) {
    // Some file systems report a size that is not what can be read (/proc: 0).
    const std::string read_on = Printable(path()) + " changed while it was read: ";
    char beyond = 0;
    ssize_t got = 0;
    do {
      got = ::pread(watch_->fd(), &beyond, 1, static_cast<off_t>(size()));
    } while (got < 0 && errno == EINTR);
    if (got > 0)
      end.not_point_in_time = read_on + "it goes on after its size of " + std::to_string(size());
    if (got < 0) end.not_point_in_time = read_on + "reading its end: " + std::strerror(errno);
  }
  if (end.not_point_in_time.empty()) end.not_point_in_time = watch_->WhyNotOneState();
  if (end.not_point_in_time.empty()) SetPosition(reading, &end);
  return end;
}

void FileSnapshot::SetPosition(std::string_view reading, Scan::End* end) const {
  if (!watch_->SeesAll()) return;
  // Since the watch began every write moves the times: whoever finds them as they were then knows
  // that there was none, in this process.
  (watch_->IsProofForLater(false) ? end->position : end->reread_position) =
      EncodePosition(watch_->state(), reading);
}

bool FileSnapshot::IsUnchanged(const std::string& path, std::string_view reading,
                               std::string_view position) {
  if (position.empty()) return false;
  const absl::StatusOr<FileState> now = FileWatch::StateOf(path, FileWatch::Access::kRead);
  return now.ok() && position == EncodePosition(*now, reading);
}

}  // namespace driftwood::agent
