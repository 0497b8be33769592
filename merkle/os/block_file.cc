#include "merkle/os/block_file.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "merkle/hash/checksum.h"
#include "merkle/os/room.h"
#include "merkle/os/unnamed_file.h"
#include "merkle/status_macros.h"

namespace driftwood::merkle {

namespace {

// Before each block; it never leaves this machine.
struct Header {
  uint64_t bytes = 0;
  uint64_t checksum = 0;
};

}  // namespace

absl::StatusOr<BlockFile> BlockFile::Create(const std::filesystem::path& folder, std::string name) {
  BlockFile file(CreateUnnamedFile(folder), folder, std::move(name));
  if (file.file_.get() < 0) return file.FromErrno("create");
  return file;
}

absl::Status BlockFile::FromErrno(const char* what) const {
  const int error = errno;
  const std::string message = name_ + ": " + what + ": " + std::strerror(error);
  if (IsNoRoom(error)) return absl::ResourceExhaustedError(message + RoomAdvice(folder_));
  return absl::InternalError(message + " (in " + folder_.string() + ")");
}

absl::Status BlockFile::Damaged() const {
  return absl::DataLossError(name_ + " does not hold what was written to it");
}

absl::Status BlockFile::Append(std::string_view block) {
  RETURN_IF_ERROR(failed_);
  Header header{block.size(), Checksum(block)};
  struct iovec parts[] = {{&header, sizeof header},
                          {const_cast<char*>(block.data()), block.size()}};
  const size_t size = sizeof header + block.size();
  for (size_t done = 0; done < size;) {
    const ssize_t written = ::pwritev(file_.get(), parts, 2, static_cast<off_t>(end_ + done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed_ = FromErrno("write");
    done += static_cast<size_t>(written);
    auto left = static_cast<size_t>(written);
    for (struct iovec& part : parts) {
      const size_t of_part = std::min(left, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + of_part;
      part.iov_len -= of_part;
      left -= of_part;
    }
  }
  end_ += size;
  block_bytes_max_ = std::max<uint64_t>(block_bytes_max_, block.size());
  return absl::OkStatus();
}

absl::Status BlockFile::ReadExactly(uint64_t offset, size_t size, char* to) const {
  while (size > 0) {
    const ssize_t done = ::pread(file_.get(), to, size, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return FromErrno("read");
    if (done == 0) return Damaged();
    offset += static_cast<uint64_t>(done);
    to += done;
    size -= static_cast<size_t>(done);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> BlockFile::Read(uint64_t* offset) const {
  Header header;
  if (*offset > end_ || end_ - *offset < sizeof header) return Damaged();
  RETURN_IF_ERROR(ReadExactly(*offset, sizeof header, reinterpret_cast<char*>(&header)));
  const uint64_t begin = *offset + sizeof header;
  if (header.bytes > block_bytes_max_ || header.bytes > end_ - begin) return Damaged();
  std::string block(static_cast<size_t>(header.bytes), '\0');
  RETURN_IF_ERROR(ReadExactly(begin, block.size(), block.data()));
  if (Checksum(block) != header.checksum) return Damaged();
  *offset = begin + header.bytes;
  return block;
}

}  // namespace driftwood::merkle
