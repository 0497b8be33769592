// Covers indexer_options.cc and read_records.cc too.
#include "agent/index/indexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "agent/index/indexed_state.h"
#include "agent/index/read_records.h"
#include "agent/source/transient.h"
#include "merkle/record/encoding.h"
#include "merkle/tree/index.h"
#include "tests/agent/source/fake_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

class IndexerTest : public ::testing::Test {
 protected:
  IndexerTest() {
    agreement_.schema = {{{"id", merkle::ColumnType::kInteger}},
                         {{"value", merkle::ColumnType::kText}}};
    agreement_.key_id = options_.key.KeyId();
    options_.threads = 2;
  }

  absl::StatusOr<IndexerResult> Build(FakeStore& store) {
    return BuildIndex(store, agreement_, options_, Path());
  }
  std::filesystem::path Path() const { return folder_ / "index"; }
  std::unique_ptr<merkle::Index> Open() const {
    return merkle::Index::Open(Path(), {options_.key, agreement_.params, agreement_.Fingerprint()})
        .value();
  }
  size_t FilesInFolder() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }

  static std::vector<FakeRow> Rows(int count) {
    std::vector<FakeRow> rows;
    for (int i = 0; i < count; ++i) rows.push_back({std::to_string(i), "v" + std::to_string(i)});
    return rows;
  }
  static std::string Key(int64_t id) {
    std::string key;
    merkle::AppendInteger(id, merkle::Place::kKeyLast, &key);
    return key;
  }

  testing::TempDir folder_;
  merkle::Agreement agreement_;
  IndexerOptions options_;
};

TEST_F(IndexerTest, AnIndexHoldsEveryRecordWhateverTheOrder) {
  std::vector<FakeRow> rows = Rows(5000);
  FakeStore sorted(rows);
  const auto expected = Build(sorted);
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_EQ(expected->root.count, 5000u);
  EXPECT_EQ(expected->position, "position 1");

  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(seed);
  std::shuffle(rows.begin(), rows.end(), std::mt19937(seed));
  FakeStore shuffled(rows);
  shuffled.plan.batch_rows = 100;
  const auto result = Build(shuffled);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->root, expected->root);

  const auto index = Open();
  EXPECT_TRUE(index->Verify().ok()) << index->Verify();
  EXPECT_EQ(index->Root().value(), expected->root);
  const auto state = IndexedState::Decode(index->source_position().value());
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->position, "position 1");
}

TEST_F(IndexerTest, AnIndexIsAsOfWhenItsScanBegan) {
  const WallTime began(std::chrono::seconds(1'700'000'000));
  options_.wall_clock = [&] { return began; };
  FakeStore store(Rows(10));
  ASSERT_TRUE(Build(store).ok());
  const auto state = IndexedState::Decode(Open()->source_position().value());
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->freshness, Freshness(ProvedUnchanged{began}));
  EXPECT_FALSE(state->contradicted);
}

TEST_F(IndexerTest, NoRecordsMakeAnEmptyIndex) {
  FakeStore store({});
  const auto result = Build(store);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->root, merkle::Summary{});
  EXPECT_EQ(Open()->Root().value().count, 0u);
}

TEST_F(IndexerTest, WhatCanNotBeProvenIsNoPosition) {
  FakeStore store(Rows(10));
  store.plan.not_point_in_time = "it changed";
  const auto result = Build(store);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->position, "");
  EXPECT_EQ(result->not_point_in_time, "it changed");
  const auto state = IndexedState::Decode(Open()->source_position().value()).value();
  EXPECT_EQ(state.position, "");
  EXPECT_EQ(state.not_point_in_time, "it changed");
}

TEST_F(IndexerTest, AFailedScanLeavesNothing) {
  for (size_t batch = 0; batch < 12; ++batch) {
    FakeStore store(Rows(30));
    store.plan.next_fails_at = batch;
    const auto result = Build(store);
    if (batch > 10) {
      EXPECT_TRUE(result.ok());
      break;
    }
    EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(FilesInFolder(), 0u);
    EXPECT_EQ(store.plan.scans_open, 0);
  }
}

TEST_F(IndexerTest, ADuplicateKeyIsNamedWithBothRows) {
  std::vector<FakeRow> rows = Rows(20);
  rows[2].id = "7";
  rows[9].id = "007";
  rows[7].id = "70";
  FakeStore store(rows);
  const auto result = Build(store);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kAlreadyExists);
  const std::string message(result.status().message());
  EXPECT_THAT(message, HasSubstr("{id: 7}"));
  EXPECT_THAT(message, HasSubstr("line 3 ('7') and line 10 ('007')"));
  EXPECT_THAT(message, HasSubstr("fake:rows"));
  EXPECT_THAT(message, HasSubstr("--key"));
  EXPECT_EQ(FilesInFolder(), 0u);
}

// Its first scan has other rows than all that follow.
class MovingStore final : public Store {
 public:
  MovingStore(std::vector<FakeRow> first, std::vector<FakeRow> later)
      : first_(std::move(first)), later_(std::move(later)) {}
  absl::StatusOr<SourceDescription> Describe() override { return first_.Describe(); }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return (scans_++ == 0 ? first_ : later_).StartScan(columns);
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t) override { return "a row"; }

 private:
  int scans_ = 0;
  FakeStore first_, later_;
};

TEST_F(IndexerTest, ARecordThatMovedDuringTheScanIsNoDuplicate) {
  std::vector<FakeRow> rows = Rows(20);
  rows.push_back({"3", "it has moved here"});
  MovingStore store(rows, Rows(20));
  const auto result = BuildIndex(store, agreement_, options_, Path());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(IsTransient(result.status()));
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("two records were read with the key {id: 3} of fake:rows"),
                    HasSubstr("the source is changing")));
}

TEST_F(IndexerTest, AKeyBeyondTheLimitIsNamedByItsRow) {
  std::vector<FakeRow> rows = Rows(20);
  rows[11].id = std::string(merkle::kKeyBytesMax + 1, 'x');
  FakeStore store(rows);
  const auto result = Build(store);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("line 12: a record's key has"), HasSubstr("bytes")));
}

TEST_F(IndexerTest, EqualOriginalsAreNotRepeated) {
  std::vector<FakeRow> rows = Rows(20);
  rows[3].id = "4";
  FakeStore store(rows);
  const auto result = Build(store);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("{id: 4}: line 4 and line 5 of"));
}

TEST_F(IndexerTest, AnotherAgreementIsRefused) {
  FakeStore store(Rows(3));
  merkle::Agreement original = agreement_;
  agreement_.key_id = "other";
  EXPECT_EQ(Build(store).status().code(), absl::StatusCode::kFailedPrecondition);
  agreement_ = original;
  agreement_.encoding_version += 1;
  EXPECT_EQ(Build(store).status().code(), absl::StatusCode::kFailedPrecondition);
  agreement_ = original;
  agreement_.rules = {"value:sparkle"};
  EXPECT_EQ(Build(store).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store.plan.scans_started, 0);
}

TEST_F(IndexerTest, RecordsAreReadBackByKey) {
  FakeStore store(Rows(100));
  const auto found =
      ReadRecords(store, agreement_, options_.key, {Key(70), Key(7), Key(1000), Key(7)});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].key, Key(7));
  EXPECT_EQ((*found)[1].key, Key(70));
  const auto values = merkle::DecodeValues((*found)[1].value, 1).value();
  EXPECT_EQ(values[0].text, "v70");
  merkle::RecordHasher hasher(options_.key);
  EXPECT_EQ((*found)[1].digest, hasher.Hash((*found)[1].key, (*found)[1].value));
  EXPECT_EQ(store.plan.scans_open, 0);

  EXPECT_TRUE(ReadRecords(store, agreement_, options_.key, {})->empty());
  EXPECT_EQ(ReadRecords(store, agreement_, options_.key, {"no key"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(IndexerTest, RecordsAreReadBackWithoutTheirValues) {
  FakeStore store(Rows(100));
  const auto found = ReadRecords(store, agreement_, options_.key, {Key(7)}, /*with_values=*/false);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].value, "");
  EXPECT_EQ((*found)[0].digest,
            ReadRecords(store, agreement_, options_.key, {Key(7)})->at(0).digest);
}

TEST_F(IndexerTest, WhereAnIndexIsProvenAScanEndsWithTheLastRecordThatIsThere) {
  FakeStore store(Rows(100));
  const std::vector<std::string> keys = {Key(7), Key(20), Key(1000)};
  std::vector<FoundRecord> indexed =
      *ReadRecords(store, agreement_, options_.key, keys, /*with_values=*/false);
  const std::vector<FoundRecord> expected = *ReadRecords(store, agreement_, options_.key, keys);
  size_t batches = 0;
  store.plan.on_next = [&](size_t) { ++batches; };
  uint64_t scanned_up_to = 0;
  const auto read = [&] {
    batches = 0;
    return *ReadRecords(store, agreement_, options_.key, keys, true, nullptr, nullptr,
                        {[&] { return indexed; }, &scanned_up_to});
  };
  EXPECT_EQ(read(), expected);
  EXPECT_EQ(batches, 7u);  // of three rows each
  EXPECT_EQ(scanned_up_to, 20u);

  // What the store has is not what the index says: all of it is scanned, and it says what is there.
  for (const auto& change : std::vector<std::function<void()>>{
           [&] { indexed[0].digest.low ^= 1; }, [&] { indexed.pop_back(); },
           [&] { indexed[0].key = Key(101); }}) {
    const std::vector<FoundRecord> before = indexed;
    change();
    const bool fewer = indexed.size() < before.size();
    EXPECT_EQ(read().size(), fewer ? 1u : 2u);
    EXPECT_EQ(batches > 30, !fewer);
    indexed = before;
  }
}

TEST_F(IndexerTest, ACancelledReadingIsNotAnEmptyOne) {
  FakeStore store(Rows(100));
  Cancellation cancellation;
  store.plan.on_next = [&](size_t) { cancellation.Cancel(); };
  EXPECT_EQ(
      ReadRecords(store, agreement_, options_.key, {Key(99)}, false, &cancellation).status().code(),
      absl::StatusCode::kCancelled);
}

TEST_F(IndexerTest, ReadingRecordsFailsWithTheScan) {
  FakeStore store(Rows(100));
  store.plan.next_fails_at = 20;
  EXPECT_EQ(ReadRecords(store, agreement_, options_.key, {Key(1)}).status().code(),
            absl::StatusCode::kDataLoss);
  FakeStore twice({{"1", "a"}, {"01", "b"}});
  EXPECT_EQ(ReadRecords(twice, agreement_, options_.key, {Key(1)}).status().code(),
            absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace driftwood::agent
