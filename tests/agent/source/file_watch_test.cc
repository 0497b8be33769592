#include "agent/source/file_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

FileState At(int64_t modified_ns, int64_t changed_ns) {
  FileState state;
  state.modified_ns = modified_ns;
  state.changed_ns = changed_ns;
  return state;
}

TEST(FileWatchTest, WithoutACounterOnlyAnOldStateIsAProof) {
  const FileState state = At(100 * kSecond + 1, 200 * kSecond + 5);
  EXPECT_FALSE(IsProofForLater(state, 200 * kSecond + 5 + kSettledNs - 1, false));
  EXPECT_TRUE(IsProofForLater(state, 200 * kSecond + 5 + kSettledNs, false));
}

TEST(FileWatchTest, WithACounterAYoungStateIsAProofUnlessItsTimesAreWholeSeconds) {
  EXPECT_TRUE(IsProofForLater(At(100 * kSecond, 100 * kSecond + 5), 101 * kSecond, true));
  EXPECT_FALSE(IsProofForLater(At(100 * kSecond, 98 * kSecond), 101 * kSecond, true));
  EXPECT_TRUE(IsProofForLater(At(100 * kSecond, 98 * kSecond), 100 * kSecond + kSettledNs, true));
}

class FileWatchFileTest : public ::testing::Test {
 protected:
  std::string Path() const { return (folder_ / "f").string(); }
  void Write(const char* text) const { std::ofstream(Path()) << text; }

  testing::TempDir folder_;
};

TEST_F(FileWatchFileTest, AWatchThatCannotReadSeesTheSameChanges) {
  Write("one");
  FileWatch::Options options;
  options.access = FileWatch::Access::kIdentity;
  options.sync = [] { return absl::OkStatus(); };
  const auto watch = FileWatch::Begin(Path(), options);
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_EQ((*watch)->WhyNotOneState(), "");
  EXPECT_EQ(FileWatch::StateOf(Path(), FileWatch::Access::kIdentity).value(), (*watch)->state());
  Write("two");
  EXPECT_THAT((*watch)->WhyNotOneState(), HasSubstr("changed while it was read"));
}

TEST_F(FileWatchFileTest, AFileThatIsWrittenAllTheTimeIsNoPointInTime) {
  Write("one");
  FileWatch::Options options;
  int writes = 0;
  options.sync = [&] {
    Write(++writes % 2 == 0 ? "one" : "three");
    return absl::OkStatus();
  };
  const auto watch = FileWatch::Begin(Path(), options);
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_NE((*watch)->WhyNotOneState(), "");
  EXPECT_FALSE((*watch)->IsProofForLater(true));
}

TEST_F(FileWatchFileTest, WhatCannotBeWrittenBackIsNoPointInTime) {
  Write("one");
  FileWatch::Options options;
  options.sync = [] { return absl::InternalError("the disk is broken"); };
  const auto watch = FileWatch::Begin(Path(), options);
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_THAT((*watch)->WhyNotOneState(), HasSubstr("the disk is broken"));
}

TEST_F(FileWatchFileTest, AFailureSaysWhetherTheFileHasChangedSinceTheGlance) {
  Write("one");
  const FileGlance glance(Path());
  const absl::Status damaged = absl::DataLossError("malformed");
  const absl::Status no_table = absl::NotFoundError("no table");
  EXPECT_EQ(glance.Explain(no_table), no_table);
  EXPECT_THAT(std::string(glance.Explain(damaged).message()),
              HasSubstr("malformed; it was written just now"));
  Write("three");
  const absl::Status changed = glance.Explain(damaged);
  EXPECT_TRUE(absl::IsAborted(changed)) << changed;
  EXPECT_THAT(std::string(changed.message()),
              HasSubstr("changed while it was read: size 3 -> 5, and malformed"));
  EXPECT_TRUE(glance.Explain(absl::OkStatus()).ok());
  EXPECT_TRUE(absl::IsCancelled(glance.Explain(absl::CancelledError("stopped"))));
  EXPECT_EQ(FileGlance(Path() + ".none").Explain(damaged), damaged);
  Write("");
  const absl::Status empty = FileGlance(Path()).Explain(no_table);
  EXPECT_TRUE(absl::IsNotFound(empty));
  EXPECT_THAT(std::string(empty.message()), HasSubstr("no table; the file is empty"));
}

}  // namespace
}  // namespace driftwood::agent
