// From a file's bytes to its text in UTF-8: which of the steps it needs, archive and encoding, and
// the stream that takes them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/stores/text/byte_stream.h"
#include "agent/stores/text/decompress.h"
#include "agent/stores/text/transcode.h"

namespace driftwood::agent {

struct DecodedText {
  std::unique_ptr<ByteStream> text;
  Compression compression = Compression::kNone;
  Encoding encoding = Encoding::kUtf8;

  // The text is the bytes as they are.
  bool IsPlain() const { return compression == Compression::kNone && encoding == Encoding::kUtf8; }
  // For what is said of a place in it: " of its decompressed text". Empty: it is the file's own.
  std::string PlaceNote() const;
};

// By how the bytes begin, and what the URL says of their encoding. `path` is the file's, of which
// the ending must not contradict; empty for a stream. Reads the beginning only. InvalidArgument,
// beginning with `name`: what can't be read, with what to do.
absl::StatusOr<DecodedText> DecodeText(std::unique_ptr<ByteStream> bytes,
                                       std::optional<Encoding> said, const std::string& path,
                                       const std::string& name);

// All of a text in memory, for tests and fuzz targets.
absl::StatusOr<std::string> DecodeTextInMemory(std::string_view bytes, std::optional<Encoding> said,
                                               const std::string& name);

}  // namespace driftwood::agent
