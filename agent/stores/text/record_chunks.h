// Cuts a text file into chunks of whole records, so that each can be parsed on its own, on any
// thread. Reading is serial and cheap: a chunk is read in one piece and only its last record end is
// looked for; what follows that is carried over to the next chunk.
//
//   file   |header|rec|rec|re c|rec|rec|rec|r ec|rec|
//   reads         [----------)[-------------)[-----)
//   chunks        [------)[-------------)[--------)
//
// One thread at a time; the chunks themselves may go to other threads.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/text/file_snapshot.h"
#include "merkle/mutex.h"

namespace driftwood::agent {

struct ChunkOptions {
  size_t chunk_bytes = size_t{1} << 20;
  // A record that is longer is an error: it is held in memory whole. The longest field that a
  // database has, 1 GB, takes twice that in hexadecimal.
  size_t record_bytes_max = size_t{2} << 30;
};

// That many zero bytes may be read (and are zero) after a chunk's end, by parsers that look at
// blocks of bytes.
inline constexpr size_t kChunkPadding = 64;

// Buffers that are used again: fresh ones cost a page fault for every 4 KiB. Any thread.
class BufferPool {
 public:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  struct Buffer {
    std::unique_ptr<char, Free> bytes;
    size_t capacity = 0;
  };
  // Of at least `capacity` bytes, not cleared.
  Buffer Take(size_t capacity);
  // Makes it larger, with what is in it, which is mostly not copied if it is large.
  static void Grow(Buffer* buffer, size_t capacity);
  // Keeps it if it is of the usual size and few are kept.
  void Give(Buffer buffer);

 private:
  merkle::Mutex mutex_;
  std::vector<Buffer> kept_ DRIFTWOOD_GUARDED_BY(mutex_);
};

// Whole records, each with its line end. Parsers may write into them.
class Chunk {
 public:
  Chunk(std::shared_ptr<BufferPool> pool, size_t capacity);
  ~Chunk();
  Chunk(Chunk&& other) noexcept = default;
  Chunk& operator=(Chunk&&) = delete;

  char* begin() const { return buffer_.bytes.get(); }
  char* end() const { return begin() + size; }
  // Room for so many bytes and the padding; keeps what is there.
  void Reserve(size_t capacity);
  void ClearPadding();

  size_t size = 0;
  uint64_t offset = 0;         // of its first byte in the source
  bool newline_added = false;  // its last '\n' is not in the source: the last line had none

 private:
  std::shared_ptr<BufferPool> pool_;
  BufferPool::Buffer buffer_;
};

// Where records end, in one format. Sees every byte once, in order.
class RecordEnds {
 public:
  virtual ~RecordEnds() = default;
  // The position after the last record end in `fresh`; 0 if there is none.
  virtual size_t After(std::string_view fresh) = 0;
};

// Records are lines: JSON Lines.
class LineEnds final : public RecordEnds {
 public:
  size_t After(std::string_view fresh) override;
};

// What is wrong with a record. `offset` is the byte in the source that shows it.
struct RecordError {
  uint64_t offset = 0;
  std::string message;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

class RecordChunks {
 public:
  // From `offset`, where a record begins, to `end`, where the last one ends. `source` must outlive
  // it.
  RecordChunks(const ByteSource& source, uint64_t offset, uint64_t end, const ChunkOptions& options,
               std::unique_ptr<RecordEnds> ends);

  // monostate: all bytes have been handed out. RecordError: a record of more than
  // record_bytes_max. Status: the source can't be read.
  using Step = std::variant<std::monostate, Chunk, RecordError>;
  absl::StatusOr<Step> Next();

  uint64_t bytes_read() const { return read_; }

 private:
  Chunk WithCarry();

  const ByteSource& source_;
  const ChunkOptions options_;
  const std::unique_ptr<RecordEnds> ends_;
  const std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();

  const uint64_t end_;
  uint64_t read_;      // up to here the source has been read
  std::string carry_;  // the beginning of a record, read already
};

// For people: line and column count from 1, the column in bytes.
struct LineAndColumn {
  uint64_t line = 1;
  uint64_t column = 1;
};
// Reads the source from its start.
absl::StatusOr<LineAndColumn> LocateByte(const ByteSource& source, uint64_t offset);

}  // namespace driftwood::agent
