// Bytes that come one after the other: those of a file, of a pipe, or of another stream decoded.
// One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/stores/text/file_snapshot.h"
#include "merkle/os/stop.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::agent {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Some bytes, at least one; 0 only at the end of the data. `to` is not empty. What was cut off,
  // damaged or can't be read is an error, never the end; after an error it is not called again.
  virtual absl::StatusOr<size_t> Read(std::span<char> to) = 0;
};

// The next `bytes` of the stream; fewer only at its end.
absl::StatusOr<std::string> ReadHead(ByteStream& stream, size_t bytes);
// The same stream as before ReadHead().
std::unique_ptr<ByteStream> WithHead(std::string head, std::unique_ptr<ByteStream> rest);

// All bytes of `source`, which must outlive it.
class SourceStream final : public ByteStream {
 public:
  explicit SourceStream(const ByteSource& source) : source_(source) {}
  absl::StatusOr<size_t> Read(std::span<char> to) override;

 private:
  const ByteSource& source_;
  uint64_t at_ = 0;
};

// What can be read once only: a pipe, a socket, or what stdin is. Reading waits for its writer.
class DescriptorStream final : public ByteStream {
 public:
  // A pipe by its path. NotFound, PermissionDenied, DataLoss. Once `stop` is requested, by any
  // thread, Read() ends with Cancelled.
  static absl::StatusOr<std::unique_ptr<DescriptorStream>> OpenPipe(const std::string& path,
                                                                    std::stop_token stop);
  // Of an open descriptor; `name` is for messages.
  static absl::StatusOr<std::unique_ptr<DescriptorStream>> Of(merkle::UniqueFd fd, std::string name,
                                                              std::stop_token stop);
  absl::StatusOr<size_t> Read(std::span<char> to) override;

 private:
  DescriptorStream(merkle::UniqueFd fd, std::string name, std::unique_ptr<merkle::StopFd> stop)
      : fd_(std::move(fd)), name_(std::move(name)), stop_(std::move(stop)) {}

  const merkle::UniqueFd fd_;
  const std::string name_;
  const std::unique_ptr<merkle::StopFd> stop_;
};

}  // namespace driftwood::agent
