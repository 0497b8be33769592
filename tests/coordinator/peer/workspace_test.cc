#include "coordinator/peer/workspace.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/testing/files.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;

mode_t ModeOf(const fs::path& path) {
  struct stat info;
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

TEST(WorkspaceTest, KeyAndFoldersArePrivateAndGoneAtTheEnd) {
  fs::path key, state;
  {
    const auto workspace = Workspace::Create({});
    ASSERT_TRUE(workspace.ok()) << workspace.status();
    key = (*workspace)->digest_key_file();
    EXPECT_EQ(ModeOf(key), 0600u);
    EXPECT_EQ(ModeOf(key.parent_path()), 0700u);
    EXPECT_EQ(ReadFile(key).size(), 65u);
    state = (*workspace)->state_folder();
    EXPECT_EQ(ModeOf(state), 0700u);
    const std::string socket = (*workspace)->NewSocketPath();
    EXPECT_LT(socket.size(), 108u);
    EXPECT_NE(socket, (*workspace)->NewSocketPath());
  }
  EXPECT_FALSE(fs::exists(key.parent_path()));
  EXPECT_FALSE(fs::exists(state));
}

TEST(WorkspaceTest, AStateFolderKeepsKeyAndNamesFromRunToRun) {
  const testing::TempDir folder;
  WorkspaceOptions options;
  options.state_dir = (folder / "state").string();
  std::string key, left;
  for (int run = 0; run < 2; ++run) {
    const auto workspace = Workspace::Create(options);
    ASSERT_TRUE(workspace.ok()) << workspace.status();
    const std::string key_now = ReadFile((*workspace)->digest_key_file());
    const std::string left_now = (*workspace)->DatasetName("csv:a.csv?key=id");
    if (run == 0) {
      key = key_now;
      left = left_now;
    }
    EXPECT_EQ(key_now, key);
    EXPECT_EQ(left_now, left);
    EXPECT_NE((*workspace)->DatasetName("csv:b.csv?key=id"), left);
    EXPECT_NE((*workspace)->DatasetName("csv:a.csv?key=id"), left);  // given twice
  }
  EXPECT_EQ(ModeOf(fs::path(options.state_dir) / "digest.key"), 0600u);
  EXPECT_TRUE(left.starts_with("csv-")) << left;
}

TEST(WorkspaceTest, OneFileHasOneNameHoweverItsPathIsWritten) {
  const testing::TempDir folder;
  const auto workspace = Workspace::Create({folder.path().string(), ""});
  ASSERT_TRUE(workspace.ok());
  const std::string a = (*workspace)->DatasetName("csv:/tmp/x/../a.csv?key=id");
  const std::string b = (*workspace)->DatasetName("csv:/tmp/a.csv?key=id");
  EXPECT_EQ(b, a + "-2");
}

// Else each run with a pipe would leave something behind.
TEST(WorkspaceTest, APipeIsNamedByItsPathAndNotByWhereItLeads) {
  const testing::TempDir folder;
  std::string first;
  for (int run = 0; run < 2; ++run) {
    int ends[2], more[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::pipe(more), 0);
    constexpr int kNumber = 63;
    ASSERT_EQ(::dup2(run == 0 ? ends[0] : more[0], kNumber), kNumber);
    const auto workspace = Workspace::Create({folder.path().string(), ""});
    ASSERT_TRUE(workspace.ok());
    const std::string name = (*workspace)->DatasetName("csv:/dev/fd/63?key=id");
    if (run == 0) first = name;
    EXPECT_EQ(name, first);
    for (const int fd : {ends[0], ends[1], more[0], more[1], kNumber}) ::close(fd);
  }
}

// Digest key and indexes that lie there would be believed.
TEST(WorkspaceTest, AStateFolderThatOthersMayWriteToIsRefused) {
  const testing::TempDir folder;
  fs::create_directories(folder / "a/state");
  for (const fs::path& place : {folder / "a/state", folder / "a"}) {
    ::chmod(place.c_str(), 0777);
    EXPECT_EQ(Workspace::Create({(folder / "a/state").string(), ""}).status().code(),
              absl::StatusCode::kPermissionDenied);
    ::chmod(place.c_str(), 0700);
  }
  EXPECT_TRUE(Workspace::Create({(folder / "a/state").string(), ""}).ok());
}

TEST(WorkspaceTest, AStateFolderOfAnotherUserIsRefused) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can give folders away";
  const testing::TempDir folder;
  fs::create_directory(folder / "state");
  ASSERT_EQ(::chown((folder / "state").c_str(), 12345, 0), 0);
  EXPECT_EQ(Workspace::Create({(folder / "state").string(), ""}).status().code(),
            absl::StatusCode::kPermissionDenied);
}

// gRPC takes addresses for URIs.
TEST(WorkspaceTest, SocketsStandWhereTheirPathIsAnAddress) {
  const testing::TempDir folder;
  const fs::path odd = folder / "50%25 of#it?";
  fs::create_directory(odd);
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  ::setenv("TMPDIR", odd.c_str(), 1);
  const auto workspace = Workspace::Create({});
  before != nullptr ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
  ASSERT_TRUE(workspace.ok()) << workspace.status();
  EXPECT_TRUE((*workspace)->digest_key_file().starts_with(odd.string()));
  EXPECT_EQ((*workspace)->NewSocketPath().find_first_of("%#?"), std::string::npos);
}

TEST(WorkspaceTest, AMissingKeyFileOrUnusableStateFolderIsAnError) {
  EXPECT_FALSE(Workspace::Create({"", "/nonexistent/key"}).ok());
  EXPECT_FALSE(Workspace::Create({"/nonexistent/state", ""}).ok());
  const testing::TempDir folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_FALSE(Workspace::Create({(folder / "file").string(), ""}).ok());
}

}  // namespace
}  // namespace driftwood::coordinator
