#include "merkle/os/temporary_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/temp_dir.h"

namespace driftwood::merkle {
namespace {

namespace fs = std::filesystem;

class TemporaryFolderTest : public ::testing::Test {
 protected:
  size_t Folders() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(parent_.path()), fs::directory_iterator()));
  }

  // Makes a directory with a file in it, in a process that is killed then.
  std::string LeaveOne() const {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto made = TemporaryFolder::CreateIn(parent_.path());
      const std::string path = made.ok() ? made->path().string() : "";
      std::ofstream(path + "/s1") << "x";
      (void)!::write(ends[1], path.data(), path.size());
      ::_exit(0);
    }
    ::close(ends[1]);
    char buffer[200];
    const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
    ::close(ends[0]);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
    return {buffer, static_cast<size_t>(std::max<ssize_t>(got, 0))};
  }

  testing::TempDir parent_;
};

TEST_F(TemporaryFolderTest, ItIsPrivateAndGoneAtTheEnd) {
  fs::path path;
  {
    const auto folder = TemporaryFolder::CreateIn(parent_.path());
    ASSERT_TRUE(folder.ok()) << folder.status();
    path = folder->path();
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    std::ofstream(path / "f") << "x";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(TemporaryFolderTest, ThatOfAKilledProcessIsRemovedByTheNext) {
  const std::string left = LeaveOne();
  ASSERT_TRUE(fs::exists(left + "/s1"));
  const auto folder = TemporaryFolder::CreateIn(parent_.path());
  ASSERT_TRUE(folder.ok());
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(Folders(), 1u);
}

TEST_F(TemporaryFolderTest, ThoseInUseAndWhatIsNotOursStay) {
  const auto in_use = TemporaryFolder::CreateIn(parent_.path());
  ASSERT_TRUE(in_use.ok());
  fs::create_directory(parent_ / "driftwood-run-notours");
  fs::create_directory(parent_ / "driftwood-test-aaaaaa");
  fs::create_directory(parent_ / "elsewhere");
  fs::create_directory_symlink(parent_ / "elsewhere", parent_ / "driftwood-run-linked");
  if (::getuid() == 0) {
    fs::create_directory(parent_ / "driftwood-run-others");
    ASSERT_EQ(::chown((parent_ / "driftwood-run-others").c_str(), 12345, 0), 0);
  }
  const size_t before = Folders();
  const auto next = TemporaryFolder::CreateIn(parent_.path());
  ASSERT_TRUE(next.ok());
  EXPECT_TRUE(fs::exists(in_use->path()));
  EXPECT_EQ(Folders(), before + 1);
}

TEST_F(TemporaryFolderTest, OfManyThatMakeAndSweepAtOnceEachHasItsOwn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 100; ++turn) {
        const auto folder = TemporaryFolder::CreateIn(parent_.path());
        ASSERT_TRUE(folder.ok()) << folder.status();
        ASSERT_TRUE(fs::exists(folder->path()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Folders(), 0u);
}

TEST_F(TemporaryFolderTest, AFolderInWhichAllMayWriteIsNoPlaceForIt) {
  ::chmod(parent_.path().c_str(), 0777);
  EXPECT_EQ(TemporaryFolder::CreateIn(parent_.path()).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Folders(), 0u);
  EXPECT_FALSE(TemporaryFolder::CreateIn("/nonexistent").ok());
}

}  // namespace
}  // namespace driftwood::merkle
