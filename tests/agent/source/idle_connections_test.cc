#include "agent/source/idle_connections.h"

#include <gtest/gtest.h>

namespace driftwood::agent {
namespace {

// Connections are numbers here, and what closes one counts it.
class IdleConnectionsTest : public ::testing::Test {
 protected:
  static void Close(void* number) { closed_.push_back(*static_cast<int*>(number)); }
  IdleConnections::Connection Connection(int number) {
    return {&numbers_.at(size_t(number)), Close};
  }
  // And gives it back to who had it.
  static int Number(IdleConnections::Connection connection) {
    return connection == nullptr ? -1 : *static_cast<int*>(connection.release());
  }
  void SetUp() override {
    closed_.clear();
    for (size_t i = 0; i < numbers_.size(); ++i) numbers_[i] = static_cast<int>(i);
  }

  std::vector<int> numbers_ = std::vector<int>(20);
  static inline std::vector<int> closed_;
};

TEST_F(IdleConnectionsTest, GivesWhatCameLastOfTheKind) {
  IdleConnections idle;
  EXPECT_EQ(Number(idle.Take("a")), -1);
  idle.Give("a", Connection(1));
  idle.Give("b", Connection(2));
  idle.Give("a", Connection(3));
  EXPECT_EQ(Number(idle.Take("a")), 3);
  EXPECT_EQ(Number(idle.Take("a")), 1);
  EXPECT_EQ(Number(idle.Take("a")), -1);
  EXPECT_EQ(Number(idle.Take("b")), 2);
  EXPECT_TRUE(closed_.empty());
}

TEST_F(IdleConnectionsTest, ClosesTheOldestOverTheLimitAndAllInTheEnd) {
  {
    IdleConnections idle;
    for (int i = 0; i < 8; ++i) idle.Give(i % 2 == 0 ? "a" : "b", Connection(i));
    EXPECT_TRUE(closed_.empty());
    idle.Give("a", Connection(8));
    EXPECT_EQ(closed_, std::vector<int>({0}));
    idle.Clear();
    EXPECT_EQ(closed_.size(), 9);
    EXPECT_EQ(Number(idle.Take("a")), -1);
    idle.Give("a", Connection(9));
  }
  EXPECT_EQ(closed_.size(), 10);
  EXPECT_EQ(closed_.back(), 9);
}

}  // namespace
}  // namespace driftwood::agent
