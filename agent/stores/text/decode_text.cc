#include "agent/stores/text/decode_text.h"

#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"
#include "proto/contract/no_table.h"

namespace driftwood::agent {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;

absl::Status CheckIsText(std::string_view head, const std::string& path, const std::string& name) {
  const std::string why = WhyNoTable(head, path.empty() ? "FILE" : path);
  return why.empty() ? absl::OkStatus()
                     : absl::InvalidArgumentError(Printable(name) + " is " + Printable(why));
}

absl::Status CheckEnding(Compression found, const std::string& path, const std::string& name) {
  const Compression named = CompressionByName(path);
  if (named == Compression::kNone || found != Compression::kNone) return absl::OkStatus();
  const bool gzip = named == Compression::kGzip;
  return absl::InvalidArgumentError(Printable(name) + " is named " + (gzip ? ".gz" : ".zst") +
                                    ", but does not begin as a " + (gzip ? "gzip" : "zstd") +
                                    " archive; if it is plain text give it another name, else "
                                    "fetch it again");
}

}  // namespace

std::string DecodedText::PlaceNote() const {
  if (encoding != Encoding::kUtf8) return " of its text in UTF-8";
  return compression != Compression::kNone ? " of its decompressed text" : "";
}

absl::StatusOr<DecodedText> DecodeText(std::unique_ptr<ByteStream> bytes,
                                       std::optional<Encoding> said, const std::string& path,
                                       const std::string& name) {
  DecodedText decoded;
  ASSIGN_OR_RETURN(std::string head, ReadHead(*bytes, kNoTableHeadBytes));
  decoded.compression = CompressionOf(head);
  RETURN_IF_ERROR(CheckEnding(decoded.compression, path, name));
  RETURN_IF_ERROR(CheckIsText(head, path, name));
  decoded.text = WithHead(head, std::move(bytes));
  if (decoded.compression != Compression::kNone) {
    decoded.text = Decompressed(decoded.compression, std::move(decoded.text), name);
    ASSIGN_OR_RETURN(head, ReadHead(*decoded.text, kNoTableHeadBytes));
    RETURN_IF_ERROR(CheckIsText(head, path, name));
    if (CompressionOf(head) != Compression::kNone)
      return absl::InvalidArgumentError(Printable(name) +
                                        " is an archive of an archive; unpack it once");
    decoded.text = WithHead(head, std::move(decoded.text));
  }
  ASSIGN_OR_RETURN(decoded.encoding, EncodingByMark(head, said, name));
  if (decoded.encoding != Encoding::kUtf8)
    decoded.text = Transcoded(decoded.encoding, std::move(decoded.text), name);
  return decoded;
}

absl::StatusOr<std::string> DecodeTextInMemory(std::string_view bytes, std::optional<Encoding> said,
                                               const std::string& name) {
  const MemorySource source(bytes);
  ASSIGN_OR_RETURN(DecodedText decoded,
                   DecodeText(std::make_unique<SourceStream>(source), said, "", name));
  if (decoded.IsPlain()) return std::string(bytes);
  std::string text;
  std::vector<char> block(kBlockBytes);
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, decoded.text->Read(block));
    if (count == 0) return text;
    text.append(block.data(), count);
  }
}

}  // namespace driftwood::agent
