#include "agent/stores/text/spool.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "agent/source/messages.h"
#include "merkle/os/room.h"
#include "merkle/os/temporary_folder.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;
// How much is written between two looks at what room is left.
constexpr uint64_t kLookBytes = uint64_t{16} << 20;

absl::Status NoRoom(const std::string& name, uint64_t size, const std::string& why) {
  return absl::ResourceExhaustedError(
      "the text of " + Printable(name) + " does not fit into the temporary directory: after " +
      std::to_string(size) + " bytes " + why + merkle::RoomAdvice(merkle::TemporaryPlace()));
}

absl::Status CheckRoom(int file, const std::string& name, uint64_t size,
                       const SpoolOptions& options) {
  struct statvfs system = {};
  if (::fstatvfs(file, &system) != 0) return absl::OkStatus();  // the write will say
  constexpr uint64_t kFreeMax = uint64_t{1} << 30;
  const uint64_t left = uint64_t{system.f_bavail} * system.f_frsize;
  const uint64_t all = uint64_t{system.f_blocks} * system.f_frsize;
  const uint64_t wanted = options.free_bytes_min.value_or(std::min(all / 20, kFreeMax));
  if (left >= wanted) return absl::OkStatus();
  return NoRoom(name, size, "only " + std::to_string(left) + " are free there");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Of(ByteStream& text, const std::string& name,
                                                 std::string place_note,
                                                 const SpoolOptions& options) {
  ASSIGN_OR_RETURN(const merkle::TemporaryFolder folder, merkle::TemporaryFolder::Create());
  const std::filesystem::path path = folder.path() / "spool";
  merkle::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0)
    return absl::FailedPreconditionError(
        "can't make a temporary file in " + folder.path().string() + ": " + std::strerror(errno) +
        (merkle::IsNoRoom(errno) ? merkle::RoomAdvice(folder.path()) : ""));
  std::unique_ptr<Spool> spool(new Spool(std::move(file), std::move(place_note)));
  RETURN_IF_ERROR(spool->Fill(text, name, options));
  return spool;
}

absl::Status Spool::Fill(ByteStream& text, const std::string& name, const SpoolOptions& options) {
  std::vector<char> block(kBlockBytes);
  uint64_t looked_at = 0;
  RETURN_IF_ERROR(CheckRoom(file_.get(), name, 0, options));
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, text.Read(block));
    if (count == 0) return absl::OkStatus();
    for (size_t done = 0; done < count;) {
      const ssize_t written = ::pwrite(file_.get(), block.data() + done, count - done,
                                       static_cast<off_t>(size_ + done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && merkle::IsNoRoom(errno))
        return NoRoom(name, size_ + done, std::strerror(errno));
      if (written <= 0)
        return absl::DataLossError("can't write the text of " + Printable(name) +
                                   " to a temporary file: " + std::strerror(errno));
      done += static_cast<size_t>(written);
    }
    size_ += count;
    if (size_ - looked_at < kLookBytes) continue;
    looked_at = size_;
    RETURN_IF_ERROR(CheckRoom(file_.get(), name, size_, options));
  }
}

absl::Status Spool::ReadAt(uint64_t offset, std::span<char> to) const {
  for (size_t done = 0; done < to.size();) {
    const ssize_t count =
        ::pread(file_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      return absl::DataLossError("can't read the temporary file back at byte " +
                                 std::to_string(offset + done) + ": " +
                                 (count < 0 ? std::strerror(errno) : "it is cut off"));
    done += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

}  // namespace driftwood::agent
