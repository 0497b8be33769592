#include "agent/stores/sql/server_line.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <set>

namespace driftwood::agent {
namespace {

class ServerLineTest : public ::testing::Test {
 protected:
  ServerLineTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
  }
  ~ServerLineTest() override {
    for (const int fd : ends_) ::close(fd);
  }
  // Whether the server's end sees that the line is cut. Doesn't wait.
  bool IsCut() {
    char byte = 0;
    return ::recv(ends_[1], &byte, 1, MSG_DONTWAIT) == 0;
  }

  std::array<int, 2> ends_{};  // the library's and the server's
  std::stop_source stop_;
};

TEST_F(ServerLineTest, AStopCutsTheLineEvenWhenTheLibraryHasClosedItsDescriptor) {
  ServerLine line(stop_.get_token());
  ASSERT_TRUE(line.Follow(ends_[0]).ok());
  EXPECT_FALSE(IsCut());
  ::close(ends_[0]);
  ends_[0] = -1;
  EXPECT_FALSE(IsCut());
  stop_.request_stop();
  EXPECT_TRUE(IsCut());
}

TEST_F(ServerLineTest, AStopThatCameBeforeCutsAtOnce) {
  stop_.request_stop();
  ServerLine line(stop_.get_token());
  ASSERT_TRUE(line.Follow(ends_[0]).ok());
  EXPECT_TRUE(IsCut());
}

TEST_F(ServerLineTest, OnlyTheLineOfNowIsCut) {
  std::array<int, 2> others{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, others.data()), 0);
  ServerLine line(stop_.get_token());
  ASSERT_TRUE(line.Follow(ends_[0]).ok());
  ASSERT_TRUE(line.Follow(others[0]).ok());
  stop_.request_stop();
  EXPECT_FALSE(IsCut());
  char byte = 0;
  EXPECT_EQ(::recv(others[1], &byte, 1, MSG_DONTWAIT), 0);
  for (const int fd : others) ::close(fd);
}

TEST_F(ServerLineTest, OnceReleasedAStopDoesNothing) {
  ServerLine line(stop_.get_token());
  ASSERT_TRUE(line.Follow(ends_[0]).ok());
  line.Release();
  stop_.request_stop();
  EXPECT_FALSE(IsCut());
  line.Cut();
  EXPECT_TRUE(IsCut());
}

TEST_F(ServerLineTest, WithoutADescriptorItCantBeFollowed) {
  ServerLine line(stop_.get_token());
  EXPECT_TRUE(absl::IsResourceExhausted(line.Follow(-1)));
  stop_.request_stop();
  EXPECT_FALSE(IsCut());
}

TEST(TransactionMarkTest, NoTwoAreTheSame) {
  std::set<std::string> marks;
  for (int i = 0; i < 1000; ++i) marks.insert(NewTransactionMark());
  EXPECT_EQ(marks.size(), 1000u);
}

}  // namespace
}  // namespace driftwood::agent
