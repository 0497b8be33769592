#include "agent/serve/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using merkle::UniqueFd;

class ListenerTest : public ::testing::Test {
 protected:
  void Start(size_t connections_max) {
    auto listener = Listener::Open(*ListenAddress::Parse("unix:" + path_));
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    listener_->Start(connections_max, [this](int fd) {
      std::lock_guard lock(mutex_);
      taken_.emplace_back(fd);
      changed_.notify_all();
    });
  }
  ~ListenerTest() override { listener_.reset(); }

  UniqueFd Connect() const {
    UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size());
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return client;
  }
  // Waits until so many have been taken in all.
  void WaitForTaken(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return taken_.size() >= count; });
  }
  size_t taken() {
    std::lock_guard lock(mutex_);
    return taken_.size();
  }
  void CloseTaken(size_t which) {
    std::lock_guard lock(mutex_);
    taken_[which].Close();
  }
  // Returns when the other side has closed it.
  static bool IsTurnedAway(const UniqueFd& client) {
    char byte = 0;
    return ::read(client.get(), &byte, 1) == 0;
  }

  testing::TempDir folder_;
  const std::string path_ = folder_ / "s";
  std::unique_ptr<Listener> listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<UniqueFd> taken_;
};

TEST_F(ListenerTest, TheSocketIsItsOwnersBeforeAnybodyCanConnect) {
  const auto listener = Listener::Open(*ListenAddress::Parse("unix:" + path_));
  ASSERT_TRUE(listener.ok());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ListenerTest, WhoComesWhileAllPlacesAreTakenIsTurnedAwayAtOnce) {
  Start(2);
  const UniqueFd a = Connect();
  const UniqueFd b = Connect();
  WaitForTaken(2);
  EXPECT_TRUE(IsTurnedAway(Connect()));
  EXPECT_TRUE(IsTurnedAway(Connect()));
  CloseTaken(0);
  const UniqueFd next = Connect();
  WaitForTaken(3);
  EXPECT_TRUE(IsTurnedAway(Connect()));
}

// gRPC's own listener is deaf for good after this.
TEST_F(ListenerTest, OneThatRanOutOfDescriptorsListensAgainWhenThereAreSome) {
  Start(100);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(UniqueFd(::dup(0)).get());  // the lowest that is free
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  for (const UniqueFd& client : clients) {
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_TRUE(IsTurnedAway(client));
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(taken(), 0u);
  const UniqueFd next = Connect();
  WaitForTaken(1);
}

TEST_F(ListenerTest, ConnectionsAreFewerThanDescriptors) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_GE(ConnectionsMax(), 8u);
  EXPECT_LE(ConnectionsMax(), 256u);
  EXPECT_LE(ConnectionsMax(), std::max<size_t>(8, limit.rlim_cur / 4));
}

}  // namespace
}  // namespace driftwood::agent
