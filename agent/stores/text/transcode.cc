#include "agent/stores/text/transcode.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/names.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

using std::string_view_literals::operator""sv;  // NOLINT(misc-unused-using-decls): it is

constexpr size_t kBlockBytes = size_t{64} << 10;
constexpr char16_t kNone = 0;

// Of the bytes 80 to 9F; the others are those of Latin-1.
constexpr char16_t kWindows1252[32] = {
    0x20AC, kNone,  0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, kNone,  0x017D, kNone,  kNone,  0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, kNone,  0x017E, 0x0178};

constexpr std::pair<std::string_view, Encoding> kEncodings[] = {
    {"utf-8", Encoding::kUtf8},
    {"latin1", Encoding::kLatin1},
    {"iso-8859-1", Encoding::kIso8859_1},
    {"windows-1252", Encoding::kWindows1252},
    {"utf-16", Encoding::kUtf16},
    {"utf-16le", Encoding::kUtf16Le},
    {"utf-16be", Encoding::kUtf16Be},
    // As others call them.
    {"utf8", Encoding::kUtf8},
    {"latin-1", Encoding::kLatin1},
    {"cp1252", Encoding::kWindows1252},
    {"utf16", Encoding::kUtf16}};
constexpr size_t kEncodingsNamed = 7;

bool IsUtf16(Encoding encoding) {
  return encoding == Encoding::kUtf16 || encoding == Encoding::kUtf16Le ||
         encoding == Encoding::kUtf16Be;
}

// A text that is read a block at a time, decoded, and handed out in pieces.
class TranscodedStream : public ByteStream {
 public:
  TranscodedStream(std::unique_ptr<ByteStream> text, std::string name)
      : text_(std::move(text)), name_(std::move(name)), in_(kBlockBytes) {}

  absl::StatusOr<size_t> Read(std::span<char> to) final {
    while (handed_out_ == out_.size()) {
      if (ended_) return 0;
      RETURN_IF_ERROR(DecodeBlock());
    }
    const size_t count = std::min(to.size(), out_.size() - handed_out_);
    std::memcpy(to.data(), out_.data() + handed_out_, count);
    handed_out_ += count;
    return count;
  }

 protected:
  // Appends the characters of `bytes` to `out`; returns how many bytes it took. What it leaves is
  // the beginning of a character, and comes again with more behind it; nothing more comes if
  // `at_end`.
  virtual absl::StatusOr<size_t> Decode(std::string_view bytes, bool at_end, std::string* out) = 0;

  void NewLineAfter(size_t taken) {
    ++line_;
    line_begin_ = block_at_ + taken;
  }
  // `at`: the byte of the block that is wrong.
  absl::Status Wrong(size_t at, const std::string& what) const {
    return absl::InvalidArgumentError(Printable(name_) + ", line " + std::to_string(line_) +
                                      ", byte " + std::to_string(block_at_ + at - line_begin_ + 1) +
                                      " of the line: " + what);
  }

 private:
  absl::Status DecodeBlock() {
    ASSIGN_OR_RETURN(const size_t count,
                     text_->Read(std::span<char>(in_).subspan(left_, in_.size() - left_)));
    ended_ = count == 0;
    out_.clear();
    handed_out_ = 0;
    const size_t size = left_ + count;
    ASSIGN_OR_RETURN(const size_t taken, Decode({in_.data(), size}, ended_, &out_));
    left_ = size - taken;
    DRIFTWOOD_CHECK(left_ < 4 && (!ended_ || left_ == 0));
    std::memmove(in_.data(), in_.data() + taken, left_);
    block_at_ += taken;
    return absl::OkStatus();
  }

  const std::unique_ptr<ByteStream> text_;
  const std::string name_;
  std::vector<char> in_;
  size_t left_ = 0;        // at the beginning of in_: not decoded yet
  uint64_t block_at_ = 0;  // where in_ begins in the text
  uint64_t line_ = 1;
  uint64_t line_begin_ = 0;  // its place in the text
  bool ended_ = false;
  std::string out_;
  size_t handed_out_ = 0;
};

class SingleByteStream final : public TranscodedStream {
 public:
  SingleByteStream(Encoding encoding, std::unique_ptr<ByteStream> text, std::string name)
      : TranscodedStream(std::move(text), std::move(name)), encoding_(encoding) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      char32_t character = byte;
      if (byte >= 0x80 && byte < 0xA0) {
        if (encoding == Encoding::kLatin1) continue;
        if (encoding == Encoding::kWindows1252) character = kWindows1252[byte - 0x80];
        if (character == kNone) continue;
      }
      merkle::AppendUtf8(character, &characters_[byte]);
    }
  }

 protected:
  absl::StatusOr<size_t> Decode(std::string_view bytes, bool, std::string* out) override {
    for (size_t i = 0; i < bytes.size(); ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      if (byte < 0x80) {
        *out += bytes[i];
        if (byte == '\n') NewLineAfter(i + 1);
        continue;
      }
      if (characters_[byte].empty()) return Wrong(i, NoCharacter(bytes.substr(i, 1)));
      *out += characters_[byte];
    }
    return bytes.size();
  }

 private:
  std::string NoCharacter(std::string_view byte) const {
    const std::string what = "the byte " + Hex(byte);
    const char16_t character = kWindows1252[static_cast<unsigned char>(byte[0]) - 0x80];
    if (character == kNone)
      return what + " stands for no character in " +
             (encoding_ == Encoding::kLatin1 ? "latin1" : "windows-1252") +
             "; give the right encoding= (latin1, windows-1252, iso-8859-1, utf-16), or mend the "
             "file";
    std::string meant;
    merkle::AppendUtf8(character, &meant);
    return what + " is " + meant +
           " in windows-1252, and in latin1 a control character; say encoding=windows-1252, or "
           "encoding=iso-8859-1 for the control character";
  }

  const Encoding encoding_;
  std::string characters_[256];  // empty: none
};

class Utf16Stream final : public TranscodedStream {
 public:
  Utf16Stream(Encoding encoding, std::unique_ptr<ByteStream> text, std::string name)
      : TranscodedStream(std::move(text), std::move(name)),
        high_(encoding == Encoding::kUtf16Be ? 0 : 1) {}

 protected:
  absl::StatusOr<size_t> Decode(std::string_view bytes, bool at_end, std::string* out) override {
    const auto unit = [&](size_t at) {
      return static_cast<char32_t>(static_cast<unsigned char>(bytes[at + high_]) << 8 |
                                   static_cast<unsigned char>(bytes[at + 1 - high_]));
    };
    size_t at = 0;
    for (; at + 2 <= bytes.size(); at += 2) {
      char32_t character = unit(at);
      if (at_begin_) {
        at_begin_ = false;
        if (character == 0xFEFF) continue;
      }
      if (character >= 0xD800 && character < 0xE000) {
        const bool is_high = character < 0xDC00;
        if (is_high && at + 4 > bytes.size() && !at_end) return at;
        const char32_t low = is_high && at + 4 <= bytes.size() ? unit(at + 2) : 0;
        if (low < 0xDC00 || low >= 0xE000)
          return Wrong(at, "half of a surrogate pair (" + Hex(bytes.substr(at, 2)) +
                               "), which is no character of UTF-16; mend the file");
        character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
        at += 2;
      }
      merkle::AppendUtf8(character, out);
      if (character == '\n') NewLineAfter(at + 2);
    }
    if (at < bytes.size() && at_end)
      return Wrong(at,
                   "the text ends in the middle of a character of UTF-16; fetch the whole file "
                   "again");
    return at;
  }

 private:
  const size_t high_;  // where a unit's high byte is
  bool at_begin_ = true;
};

absl::Status Contradiction(const std::string& name, const char* mark) {
  return absl::InvalidArgumentError(Printable(name) + " begins with the byte order mark of " +
                                    mark +
                                    ", and its URL says another encoding; leave encoding= out");
}

}  // namespace

absl::StatusOr<std::optional<Encoding>> EncodingOf(const StoreUrl& url) {
  const std::optional<std::string> said = url.Parameter("encoding");
  if (!said) return std::optional<Encoding>();
  std::string names;
  for (const auto& [name, encoding] : kEncodings) {
    if (Lowercase(*said) == name) return std::optional<Encoding>(encoding);
  }
  for (size_t i = 0; i < kEncodingsNamed; ++i)
    names += (i == 0                     ? ""
              : i + 1 == kEncodingsNamed ? " or "
                                         : ", ") +
             std::string(kEncodings[i].first);
  return absl::InvalidArgumentError("encoding=" + Printable(*said) + ": say " + names +
                                    ", or convert the file to UTF-8 (iconv)");
}

absl::StatusOr<Encoding> EncodingByMark(std::string_view head, std::optional<Encoding> said,
                                        const std::string& name) {
  if (head.starts_with("\xFF\xFE\0\0"sv) || head.starts_with("\0\0\xFE\xFF"sv))
    return absl::InvalidArgumentError(Printable(name) +
                                      " is in UTF-32; convert it to UTF-8 (iconv)");
  if (head.starts_with("\xEF\xBB\xBF")) {
    if (said && *said != Encoding::kUtf8) return Contradiction(name, "UTF-8");
    return Encoding::kUtf8;
  }
  const bool little = head.starts_with("\xFF\xFE");
  if (little || head.starts_with("\xFE\xFF")) {
    const Encoding marked = little ? Encoding::kUtf16Le : Encoding::kUtf16Be;
    if (said && *said != Encoding::kUtf16 && *said != marked)
      return Contradiction(name, little ? "UTF-16 (little-endian)" : "UTF-16 (big-endian)");
    return marked;
  }
  if (said == Encoding::kUtf16 && head.empty()) return Encoding::kUtf16Le;  // nothing to read
  if (said == Encoding::kUtf16)
    return absl::InvalidArgumentError(
        Printable(name) +
        " has no byte order mark, which says how its UTF-16 is to be read; say encoding=utf-16le "
        "(what Windows writes) or encoding=utf-16be");
  return said.value_or(Encoding::kUtf8);
}

std::unique_ptr<ByteStream> Transcoded(Encoding encoding, std::unique_ptr<ByteStream> text,
                                       const std::string& name) {
  DRIFTWOOD_CHECK(encoding != Encoding::kUtf8 && encoding != Encoding::kUtf16);
  if (IsUtf16(encoding)) return std::make_unique<Utf16Stream>(encoding, std::move(text), name);
  return std::make_unique<SingleByteStream>(encoding, std::move(text), name);
}

}  // namespace driftwood::agent
