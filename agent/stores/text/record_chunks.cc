#include "agent/stores/text/record_chunks.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr size_t kBuffersKeptMax = 16;
constexpr size_t kBufferKeptBytesMax = size_t{4} << 20;
constexpr size_t kLocateBytes = size_t{1} << 20;

}  // namespace

BufferPool::Buffer BufferPool::Take(size_t capacity) {
  {
    merkle::MutexLock lock(&mutex_);
    if (!kept_.empty() && kept_.back().capacity >= capacity) {
      Buffer buffer = std::move(kept_.back());
      kept_.pop_back();
      return buffer;
    }
  }
  Buffer buffer;
  Grow(&buffer, capacity);
  return buffer;
}

void BufferPool::Grow(Buffer* buffer, size_t capacity) {
  // The kernel moves the pages of large blocks, and those that were not written take none.
  char* const bytes = static_cast<char*>(std::realloc(buffer->bytes.get(), capacity));
  DRIFTWOOD_CHECK(bytes != nullptr);  // no memory: a thread that meets it elsewhere ends so too
  (void)buffer->bytes.release();
  buffer->bytes.reset(bytes);
  buffer->capacity = capacity;
}

void BufferPool::Give(Buffer buffer) {
  if (buffer.capacity > kBufferKeptBytesMax) return;
  merkle::MutexLock lock(&mutex_);
  if (kept_.size() < kBuffersKeptMax) kept_.push_back(std::move(buffer));
}

Chunk::Chunk(std::shared_ptr<BufferPool> pool, size_t capacity)
    : pool_(std::move(pool)), buffer_(pool_->Take(capacity + kChunkPadding)) {}

Chunk::~Chunk() {
  if (buffer_.bytes) pool_->Give(std::move(buffer_));
}

void Chunk::Reserve(size_t capacity) {
  if (capacity + kChunkPadding <= buffer_.capacity) return;
  BufferPool::Grow(&buffer_, std::max(2 * size, capacity) + kChunkPadding);
}

void Chunk::ClearPadding() { std::memset(end(), 0, kChunkPadding); }

size_t LineEnds::After(std::string_view fresh) {
  const size_t last = fresh.rfind('\n');
  return last == std::string_view::npos ? 0 : last + 1;
}

RecordChunks::RecordChunks(const ByteSource& source, uint64_t offset, uint64_t end,
                           const ChunkOptions& options, std::unique_ptr<RecordEnds> ends)
    : source_(source), options_(options), ends_(std::move(ends)), end_(end), read_(offset) {
  DRIFTWOOD_CHECK(options.chunk_bytes > 0 && offset <= end && end <= source.size());
}

Chunk RecordChunks::WithCarry() {
  Chunk chunk(pool_, carry_.size() + options_.chunk_bytes + 1);
  chunk.offset = read_ - carry_.size();
  chunk.size = carry_.size();
  std::memcpy(chunk.begin(), carry_.data(), carry_.size());
  carry_.clear();
  return chunk;
}

absl::StatusOr<RecordChunks::Step> RecordChunks::Next() {
  Chunk chunk = WithCarry();
  while (read_ < end_) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(end_ - read_, options_.chunk_bytes));
    chunk.Reserve(chunk.size + wanted + 1);
    RETURN_IF_ERROR(source_.ReadAt(read_, {chunk.end(), wanted}));
    const std::string_view fresh(chunk.end(), wanted);
    read_ += wanted;
    const size_t after = ends_->After(fresh);
    if (after > 0) {
      carry_.assign(fresh.substr(after));
      chunk.size += after;
      chunk.ClearPadding();
      return Step(std::move(chunk));
    }
    chunk.size += wanted;
    if (chunk.size > options_.record_bytes_max)
      return Step(RecordError{chunk.offset, "a record that begins here is longer than " +
                                                std::to_string(options_.record_bytes_max) +
                                                " bytes"});
  }
  if (chunk.size == 0) return Step();
  *chunk.end() = '\n';
  ++chunk.size;
  chunk.newline_added = true;
  chunk.ClearPadding();
  return Step(std::move(chunk));
}

absl::StatusOr<LineAndColumn> LocateByte(const ByteSource& source, uint64_t offset) {
  const uint64_t end = std::min(offset, source.size());
  std::vector<char> buffer(static_cast<size_t>(std::min<uint64_t>(end, kLocateBytes)));
  LineAndColumn place;
  uint64_t line_begin = 0;
  for (uint64_t at = 0; at < end;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(end - at, buffer.size()));
    RETURN_IF_ERROR(source.ReadAt(at, {buffer.data(), wanted}));
    const std::string_view bytes(buffer.data(), wanted);
    place.line += static_cast<uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    const size_t last = bytes.rfind('\n');
    if (last != std::string_view::npos) line_begin = at + last + 1;
    at += wanted;
  }
  place.column = offset - line_begin + 1;
  return place;
}

}  // namespace driftwood::agent
