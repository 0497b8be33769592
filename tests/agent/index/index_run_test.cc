#include "agent/index/index_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/index/row_encoder.h"
#include "tests/agent/source/fake_store.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

// Keeps what it is given; refuses the record of its choice.
class RecordingBuilder final : public merkle::IndexBuilder {
 public:
  absl::Status Add(std::string_view key, const merkle::Digest& digest) override {
    if (throws_at == added.size()) throw std::bad_alloc();
    if (refused_at == added.size()) return absl::AlreadyExistsError("refused");
    if (!added.empty() && key <= added.back().first) out_of_order = true;
    added.emplace_back(key, digest);
    return absl::OkStatus();
  }
  bool in_order() const override { return !out_of_order; }
  absl::StatusOr<merkle::Summary> Finish(std::string_view) override { return merkle::Summary{}; }

  std::vector<std::pair<std::string, merkle::Digest>> added;
  std::optional<size_t> refused_at;
  std::optional<size_t> throws_at;
  bool out_of_order = false;
};

merkle::Agreement AgreementOf(const merkle::Schema& schema) {
  merkle::Agreement agreement;
  agreement.schema = schema;
  return agreement;
}

const merkle::Schema kSchema{{{"id", merkle::ColumnType::kInteger}},
                             {{"value", merkle::ColumnType::kText}}};

std::vector<FakeRow> Rows(size_t count) {
  std::vector<FakeRow> rows;
  for (size_t i = 0; i < count; ++i) {
    rows.push_back({std::to_string((i * 7919) % 100'003), "v" + std::to_string(i)});
  }
  return rows;
}

struct Outcome {
  absl::Status status;
  RecordingBuilder builder;
  uint64_t records = 0;
  uint64_t unparsed = 0;
};

Outcome RunOver(FakeStore& store, IndexerOptions options, std::optional<size_t> refused_at = {}) {
  Outcome outcome;
  outcome.builder.refused_at = refused_at;
  auto scan = store.StartScan(ScanColumns(kSchema)).value();
  const merkle::Agreement agreement = AgreementOf(kSchema);
  IndexRun run(scan.get(), &outcome.builder, agreement, options);
  outcome.status = run.Run();
  outcome.records = run.records();
  outcome.unparsed = run.unparsed().count();
  return outcome;
}

IndexerOptions Threads(int threads) {
  IndexerOptions options;
  options.threads = threads;
  return options;
}

TEST(IndexRunTest, EveryRecordIsAddedOnceInTheOrderOfTheScan) {
  for (const size_t count : {0u, 1u, 2u, 3u, 4u, 100u, 5000u}) {
    const std::vector<FakeRow> rows = Rows(count);
    for (const int threads : {1, 2, 3, 8}) {
      SCOPED_TRACE(std::to_string(count) + " rows, " + std::to_string(threads) + " threads");
      FakeStore store(rows);
      const Outcome outcome = RunOver(store, Threads(threads));
      ASSERT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_EQ(outcome.records, count);
      ASSERT_EQ(outcome.builder.added.size(), count);
      RowEncoder encoder(kSchema, {}, merkle::DigestKey::Unkeyed());
      merkle::RecordHasher hasher{merkle::DigestKey::Unkeyed()};
      for (size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(encoder
                        .EncodeHashed(std::vector<SourceValue>{SourceValue::Text(rows[i].id),
                                                               SourceValue::Text(rows[i].value)})
                        .ok());
        ASSERT_EQ(outcome.builder.added[i].first, encoder.key());
        ASSERT_EQ(outcome.builder.added[i].second, hasher.Hash(encoder.key(), encoder.value()));
      }
    }
  }
}

// The rows 0 to 2999 in three parts, of which a batch of each is read in turn.
std::vector<FakeRow> ThreePartsInTurn() {
  std::vector<FakeRow> rows;
  for (int batch = 0; batch < 100; ++batch) {
    for (int part = 0; part < 3; ++part) {
      for (int i = 0; i < 10; ++i) {
        rows.push_back({std::to_string(part * 1000 + batch * 10 + i), "v"});
      }
    }
  }
  return rows;
}

Outcome RunOverParts(const std::function<ScanPart(size_t batch)>& part, IndexerOptions options) {
  FakeStore store(ThreePartsInTurn());
  store.plan.batch_rows = 10;
  store.plan.part = part;
  return RunOver(store, options);
}

ScanPart PartInTurn(size_t batch) { return {batch % 3, batch / 3 == 99}; }

TEST(IndexRunTest, PartsReadSideBySideAreAddedOneAfterTheOther) {
  for (const int threads : {1, 3}) {
    const Outcome outcome = RunOverParts(PartInTurn, Threads(threads));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.records, 3000u);
    EXPECT_EQ(outcome.builder.added.size(), 3000u);
    EXPECT_TRUE(outcome.builder.in_order());
  }
}

TEST(IndexRunTest, WhatKeepsNoOrderIsAddedAllTheSame) {
  const auto keys = [](const Outcome& outcome) {
    std::set<std::string> all;
    for (const auto& [key, digest] : outcome.builder.added) all.insert(key);
    return all;
  };
  const std::set<std::string> wanted = keys(RunOverParts(PartInTurn, Threads(1)));
  struct Case {
    const char* what;
    std::function<ScanPart(size_t batch)> part;
    size_t memory_bytes;
    bool in_order;
  };
  const size_t usual = IndexerOptions().sort_memory_bytes;
  const Case cases[] = {{"no parts", nullptr, usual, false},
                        {"parts in another order",
                         [](size_t batch) {
                           return ScanPart{2 - batch % 3, batch / 3 == 99};
                         },
                         usual, false},
                        {"no room for those that wait", PartInTurn, 4000, false},
                        {"no part ends",
                         [](size_t batch) {
                           return ScanPart{batch % 3, false};
                         },
                         usual, true},
                        {"the first is missing",
                         [](size_t batch) {
                           return ScanPart{batch % 3 + 1, batch / 3 == 99};
                         },
                         usual, true}};
  for (const Case& each : cases) {
    for (const int threads : {1, 3}) {
      SCOPED_TRACE(each.what);
      IndexerOptions options = Threads(threads);
      options.sort_memory_bytes = each.memory_bytes;
      const Outcome outcome = RunOverParts(each.part, options);
      ASSERT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_EQ(outcome.records, 3000u);
      EXPECT_EQ(outcome.builder.added.size(), 3000u);
      EXPECT_EQ(keys(outcome), wanted);
      EXPECT_EQ(outcome.builder.in_order(), each.in_order);
    }
  }
}

// Values of all lengths in one scan, so that records hashed in pieces stand between others.
TEST(IndexRunTest, LongRowsHaveTheDigestsOfTheirRecords) {
  std::vector<FakeRow> rows = Rows(60);
  for (size_t i = 0; i < rows.size(); i += 7) rows[i].value = std::string((i + 1) << 16, 'x');
  for (const int threads : {1, 3}) {
    FakeStore store(rows);
    store.plan.batch_bytes = size_t{16} << 20;
    const Outcome outcome = RunOver(store, Threads(threads));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    ASSERT_EQ(outcome.builder.added.size(), rows.size());
    RowEncoder encoder(kSchema, {}, merkle::DigestKey::Unkeyed());
    merkle::RecordHasher hasher{merkle::DigestKey::Unkeyed()};
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_TRUE(encoder
                      .EncodeHashed(std::vector<SourceValue>{SourceValue::Text(rows[i].id),
                                                             SourceValue::Text(rows[i].value)})
                      .ok());
      ASSERT_EQ(outcome.builder.added[i].first, encoder.key());
      ASSERT_EQ(outcome.builder.added[i].second, hasher.Hash(encoder.key(), encoder.value())) << i;
    }
  }
}

TEST(IndexRunTest, NothingIsReadWhileALargeBatchIsHashed) {
  for (const int threads : {1, 2, 8}) {
    FakeStore store(Rows(300));
    store.plan.batch_bytes = size_t{40} << 20;
    // Time for a worker that does not wait.
    store.plan.on_decode = [] {
      for (int i = 0; i < 200; ++i) std::this_thread::yield();
    };
    store.plan.on_next = [&](size_t batch) {
      EXPECT_EQ(store.plan.batches_alive, 0) << "at batch " << batch;
    };
    const Outcome outcome = RunOver(store, Threads(threads));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.records, 300u);
  }
}

// Ledger row 18.
TEST(IndexRunTest, Ledger18AReadErrorAtAnyBatchIsTheResult) {
  for (size_t batch = 0; batch <= 30; ++batch) {
    for (const int threads : {1, 2, 4}) {
      FakeStore store(Rows(90));
      store.plan.next_fails_at = batch;
      const Outcome outcome = RunOver(store, Threads(threads));
      EXPECT_EQ(outcome.status.code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(outcome.status.message(), "reading failed at batch " + std::to_string(batch));
    }
  }
}

TEST(IndexRunTest, OfSeveralErrorsTheFirstInTheScanIsTheResult) {
  for (size_t batch = 0; batch < 30; ++batch) {
    for (const int threads : {1, 2, 4}) {
      FakeStore store(Rows(90));
      store.plan.decode_fails_at = batch;
      store.plan.next_fails_at = batch + 2;
      const Outcome outcome = RunOver(store, Threads(threads));
      EXPECT_EQ(outcome.status.message(), "decoding failed at batch " + std::to_string(batch));
    }
  }
}

TEST(IndexRunTest, ABuildersRefusalEndsTheRun) {
  for (const size_t record : {0u, 1u, 44u, 89u}) {
    for (const int threads : {1, 2, 4}) {
      FakeStore store(Rows(90));
      const Outcome outcome = RunOver(store, Threads(threads), record);
      EXPECT_EQ(outcome.status.code(), absl::StatusCode::kAlreadyExists);
      EXPECT_EQ(outcome.builder.added.size(), record);
    }
  }
}

// Wherever memory runs out, in reading, decoding or adding, the run fails, and only the run.
TEST(IndexRunTest, WhatIsThrownFailsTheRunAndLeavesNoThread) {
  for (int threads : {1, 2, 5}) {
    for (const char* where : {"next", "decode", "add"}) {
      FakeStore store(Rows(300));
      std::atomic<int> decoded{0};
      if (where == std::string("next")) {
        store.plan.on_next = [](size_t batch) {
          if (batch == 17) throw std::bad_alloc();
        };
      } else if (where == std::string("decode")) {
        store.plan.on_decode = [&decoded] {
          if (++decoded == 23) throw std::bad_alloc();
        };
      }
      RecordingBuilder builder;
      if (where == std::string("add")) builder.throws_at = 100;
      auto scan = store.StartScan(ScanColumns(kSchema)).value();
      const merkle::Agreement agreement = AgreementOf(kSchema);
      const IndexerOptions options = Threads(threads);
      IndexRun run(scan.get(), &builder, agreement, options);
      EXPECT_TRUE(absl::IsResourceExhausted(run.Run())) << where << ", threads " << threads;
      EXPECT_EQ(store.plan.batches_alive, 0);
    }
  }
}

TEST(IndexRunTest, ACancelledRunEndsSoonAndSaysSo) {
  for (const int threads : {1, 2, 4}) {
    FakeStore store(Rows(9000));
    Cancellation cancellation;
    store.plan.on_next = [&](size_t batch) {
      if (batch == 20) cancellation.Cancel();
    };
    IndexerOptions options = Threads(threads);
    options.cancellation = &cancellation;
    const Outcome outcome = RunOver(store, options);
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kCancelled);
    EXPECT_LT(outcome.builder.added.size(), 9000u);
  }
}

TEST(IndexRunTest, ProgressGrowsToTheWhole) {
  for (const int threads : {1, 2, 4}) {
    FakeStore store(Rows(1000));
    IndexerOptions options = Threads(threads);
    uint64_t last_records = 0;
    uint64_t last_progress = 0;
    options.on_progress = [&](uint64_t records, uint64_t progress) {
      EXPECT_GT(records, last_records);
      EXPECT_GE(progress, last_progress);
      last_records = records;
      last_progress = progress;
    };
    ASSERT_TRUE(RunOver(store, options).status.ok());
    EXPECT_EQ(last_records, 1000u);
    EXPECT_EQ(last_progress, 1000u);
  }
}

TEST(IndexRunTest, UnparsedValuesOfAllThreadsAddUp) {
  std::vector<FakeRow> rows = Rows(1000);
  for (size_t i = 0; i < rows.size(); i += 10) rows[i].id += "x";
  for (const int threads : {1, 2, 4}) {
    FakeStore store(rows);
    const Outcome outcome = RunOver(store, Threads(threads));
    ASSERT_TRUE(outcome.status.ok());
    EXPECT_EQ(outcome.unparsed, 100u);
  }
}

TEST(IndexRunTest, AKeyBeyondTheLimitIsAnError) {
  FakeStore store({{std::string(merkle::kKeyBytesMax + 1, 'x'), "v"}});
  const Outcome outcome = RunOver(store, Threads(2));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("bytes"));
}

}  // namespace
}  // namespace driftwood::agent
