#include "merkle/os/stop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>
#include <thread>

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

}  // namespace
}  // namespace driftwood::merkle
