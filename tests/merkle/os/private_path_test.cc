#include "merkle/os/private_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/temp_dir.h"

namespace driftwood::merkle {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class PrivatePathTest : public ::testing::Test {
 protected:
  PrivatePathTest() {
    fs::create_directories(deep_);
    for (const fs::path& path : {folder_ / "a", deep_}) ::chmod(path.c_str(), 0700);
    std::ofstream(file_) << "secret\n";
    ::chmod(file_.c_str(), 0600);
  }
  // Who is not root can't give files away.
  static bool GiveToAnother(const fs::path& path) { return ::lchown(path.c_str(), 12345, 0) == 0; }
  absl::StatusCode Code() const { return CheckOwned(file_, "file").code(); }

  testing::TempDir folder_;
  const fs::path deep_ = folder_ / "a/b";
  const fs::path file_ = deep_ / "f";
};

TEST_F(PrivatePathTest, WhatIsOursInFoldersOfOursIsFine) {
  EXPECT_TRUE(CheckOwned(file_, "file").ok()) << CheckOwned(file_, "file");
  EXPECT_TRUE(CheckOwned(deep_, "folder").ok());
  EXPECT_TRUE(CheckOwned(deep_.string() + "/", "folder").ok());
  EXPECT_TRUE(CheckOwned(deep_ / "../b", "folder").ok());
  EXPECT_EQ(CheckOwned(deep_ / "none", "file").code(), absl::StatusCode::kNotFound);
}

TEST_F(PrivatePathTest, WhatOthersMayWriteToIsRefusedWhereverItIsOnTheWay) {
  for (const fs::path& place : {file_, deep_, folder_ / "a"}) {
    const mode_t before = fs::is_directory(place) ? 0700 : 0600;
    for (const mode_t mode : {before | 0002u, before | 0022u}) {
      ::chmod(place.c_str(), mode);
      const absl::Status status = CheckOwned(file_, "file");
      EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << place << " " << mode;
      EXPECT_THAT(std::string(status.message()), HasSubstr("chmod go-w " + place.string()));
    }
    ::chmod(place.c_str(), before);
    EXPECT_EQ(Code(), absl::StatusCode::kOk);
  }
}

TEST_F(PrivatePathTest, AStickyFolderAboveIsFineAndAStickyOneItselfIsNot) {
  ::chmod((folder_ / "a").c_str(), 01777);
  EXPECT_EQ(Code(), absl::StatusCode::kOk);
  EXPECT_EQ(CheckOwned(folder_ / "a", "folder").code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(PrivatePathTest, AGroupThatHasOtherMembersIsOthers) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can give files to a group";
  ASSERT_EQ(::chown(deep_.c_str(), 0, 12345), 0);
  ::chmod(deep_.c_str(), 0770);
  EXPECT_EQ(Code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(PrivatePathTest, WhatBelongsToAnotherUserIsRefusedWhereverItIsOnTheWay) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can give files away";
  for (const fs::path& place : {file_, deep_, folder_ / "a"}) {
    ASSERT_TRUE(GiveToAnother(place));
    const absl::Status status = CheckOwned(file_, "file");
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << place;
    EXPECT_THAT(std::string(status.message()), HasSubstr(place.string() + " belongs to another"));
    ASSERT_EQ(::chown(place.c_str(), 0, 0), 0);
  }
}

TEST_F(PrivatePathTest, ALinkIsFollowedAndMustBeOursToo) {
  fs::create_directory_symlink(deep_, folder_ / "link");
  EXPECT_TRUE(CheckOwned(folder_ / "link/f", "file").ok());
  ::chmod((folder_ / "a").c_str(), 0777);  // where it leads to
  EXPECT_EQ(CheckOwned(folder_ / "link/f", "file").code(), absl::StatusCode::kPermissionDenied);
  ::chmod((folder_ / "a").c_str(), 0700);
  if (::getuid() != 0) return;
  ASSERT_TRUE(GiveToAnother(folder_ / "link"));
  EXPECT_EQ(CheckOwned(folder_ / "link/f", "file").code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(PrivatePathTest, ASecretFileIsReadOnlyWhereItIsOne) {
  EXPECT_EQ(*ReadSecretFile(file_, "token file", 100), "secret\n");
  EXPECT_EQ(ReadSecretFile(file_, "token file", 6).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadSecretFile(deep_, "token file", 6).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadSecretFile(deep_ / "none", "token file", 6).status().code(),
            absl::StatusCode::kNotFound);
  ::chmod(file_.c_str(), 0640);
  EXPECT_THAT(std::string(ReadSecretFile(file_, "token file", 100).status().message()),
              HasSubstr("chmod 600 " + file_.string()));
  ::chmod(file_.c_str(), 0600);
  ::chmod(deep_.c_str(), 0777);
  EXPECT_EQ(ReadSecretFile(file_, "token file", 100).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PrivatePathTest, OfManyThatMakeASecretFileAtOnceOneWinsForAll) {
  const fs::path path = deep_ / "key";
  std::vector<std::string> read(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < read.size(); ++i) {
    threads.emplace_back([&, i] {
      EXPECT_TRUE(
          CreateSecretFile(path, "key", std::string(1000, static_cast<char>('a' + i))).ok());
      read[i] = *ReadSecretFile(path, "key", 1000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& content : read) EXPECT_EQ(content, read[0]);
  EXPECT_EQ(read[0].size(), 1000u);
  EXPECT_EQ(std::distance(fs::directory_iterator(deep_), fs::directory_iterator()), 2);
}

// write() then gives back fewer bytes than it was given, without an error.
TEST_F(PrivatePathTest, ASecretFileThatIsCutShortIsAnErrorAndNotLeft) {
  const fs::path path = deep_ / "key";
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = CreateSecretFile(path, "key", std::string(150, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace driftwood::merkle
