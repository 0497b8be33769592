#include "agent/stores/csv/csv_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/check.h"
#include "tests/agent/stores/text/text_store_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using LineEnd = CsvDialect::LineEnd;
using Random = std::mt19937_64;

constexpr size_t kReadAtOnce = size_t{64} << 10;  // where ReadFirstCsvRecord() looks for a line end

CsvFirstRecord First(std::string_view text, const CsvDialect& dialect = {}, bool header = true) {
  const auto first = ReadFirstCsvRecord(MemorySource(text), dialect, header, ChunkOptions());
  DRIFTWOOD_CHECK(first.ok());
  return *first;
}

uint64_t EndOf(std::string_view text, LineEnd line_end, size_t columns, uint64_t first = 0) {
  CsvDialect dialect;
  dialect.line_end = line_end;
  const auto end = EndOfCsvRecords(MemorySource(text), first, columns, dialect);
  DRIFTWOOD_CHECK(end.ok());
  return *end;
}

// Like `text`, of random bytes of an alphabet.
std::string RandomText(Random& random, std::string_view alphabet, size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = alphabet[random() % alphabet.size()];
  return text;
}

// ---- where records end ----

TEST(CsvRecordEndsTest, ALineEndCountsIfItIsOutsideOfQuotes) {
  const struct {
    std::string_view fresh;
    size_t after;
  } cases[] = {{"", 0},         {"a,b", 0},         {"\n", 1},           {"a\nb", 2},
               {"a\nb\nc", 4},  {"\"a\n", 0},       {"\"a\"\n\"b\n", 4}, {"\"a\"\"\n\"\nb", 7},
               {"a\r\nb\r", 3}, {"\"\n\"\n\"\n", 4}};
  for (const auto& c : cases) EXPECT_EQ(CsvRecordEnds().After(c.fresh), c.after) << c.fresh;
}

TEST(CsvRecordEndsTest, QuotesAreCountedOverAllPieces) {
  CsvRecordEnds ends;
  EXPECT_EQ(ends.After("a,\"b"), 0u);
  EXPECT_EQ(ends.After("\n\n"), 0u) << "in quotes";
  EXPECT_EQ(ends.After("\""), 0u);
  EXPECT_EQ(ends.After("\"\n"), 0u) << "a doubled quote, of which each piece has one";
  EXPECT_EQ(ends.After("\"\n\""), 2u);
  EXPECT_EQ(ends.After("\n"), 0u);
}

TEST(CsvRecordEndsTest, RandomPiecesEndWhereTheTwinSays) {
  const testing::Seed seed;
  Random random(seed.value());
  for (int round = 0; round < 3000; ++round) {
    const std::string text = RandomText(random, "ab,\"\"\n\r", random() % 300);
    CsvRecordEnds ends;
    bool in_quotes = false;
    for (size_t at = 0; at < text.size();) {
      const size_t size = std::min<size_t>(1 + random() % 100, text.size() - at);
      size_t expected = 0;
      for (size_t i = 0; i < size; ++i) {
        if (text[at + i] == '"') in_quotes = !in_quotes;
        if (text[at + i] == '\n' && !in_quotes) expected = i + 1;
      }
      ASSERT_EQ(ends.After(std::string_view(text).substr(at, size)), expected) << text << at;
      at += size;
    }
  }
}

// ---- the first record ----

TEST(CsvFirstRecordTest, ItsFieldsAndItsEndAreTold) {
  const CsvFirstRecord first = First("a,\"b,\"\"\n\",\n1,2,3\n4,5,6\n");
  EXPECT_TRUE(first.present);
  EXPECT_THAT(first.fields, ElementsAre("a", "b,\"\n", ""));
  EXPECT_EQ(first.begin, 0u);
  EXPECT_EQ(first.end, 11u);
  EXPECT_EQ(first.line_end, LineEnd::kLf);
  EXPECT_EQ(first.records_estimate, 2u);
  EXPECT_FALSE(first.error);
}

TEST(CsvFirstRecordTest, AByteOrderMarkStandsBeforeIt) {
  const CsvFirstRecord first = First("\xEF\xBB\xBFid,v\n1,2\n");
  EXPECT_THAT(first.fields, ElementsAre("id", "v"));
  EXPECT_EQ(first.begin, 3u);
  EXPECT_EQ(first.end, 8u);
  EXPECT_EQ(First("\xEF\xBB\xBF").begin, 3u);
  EXPECT_FALSE(First("\xEF\xBB\xBF").present);
  EXPECT_THAT(First("\xEF\xBBid\n").fields, ElementsAre("\xEF\xBBid"));
}

TEST(CsvFirstRecordTest, AnEmptyFileHasNone) {
  const CsvFirstRecord first = First("");
  EXPECT_FALSE(first.present);
  EXPECT_EQ(first.end, 0u);
  EXPECT_FALSE(first.error);
}

TEST(CsvFirstRecordTest, WithoutALineEndItIsTheWholeFile) {
  const CsvFirstRecord first = First("id,v");
  EXPECT_THAT(first.fields, ElementsAre("id", "v"));
  EXPECT_EQ(first.end, 4u);
  EXPECT_EQ(first.records_estimate, 0u);
}

TEST(CsvFirstRecordTest, LineEndsAreThoseOfTheFirstLine) {
  EXPECT_EQ(First("a,b\n1,2\r\n").line_end, LineEnd::kLf);
  EXPECT_EQ(First("a,b\r\n1,2\n").line_end, LineEnd::kCrLf);
  EXPECT_EQ(First("a,b\r1,2\r").line_end, LineEnd::kCr);
  EXPECT_EQ(First("a,b").line_end, LineEnd::kLf);
  EXPECT_EQ(First("a,b\r").line_end, LineEnd::kCr);
  EXPECT_EQ(First("\"a\r\",b\n1,2").line_end, LineEnd::kLf);
  EXPECT_EQ(First("\"a\n\",b\r\n1,2").line_end, LineEnd::kCrLf);
  EXPECT_EQ(First("\"a\n\",b\r1,2").line_end, LineEnd::kCr);
}

TEST(CsvFirstRecordTest, CarriageReturnsEndLinesWhereverTheFileIsReadInPieces) {
  for (size_t size = kReadAtOnce - 4; size <= kReadAtOnce + 2; ++size) {
    // The last CR is byte number size + 1; behind it there is neither another one nor an LF.
    std::string text = "a,b\r" + std::string(size - 6, 'x') + ",y\r";
    text += "1,2";
    const CsvFirstRecord first = First(text);
    EXPECT_EQ(first.line_end, LineEnd::kCr) << size;
    EXPECT_EQ(first.end, 4u) << size;
  }
}

TEST(CsvFirstRecordTest, WhatIsNoRecordIsAnErrorAtItsPlace) {
  const struct {
    std::string_view text;
    uint64_t offset;
    const char* message;
  } cases[] = {{"a,\"b", 2, "is not closed before the end of the file"},
               {"a,b\"c\n", 3, "a quote in the middle of an unquoted field"},
               {"a,\"b\"c\n", 5, "text after a closing quote"},
               {"a,b\rc\n", 3, "a carriage return in an unquoted field"},
               {std::string_view("a,b\0\n", 5), 3, "a NUL byte"}};
  for (const auto& c : cases) {
    const CsvFirstRecord first = First(c.text);
    ASSERT_TRUE(first.error) << c.text;
    EXPECT_EQ(first.error->offset, c.offset) << c.text;
    EXPECT_THAT(first.error->message, HasSubstr(c.message));
    EXPECT_EQ(first.end, 0u);
  }
}

TEST(CsvFirstRecordTest, ARecordBeyondTheLimitIsAnError) {
  ChunkOptions options;
  options.chunk_bytes = 16;
  options.record_bytes_max = 100;
  const std::string text = "a," + std::string(200, 'x') + "\n";
  const auto first = ReadFirstCsvRecord(MemorySource(text), {}, true, options);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(first->error);
  EXPECT_FALSE(first->present);
  EXPECT_THAT(first->error->message, HasSubstr("longer than 100 bytes"));
}

// The estimate is exact where one chunk has the whole file, quotes and all.
TEST(CsvFirstRecordTest, OfASmallFileTheEstimateIsTheNumberOfRecords) {
  const testing::Seed seed;
  Random random(seed.value());
  for (int round = 0; round < 300; ++round) {
    const std::string line_end = std::array{"\n", "\r\n", "\r"}[random() % 3];
    std::string text = "id,v" + line_end;
    const size_t records = random() % 20;
    for (size_t i = 0; i < records; ++i) {
      text += std::to_string(i) + ",";
      text += random() % 3 == 0 ? "\"a\nb\r\"\"\"" : "ab";
      text += line_end;
    }
    EXPECT_EQ(First(text).records_estimate, records) << text;
  }
}

TEST(CsvFirstRecordTest, OfALargeFileTheFirstChunkIsTakenForAll) {
  std::string text = "id,v\n";
  for (int i = 0; i < 10'000; ++i) text += "1000,2000\n";
  ChunkOptions options;
  options.chunk_bytes = 1000;
  const auto first = ReadFirstCsvRecord(MemorySource(text), {}, true, options);
  ASSERT_TRUE(first.ok() && first->records_estimate);
  EXPECT_NEAR(static_cast<double>(*first->records_estimate), 10'000, 100);
}

// ---- the end of the records ----

TEST(EndOfCsvRecordsTest, LineEndsAfterTheLastRecordHoldNothing) {
  EXPECT_EQ(EndOf("1,2\n", LineEnd::kLf, 2), 4u);
  EXPECT_EQ(EndOf("1,2", LineEnd::kLf, 2), 3u);
  EXPECT_EQ(EndOf("1,2\n\n\n", LineEnd::kLf, 2), 4u);
  EXPECT_EQ(EndOf("1,2\r\n\r\n\r\n", LineEnd::kCrLf, 2), 5u);
  EXPECT_EQ(EndOf("1,2\r\r", LineEnd::kCr, 2), 4u);
  EXPECT_EQ(EndOf("\n\n", LineEnd::kLf, 2), 0u);
  EXPECT_EQ(EndOf("a,b\n\n", LineEnd::kLf, 2, 4), 4u) << "only blank lines after a header";
  EXPECT_EQ(EndOf("", LineEnd::kLf, 2), 0u);
  // In a file of LF a CR is no part of a blank line.
  EXPECT_EQ(EndOf("1,2\n\r\n", LineEnd::kLf, 2), 6u);
}

TEST(EndOfCsvRecordsTest, OfOneColumnABlankLineIsARecord) {
  EXPECT_EQ(EndOf("1\n\n\n", LineEnd::kLf, 1), 4u);
  EXPECT_EQ(EndOf("\n", LineEnd::kLf, 1), 1u);
}

TEST(EndOfCsvRecordsTest, ACtrlZAloneInTheLastLineHoldsNothing) {
  EXPECT_EQ(EndOf("a,b\n\x1A", LineEnd::kLf, 2), 4u);
  EXPECT_EQ(EndOf("a,b\r\n\x1A", LineEnd::kCrLf, 2), 5u);
  EXPECT_EQ(EndOf("a,b\r\x1A", LineEnd::kCr, 2), 4u);
  EXPECT_EQ(EndOf("a,b\n\n\x1A", LineEnd::kLf, 2), 4u) << "behind a blank line";
  EXPECT_EQ(EndOf("a,b\n\x1A", LineEnd::kLf, 2, 4), 4u) << "behind a header alone";
  EXPECT_EQ(EndOf("a,b\x1A", LineEnd::kLf, 2), 4u) << "a part of the value";
  EXPECT_EQ(EndOf("a,b\n\x1A\n", LineEnd::kLf, 2), 6u);
  EXPECT_EQ(EndOf("a\n\x1A", LineEnd::kLf, 1), 3u) << "in one column a value";
}

TEST(EndOfCsvRecordsTest, RandomTextsEndWhereTheTwinSays) {
  const testing::Seed seed;
  Random random(seed.value());
  for (int round = 0; round < 5000; ++round) {
    const std::string text = RandomText(random, "a\n\n\r", random() % 10);
    const LineEnd line_end = std::array{LineEnd::kLf, LineEnd::kCrLf, LineEnd::kCr}[random() % 3];
    const char last = line_end == LineEnd::kCr ? '\r' : '\n';
    // Takes line ends away for as long as what is left of the text ends a line, or is empty.
    std::string_view left = text;
    while (!left.empty() && left.back() == last) {
      std::string_view shorter = left.substr(0, left.size() - 1);
      if (line_end == LineEnd::kCrLf && shorter.ends_with('\r')) shorter.remove_suffix(1);
      if (!shorter.empty() && shorter.back() != last) break;
      left = shorter;
    }
    ASSERT_EQ(EndOf(text, line_end, 2), left.size()) << text << static_cast<int>(line_end);
  }
}

// ---- rows ----

struct Decoded {
  std::vector<std::string> rows;
  std::vector<uint64_t> origins;
  ChunkDecoder::Result result;
};

// Decodes a chunk that begins at byte 1000 of its file.
Decoded Decode(std::string_view text, const CsvDecoder& decoder) {
  Chunk chunk(std::make_shared<BufferPool>(), text.size() + kChunkPadding);
  std::copy(text.begin(), text.end(), chunk.begin());
  chunk.size = text.size();
  chunk.offset = 1000;
  chunk.ClearPadding();
  Rows sink;
  Decoded decoded;
  decoded.result = decoder.Decode(chunk, sink);
  decoded.rows = std::move(sink.rows);
  decoded.origins = std::move(sink.origins);
  return decoded;
}

TEST(CsvDecoderTest, ColumnsGoToTheirPlacesAndThoseThatAreNotNeededNowhere) {
  const Decoded decoded = Decode("a,b,c\n,\"\",\"c\"\n", CsvDecoder({}, {2, 3, 0}, 3));
  EXPECT_FALSE(decoded.result.error);
  EXPECT_THAT(decoded.rows, ElementsAre("'c' NULL 'a'", "'c' NULL NULL"));
  EXPECT_THAT(decoded.origins, ElementsAre(1000u, 1006u));
}

TEST(CsvDecoderTest, RowsBeforeAWrongRecordAreGiven) {
  const struct {
    std::string_view text;
    uint64_t offset;
    const char* message;
  } cases[] = {{"1,2\n3\n", 1005, "this record has 1 field instead of 2"},
               {"1,2\n3,4,5\n", 1008, "this record has more than 2 fields"},
               {"1,2\n\n3,4\n", 1004, "a blank line, where a record has 2 fields"},
               {"1,2\n3,\"4\n", 1006, "is not closed"},
               {"1,2\n3,4\r5\n", 1007, "a carriage return in an unquoted field"},
               {"1,2\n3,4\r\n", 1007, "the file's first with LF"}};
  for (const auto& c : cases) {
    const Decoded decoded = Decode(c.text, CsvDecoder({}, {0, 1}, 2));
    EXPECT_THAT(decoded.rows, ElementsAre("'1' '2'")) << c.text;
    ASSERT_TRUE(decoded.result.error) << c.text;
    EXPECT_EQ(decoded.result.error->offset, c.offset) << c.text;
    EXPECT_THAT(decoded.result.error->message, HasSubstr(c.message));
    EXPECT_TRUE(decoded.result.sink.ok());
  }
}

TEST(CsvDecoderTest, AnErrorOfTheSinkEndsIt) {
  struct Full final : RowSink {
    absl::Status Row(std::span<const SourceValue>, uint64_t) override {
      return ++rows == 2 ? absl::ResourceExhaustedError("full") : absl::OkStatus();
    }
    int rows = 0;
  } full;
  Chunk chunk(std::make_shared<BufferPool>(), 100);
  const std::string_view text = "1\n2\n3\n\"\n";
  std::copy(text.begin(), text.end(), chunk.begin());
  chunk.size = text.size();
  chunk.ClearPadding();
  const auto result = CsvDecoder({}, {0}, 1).Decode(chunk, full);
  EXPECT_EQ(result.sink.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(result.error);
  EXPECT_EQ(full.rows, 2);
}

// Bytes behind the chunk are never taken for its own, and it is never read beyond the padding.
TEST(CsvDecoderTest, RandomBytesGiveRowsOrAnErrorWithinTheChunk) {
  const testing::Seed seed;
  Random random(seed.value());
  for (int round = 0; round < 20'000; ++round) {
    std::string text = RandomText(random, std::string_view("ab,,\"\"\n\r\0", 9), random() % 200);
    text += '\n';  // as RecordChunks hands them out
    const Decoded decoded = Decode(text, CsvDecoder({}, {0, 1}, 2));
    if (decoded.result.error) {
      ASSERT_LE(decoded.result.error->offset, 1000 + text.size()) << text;
    }
    ASSERT_TRUE(std::is_sorted(decoded.origins.begin(), decoded.origins.end()));
  }
}

}  // namespace
}  // namespace driftwood::agent
