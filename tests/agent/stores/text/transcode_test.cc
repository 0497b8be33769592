#include "agent/stores/text/transcode.h"

#include <iconv.h>

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"
#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/agent/stores/text/text_store_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using std::string_literals::operator""s;
using ::testing::HasSubstr;

// The C library's own conversion to UTF-8; nullopt for what it refuses.
std::optional<std::string> Iconv(const char* from, std::string text) {
  const iconv_t converter = ::iconv_open("UTF-8", from);
  DRIFTWOOD_CHECK(converter != reinterpret_cast<iconv_t>(-1));
  std::string out(4 * text.size() + 4, '\0');
  char* in_at = text.data();
  char* out_at = out.data();
  size_t in_left = text.size(), out_left = out.size();
  const size_t rc = ::iconv(converter, &in_at, &in_left, &out_at, &out_left);
  ::iconv_close(converter);
  if (rc == static_cast<size_t>(-1) || in_left != 0) return std::nullopt;
  out.resize(out.size() - out_left);
  return out;
}

absl::StatusOr<std::string> Decode(Encoding encoding, const std::string& text,
                                   size_t piece_max = 1000, uint32_t seed = 1) {
  const auto stream =
      Transcoded(encoding, std::make_unique<PieceStream>(text, piece_max, seed), "t.csv");
  return ReadToEnd(*stream, piece_max, seed);
}

std::string ErrorOf(Encoding encoding, const std::string& text) {
  const auto decoded = Decode(encoding, text);
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument) << decoded.status();
  for (const size_t piece : {1u, 2u, 3u, 5u}) {
    EXPECT_EQ(Decode(encoding, text, piece).status(), decoded.status()) << piece;
  }
  return std::string(decoded.status().message());
}

// `text` is UTF-8.
std::string Utf16(std::string_view text, bool little, bool mark = true) {
  std::string out;
  const auto unit = [&](unsigned code) {
    const char high = static_cast<char>(code >> 8), low = static_cast<char>(code & 0xFF);
    out += little ? std::string{low, high} : std::string{high, low};
  };
  if (mark) unit(0xFEFF);
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = merkle::Utf8CharacterBytes(text.data() + at, text.data() + text.size());
    const auto code = static_cast<unsigned>(merkle::DecodeUtf8(text.data() + at, bytes));
    at += bytes;
    if (code < 0x10000) {
      unit(code);
    } else {
      unit(0xD800 + ((code - 0x10000) >> 10));
      unit(0xDC00 + ((code - 0x10000) & 0x3FF));
    }
  }
  return out;
}

TEST(TranscodeTest, EachByteIsTheCharacterThatTheCLibrarySays) {
  const struct {
    Encoding encoding;
    const char* name;
  } cases[] = {{Encoding::kIso8859_1, "ISO-8859-1"}, {Encoding::kWindows1252, "CP1252"}};
  for (const auto& c : cases) {
    for (int byte = 0; byte < 256; ++byte) {
      const std::string text = "a" + std::string(1, static_cast<char>(byte)) + "b";
      const auto expected = Iconv(c.name, text);
      const auto decoded = Decode(c.encoding, text);
      EXPECT_EQ(decoded.ok(), expected.has_value()) << c.name << " " << byte;
      if (decoded.ok() && expected) {
        EXPECT_EQ(*decoded, *expected) << c.name << " " << byte;
      }
    }
  }
}

TEST(TranscodeTest, Latin1IsIso8859WithoutTheControlsThatAreWindows1252) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    if (byte >= 0x80 && byte < 0xA0) {
      EXPECT_FALSE(Decode(Encoding::kLatin1, text).ok()) << byte;
    } else {
      EXPECT_EQ(Decode(Encoding::kLatin1, text).value(), *Iconv("ISO-8859-1", text)) << byte;
    }
  }
  EXPECT_EQ(ErrorOf(Encoding::kLatin1, "id,price\n1,5 \x80\n"),
            "t.csv, line 2, byte 5 of the line: the byte 80 is € in windows-1252, and in latin1 a "
            "control character; say encoding=windows-1252, or encoding=iso-8859-1 for the control "
            "character");
}

TEST(TranscodeTest, UndefinedBytesAreErrorsAtTheirPlace) {
  for (const char byte : {'\x81', '\x8D', '\x8F', '\x90', '\x9D'}) {
    EXPECT_THAT(ErrorOf(Encoding::kWindows1252, "a\nb\n\xE4"s + byte + "c\n"),
                HasSubstr("t.csv, line 3, byte 2 of the line: the byte " +
                          std::string(byte == '\x81' ? "81" : "")));
  }
}

TEST(TranscodeTest, RandomTextsOfUtf16AreReadAsTheyWereWritten) {
  const testing::Seed given;
  std::mt19937 random(static_cast<uint32_t>(given.value()));
  for (int round = 0; round < 300; ++round) {
    const auto seed = static_cast<uint32_t>(random());
    SCOPED_TRACE(seed);
    std::string text;
    for (uint32_t i = 0; i < seed % 400; ++i) {
      const char32_t tops[] = {0x80, 0x800, 0x10000, 0x110000};
      const char32_t code = static_cast<char32_t>(random() % tops[random() % 4]);
      if (code >= 0xD800 && code < 0xE000) continue;
      if (text.empty() && code == 0xFEFF) continue;
      merkle::AppendUtf8(code, &text);
    }
    for (const bool little : {false, true}) {
      const Encoding encoding = little ? Encoding::kUtf16Le : Encoding::kUtf16Be;
      EXPECT_EQ(Decode(encoding, Utf16(text, little), 1 + seed % 9, seed).value(), text);
      EXPECT_EQ(Decode(encoding, Utf16(text, little, false), 1 + seed % 9, seed).value(), text);
    }
  }
}

TEST(TranscodeTest, RandomUnitsAreReadAsTheCLibraryReadsThem) {
  const testing::Seed given;
  std::mt19937 random(static_cast<uint32_t>(given.value()));
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string units;
    for (uint32_t i = 0; i < 1 + random() % 6; ++i) {
      const auto code =
          static_cast<uint32_t>(random() % 3 == 0 ? 0xD800 + random() % 0x800 : random() % 0x10000);
      units += {static_cast<char>(code & 0xFF), static_cast<char>(code >> 8)};
    }
    if (random() % 8 == 0) units.pop_back();
    if (units.starts_with("\xFF\xFE")) continue;
    const auto expected = Iconv("UTF-16LE", units);
    const auto decoded = Decode(Encoding::kUtf16Le, units, 1 + random() % 5);
    ASSERT_EQ(decoded.ok(), expected.has_value()) << Hex(units) << decoded.status();
    if (expected) {
      EXPECT_EQ(*decoded, *expected) << Hex(units);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(TranscodeTest, LongTextsPassTheEndsOfBlocks) {
  std::string text;
  while (text.size() < 600'000) text += "0123456789ä€😀\n";
  EXPECT_EQ(Decode(Encoding::kUtf16Be, Utf16(text, false), 100'000).value(), text);
}

TEST(TranscodeTest, HalvesOfPairsAndOfUnitsAreErrorsAtTheirPlace) {
  const auto le = [](std::string_view text) { return Utf16(text, true); };
  EXPECT_EQ(ErrorOf(Encoding::kUtf16Le, le("a\nb") + "\x3D\xD8" + "c\0"s),
            "t.csv, line 2, byte 3 of the line: half of a surrogate pair (3dd8), which is no "
            "character of UTF-16; mend the file");
  EXPECT_THAT(ErrorOf(Encoding::kUtf16Le, le("a") + "\x00\xDE"s), HasSubstr("line 1, byte 5"));
  EXPECT_THAT(ErrorOf(Encoding::kUtf16Le, le("a") + "\x3D\xD8"s), HasSubstr("half of a surrogate"));
  EXPECT_THAT(ErrorOf(Encoding::kUtf16Le, le("a\n") + "b"),
              HasSubstr("line 2, byte 1 of the line: the text ends in the middle of a character"));
}

TEST(EncodingTest, TheUrlSaysWhich) {
  const auto of = [](const std::string& name) {
    return EncodingOf(UrlOf("csv:t?encoding=" + name));
  };
  EXPECT_EQ(EncodingOf(UrlOf("csv:t")).value(), std::nullopt);
  EXPECT_EQ(of("latin1").value(), Encoding::kLatin1);
  EXPECT_EQ(of("Windows-1252").value(), Encoding::kWindows1252);
  EXPECT_EQ(of("utf-16").value(), Encoding::kUtf16);
  EXPECT_EQ(of("UTF-8").value(), Encoding::kUtf8);
  EXPECT_EQ(std::string(of("koi8-r").status().message()),
            "encoding=koi8-r: say utf-8, latin1, iso-8859-1, windows-1252, utf-16, utf-16le or "
            "utf-16be, or convert the file to UTF-8 (iconv)");
}

TEST(EncodingTest, AByteOrderMarkSaysItToo) {
  const auto of = [](std::string_view head, std::optional<Encoding> said = {}) {
    return EncodingByMark(head, said, "t");
  };
  EXPECT_EQ(of("").value(), Encoding::kUtf8);
  EXPECT_EQ(of("id").value(), Encoding::kUtf8);
  EXPECT_EQ(of("\xEF\xBB\xBFid").value(), Encoding::kUtf8);
  EXPECT_EQ(of("\xFF\xFEi\0"s).value(), Encoding::kUtf16Le);
  EXPECT_EQ(of("\xFE\xFF\0i"s).value(), Encoding::kUtf16Be);
  EXPECT_EQ(of("\xFE\xFF\0i"s, Encoding::kUtf16).value(), Encoding::kUtf16Be);
  EXPECT_EQ(of("\xE4", Encoding::kLatin1).value(), Encoding::kLatin1);
  EXPECT_EQ(of("i\0d\0"s, Encoding::kUtf16Le).value(), Encoding::kUtf16Le);
  const auto message = [&](auto head, std::optional<Encoding> said = {}) {
    return std::string(of(head, said).status().message());
  };
  EXPECT_THAT(message("i\0d\0"s, Encoding::kUtf16),
              HasSubstr("t has no byte order mark, which says how its UTF-16 is to be read; say "
                        "encoding=utf-16le"));
  EXPECT_THAT(message("\xEF\xBB\xBF", Encoding::kLatin1), HasSubstr("leave encoding= out"));
  EXPECT_THAT(message("\xFF\xFEi\0"s, Encoding::kUtf16Be), HasSubstr("leave encoding= out"));
  EXPECT_THAT(message("\xFF\xFEi\0"s, Encoding::kUtf8), HasSubstr("leave encoding= out"));
  EXPECT_THAT(message("\xFF\xFE\0\0"s), HasSubstr("t is in UTF-32; convert it to UTF-8"));
}

}  // namespace
}  // namespace driftwood::agent
