#include "coordinator/walk/divergence_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "merkle/os/temporary_folder.h"
#include "tests/coordinator/walk/walk_harness.h"
#include "tests/testing/unnamed_files.h"

namespace driftwood::coordinator {
namespace {

class DivergenceListTest : public RandomWalkTest {
 protected:
  std::vector<Divergence> Random(size_t size) {
    const size_t replicas = 1 + Below(4);
    std::vector<Divergence> divergences;
    for (size_t i = 0; i < size; ++i) {
      Divergence& one = divergences.emplace_back();
      one.key = IntegerKey(i) + std::string(Below(200), 'k');
      for (size_t r = 0; r < replicas; ++r) {
        const bool has = Below(3) != 0;
        one.states.push_back(has ? std::optional(AnyDigest()) : std::nullopt);
      }
      if (Below(10) == 0) {
        one.duplicates.push_back({Below(replicas), {{Below(300), AnyDigest()}, {7, AnyDigest()}}});
      }
    }
    return divergences;
  }
  absl::StatusOr<DivergenceList> Write(const std::vector<Divergence>& divergences,
                                       uint64_t held_bytes_max) {
    DivergenceWriter writer(folder_.path(), held_bytes_max);
    for (const Divergence& one : divergences) (void)writer.Add(one);
    return writer.Finish();
  }
  static absl::Status Read(const DivergenceList& list) {
    return list.ForEach([](const Divergence&) {});
  }

  const merkle::TemporaryFolder folder_ = merkle::TemporaryFolder::Create().value();
};

TEST_F(DivergenceListTest, WhatIsWrittenIsReadWhereverItLies) {
  for (int round = 0; round < 300; ++round) {
    const std::vector<Divergence> divergences = Random(Below(60));
    const DivergenceList list = Write(divergences, Below(3) == 0 ? 0 : Below(5000)).value();
    EXPECT_EQ(list.size(), divergences.size());
    ASSERT_EQ(All(list), divergences);
    ASSERT_EQ(All(list), divergences);  // twice
    ASSERT_EQ(All(DivergenceList::Of(divergences)), divergences);
  }
}

TEST_F(DivergenceListTest, WhatFitsIntoMemoryTakesNoFile) {
  const DivergenceList list = Write(Random(100), uint64_t{1} << 20).value();
  EXPECT_THAT(testing::UnnamedFilesIn(folder_.path()), ::testing::IsEmpty());
  const DivergenceList spilled = Write(Random(100), 50).value();
  EXPECT_THAT(testing::UnnamedFilesIn(folder_.path()), ::testing::SizeIs(1));
}

TEST_F(DivergenceListTest, AFileThatIsDamagedOrCutOffIsAnErrorAndNeverAShorterList) {
  const DivergenceList list = Write(Random(100), 50).value();
  EXPECT_TRUE(Read(list).ok());
  const int fd = testing::UnnamedFilesIn(folder_.path()).at(0);
  const off_t bytes = ::lseek(fd, 0, SEEK_END);
  for (off_t at = 0; at < bytes; at += 29) {
    char before = 0;
    ASSERT_EQ(::pread(fd, &before, 1, at), 1);
    const char changed = static_cast<char>(before ^ 0x20);
    ASSERT_EQ(::pwrite(fd, &changed, 1, at), 1);
    EXPECT_TRUE(absl::IsDataLoss(Read(list))) << "byte " << at;
    ASSERT_EQ(::pwrite(fd, &before, 1, at), 1);
  }
  ASSERT_EQ(::ftruncate(fd, bytes / 2), 0);
  EXPECT_TRUE(absl::IsDataLoss(Read(list)));
}

TEST_F(DivergenceListTest, WithoutRoomThereIsNoList) {
  const testing::FullDisk full(3000);
  const absl::Status status = Write(Random(500), 50).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("the temporary file of differences: write"));
}

TEST_F(DivergenceListTest, WithoutItsDirectoryThereIsNoList) {
  DivergenceWriter writer(folder_.path() / "missing", 50);
  for (const Divergence& one : Random(100)) (void)writer.Add(one);
  EXPECT_FALSE(writer.Finish().ok());
}

}  // namespace
}  // namespace driftwood::coordinator
