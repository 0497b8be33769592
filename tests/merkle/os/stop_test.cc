#include "merkle/os/stop.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <stop_token>
#include <thread>
#include <utility>

namespace driftwood::merkle {
namespace {

TEST(StopTest, ASleepEndsWithItsTimeOrWithTheStop) {
  std::stop_source source;
  EXPECT_FALSE(SleepUntil(std::chrono::steady_clock::now(), source.get_token()));
  std::thread stopper([&source] { source.request_stop(); });
  // Without the stop it would be a day.
  EXPECT_TRUE(
      SleepUntil(std::chrono::steady_clock::now() + std::chrono::hours(24), source.get_token()));
  stopper.join();
  EXPECT_TRUE(
      SleepUntil(std::chrono::steady_clock::now() + std::chrono::hours(24), source.get_token()));
  EXPECT_FALSE(SleepUntil(std::chrono::steady_clock::now(), std::stop_token()));
}

TEST(StopTest, AStopWakesWhoeverWaits) {
  for (int i = 0; i < 200; ++i) {
    Mutex mutex;
    CondVar changed;
    std::stop_source source;
    std::thread waiter([&] {
      const std::stop_token stop = source.get_token();
      WakeOnStop wake(stop, &mutex, &changed);
      MutexLock lock(&mutex);
      while (!stop.stop_requested()) changed.Wait(&mutex);
    });
    source.request_stop();
    waiter.join();
  }
}

TEST(StopTest, ALinkedStopComesFromEitherSide) {
  std::stop_source source;
  LinkedStop outer(source.get_token());
  LinkedStop moved = std::move(outer);
  const std::stop_token token = moved.token();
  EXPECT_FALSE(token.stop_requested());
  source.request_stop();
  EXPECT_TRUE(token.stop_requested());
  EXPECT_TRUE(moved.stopped());
  LinkedStop own{std::stop_token()};
  own.RequestStop();
  EXPECT_TRUE(own.token().stop_requested());
  EXPECT_TRUE(LinkedStop(source.get_token()).stopped());  // that was before
}

TEST(StopTest, ADescriptorIsReadableOnceItIsStopped) {
  const auto is_readable = [](const StopFd& fd) {
    pollfd watched = {fd.fd(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  };
  std::stop_source source;
  const auto fd = StopFd::Create(source.get_token());
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_FALSE(is_readable(**fd));
  source.request_stop();
  EXPECT_TRUE(is_readable(**fd));
  EXPECT_TRUE(is_readable(**fd));
  EXPECT_TRUE(is_readable(**StopFd::Create(source.get_token())));
}

}  // namespace
}  // namespace driftwood::merkle
