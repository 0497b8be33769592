// What came from a stream, in a file of this process that has no name: it takes room in TMPDIR (or
// /tmp) while it is open and is gone with its process, however that ends.
//
// It is bounded by the disk: some of its room is left to others, and what does not fit is an error.
// Constant once it is made; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/stores/text/byte_stream.h"
#include "agent/stores/text/file_snapshot.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::agent {

struct SpoolOptions {
  // What must stay free of the file system. Default: a twentieth of it, at most 1 GiB.
  std::optional<uint64_t> free_bytes_min;
};

class Spool final : public ByteSource {
 public:
  // All of `text`. `name` is for messages, `place_note` is DecodedText::PlaceNote(). Errors of
  // `text` are passed on; ResourceExhausted: there is no room; DataLoss: it can't be written.
  static absl::StatusOr<std::unique_ptr<Spool>> Of(ByteStream& text, const std::string& name,
                                                   std::string place_note,
                                                   const SpoolOptions& options);

  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, std::span<char> to) const override;
  std::string_view PlaceNote() const override { return place_note_; }

 private:
  Spool(merkle::UniqueFd file, std::string place_note)
      : file_(std::move(file)), place_note_(std::move(place_note)) {}
  absl::Status Fill(ByteStream& text, const std::string& name, const SpoolOptions& options);

  const merkle::UniqueFd file_;
  const std::string place_note_;
  uint64_t size_ = 0;
};

}  // namespace driftwood::agent
