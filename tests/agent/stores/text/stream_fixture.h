// What the tests of streams share: streams over texts in memory that come in pieces of random
// sizes, and archives made with the libraries themselves.
#pragma once

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/stores/text/byte_stream.h"
#include "merkle/check.h"

namespace driftwood::agent {

// Gives `text` in pieces of 1 to `piece_max` bytes.
class PieceStream final : public ByteStream {
 public:
  PieceStream(std::string text, size_t piece_max, uint32_t seed = 1)
      : text_(std::move(text)), piece_max_(piece_max), random_(seed) {}
  absl::StatusOr<size_t> Read(std::span<char> to) override {
    DRIFTWOOD_CHECK(!to.empty());
    const size_t piece = 1 + random_() % piece_max_;
    const size_t count = std::min({piece, to.size(), text_.size() - at_});
    std::memcpy(to.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  const size_t piece_max_;
  std::mt19937 random_;
  size_t at_ = 0;
};

// All of it, asked for in pieces of 1 to `piece_max` bytes.
inline absl::StatusOr<std::string> ReadToEnd(ByteStream& stream, size_t piece_max,
                                             uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::vector<char> block(piece_max);
  std::string all;
  while (true) {
    const auto count = stream.Read({block.data(), 1 + random() % piece_max});
    if (!count.ok()) return count.status();
    if (*count == 0) return all;
    all.append(block.data(), *count);
  }
}

// One gzip member.
inline std::string Gzip(std::string_view text, int level = 6) {
  z_stream zlib = {};
  DRIFTWOOD_CHECK(deflateInit2(&zlib, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&zlib, text.size()) + 32, '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zlib.avail_in = static_cast<uInt>(text.size());
  zlib.next_out = reinterpret_cast<Bytef*>(packed.data());
  zlib.avail_out = static_cast<uInt>(packed.size());
  DRIFTWOOD_CHECK(deflate(&zlib, Z_FINISH) == Z_STREAM_END);
  packed.resize(zlib.total_out);
  deflateEnd(&zlib);
  return packed;
}

// One zstd frame, with a checksum as the program zstd writes it.
inline std::string Zstd(std::string_view text, int window_log = 0) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  if (window_log != 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  // As a stream: the size is not known when it begins, so that it asks for the whole window.
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  while (in.pos < in.size) ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
  DRIFTWOOD_CHECK(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0);
  packed.resize(out.pos);
  ZSTD_freeCCtx(context);
  return packed;
}

}  // namespace driftwood::agent
