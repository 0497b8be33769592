#include "agent/stores/text/byte_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

class HeadedStream final : public ByteStream {
 public:
  HeadedStream(std::string head, std::unique_ptr<ByteStream> rest)
      : head_(std::move(head)), rest_(std::move(rest)) {}

  absl::StatusOr<size_t> Read(std::span<char> to) override {
    if (at_ == head_.size()) return rest_->Read(to);
    const size_t count = std::min(to.size(), head_.size() - at_);
    std::memcpy(to.data(), head_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  const std::string head_;
  const std::unique_ptr<ByteStream> rest_;
  size_t at_ = 0;
};

absl::Status CantRead(const std::string& name, int error) {
  const std::string message = "can't read " + Printable(name) + ": " + std::strerror(error);
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::DataLossError(message);
}

}  // namespace

absl::StatusOr<std::string> ReadHead(ByteStream& stream, size_t bytes) {
  std::string head(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    ASSIGN_OR_RETURN(const size_t read, stream.Read({head.data() + done, bytes - done}));
    if (read == 0) break;
    done += read;
  }
  head.resize(done);
  return head;
}

std::unique_ptr<ByteStream> WithHead(std::string head, std::unique_ptr<ByteStream> rest) {
  return std::make_unique<HeadedStream>(std::move(head), std::move(rest));
}

absl::StatusOr<size_t> SourceStream::Read(std::span<char> to) {
  const auto count = static_cast<size_t>(std::min<uint64_t>(to.size(), source_.size() - at_));
  if (count > 0) RETURN_IF_ERROR(source_.ReadAt(at_, to.first(count)));
  at_ += count;
  return count;
}

absl::StatusOr<std::unique_ptr<DescriptorStream>> DescriptorStream::OpenPipe(
    const std::string& path, std::stop_token stop) {
  // Not blocking: a named pipe is open before it has a writer, and can be stopped then.
  merkle::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd.get() < 0) return CantRead(path, errno);
  return Of(std::move(fd), path, std::move(stop));
}

absl::StatusOr<std::unique_ptr<DescriptorStream>> DescriptorStream::Of(merkle::UniqueFd fd,
                                                                       std::string name,
                                                                       std::stop_token stop) {
  ASSIGN_OR_RETURN(std::unique_ptr<merkle::StopFd> stop_fd,
                   merkle::StopFd::Create(std::move(stop)));
  return std::unique_ptr<DescriptorStream>(
      new DescriptorStream(std::move(fd), std::move(name), std::move(stop_fd)));
}

absl::StatusOr<size_t> DescriptorStream::Read(std::span<char> to) {
  while (true) {
    // Never read before there is something, or before the last writer has gone: a named pipe that
    // has had none yet reads as if it were at its end.
    std::array<pollfd, 2> waits = {pollfd{fd_.get(), POLLIN, 0}, pollfd{stop_->fd(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return CantRead(name_, errno);
    }
    if (waits[1].revents != 0) return absl::CancelledError("stopped while a pipe was read");
    const ssize_t count = ::read(fd_.get(), to.data(), to.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR && errno != EAGAIN) return CantRead(name_, errno);
  }
}

}  // namespace driftwood::agent
