#include "agent/stores/text/decompress.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Format {
  const char* name;
  Compression compression;
  std::string (*pack)(std::string_view text);
};

// A text that compresses to something of some length.
std::string SomeText(size_t lines, uint32_t seed) {
  std::mt19937 random(seed);
  std::string text;
  for (size_t i = 0; i < lines; ++i)
    text += std::to_string(i) + ",name " + std::to_string(random() % 1000) + "\n";
  return text;
}

class DecompressTest : public ::testing::TestWithParam<Format> {
 protected:
  static std::string Pack(std::string_view text) { return GetParam().pack(text); }
  static absl::StatusOr<std::string> Unpack(const std::string& packed, size_t piece_max = 1 << 16,
                                            uint32_t seed = 1) {
    const auto stream = Decompressed(
        GetParam().compression, std::make_unique<PieceStream>(packed, piece_max, seed), "t.csv.gz");
    return ReadToEnd(*stream, piece_max, seed);
  }
  static std::string ErrorOf(const std::string& packed) {
    const auto text = Unpack(packed);
    EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument) << text.status();
    const std::string message(text.status().message());
    EXPECT_THAT(message, HasSubstr("t.csv.gz: the " + std::string(GetParam().name)));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    return message;
  }
};

TEST_P(DecompressTest, ATextComesBackWhateverTheSizesOfThePieces) {
  const testing::Seed given;
  std::mt19937 random(static_cast<uint32_t>(given.value()));
  for (int round = 0; round < 60; ++round) {
    const auto seed = static_cast<uint32_t>(random());
    SCOPED_TRACE(seed);
    const std::string text = SomeText(seed % 3000, seed);
    EXPECT_EQ(Unpack(Pack(text), 1 + seed % 200, seed).value(), text);
    EXPECT_EQ(CompressionOf(Pack(text)), GetParam().compression);
  }
}

TEST_P(DecompressTest, ItsMembersAreOneText) {
  const std::string a = SomeText(100, 1), b = SomeText(2000, 2);
  const std::string packed = Pack(a) + Pack("") + Pack(b) + Pack("");
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{1000}, size_t{1} << 20})
    EXPECT_EQ(Unpack(packed, piece).value(), a + b) << piece;
  EXPECT_EQ(Unpack(Pack("")).value(), "");
}

TEST_P(DecompressTest, CutOffAtAnyByteItIsAnErrorAndNeverAShorterText) {
  const std::string first = Pack(SomeText(40, 3)), second = Pack(SomeText(30, 4));
  const std::string packed = first + second;
  for (size_t size = 0; size < packed.size(); ++size) {
    if (size == first.size()) continue;  // a whole archive
    EXPECT_THAT(ErrorOf(packed.substr(0, size)), HasSubstr("is cut off")) << size;
  }
}

TEST_P(DecompressTest, NoDamagedBitGoesUnnoticed) {
  const std::string text = SomeText(60, 5);
  const std::string packed = Pack(text);
  size_t same = 0;
  for (size_t bit = 0; bit < 8 * packed.size(); ++bit) {
    std::string damaged = packed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto unpacked = Unpack(damaged);
    // Bits that mean nothing (a time, the system that packed it) change no text.
    if (unpacked.ok()) {
      EXPECT_EQ(*unpacked, text) << "bit " << bit;
      ++same;
    } else {
      EXPECT_EQ(unpacked.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
  EXPECT_LT(same, 80u);
}

TEST_P(DecompressTest, WhatFollowsItsEndIsAnError) {
  const std::string packed = Pack("a,b\n1,2\n");
  for (const std::string& more :
       {std::string(1, '\0'), std::string(512, '\0'), std::string("1,2\n"),
        std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")}) {
    EXPECT_THAT(ErrorOf(packed + more), ::testing::AnyOf(HasSubstr("what follows is no other one"),
                                                         HasSubstr("is cut off")));
  }
  EXPECT_THAT(ErrorOf(packed + "these are more than four bytes"),
              HasSubstr("ends at byte " + std::to_string(packed.size()) + ","));
}

TEST_P(DecompressTest, AnErrorBelowIsPassedOn) {
  class Failing final : public ByteStream {
    absl::StatusOr<size_t> Read(std::span<char>) override { return absl::DataLossError("disk"); }
  };
  const auto stream = Decompressed(GetParam().compression, std::make_unique<Failing>(), "t");
  EXPECT_EQ(ReadToEnd(*stream, 10).status(), absl::DataLossError("disk"));
}

TEST_P(DecompressTest, ABombComesOutPieceByPiece) {
  const std::string packed = Pack(std::string(size_t{64} << 20, 'x'));
  EXPECT_LT(packed.size(), size_t{200'000});
  const auto stream =
      Decompressed(GetParam().compression, std::make_unique<PieceStream>(packed, 1 << 16), "t");
  std::vector<char> block(1000);
  for (int i = 0; i < 100; ++i) EXPECT_LE(stream->Read(block).value(), block.size());
}

INSTANTIATE_TEST_SUITE_P(Formats, DecompressTest,
                         ::testing::Values(Format{"gzip", Compression::kGzip,
                                                  [](std::string_view text) { return Gzip(text); }},
                                           Format{
                                               "zstd", Compression::kZstd,
                                               [](std::string_view text) { return Zstd(text); }}),
                         [](const auto& one) { return one.param.name; });

// bgzip marks its members, and ends with an empty one.
TEST(GzipTest, AnArchiveOfBgzipThatWasCutOffBetweenItsMembersIsSeen) {
  const auto block = [](std::string_view text) {
    z_stream zlib = {};
    DRIFTWOOD_CHECK(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytef extra[6] = {'B', 'C', 2, 0, 0, 0};
    gz_header header = {};
    header.extra = extra;
    header.extra_len = sizeof extra;
    DRIFTWOOD_CHECK(deflateSetHeader(&zlib, &header) == Z_OK);
    std::string packed(1000, '\0');
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    zlib.avail_in = static_cast<uInt>(text.size());
    zlib.next_out = reinterpret_cast<Bytef*>(packed.data());
    zlib.avail_out = static_cast<uInt>(packed.size());
    DRIFTWOOD_CHECK(deflate(&zlib, Z_FINISH) == Z_STREAM_END);
    packed.resize(zlib.total_out);
    deflateEnd(&zlib);
    return packed;
  };
  const auto unpack = [](const std::string& packed) {
    return ReadToEnd(
        *Decompressed(Compression::kGzip, std::make_unique<PieceStream>(packed, 7), "t"), 100);
  };
  EXPECT_EQ(unpack(block("a\n") + block("b\n") + block("")).value(), "a\nb\n");
  EXPECT_EQ(unpack(block("a\n") + block("") + Gzip("b\n")).value(), "a\nb\n");
  for (const std::string& cut : {block("a\n"), block("a\n") + block("b\n")})
    EXPECT_THAT(std::string(unpack(cut).status().message()), HasSubstr("is cut off"));
}

TEST(ZstdTest, AFrameToBeSkippedIsNoText) {
  const std::string skipped("\x5A\x2A\x4D\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(CompressionOf(skipped), Compression::kZstd);
  const auto stream = Decompressed(
      Compression::kZstd, std::make_unique<PieceStream>(skipped + Zstd("a\n") + skipped, 4), "t");
  EXPECT_EQ(ReadToEnd(*stream, 10).value(), "a\n");
}

TEST(ZstdTest, AWindowThatTakesTooMuchMemoryIsRefused) {
  const auto stream = Decompressed(
      Compression::kZstd, std::make_unique<PieceStream>(Zstd("some text", 30), 1000), "t.zst");
  EXPECT_THAT(std::string(ReadToEnd(*stream, 100).status().message()),
              HasSubstr("t.zst: the zstd archive needs more than 128 MiB of memory"));
}

TEST(CompressionOfTest, PlainTextsAreNone) {
  for (const char* text : {"", "\x1F", "id,name\n", "\xEF\xBB\xBFid\n", "(\xB5/", "PQ\x03\x04"})
    EXPECT_EQ(CompressionOf(text), Compression::kNone) << text;
}

TEST(CompressionOfTest, EndingsAreKnownInWhateverCase) {
  EXPECT_EQ(CompressionByName("a.csv.gz"), Compression::kGzip);
  EXPECT_EQ(CompressionByName("A.CSV.GZ"), Compression::kGzip);
  EXPECT_EQ(CompressionByName("a.zst"), Compression::kZstd);
  EXPECT_EQ(CompressionByName("a.csv"), Compression::kNone);
  EXPECT_EQ(CompressionByName("gz"), Compression::kNone);
}

}  // namespace
}  // namespace driftwood::agent
