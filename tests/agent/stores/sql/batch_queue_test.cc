#include "agent/stores/sql/batch_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

namespace driftwood::agent {
namespace {

constexpr size_t kLarge = BatchQueue::kBytesMax;

// How many large ones there are at once, and were at most.
struct Alive {
  void Add() {
    const int now = ++count;
    int before = most;
    while (now > before && !most.compare_exchange_weak(before, now)) {
    }
  }
  std::atomic<int> count = 0;
  std::atomic<int> most = 0;
};

class SizedBatch final : public NumberedBatch {
 public:
  explicit SizedBatch(size_t bytes, Alive* alive = nullptr) : bytes_(bytes), alive_(alive) {
    if (alive_ != nullptr) alive_->Add();
  }
  ~SizedBatch() override {
    if (alive_ != nullptr) --alive_->count;
  }
  absl::Status Decode(RowSink&) override { return absl::OkStatus(); }
  size_t bytes() const override { return bytes_; }
  uint64_t rows() const override { return 1; }
  uint64_t first_row() const { return first(); }

 private:
  const size_t bytes_;
  Alive* const alive_;
};

std::unique_ptr<NumberedBatch> Batch(size_t bytes) { return std::make_unique<SizedBatch>(bytes); }

// The bytes of the next batch; 0 at the end.
size_t TakeBytes(BatchQueue& queue) {
  const absl::StatusOr<std::unique_ptr<RowBatch>> batch = queue.Take();
  EXPECT_TRUE(batch.ok()) << batch.status();
  return batch.ok() && *batch != nullptr ? (*batch)->bytes() : 0;
}

TEST(BatchQueueTest, BatchesComeInOrderAndCountTheirRows) {
  BatchQueue queue;
  queue.AddReader();
  for (size_t bytes = 1; bytes <= 3; ++bytes) ASSERT_TRUE(queue.Deliver(Batch(bytes)).ok());
  queue.EndReader(absl::OkStatus());
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(queue.rows_taken(), i);
    const std::unique_ptr<RowBatch> batch = *queue.Take();
    EXPECT_EQ(batch->bytes(), i + 1);
    EXPECT_EQ(static_cast<const SizedBatch&>(*batch).first_row(), i);
    EXPECT_FALSE(queue.at_end());
  }
  EXPECT_EQ(TakeBytes(queue), 0u);
  EXPECT_TRUE(queue.at_end());
}

TEST(BatchQueueTest, TheEndComesWithTheLastReader) {
  BatchQueue queue;
  queue.AddReader();
  queue.AddReader();
  queue.EndReader(absl::OkStatus());
  std::thread reader([&] {
    EXPECT_TRUE(queue.Deliver(Batch(5)).ok());
    queue.EndReader(absl::OkStatus());
  });
  EXPECT_EQ(TakeBytes(queue), 5u);
  EXPECT_EQ(TakeBytes(queue), 0u);
  reader.join();
}

TEST(BatchQueueTest, AnErrorIsNeverAnEndAndStopsTheOthers) {
  BatchQueue queue;
  queue.AddReader();
  queue.AddReader();
  ASSERT_TRUE(queue.Deliver(Batch(1)).ok());
  queue.EndReader(absl::DataLossError("first"));
  queue.EndReader(absl::DataLossError("second"));
  EXPECT_EQ(queue.Take().status(), absl::DataLossError("first"));
  EXPECT_FALSE(queue.at_end());
  EXPECT_TRUE(absl::IsCancelled(queue.CheckWanted()));
  EXPECT_TRUE(absl::IsCancelled(queue.Deliver(Batch(1))));
  EXPECT_TRUE(absl::IsCancelled(queue.TakeTurn()));
}

TEST(BatchQueueTest, UsualBatchesAreReadAheadAsFarAsThereIsRoom) {
  BatchQueue queue;
  queue.AddReader();
  for (size_t i = 0; i < 7; ++i) ASSERT_TRUE(queue.Deliver(Batch(kLarge / 8)).ok());
  std::atomic<bool> has_room = false;
  std::thread reader([&] {
    EXPECT_TRUE(queue.Deliver(Batch(kLarge / 8)).ok());
    has_room = true;
    queue.EndReader(absl::OkStatus());
  });
  size_t taken = 0;
  while (TakeBytes(queue) > 0) ++taken;
  EXPECT_EQ(taken, 8u);
  EXPECT_TRUE(has_room);
  reader.join();
}

TEST(BatchQueueTest, NothingFollowsALargeBatchBeforeItIsTakenAndTheNextAskedFor) {
  BatchQueue queue;
  queue.AddReader();
  std::atomic<bool> went_on = false;
  std::thread reader([&] {
    EXPECT_TRUE(queue.Deliver(Batch(kLarge)).ok());
    went_on = true;
    EXPECT_TRUE(queue.Deliver(Batch(kLarge + 1)).ok());
    queue.EndReader(absl::OkStatus());
  });
  EXPECT_EQ(TakeBytes(queue), kLarge);
  // Time for a reader that does not wait.
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  EXPECT_FALSE(went_on);
  EXPECT_EQ(TakeBytes(queue), kLarge + 1);
  EXPECT_TRUE(went_on);
  EXPECT_EQ(TakeBytes(queue), 0u);
  reader.join();
}

TEST(BatchQueueTest, UsualBatchesOfAnotherReaderComeWhileALargeOneIsUnderWay) {
  BatchQueue queue;
  queue.AddReader();
  queue.AddReader();
  std::thread large([&] {
    EXPECT_TRUE(queue.TakeTurn().ok());
    EXPECT_TRUE(queue.Deliver(Batch(kLarge), true).ok());
    queue.EndReader(absl::OkStatus());
  });
  const std::unique_ptr<RowBatch> held = *queue.Take();
  EXPECT_EQ(held->bytes(), kLarge);
  EXPECT_TRUE(queue.Deliver(Batch(1)).ok());
  queue.EndReader(absl::OkStatus());
  EXPECT_EQ(TakeBytes(queue), 1u);
  EXPECT_EQ(TakeBytes(queue), 0u);
  large.join();
}

TEST(BatchQueueTest, ATurnThatWasGivenBackIsTheNexts) {
  BatchQueue queue;
  queue.AddReader();
  ASSERT_TRUE(queue.TakeTurn().ok());
  std::atomic<bool> given = false;
  std::thread other([&] {
    EXPECT_TRUE(queue.TakeTurn().ok());
    EXPECT_TRUE(given);
    queue.GiveTurn();
  });
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  given = true;
  queue.GiveTurn();
  other.join();
  ASSERT_TRUE(queue.TakeTurn().ok());
}

TEST(BatchQueueTest, ReadersThatWaitAreFreedWhenNobodyTakesAnyMore) {
  BatchQueue queue;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    queue.AddReader();
    readers.emplace_back([&] {
      absl::Status status;
      while (status.ok()) {
        status = queue.TakeTurn();
        if (status.ok()) status = queue.Deliver(Batch(kLarge), true);
      }
      EXPECT_TRUE(absl::IsCancelled(status));
      queue.EndReader(status);
    });
  }
  ASSERT_EQ(TakeBytes(queue), kLarge);
  queue.Stop();
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(absl::IsCancelled(queue.Take().status()));
}

TEST(BatchQueueTest, OfManyReadersLargeBatchesOneIsThereAtATime) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (int round = 0; round < 20; ++round) {
    BatchQueue queue;
    Alive alive;
    constexpr uint64_t kBatches = 60;
    std::vector<std::thread> readers;
    for (unsigned r = 0; r < 4; ++r) {
      queue.AddReader();
      readers.emplace_back([&, r] {
        std::mt19937 random(seed + 100 * static_cast<unsigned>(round) + r);
        for (uint64_t i = 0; i < kBatches; ++i) {
          if (random() % 3 > 0) {
            EXPECT_TRUE(queue.Deliver(Batch(random() % (kLarge / 2))).ok());
            continue;
          }
          EXPECT_TRUE(queue.TakeTurn().ok());
          if (random() % 5 == 0) {  // it was not large
            queue.GiveTurn();
            EXPECT_TRUE(queue.Deliver(Batch(7)).ok());
            continue;
          }
          EXPECT_TRUE(queue.Deliver(std::make_unique<SizedBatch>(kLarge, &alive), true).ok());
        }
        queue.EndReader(absl::OkStatus());
      });
    }
    uint64_t batches = 0;
    for (;; ++batches) {
      const std::unique_ptr<RowBatch> batch = *queue.Take();
      if (batch == nullptr) break;
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(batches, 4 * kBatches);
    EXPECT_EQ(queue.rows_taken(), 4 * kBatches);
    EXPECT_EQ(alive.most, 1);
    EXPECT_EQ(alive.count, 0);
  }
}

}  // namespace
}  // namespace driftwood::agent
