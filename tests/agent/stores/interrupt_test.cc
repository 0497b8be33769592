// Scans that wait for their source end when they are interrupted, and so do their servers' queries.
// Covers agent/source/for_each_row.cc too.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "agent/index/indexer.h"
#include "agent/serve/service.h"
#include "agent/source/cancellation.h"
#include "agent/source/load_gate.h"
#include "agent/source/mapped_store.h"
#include "agent/source/pacer.h"
#include "agent/stores/mysql/mysql_store.h"
#include "agent/stores/postgresql/postgresql_store.h"
#include "agent/stores/sql/batch_queue.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace driftwood::agent {
namespace {

// A scan whose Next() waits until it is interrupted.
class WaitingScan final : public Scan {
 public:
  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    std::unique_lock lock(mutex_);
    waiting_.set_value();
    changed_.wait(lock, [this] { return interrupted_; });
    return absl::CancelledError("interrupted");
  }
  uint64_t Progress() const override { return 0; }
  absl::StatusOr<End> Finish() override { return absl::InternalError("it has no end"); }
  void Interrupt() override {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    changed_.notify_all();
  }
  std::future<void> waiting() { return waiting_.get_future(); }

 private:
  std::promise<void> waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool interrupted_ = false;
};

class OneScanStore final : public Store {
 public:
  explicit OneScanStore(std::unique_ptr<Scan> scan) : scan_(std::move(scan)) {}
  absl::StatusOr<SourceDescription> Describe() override { return SourceDescription{}; }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(const std::vector<std::string>&) override {
    return std::move(scan_);
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t) override { return "row"; }
  absl::StatusOr<std::unique_ptr<LoadMeter>> MeasureLoad(LoadParts) override {
    class Quiet final : public LoadMeter {
      absl::StatusOr<ServerLoad> Read() override { return ServerLoad{}; }
    };
    return std::unique_ptr<LoadMeter>(std::make_unique<Quiet>());
  }

 private:
  std::unique_ptr<Scan> scan_;
};

// What waits in `scan`, once `begun`, ends with Cancelled when it is interrupted, and stays so.
void ExpectInterruptible(Scan& scan, std::future<void> begun) {
  std::thread interrupting([&scan, begun = std::move(begun)]() mutable {
    begun.wait();
    scan.Interrupt();
  });
  const absl::Status status = scan.Next().status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  interrupting.join();
  scan.Interrupt();
  EXPECT_FALSE(scan.Finish().ok());
}

TEST(InterruptTest, LayersOverAScanPassItOn) {
  auto inner = std::make_unique<WaitingScan>();
  std::future<void> begun = inner->waiting();
  auto pacer = std::make_shared<Pacer>(Rate{1, 0});
  ColumnMapping mapping;
  mapping.names["a"] = "b";
  const auto store = MakePacedStore(
      MapColumns(std::make_unique<OneScanStore>(std::move(inner)), mapping, "x"), pacer);
  LoadGateOptions options;
  options.limits.running = 1;
  const auto gated = MakeGatedStore(store.get(), options);
  auto scan = gated->StartScan({"b"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ExpectInterruptible(**scan, std::move(begun));
}

TEST(InterruptTest, AWaitForTheRateEndsForThatScanOnly) {
  auto pacer = std::make_shared<Pacer>(Rate{1, 0});
  const auto store =
      MakePacedStore(std::make_unique<OneScanStore>(std::make_unique<WaitingScan>()), pacer);
  auto scan = store->StartScan({});
  ASSERT_TRUE(scan.ok()) << scan.status();
  pacer->Spend(1'000'000, 0);
  std::thread interrupting([&] { (*scan)->Interrupt(); });
  EXPECT_TRUE(absl::IsCancelled((*scan)->Next().status()));
  interrupting.join();
  EXPECT_GT(pacer->Debt(), std::chrono::hours(24));
  const std::atomic<bool> others{false};
  std::atomic<bool> returned{false};
  std::thread waiting([&] {
    EXPECT_TRUE(absl::IsCancelled(pacer->WaitUntilPaid(&others)));
    returned = true;
  });
  pacer->Wake();
  EXPECT_FALSE(returned);
  pacer->Stop();
  waiting.join();
}

TEST(InterruptTest, AWaitForTheLoadToFallEnds) {
  OneScanStore store(std::make_unique<WaitingScan>());
  LoadGateOptions options;
  options.limits.running = 1;
  std::chrono::steady_clock::time_point now{};
  options.clock = [&now] { return now; };
  std::unique_ptr<Store> gated;
  Scan* scan = nullptr;
  options.sleep = [&](std::chrono::nanoseconds, const std::stop_token&) { scan->Interrupt(); };
  // Too high from the second look on.
  class Rising final : public LoadMeter {
   public:
    absl::StatusOr<ServerLoad> Read() override {
      return ServerLoad{looks_++ == 0 ? 0u : 9u, {}, ""};
    }

   private:
    int looks_ = 0;
  };
  class RisingStore final : public Store {
   public:
    explicit RisingStore(Store* store) : store_(store) {}
    absl::StatusOr<SourceDescription> Describe() override { return store_->Describe(); }
    absl::StatusOr<std::unique_ptr<Scan>> StartScan(const std::vector<std::string>& c) override {
      return store_->StartScan(c);
    }
    absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }
    absl::StatusOr<std::string> DescribeOrigin(uint64_t) override { return "row"; }
    absl::StatusOr<std::unique_ptr<LoadMeter>> MeasureLoad(LoadParts) override {
      return std::unique_ptr<LoadMeter>(std::make_unique<Rising>());
    }

   private:
    Store* const store_;
  };
  RisingStore rising(&store);
  gated = MakeGatedStore(&rising, options);
  auto started = gated->StartScan({});
  ASSERT_TRUE(started.ok()) << started.status();
  scan = started->get();
  now += std::chrono::seconds(2);
  EXPECT_TRUE(absl::IsCancelled(scan->Next().status()));
}

TEST(InterruptTest, CancellingACallInterruptsItsScansWheneverTheyBegan) {
  Cancellation cancellation;
  WaitingScan before, after, gone;
  { const InterruptOnCancel ended(&cancellation, &gone); }
  const InterruptOnCancel first(&cancellation, &before);
  std::thread cancelling([&, begun = before.waiting()]() mutable {
    begun.wait();
    cancellation.Cancel();
    cancellation.Cancel();
  });
  EXPECT_TRUE(absl::IsCancelled(before.Next().status()));
  cancelling.join();
  EXPECT_TRUE(cancellation.cancelled());
  const InterruptOnCancel second(&cancellation, &after);
  EXPECT_TRUE(absl::IsCancelled(after.Next().status()));
  const InterruptOnCancel none(nullptr, &gone);
}

class OneRow final : public NumberedBatch {
 public:
  uint64_t rows() const override { return 1; }
  size_t bytes() const override { return size_t{5} << 20; }
  absl::Status Decode(RowSink& sink) override {
    const SourceValue row[] = {SourceValue::Int64(7)};
    return sink.Row(row, first());
  }
};

TEST(BatchQueueTest, AReaderThatHasNoRoomWaitsUntilThereIsSomeOrTheScanEnds) {
  for (const bool stop : {false, true}) {
    BatchQueue queue;
    queue.AddReader();
    std::thread reader([&] {
      absl::Status status;
      for (int i = 0; i < 5 && status.ok(); ++i) status = queue.Deliver(std::make_unique<OneRow>());
      EXPECT_EQ(status.ok(), !stop) << status;
      queue.EndReader(status);
    });
    RowCollector collector;
    for (;;) {
      auto batch = queue.Take();
      if (!batch.ok() || *batch == nullptr) {
        EXPECT_EQ(batch.ok(), !stop);
        EXPECT_EQ(absl::IsCancelled(batch.status()), stop);
        break;
      }
      ASSERT_TRUE((*batch)->Decode(collector).ok());
      if (stop) queue.Stop();
    }
    reader.join();
    EXPECT_EQ(queue.at_end(), !stop);
    EXPECT_EQ(collector.origins.size(), stop ? 1u : 5u);
    for (size_t i = 0; i < collector.origins.size(); ++i) EXPECT_EQ(collector.origins[i], i);
    EXPECT_EQ(queue.rows_taken(), collector.origins.size());
  }
}

TEST(BatchQueueTest, TheFirstErrorEndsTheScanAndAllItsReaders) {
  BatchQueue queue;
  queue.AddReader();
  queue.AddReader();
  std::thread waiting([&] {
    const absl::Status status = queue.Pause(std::chrono::hours(1));
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
    queue.EndReader(status);
  });
  queue.EndReader(absl::AbortedError("lost"));
  waiting.join();
  queue.Stop();
  EXPECT_TRUE(absl::IsAborted(queue.Take().status()));
  EXPECT_TRUE(absl::IsCancelled(queue.CheckWanted()));
  EXPECT_FALSE(queue.at_end());
}

class PgInterruptTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = testing::PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public;"
        "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(30)::text AS s;"
        "CREATE TABLE t(id int PRIMARY KEY, pad text);"
        "INSERT INTO t SELECT i, repeat('x', 2000) FROM generate_series(1, 20000) i");
  }
  std::unique_ptr<Store> Open(const std::string& table, const std::string& more = "") {
    return OpenPostgresqlStore(StoreUrl::Parse(server_->Url(table, more)).value()).value();
  }
  bool BecomeRunning(const std::string& count) {
    return testing::Becomes(
        *server_,
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE "
        "'COPY%'",
        count);
  }

  testing::PostgresServer* server_ = nullptr;
};

TEST_F(PgInterruptTest, AScanOfASilentServerEndsAndSoDoesItsQuery) {
  const auto store = Open("slow");
  auto scan = store->StartScan({"id", "s"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  std::promise<void> running;
  std::future<void> begun = running.get_future();
  std::thread watching([&] {
    EXPECT_TRUE(BecomeRunning("1"));
    running.set_value();
  });
  ExpectInterruptible(**scan, std::move(begun));
  watching.join();
  EXPECT_TRUE(BecomeRunning("0"));
}

TEST_F(PgInterruptTest, AScanInItsMiddleEndsWithAllItsConnections) {
  const auto store = Open("t", "&connections=3");
  auto scan = store->StartScan({"id", "pad"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_TRUE((*scan)->Next().ok());
  (*scan)->Interrupt();
  EXPECT_TRUE(absl::IsCancelled((*scan)->Next().status()));
  EXPECT_TRUE(BecomeRunning("0"));
}

TEST_F(PgInterruptTest, WhatIsWrongWithTheQueryIsNotTakenForSomethingThatHappened) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Open("t", "&where=nonsense"), {"id"}).status));
  server_->Sql("CREATE VIEW broken AS SELECT 1 / (id - 1) AS x FROM t");
  EXPECT_TRUE(IsSourcesFault(ReadAll(*Open("broken"), {"x"}).status));
}

class MysqlInterruptTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = testing::MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(server_);
    server_->Sql(
        "DROP DATABASE test; CREATE DATABASE test; USE test;"
        "CREATE TABLE t(id int PRIMARY KEY, pad varchar(2000));"
        "INSERT INTO t SELECT seq, REPEAT('x', 2000) FROM seq_1_to_20000;"
        // Neither sleeps: the server looks for clients that are gone while it does that.
        "CREATE VIEW slow AS SELECT COUNT(*) AS n FROM t a JOIN t b JOIN t c "
        "WHERE a.pad < CONCAT(b.pad, c.id)");
  }
  std::unique_ptr<Store> Open(const std::string& table, const std::string& more = "") {
    return OpenMysqlStore(StoreUrl::Parse(server_->Url(table, more)).value()).value();
  }
  bool BecomeRunning(const std::string& count) {
    return testing::Becomes(*server_,
                            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE "
                            "'SELECT /* driftwood */%'",
                            count);
  }

  testing::MariadbServer* server_ = nullptr;
};

TEST_F(MysqlInterruptTest, AScanOfASilentServerEndsAndSoDoesItsQuery) {
  for (const char* where : {"", "&where=SLEEP(30)%20=%200"}) {
    SCOPED_TRACE(where);
    const auto store = *where == '\0' ? Open("slow") : Open("t", where);
    auto scan = store->StartScan({*where == '\0' ? "n" : "id"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    std::promise<void> running;
    std::future<void> begun = running.get_future();
    std::thread watching([&] {
      EXPECT_TRUE(BecomeRunning("1"));
      running.set_value();
    });
    ExpectInterruptible(**scan, std::move(begun));
    watching.join();
    EXPECT_TRUE(BecomeRunning("0"));
  }
}

TEST_F(MysqlInterruptTest, AScanInItsMiddleEndsWithAllItsConnections) {
  const auto store = Open("t", "&connections=3");
  auto scan = store->StartScan({"id", "pad"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_TRUE((*scan)->Next().ok());
  (*scan)->Interrupt();
  EXPECT_TRUE(absl::IsCancelled((*scan)->Next().status()));
  EXPECT_TRUE(BecomeRunning("0"));
}

// All that a call does through a service ends when the program does.
TEST_F(MysqlInterruptTest, StoppingTheServiceEndsAPreparationThatWaitsForItsServer) {
  testing::TempDir folder;
  ServiceOptions options;
  options.key = merkle::DigestKey::Unkeyed();
  options.state_dir = folder.path();
  options.allow_values = true;  // the view offers no key
  Service service(options);
  ASSERT_TRUE(service.AddDataset("slow", "url", Open("slow")).ok());
  merkle::Agreement agreement;
  agreement.schema.key = {{"n", merkle::ColumnType::kInteger}};
  agreement.key_id = options.key.KeyId();
  std::thread stopping([&] {
    EXPECT_TRUE(BecomeRunning("1"));
    service.Stop();
  });
  CallControl control;
  const absl::Status status = service.Prepare("slow", agreement, false, &control).status();
  stopping.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(BecomeRunning("0"));
}

}  // namespace
}  // namespace driftwood::agent
