#include "agent/stores/text/decompress.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

constexpr size_t kPackedBytes = size_t{64} << 10;

// The archive's bytes, a block at a time, for the libraries to take from.
class PackedInput {
 public:
  explicit PackedInput(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)), block_(kPackedBytes) {}

  // Another block, if there is one; ended() then says.
  absl::StatusOr<size_t> Fill() {
    ASSIGN_OR_RETURN(const size_t count, stream_->Read(block_));
    ended_ = count == 0;
    total_ += count;
    return count;
  }
  char* data() { return block_.data(); }
  bool ended() const { return ended_; }
  uint64_t total() const { return total_; }  // read so far

 private:
  const std::unique_ptr<ByteStream> stream_;
  std::vector<char> block_;
  bool ended_ = false;
  uint64_t total_ = 0;
};

absl::Status Malformed(const std::string& name, const std::string& what) {
  return absl::InvalidArgumentError(Printable(name) + what);
}

absl::Status CutOff(const std::string& name, const char* format, uint64_t bytes) {
  return Malformed(name, std::string(": the ") + format + " archive is cut off: it ends at byte " +
                             std::to_string(bytes) +
                             ", before its own end; fetch it whole once more");
}

absl::Status Damaged(const std::string& name, const char* format, uint64_t at,
                     const std::string& why) {
  return Malformed(name, std::string(": the ") + format + " archive is damaged before byte " +
                             std::to_string(at) + " (" + why + "); fetch it again");
}

absl::Status Followed(const std::string& name, const char* format, uint64_t at) {
  return Malformed(name, std::string(": the ") + format + " archive ends at byte " +
                             std::to_string(at) +
                             ", and what follows is no other one; is it damaged, or was "
                             "something appended to it?");
}

class GzipStream final : public ByteStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> packed, std::string name)
      : input_(std::move(packed)), name_(std::move(name)) {
    constexpr int kWindowBits = 15, kOnlyGzip = 16;
    DRIFTWOOD_CHECK(::inflateInit2(&zlib_, kWindowBits + kOnlyGzip) == Z_OK);
    TakeHeader();
  }
  ~GzipStream() override { ::inflateEnd(&zlib_); }

  absl::StatusOr<size_t> Read(std::span<char> to) override {
    while (true) {
      if (zlib_.avail_in == 0 && !input_.ended()) {
        ASSIGN_OR_RETURN(const size_t count, input_.Fill());
        zlib_.next_in = reinterpret_cast<Bytef*>(input_.data());
        zlib_.avail_in = static_cast<uInt>(count);
      }
      if (between_members_) {
        if (zlib_.avail_in == 0 && !input_.ended()) continue;
        if (zlib_.avail_in == 0) {
          if (IsBlockOfBgzip() && zlib_.total_out > 0) return CutOff(name_, "gzip", input_.total());
          return 0;
        }
        DRIFTWOOD_CHECK(::inflateReset(&zlib_) == Z_OK);
        TakeHeader();
        between_members_ = false;
      }
      ASSIGN_OR_RETURN(const size_t count, Inflate(to));
      if (count > 0) return count;
    }
  }

 private:
  // Of the next member.
  void TakeHeader() {
    header_ = {};
    header_.extra = extra_;
    header_.extra_max = sizeof extra_;
    DRIFTWOOD_CHECK(::inflateGetHeader(&zlib_, &header_) == Z_OK);
  }
  // bgzip writes many members, marked so, and an empty one at the end: one that lacks was cut off.
  bool IsBlockOfBgzip() const {
    return header_.done == 1 && header_.extra != nullptr && header_.extra_len >= 6 &&
           extra_[0] == 'B' && extra_[1] == 'C';
  }
  // What comes of the input that is there, perhaps nothing.
  absl::StatusOr<size_t> Inflate(std::span<char> to) {
    constexpr size_t kAtOnceMax = size_t{1} << 30;  // zlib counts in 32 bits
    const size_t room = std::min(to.size(), kAtOnceMax);
    zlib_.next_out = reinterpret_cast<Bytef*>(to.data());
    zlib_.avail_out = static_cast<uInt>(room);
    const int rc = ::inflate(&zlib_, Z_NO_FLUSH);
    const size_t count = room - zlib_.avail_out;
    if (rc == Z_STREAM_END) {
      between_members_ = true;
      ++members_;
      return count;
    }
    if (rc != Z_OK && rc != Z_BUF_ERROR) return Error(rc);
    if (count == 0 && zlib_.avail_in == 0 && input_.ended())
      return CutOff(name_, "gzip", input_.total());
    return count;
  }

  absl::Status Error(int rc) const {
    DRIFTWOOD_CHECK(rc != Z_STREAM_ERROR);
    if (rc == Z_MEM_ERROR) return absl::ResourceExhaustedError("no memory to decompress");
    constexpr uLong kHeaderBytes = 10;
    const uint64_t at = input_.total() - zlib_.avail_in;
    if (members_ > 0 && zlib_.total_out == 0 && zlib_.total_in < kHeaderBytes)
      return Followed(name_, "gzip", at - zlib_.total_in);
    return Damaged(name_, "gzip", at, zlib_.msg != nullptr ? zlib_.msg : "unknown");
  }

  PackedInput input_;
  const std::string name_;
  z_stream zlib_ = {};
  gz_header header_ = {};
  Bytef extra_[2] = {};
  bool between_members_ = false;
  uint64_t members_ = 0;
};

class ZstdStream final : public ByteStream {
 public:
  ZstdStream(std::unique_ptr<ByteStream> packed, std::string name)
      : input_(std::move(packed)), name_(std::move(name)), zstd_(::ZSTD_createDStream()) {
    DRIFTWOOD_CHECK(zstd_ != nullptr);
  }
  ~ZstdStream() override { ::ZSTD_freeDStream(zstd_); }

  absl::StatusOr<size_t> Read(std::span<char> to) override {
    while (true) {
      if (in_.pos == in_.size && !input_.ended()) {
        ASSIGN_OR_RETURN(const size_t count, input_.Fill());
        in_ = {input_.data(), count, 0};
      }
      const bool at_end = in_.pos == in_.size && input_.ended();
      if (at_end && !in_frame_) return 0;
      ::ZSTD_outBuffer out{to.data(), to.size(), 0};
      const size_t before = in_.pos;
      const size_t rc = ::ZSTD_decompressStream(zstd_, &out, &in_);
      if (::ZSTD_isError(rc) != 0) return Error(rc, before);
      in_frame_ = rc != 0;  // 0: a frame has ended, and all of it was handed out
      if (!in_frame_) ++frames_;
      if (out.pos > 0) return out.pos;
      if (at_end && in_frame_) return CutOff(name_, "zstd", input_.total());
    }
  }

 private:
  absl::Status Error(size_t rc, size_t before) const {
    const uint64_t at = input_.total() - (in_.size - in_.pos);
    const ::ZSTD_ErrorCode code = ::ZSTD_getErrorCode(rc);
    if (code == ZSTD_error_frameParameter_windowTooLarge)
      return Malformed(name_,
                       ": the zstd archive needs more than 128 MiB of memory to be read; compress "
                       "it again without --long or --ultra");
    if (code == ZSTD_error_prefix_unknown && frames_ > 0)
      return Followed(name_, "zstd", input_.total() - (in_.size - before));
    return Damaged(name_, "zstd", at, ::ZSTD_getErrorName(rc));
  }

  PackedInput input_;
  const std::string name_;
  ::ZSTD_DStream* const zstd_;
  ::ZSTD_inBuffer in_ = {};
  bool in_frame_ = true;  // an archive has one at least
  uint64_t frames_ = 0;
};

}  // namespace

Compression CompressionOf(std::string_view head) {
  if (head.starts_with("\x1F\x8B")) return Compression::kGzip;
  if (head.starts_with("\x28\xB5\x2F\xFD")) return Compression::kZstd;
  // A frame to be skipped, with which some programs begin.
  const bool skippable =
      head.size() >= 4 && (head[0] & 0xF0) == 0x50 && head.substr(1, 3) == "\x2A\x4D\x18";
  return skippable ? Compression::kZstd : Compression::kNone;
}

Compression CompressionByName(std::string_view path) {
  const std::string lower = Lowercase(path);
  if (lower.ends_with(".gz")) return Compression::kGzip;
  return lower.ends_with(".zst") ? Compression::kZstd : Compression::kNone;
}

std::unique_ptr<ByteStream> Decompressed(Compression compression,
                                         std::unique_ptr<ByteStream> packed,
                                         const std::string& name) {
  DRIFTWOOD_CHECK(compression != Compression::kNone);
  if (compression == Compression::kGzip)
    return std::make_unique<GzipStream>(std::move(packed), name);
  return std::make_unique<ZstdStream>(std::move(packed), name);
}

}  // namespace driftwood::agent
