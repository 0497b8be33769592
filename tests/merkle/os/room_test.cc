#include "merkle/os/room.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace driftwood::merkle {
namespace {

class RoomTest : public ::testing::Test {
 protected:
  RoomTest() {
    if (const char* const before = std::getenv("TMPDIR")) before_ = before;
  }
  ~RoomTest() override {
    before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

TEST_F(RoomTest, TmpdirIsNamedOnlyWhereItIsWhyFilesAreThere) {
  ::setenv("TMPDIR", "/small/", 1);
  EXPECT_EQ(TemporaryPlace(), "/small/");
  const std::string elsewhere = ", or set TMPDIR to a place with more room: export TMPDIR=/var/tmp";
  EXPECT_EQ(RoomAdvice("/small"), "; make room in /small/" + elsewhere);
  EXPECT_EQ(RoomAdvice("/small/driftwood-run-x"), "; make room in /small/" + elsewhere);
  EXPECT_EQ(RoomAdvice("/smaller/state"), "; make room in /smaller/state");
  ::setenv("TMPDIR", "/small", 1);
  EXPECT_EQ(RoomAdvice("/small"), "; make room in /small" + elsewhere);
  EXPECT_EQ(RoomAdvice("/small/x"), "; make room in /small" + elsewhere);
}

TEST_F(RoomTest, NoPlaceIsItsOwnRemedy) {
  ::setenv("TMPDIR", "/var/tmp", 1);
  EXPECT_EQ(RoomAdvice("/var/tmp/x"),
            "; make room in /var/tmp, or set TMPDIR to a place with more room: export "
            "TMPDIR=DIRECTORY");
  ::unsetenv("TMPDIR");
  EXPECT_EQ(TemporaryPlace(), "/tmp");
}

TEST_F(RoomTest, AFullDiskAQuotaAndALimitAreOne) {
  for (const int error : {ENOSPC, EDQUOT, EFBIG}) EXPECT_TRUE(IsNoRoom(error));
  for (const int error : {EIO, EACCES, 0}) EXPECT_FALSE(IsNoRoom(error));
}

}  // namespace
}  // namespace driftwood::merkle
