#include "agent/stores/text/record_chunks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>

#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

class RecordChunksTest : public ::testing::Test {
 protected:
  std::string RandomLines() {
    std::string text(random_() % 400, 'x');
    for (char& c : text) c = random_() % 8 == 0 ? '\n' : static_cast<char>('a' + random_() % 26);
    return text;
  }

  const testing::Seed seed_;
  std::mt19937_64 random_{seed_.value()};
};

TEST_F(RecordChunksTest, ChunksOfWholeLinesAddUpToTheFileWhateverTheirSize) {
  for (int round = 0; round < 300; ++round) {
    const std::string text = RandomLines();
    const MemorySource source(text);
    const uint64_t begin = random_() % (text.size() + 1);
    ChunkOptions options;
    options.chunk_bytes = 1 + random_() % 60;
    RecordChunks chunks(source, begin, source.size(), options, std::make_unique<LineEnds>());
    std::string joined;
    for (;;) {
      auto step = chunks.Next();
      ASSERT_TRUE(step.ok()) << step.status();
      if (std::holds_alternative<std::monostate>(*step)) break;
      ASSERT_TRUE(std::holds_alternative<Chunk>(*step));
      const Chunk& chunk = std::get<Chunk>(*step);
      ASSERT_EQ(chunk.offset, begin + joined.size());
      ASSERT_GT(chunk.size, 0u);
      ASSERT_EQ(chunk.end()[-1], '\n');
      ASSERT_EQ(std::count(chunk.end(), chunk.end() + kChunkPadding, '\0'),
                static_cast<ptrdiff_t>(kChunkPadding));
      joined.append(chunk.begin(), chunk.end());
      ASSERT_EQ(chunk.newline_added, joined.size() > text.size() - begin);
    }
    std::string expected = text.substr(begin);
    if (!expected.empty() && expected.back() != '\n') expected += '\n';
    ASSERT_EQ(joined, expected);
    ASSERT_EQ(chunks.bytes_read(), text.size());
  }
}

TEST_F(RecordChunksTest, ARecordThatIsTooLongIsAnErrorWhereItBegins) {
  const std::string text = "short\n" + std::string(100, 'x') + "\n";
  const MemorySource source(text);
  ChunkOptions options;
  options.chunk_bytes = 10;
  options.record_bytes_max = 50;
  RecordChunks chunks(source, 0, source.size(), options, std::make_unique<LineEnds>());
  auto first = chunks.Next();
  ASSERT_TRUE(first.ok() && std::holds_alternative<Chunk>(*first));
  const auto second = chunks.Next();
  ASSERT_TRUE(second.ok() && std::holds_alternative<RecordError>(*second));
  EXPECT_EQ(std::get<RecordError>(*second).offset, 6u);
  EXPECT_EQ(std::get<RecordError>(*second).code, absl::StatusCode::kInvalidArgument);
}

TEST_F(RecordChunksTest, APlaceIsALineAndAByteInIt) {
  for (int round = 0; round < 200; ++round) {
    const std::string text = RandomLines();
    const MemorySource source(text);
    const size_t offset = random_() % (text.size() + 1);
    LineAndColumn expected;
    for (size_t i = 0; i < offset; ++i) {
      ++expected.column;
      if (text[i] == '\n') expected = {expected.line + 1, 1};
    }
    const auto place = LocateByte(source, offset);
    ASSERT_TRUE(place.ok()) << place.status();
    ASSERT_EQ(place->line, expected.line);
    ASSERT_EQ(place->column, expected.column);
  }
}

TEST_F(RecordChunksTest, BuffersOfTheUsualSizeAreUsedAgain) {
  BufferPool pool;
  BufferPool::Buffer small = pool.Take(1000);
  const char* const at = small.bytes.get();
  pool.Give(std::move(small));
  EXPECT_EQ(pool.Take(500).bytes.get(), at);
  BufferPool::Buffer large = pool.Take(size_t{8} << 20);
  pool.Give(std::move(large));
  EXPECT_LT(pool.Take(1).capacity, size_t{8} << 20);
}

}  // namespace
}  // namespace driftwood::agent
