// Texts in other encodings than UTF-8, as streams of UTF-8.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/stores/text/byte_stream.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

enum class Encoding : uint8_t {
  kUtf8,
  // The bytes 80 to 9F are refused: controls that nobody writes, or, to MySQL and browsers, the
  // characters of windows-1252.
  kLatin1,
  kIso8859_1,  // the same with those controls
  kWindows1252,
  kUtf16,  // by its byte order mark
  kUtf16Le,
  kUtf16Be,
};

// Of the URL's encoding=; nullopt without it. InvalidArgument for one that isn't known.
absl::StatusOr<std::optional<Encoding>> EncodingOf(const StoreUrl& url);

// So many bytes, or all of a shorter text, tell whether it has a byte order mark.
inline constexpr size_t kMarkHeadBytes = 4;

// What a text that begins with `head` is in, if `said` is what its URL says: never kUtf16.
// InvalidArgument, beginning with `name`, where its byte order mark says otherwise, or lacks.
absl::StatusOr<Encoding> EncodingByMark(std::string_view head, std::optional<Encoding> said,
                                        const std::string& name);

// `text` in UTF-8, without the byte order mark of UTF-16. `encoding` is neither kUtf8 nor kUtf16.
// Bytes that stand for no character are InvalidArgument, with `name`, their line and byte; errors
// of `text` are passed on. Memory: some 256 KiB.
std::unique_ptr<ByteStream> Transcoded(Encoding encoding, std::unique_ptr<ByteStream> text,
                                       const std::string& name);

}  // namespace driftwood::agent
