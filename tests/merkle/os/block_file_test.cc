#include "merkle/os/block_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "merkle/os/room.h"
#include "merkle/os/temporary_folder.h"
#include "tests/testing/unnamed_files.h"

namespace driftwood::merkle {
namespace {

class BlockFileTest : public ::testing::Test {
 protected:
  BlockFile Create() { return BlockFile::Create(folder_.path(), "the file of the test").value(); }
  static absl::StatusOr<std::vector<std::string>> ReadAll(const BlockFile& file) {
    std::vector<std::string> blocks;
    for (uint64_t offset = 0; offset < file.end();) {
      absl::StatusOr<std::string> block = file.Read(&offset);
      if (!block.ok()) return block.status();
      blocks.push_back(*std::move(block));
    }
    return blocks;
  }

  const TemporaryFolder folder_ = TemporaryFolder::Create().value();
};

TEST_F(BlockFileTest, BlocksComeBackInTheirOrderAndFromWhereEachBegins) {
  BlockFile file = Create();
  const std::vector<std::string> blocks = {"one", "", std::string(70'000, 'x'), "four"};
  std::vector<uint64_t> begins;
  for (const std::string& block : blocks) {
    begins.push_back(file.end());
    ASSERT_TRUE(file.Append(block).ok());
  }
  EXPECT_EQ(*ReadAll(file), blocks);
  for (size_t i = blocks.size(); i-- > 0;) {
    uint64_t offset = begins[i];
    EXPECT_EQ(*file.Read(&offset), blocks[i]);
    EXPECT_EQ(offset, i + 1 < blocks.size() ? begins[i + 1] : file.end());
  }
}

TEST_F(BlockFileTest, NothingIsBehindTheEnd) {
  BlockFile file = Create();
  ASSERT_TRUE(file.Append("one").ok());
  uint64_t offset = file.end();
  EXPECT_TRUE(absl::IsDataLoss(file.Read(&offset).status()));
}

TEST_F(BlockFileTest, AByteThatChangedOrAnEndThatIsGoneIsAnError) {
  BlockFile file = Create();
  for (const char* const block : {"one", "two", "three"}) ASSERT_TRUE(file.Append(block).ok());
  const std::vector<int> files = testing::UnnamedFilesIn(folder_.path());
  ASSERT_EQ(files.size(), 1u);
  for (off_t at = 0; at < static_cast<off_t>(file.end()); ++at) {
    char before = 0;
    ASSERT_EQ(::pread(files[0], &before, 1, at), 1);
    const char changed = static_cast<char>(before ^ 0x20);
    ASSERT_EQ(::pwrite(files[0], &changed, 1, at), 1);
    EXPECT_TRUE(absl::IsDataLoss(ReadAll(file).status())) << "byte " << at;
    ASSERT_EQ(::pwrite(files[0], &before, 1, at), 1);
  }
  EXPECT_TRUE(ReadAll(file).ok());
  ASSERT_EQ(::ftruncate(files[0], static_cast<off_t>(file.end()) - 1), 0);
  EXPECT_TRUE(absl::IsDataLoss(ReadAll(file).status()));
}

TEST_F(BlockFileTest, OfADiskThatIsFullWhatWasWrittenIsThere) {
  BlockFile file = Create();
  const std::string block(1000, 'b');
  size_t appended = 0;
  {
    const testing::FullDisk full(100'500);
    absl::Status status;
    while (appended < 1000 && (status = file.Append(block)).ok()) ++appended;
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("the file of the test: write"));
    EXPECT_THAT(std::string(status.message()), ::testing::EndsWith(RoomAdvice(folder_.path())));
  }
  EXPECT_FALSE(file.Append(block).ok());  // still: a part of a block may stand at the end
  EXPECT_GT(appended, 50u);
  EXPECT_EQ(*ReadAll(file), std::vector<std::string>(appended, block));
}

TEST_F(BlockFileTest, ADirectoryThatIsNotThereIsAnError) {
  const auto file = BlockFile::Create(folder_.path() / "missing", "the file of the test");
  EXPECT_THAT(std::string(file.status().message()),
              ::testing::HasSubstr("the file of the test: create: No such file"));
}

}  // namespace
}  // namespace driftwood::merkle
