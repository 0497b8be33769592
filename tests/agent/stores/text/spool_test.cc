#include "agent/stores/text/spool.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

TEST(SpoolTest, WhatWentInIsReadBackAtAnyOffset) {
  const testing::Seed given;
  std::mt19937 random(static_cast<uint32_t>(given.value()));
  for (const size_t size : {size_t{0}, size_t{1}, size_t{70'000}, size_t{3'000'000}}) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    PieceStream stream(text, 1 + size / 3);
    const auto spool = Spool::Of(stream, "t", " of it", {});
    ASSERT_TRUE(spool.ok()) << spool.status();
    ASSERT_EQ((*spool)->size(), size);
    EXPECT_EQ((*spool)->PlaceNote(), " of it");
    for (int i = 0; i < 50; ++i) {
      const size_t begin = random() % (size + 1), count = random() % (size - begin + 1);
      std::string part(count, '\0');
      ASSERT_TRUE((*spool)->ReadAt(begin, part).ok());
      EXPECT_EQ(part, text.substr(begin, count));
    }
  }
}

TEST(SpoolTest, AnErrorOfTheStreamIsNoShorterText) {
  class Failing final : public ByteStream {
    absl::StatusOr<size_t> Read(std::span<char> to) override {
      if (++reads_ > 2) return absl::InvalidArgumentError("cut off");
      to[0] = 'x';
      return 1;
    }
    int reads_ = 0;
  };
  Failing stream;
  EXPECT_EQ(Spool::Of(stream, "t", "", {}).status(), absl::InvalidArgumentError("cut off"));
}

TEST(SpoolTest, WhatDoesNotFitIsAnErrorThatSaysWhatToDo) {
  PieceStream stream("text", 10);
  SpoolOptions options;
  options.free_bytes_min = ~uint64_t{0};
  const absl::Status status = Spool::Of(stream, "t.csv.gz", "", options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the text of t.csv.gz does not fit"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("set TMPDIR to a place with more room"));
}

// A bomb fills no disk: it is looked at what is left as the text comes.
TEST(SpoolTest, ATextWithoutAnEndEndsWhereTheRoomDoes) {
  class Endless final : public ByteStream {
   public:
    absl::StatusOr<size_t> Read(std::span<char> to) override {
      total += to.size();
      return to.size();
    }
    uint64_t total = 0;
  };
  std::error_code error;
  const auto space = std::filesystem::space(std::filesystem::temp_directory_path(), error);
  if (error || space.available < (uint64_t{1} << 30)) GTEST_SKIP() << "no room to try it in";
  Endless stream;
  SpoolOptions options;
  options.free_bytes_min = space.available - (uint64_t{64} << 20);
  EXPECT_EQ(Spool::Of(stream, "t", "", options).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_LT(stream.total, uint64_t{512} << 20);
}

TEST(SpoolTest, NothingIsLeftOfItInTheTemporaryDirectory) {
  const testing::TempDir folder;
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TMPDIR", folder.path().c_str(), 1);
  PieceStream stream("text", 10);
  const auto spool = Spool::Of(stream, "t", "", {});
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  std::string text(4, '\0');
  EXPECT_TRUE((*spool)->ReadAt(0, text).ok());
  EXPECT_EQ(text, "text");
}

}  // namespace
}  // namespace driftwood::agent
