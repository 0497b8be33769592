#include "merkle/os/unnamed_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

#include "merkle/os/temporary_folder.h"

namespace driftwood::merkle {
namespace {

TEST(UnnamedFileTest, IsReadAndWrittenAndHasNoNameAndIsItsOwnersOnly) {
  const TemporaryFolder folder = TemporaryFolder::Create().value();
  const UniqueFd file = CreateUnnamedFile(folder.path());
  ASSERT_GE(file.get(), 0);
  ASSERT_EQ(::write(file.get(), "abc", 3), 3);
  char read[3] = {};
  ASSERT_EQ(::pread(file.get(), read, 3, 0), 3);
  EXPECT_EQ(std::string_view(read, 3), "abc");
  struct stat info = {};
  ASSERT_EQ(::fstat(file.get(), &info), 0);
  EXPECT_EQ(info.st_nlink, 0u);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_NE(::fcntl(file.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(UnnamedFileTest, ADirectoryThatIsNotThereIsAnError) {
  EXPECT_LT(CreateUnnamedFile("/nowhere/at/all").get(), 0);
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace driftwood::merkle
