// Which lines of a log are left once it is folded: those that hold the last state of a key. Their
// offsets lie in order, in memory or in a temporary file. Constant; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/text/file_scan.h"
#include "agent/stores/text/file_snapshot.h"
#include "agent/stores/text/record_chunks.h"

namespace driftwood::agent {

class LiveLines {
 public:
  static constexpr size_t kOffsetBytes = 8;

  // Offsets that ascend, big-endian, one behind the other. `log` is its name, for messages.
  LiveLines(std::unique_ptr<const ByteSource> offsets, std::string log)
      : offsets_(std::move(offsets)), log_(std::move(log)) {}

  uint64_t count() const { return offsets_->size() / kOffsetBytes; }

  // Makes all other lines of the chunk blank; returns how many are left. Aborted: a line that was
  // left does not begin where one did.
  absl::StatusOr<uint64_t> KeepOnly(Chunk* chunk) const;

 private:
  absl::StatusOr<uint64_t> OffsetAt(uint64_t number) const;
  // The number of the first one that is not before `offset`.
  absl::StatusOr<uint64_t> LowerBound(uint64_t offset) const;

  const std::unique_ptr<const ByteSource> offsets_;
  const std::string log_;
};

// What `lines` makes of the lines that are left.
class LiveDecoder final : public ChunkDecoder {
 public:
  LiveDecoder(std::shared_ptr<const LiveLines> live, std::unique_ptr<const ChunkDecoder> lines)
      : live_(std::move(live)), lines_(std::move(lines)) {}
  std::unique_ptr<RecordEnds> NewRecordEnds() const override { return lines_->NewRecordEnds(); }
  Result Decode(Chunk& chunk, RowSink& sink) const override;

 private:
  const std::shared_ptr<const LiveLines> live_;
  const std::unique_ptr<const ChunkDecoder> lines_;
};

}  // namespace driftwood::agent
