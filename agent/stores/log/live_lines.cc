#include "agent/stores/log/live_lines.h"

#include <algorithm>
#include <cstring>

#include "agent/source/messages.h"
#include "merkle/record/big_endian.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// How many offsets are read at once.
constexpr uint64_t kBlock = 1024;

}  // namespace

absl::StatusOr<uint64_t> LiveLines::OffsetAt(uint64_t number) const {
  char bytes[kOffsetBytes];
  RETURN_IF_ERROR(offsets_->ReadAt(number * kOffsetBytes, bytes));
  return merkle::LoadBigEndian64(bytes);
}

absl::StatusOr<uint64_t> LiveLines::LowerBound(uint64_t offset) const {
  uint64_t begin = 0;
  for (uint64_t end = count(); begin < end;) {
    const uint64_t middle = begin + (end - begin) / 2;
    ASSIGN_OR_RETURN(const uint64_t at, OffsetAt(middle));
    if (at < offset) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

absl::StatusOr<uint64_t> LiveLines::KeepOnly(Chunk* chunk) const {
  ASSIGN_OR_RETURN(uint64_t next, LowerBound(chunk->offset));
  const uint64_t first = next;
  std::vector<char> block;
  size_t in_block = 0;
  uint64_t live = 0;
  const auto step = [&]() -> absl::Status {
    if (in_block == block.size()) {
      block.resize(std::min(kBlock, count() - next) * kOffsetBytes);
      RETURN_IF_ERROR(offsets_->ReadAt(next * kOffsetBytes, block));
      in_block = 0;
    }
    live = UINT64_MAX;  // there is no more
    if (block.empty()) return absl::OkStatus();
    live = merkle::LoadBigEndian64(block.data() + in_block);
    in_block += kOffsetBytes;
    ++next;
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(step());
  uint64_t left = 0;
  for (char* begin = chunk->begin(); begin < chunk->end();) {
    const auto rest = static_cast<size_t>(chunk->end() - begin);
    auto* const newline = static_cast<char*>(std::memchr(begin, '\n', rest));
    if (chunk->offset + static_cast<uint64_t>(begin - chunk->begin()) == live) {
      ++left;
      RETURN_IF_ERROR(step());
    } else {
      std::memset(begin, ' ', static_cast<size_t>(newline - begin));
    }
    begin = newline + 1;
  }
  ASSIGN_OR_RETURN(const uint64_t last, LowerBound(chunk->offset + chunk->size));
  if (left == last - first) return left;
  return absl::AbortedError(Printable(log_) +
                            " changed while it was read: its lines begin elsewhere; compare it "
                            "again when nothing but its writer writes to it");
}

ChunkDecoder::Result LiveDecoder::Decode(Chunk& chunk, RowSink& sink) const {
  Result result;
  const absl::StatusOr<uint64_t> left = live_->KeepOnly(&chunk);
  result.sink = left.status();
  if (!left.ok() || *left == 0) return result;
  return lines_->Decode(chunk, sink);
}

}  // namespace driftwood::agent
