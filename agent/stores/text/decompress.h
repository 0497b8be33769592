// gzip and zstd archives of one text, as streams.
//
// An archive has one or more members (gzip) or frames (zstd), one behind the other; their texts are
// one text. One that is cut off, damaged (both have checksums), or followed by anything else is an
// error, never a shorter text. An archive that was cut off exactly between two members can't be
// told from a whole one, unless bgzip wrote it.
//
// Memory: some 64 KiB for gzip, and the window that a zstd frame asks for, at most 128 MiB. How
// much text comes out is for who reads it to limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/stores/text/byte_stream.h"

namespace driftwood::agent {

enum class Compression : uint8_t { kNone, kGzip, kZstd };

Compression CompressionOf(std::string_view head);
// What the ending of a path says, in whatever case: ".gz", ".zst".
Compression CompressionByName(std::string_view path);

// The text of `packed`; `compression` is not kNone. Errors are InvalidArgument and begin with
// `name`; those of `packed` are passed on.
std::unique_ptr<ByteStream> Decompressed(Compression compression,
                                         std::unique_ptr<ByteStream> packed,
                                         const std::string& name);

}  // namespace driftwood::agent
