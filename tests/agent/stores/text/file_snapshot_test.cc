// Covers file_scan.cc too.
#include "agent/stores/text/file_snapshot.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "tests/agent/stores/text/text_store_fixture.h"
#include "tests/testing/wait.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

// A program that has the file mapped, and closed.
class MappedWriter {
 public:
  explicit MappedWriter(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR);
    DRIFTWOOD_CHECK(fd >= 0);
    map_ = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    DRIFTWOOD_CHECK(map_ != MAP_FAILED);
  }
  ~MappedWriter() { ::munmap(map_, kBytes); }
  MappedWriter(const MappedWriter&) = delete;
  MappedWriter& operator=(const MappedWriter&) = delete;
  // Three characters.
  void Write(const char* text) const { std::memcpy(map_, text, 3); }

 private:
  static constexpr size_t kBytes = 3;
  void* map_ = nullptr;
};

class FileSnapshotTest : public TextStoreTest {
 protected:
  absl::StatusOr<std::unique_ptr<FileSnapshot>> Open(const std::string& path) {
    return FileSnapshot::Open(path, [] { return Later(); });
  }
  absl::Status OpenError(const std::string& path) { return Open(path).status(); }
};

TEST_F(FileSnapshotTest, ASettledFileThatStaysAsItIsHasAProof) {
  const std::string path = Write("a", "12345");
  auto file = *Open(path);
  std::string bytes(3, ' ');
  ASSERT_TRUE(file->ReadAt(1, bytes).ok());
  EXPECT_EQ(bytes, "234");
  const Scan::End end = file->Finish("csv");
  EXPECT_EQ(end.not_point_in_time, "");
  ASSERT_NE(end.position, "");
  EXPECT_TRUE(FileSnapshot::IsUnchanged(path, "csv", end.position));
}

TEST_F(FileSnapshotTest, TheSameBytesReadInAnotherWayAreAnotherState) {
  const std::string path = Write("a", "12345");
  const Scan::End end = (*Open(path))->Finish("csv null=");
  EXPECT_FALSE(FileSnapshot::IsUnchanged(path, "csv null off", end.position));
}

TEST_F(FileSnapshotTest, AnEmptyPositionProvesNothing) {
  EXPECT_FALSE(FileSnapshot::IsUnchanged(Write("a", ""), "csv", ""));
}

TEST_F(FileSnapshotTest, AFileThatIsTooYoungHasNoProof) {
  const std::string path = Write("a", "12345");
  struct stat stat = {};
  ASSERT_EQ(::stat(path.c_str(), &stat), 0);
  const FileState state = FileState::Of(stat);
  const int64_t touched = std::max(state.modified_ns, state.changed_ns);
  for (const int64_t age : {int64_t{-1'000'000'000}, int64_t{0}, kSettledNs - 1}) {
    auto file = *FileSnapshot::Open(path, [&] { return touched + age; });
    EXPECT_EQ(file->Finish("csv").position, "") << age;
    EXPECT_EQ(file->Finish("csv").not_point_in_time, "") << age;
  }
  auto file = *FileSnapshot::Open(path, [&] { return touched + kSettledNs; });
  EXPECT_NE(file->Finish("csv").position, "");
  EXPECT_EQ(file->Finish("csv").reread_position, "");
}

TEST_F(FileSnapshotTest, AFileThatIsTooYoungHasAProofForRereading) {
  const std::string path = Write("a", "12345");
  const auto file = *FileSnapshot::Open(path, SystemWallClock());
  const std::string position = file->Finish("csv").reread_position;
  EXPECT_TRUE(FileSnapshot::IsUnchanged(path, "csv", position));
  EXPECT_FALSE(FileSnapshot::IsUnchanged(path, "csv null off", position));
  // Within the tick of the clock in which the watch began, and of the same size.
  Write("a", "54321");
  EXPECT_FALSE(FileSnapshot::IsUnchanged(path, "csv", position));
  EXPECT_EQ(file->Finish("csv").reread_position, "");
}

// Ledger row 24: all but the first write to a mapped page leave the file's times as they are, until
// the page is written back.
TEST_F(FileSnapshotTest, Ledger24AFileThatMayBeWrittenThroughAMapHasNoProof) {
  const std::string path = Write("a", "old");
  const MappedWriter writer(path);
  writer.Write("one");
  struct stat stat = {};
  ASSERT_EQ(::stat(path.c_str(), &stat), 0);
  const int64_t changed = FileState::Of(stat).changed_ns;
  auto file = *FileSnapshot::Open(path, [&] { return changed + int64_t{30'000'000'000}; });
  writer.Write("two");
  EXPECT_EQ(file->Finish("csv").position, "");
  EXPECT_EQ(file->Finish("csv").reread_position, "");
}

TEST_F(FileSnapshotTest, AWriteThroughAMapWhosePagesWereDirtyIsNoticed) {
  for (int i = 0; i < 20; ++i) {
    const std::string path = Write("a", "old");
    const MappedWriter writer(path);
    writer.Write("one");
    const auto file = *Open(path);
    writer.Write("two");
    EXPECT_NE(file->Finish("csv").not_point_in_time, "") << "round " << i;
  }
}

// Ledger row 24.
TEST_F(FileSnapshotTest, Ledger24AFileChangedWithoutNoticeIsNotReused) {
  const std::string path = Write("a", "12345");
  const std::string position = (*Open(path))->Finish("csv").position;
  ASSERT_NE(position, "");
  // The same size and, put back, the same modification time: the status change time tells.
  struct stat before = {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  struct stat after = before;
  ASSERT_TRUE(testing::Becomes([&] {
    Write("a", "12346");
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    EXPECT_EQ(::stat(path.c_str(), &after), 0);
    return after.st_ctim.tv_sec != before.st_ctim.tv_sec ||
           after.st_ctim.tv_nsec != before.st_ctim.tv_nsec;
  }));
  ASSERT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_FALSE(FileSnapshot::IsUnchanged(path, "csv", position));
  std::filesystem::remove(path);
  EXPECT_FALSE(FileSnapshot::IsUnchanged(path, "csv", position));
}

TEST_F(FileSnapshotTest, ChangesDuringTheScanAreNamed) {
  const auto change = [&](auto make) {
    const std::string path = Write("a", "12345");
    auto file = *Open(path);
    make(path);
    const Scan::End end = file->Finish("csv");
    EXPECT_EQ(end.position, "");
    return end.not_point_in_time;
  };
  EXPECT_THAT(change([&](const std::string&) { Append("a", "67"); }),
              HasSubstr("a changed while it was read: size 5 -> 7"));
  EXPECT_THAT(change([&](const std::string&) { Touch("a", 5'000'000'000); }),
              HasSubstr("modification time"));
  EXPECT_THAT(change([&](const std::string& path) { std::filesystem::remove(path); }),
              HasSubstr("it was removed"));
  EXPECT_THAT(change([&](const std::string& path) {
                Write("b", "12345");
                std::filesystem::rename(Path("b"), path);
              }),
              HasSubstr("another file took its place"));
}

// The kernel's clock for file times ticks every few milliseconds: a file that was written just
// before it is opened and just after has the same times.
TEST_F(FileSnapshotTest, AWriteWithinTheClockTickOfTheLastOneIsNoticed) {
  for (int i = 0; i < 50; ++i) {
    const std::string path = Write("a", "old");
    const auto file = *Open(path);
    Write("a", "new");
    ASSERT_NE(file->Finish("csv").not_point_in_time, "") << "round " << i;
  }
}

// There nothing is written back, so that a page stays dirty for ever.
TEST_F(FileSnapshotTest, OnAMemoryFileSystemAFileThatIsMappedForWritingIsNoPointInTime) {
  struct statfs system = {};
  if (::statfs("/dev/shm", &system) != 0 || system.f_type != TMPFS_MAGIC) {
    GTEST_SKIP() << "no memory file system here";
  }
  const testing::TempDir folder("/dev/shm");
  const std::string path = (folder / "a").string();
  std::ofstream(path) << "old";
  EXPECT_EQ((*Open(path))->Finish("csv").not_point_in_time, "");
  {
    const MappedWriter writer(path);
    writer.Write("one");
    const auto file = *Open(path);
    writer.Write("two");
    EXPECT_THAT(file->Finish("csv").not_point_in_time, HasSubstr("lies in memory"));
  }
  const auto file = *Open(path);
  const MappedWriter later(path);
  EXPECT_EQ(file->Finish("csv").not_point_in_time, "");
  later.Write("two");
  EXPECT_THAT(file->Finish("csv").not_point_in_time, HasSubstr("changed while it was read"));
}

TEST_F(FileSnapshotTest, ATruncatedFileIsAnErrorAndNotTheEndOfData) {
  const std::string path = Write("a", "12345");
  auto file = *Open(path);
  std::filesystem::resize_file(path, 2);
  std::string bytes(5, ' ');
  const absl::Status status = file->ReadAt(0, bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ends at byte 2 of 5 (size 5 -> 2)"));
}

TEST_F(FileSnapshotTest, AFileThatGoesOnAfterItsSizeIsNoPointInTime) {
  auto file = Open("/proc/self/status");
  if (!file.ok()) GTEST_SKIP() << "no /proc here";
  EXPECT_THAT((*file)->Finish("csv").not_point_in_time, HasSubstr("goes on after its size of 0"));
}

TEST_F(FileSnapshotTest, OnlyRegularFilesAreTaken) {
  EXPECT_EQ(OpenError(Path("nothing")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenError(Write("a", "") + "/b").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenError("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenError(std::string("a\0b", 3)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(OpenError(folder_.path().string()).message()),
              HasSubstr("is a directory: name a file in it"));
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(std::string(OpenError(Path("pipe")).message()), HasSubstr("is a pipe"));
  EXPECT_THAT(std::string(OpenError("/dev/null").message()), HasSubstr("is a device"));
}

TEST_F(FileSnapshotTest, AFileThatMayNotBeReadIsDenied) {
  const std::string path = Write("a", "1");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  EXPECT_EQ(OpenError(path).code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace driftwood::agent
