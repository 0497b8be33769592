#include "coordinator/diff/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/testing/seed.h"

namespace driftwood::coordinator {
namespace {

TEST(TurnsTest, WhoPausesLetsAnotherWork) {
  Turns turns(1);
  Turns::Turn first(&turns);
  std::promise<void> worked;
  std::thread second;
  first.Pause([&] {
    second = std::thread([&] {
      Turns::Turn turn(&turns);
      worked.set_value();
    });
    worked.get_future().wait();  // it could not begin before
  });
  second.join();
}

// Each step writes down who works; the rules are checked whenever somebody begins to.
TEST(TurnsTest, AtMostSoManyWorkAndWhatIsLargeWorksAlone) {
  constexpr size_t kAtOnce = 3;
  const testing::Seed seed;
  Turns turns(kAtOnce);
  std::mutex mutex;
  size_t working = 0, alone = 0, most = 0, done = 0;
  const auto change = [&](int work, int large) {
    const std::lock_guard<std::mutex> lock(mutex);
    working += static_cast<size_t>(work);
    alone += static_cast<size_t>(large);
    most = std::max(most, working);
    EXPECT_LE(working, alone > 0 ? 1u : kAtOnce);
  };
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(seed.value() * 8 + t);
      for (int i = 0; i < 200; ++i) {
        Turns::Turn turn(&turns);
        change(1, 0);
        const bool large = random() % 10 == 0;
        if (large) {
          change(-1, 0);
          turn.WorkAlone();
          turn.WorkAlone();  // does nothing more
          change(1, 1);
        }
        if (random() % 3 == 0) {
          if (!large) change(-1, 0);
          turn.Pause([] { std::this_thread::yield(); });
          if (!large) change(1, 0);
        }
        change(-1, large ? -1 : 0);
        const std::lock_guard<std::mutex> lock(mutex);
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 1600u);
  EXPECT_GE(most, 1u);
}

}  // namespace
}  // namespace driftwood::coordinator
