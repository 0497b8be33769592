#include "coordinator/report/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/testing/files.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::ReadFile;

size_t FilesIn(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(OutputTest, AFileAppearsWholeOnCommit) {
  const testing::TempDir folder;
  const fs::path path = folder / "report.json";
  const auto output = Output::ToFile(path.string());
  ASSERT_TRUE(output.ok());
  ASSERT_TRUE((*output)->Write("hello").ok());
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE((*output)->Commit().ok());
  EXPECT_EQ(ReadFile(path), "hello");
  EXPECT_EQ(FilesIn(folder.path()), 1u);
}

TEST(OutputTest, WithoutCommitTheOldFileStays) {
  const testing::TempDir folder;
  const fs::path path = folder / "report.json";
  std::ofstream(path) << "old";
  {
    const auto output = Output::ToFile(path.string());
    ASSERT_TRUE(output.ok());
    ASSERT_TRUE((*output)->Write(std::string(1 << 20, 'x')).ok());
  }
  EXPECT_EQ(ReadFile(path), "old");
  EXPECT_EQ(FilesIn(folder.path()), 1u);
}

TEST(OutputTest, ReplacesWhatASymbolicLinkPointsToAndKeepsTheFilesMode) {
  const testing::TempDir folder;
  std::ofstream(folder / "real") << "old";
  fs::permissions(folder / "real", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("real", folder / "link");
  const auto output = Output::ToFile((folder / "link").string());
  ASSERT_TRUE(output.ok());
  ASSERT_TRUE((*output)->Write("new").ok());
  ASSERT_TRUE((*output)->Commit().ok());
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(ReadFile(folder / "real"), "new");
  struct stat info;
  ASSERT_EQ(::stat((folder / "real").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(OutputTest, AFullDeviceIsAnError) {
  const int fd = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(fd, 0);
  const auto output = Output::ToDescriptor(fd, "stdout");
  ASSERT_TRUE(output->Write("hello").ok());
  const absl::Status status = output->Commit();
  EXPECT_THAT(std::string(status.message()), HasSubstr("can't write stdout"));
  ::close(fd);
}

TEST(OutputTest, ADeviceIsWrittenAndNotReplaced) {
  const auto output = Output::ToFile("/dev/full");
  ASSERT_TRUE(output.ok());
  ASSERT_TRUE((*output)->Write("hello").ok());
  EXPECT_FALSE((*output)->Commit().ok());
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(OutputTest, AClosedPipeIsAnError) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const auto output = Output::ToDescriptor(ends[1], "stdout");
  ASSERT_TRUE(output->Write("hello").ok());
  EXPECT_FALSE(output->Commit().ok());
  ::close(ends[1]);
}

TEST(OutputTest, AMissingFolderIsNamedBeforeAnythingIsWritten) {
  const absl::Status status = CheckOutputPath("/nonexistent-folder/report.json");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent-folder"));
  const testing::TempDir folder;
  EXPECT_FALSE(CheckOutputPath(folder.path().string()).ok());
  EXPECT_TRUE(CheckOutputPath((folder / "new").string()).ok());
  EXPECT_FALSE(fs::exists(folder / "new"));
}

}  // namespace
}  // namespace driftwood::coordinator
