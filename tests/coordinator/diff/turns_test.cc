#include "coordinator/diff/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/testing/seed.h"

namespace driftwood::coordinator {
namespace {

// Has so many turns, on so many threads.
template <typename Work>
void HaveTurns(Turns* turns, size_t threads, const Work& work) {
  std::vector<std::thread> all;
  for (size_t t = 0; t < threads; ++t) {
    all.emplace_back([turns, &work] {
      for (;;) {
        Turns::Turn turn(turns);
        if (!turn.table()) return;
        work(&turn);
      }
    });
  }
  turns->Begin(threads);
  for (std::thread& thread : all) thread.join();
}

TEST(TurnsTest, EachTableHasOneTurnAndTheyBeginInOrder) {
  Turns turns({3}, 100);
  std::mutex mutex;
  std::vector<size_t> begun;
  HaveTurns(&turns, 8, [&](Turns::Turn* turn) {
    const std::lock_guard<std::mutex> lock(mutex);
    begun.push_back(*turn->table());
  });
  std::sort(begun.begin(), begun.end());
  std::vector<size_t> all(100);
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  EXPECT_EQ(begun, all);
}

TEST(TurnsTest, AllThatPauseDoSoOnceAndAsLongAsOneOfThemWantsTo) {
  for (const size_t at_once : {size_t{1}, size_t{4}}) {
    Turns turns({at_once}, 60);
    std::mutex mutex;
    std::vector<double> pauses;
    size_t paused = 0, not_paused = 0;
    HaveTurns(&turns, 60, [&](Turns::Turn* turn) {
      if (*turn->table() % 3 != 0) {
        const std::lock_guard<std::mutex> lock(mutex);
        ++not_paused;
        return;
      }
      turn->Pause(static_cast<double>(*turn->table()), 1, [&](double seconds) {
        const std::lock_guard<std::mutex> lock(mutex);
        EXPECT_EQ(paused, 0u) << "one went on before the pause";
        EXPECT_EQ(not_paused, 40u) << "the pause began before all others had ended";
        pauses.push_back(seconds);
      });
      const std::lock_guard<std::mutex> lock(mutex);
      ++paused;
    });
    EXPECT_EQ(pauses, std::vector<double>{57});
    EXPECT_EQ(paused, 20u);
  }
}

TEST(TurnsTest, WithTooFewThreadsThereAreMorePausesAndNoneWaitsForEver) {
  Turns turns({4}, 20);
  std::mutex mutex;
  size_t pauses = 0;
  HaveTurns(&turns, 5, [&](Turns::Turn* turn) {
    turn->Pause(1, 1, [&](double) {
      const std::lock_guard<std::mutex> lock(mutex);
      ++pauses;
    });
  });
  EXPECT_EQ(pauses, 4u);
}

TEST(TurnsTest, WhatIsHeldIsBounded) {
  TurnLimits limits;
  limits.at_once = 2;
  limits.held_max = 10;
  Turns turns(limits, 12);
  std::mutex mutex;
  uint64_t held = 0, most = 0;
  HaveTurns(&turns, 12, [&](Turns::Turn* turn) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      most = std::max(most, held += 4);
    }
    turn->Pause(1, 4, [](double) {});
    const std::lock_guard<std::mutex> lock(mutex);
    held -= 4;
  });
  EXPECT_LE(most, limits.held_max + limits.at_once * 4)
      << "those that worked already may add to it";
  EXPECT_GE(most, limits.held_max);
}

TEST(TurnsTest, WhatIsLargeComesLastAndWaitsByItself) {
  Turns turns({4}, 10);
  std::mutex mutex;
  std::vector<size_t> order;
  const auto note = [&](size_t table) {
    const std::lock_guard<std::mutex> lock(mutex);
    order.push_back(table);
  };
  HaveTurns(&turns, 10, [&](Turns::Turn* turn) {
    const bool large = *turn->table() < 2;
    if (large) turn->WorkAlone();
    turn->Pause(large ? 100 : 1, 1, [&](double seconds) { note(static_cast<size_t>(seconds)); });
    note(large ? 10 : 0);
  });
  ASSERT_EQ(order.size(), 13u);
  EXPECT_EQ(order.front(), 1u);
  EXPECT_TRUE(std::all_of(order.begin() + 1, order.begin() + 9, [](size_t x) { return x == 0; }));
  EXPECT_EQ(std::vector<size_t>(order.begin() + 9, order.end()),
            (std::vector<size_t>{100, 10, 100, 10}));
}

// Each step writes down who works; the rules are checked whenever somebody begins to.
TEST(TurnsTest, AtMostSoManyWorkAndWhatIsLargeWorksAlone) {
  constexpr size_t kAtOnce = 3, kTables = 1600;
  const testing::Seed seed;
  Turns turns({kAtOnce, 20}, kTables);
  std::mutex mutex;
  size_t working = 0, alone = 0, done = 0;
  const auto change = [&](int work, int large) {
    const std::lock_guard<std::mutex> lock(mutex);
    working += static_cast<size_t>(work);
    alone += static_cast<size_t>(large);
    EXPECT_LE(working, alone > 0 ? 1u : kAtOnce);
  };
  HaveTurns(&turns, 8, [&](Turns::Turn* turn) {
    std::mt19937_64 random(seed.value() * kTables + *turn->table());
    change(1, 0);
    const bool large = random() % 10 == 0;
    if (large) {
      change(-1, 0);
      turn->WorkAlone();
      turn->WorkAlone();  // does nothing more
      change(1, 1);
    }
    for (uint64_t pauses = random() % 3; pauses > 0; --pauses) {
      if (!large) change(-1, 0);
      turn->Pause(1, random() % 10, [&](double) {
        const std::lock_guard<std::mutex> lock(mutex);
        EXPECT_EQ(working, large ? 1u : 0u);
      });
      if (!large) change(1, 0);
    }
    change(-1, large ? -1 : 0);
    const std::lock_guard<std::mutex> lock(mutex);
    ++done;
  });
  EXPECT_EQ(done, kTables);
}

}  // namespace
}  // namespace driftwood::coordinator
