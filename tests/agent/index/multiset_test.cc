// Records without key, from the store to the index and back. Covers copies.cc too.
#include "merkle/tree/multiset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "agent/index/copies.h"
#include "agent/index/indexer.h"
#include "agent/index/read_records.h"
#include "merkle/record/encoding.h"
#include "merkle/tree/index.h"
#include "merkle/tree/range.h"
#include "tests/agent/source/fake_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

class MultisetTest : public ::testing::Test {
 protected:
  MultisetTest() {
    agreement_.schema.multiset = true;
    agreement_.schema.values = {{"id", merkle::ColumnType::kInteger},
                                {"value", merkle::ColumnType::kText}};
    agreement_.key_id = options_.key.KeyId();
    options_.threads = 2;
  }

  absl::StatusOr<IndexerResult> Build(FakeStore& store) {
    return BuildIndex(store, agreement_, options_, folder_ / "index");
  }
  std::unique_ptr<merkle::Index> Open() const {
    return merkle::Index::Open(folder_ / "index",
                               {options_.key, agreement_.params, agreement_.Fingerprint()})
        .value();
  }
  std::string KeyOf(const FakeRow& row) const {
    std::string columns;
    EXPECT_TRUE(merkle::AppendIntegerText(row.id, merkle::Place::kValue, &columns));
    merkle::AppendText(row.value, merkle::Place::kValue, &columns);
    merkle::MultisetHasher hasher(options_.key);
    return std::string(hasher.Key(columns));
  }
  // A few different rows, many copies.
  std::vector<FakeRow> RandomRows(size_t count, size_t ids) {
    std::vector<FakeRow> rows;
    while (rows.size() < count) {
      const size_t n = random_() % (1 + random_() % ids);
      rows.push_back({std::to_string(n / 3), "v" + std::to_string(n % 3)});
    }
    return rows;
  }
  std::map<std::string, uint64_t> Count(const std::vector<FakeRow>& rows) const {
    std::map<std::string, uint64_t> counts;
    for (const FakeRow& row : rows) ++counts[KeyOf(row)];
    return counts;
  }
  std::vector<std::string> KeysOf(const std::map<std::string, uint64_t>& counts) const {
    std::vector<std::string> keys;
    for (const auto& [key, copies] : counts) keys.push_back(key);
    return keys;
  }
  void ExpectCopies(const absl::StatusOr<std::vector<FoundRecord>>& found,
                    const std::map<std::string, uint64_t>& counts) const {
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->size(), counts.size());
    merkle::MultisetHasher hasher(options_.key);
    size_t i = 0;
    for (const auto& [key, copies] : counts) {
      EXPECT_EQ((*found)[i].key, key);
      EXPECT_EQ((*found)[i].copies, copies);
      EXPECT_EQ((*found)[i].digest, hasher.DigestOf(key, copies));
      ++i;
    }
  }

  testing::TempDir folder_;
  merkle::Agreement agreement_;
  IndexerOptions options_;
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  std::mt19937_64 random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

TEST_F(MultisetTest, AnIndexHasEachRecordOnceWithItsNumberOfCopies) {
  for (const size_t memory_bytes : {size_t{1}, size_t{5000}, size_t{64} << 20}) {
    for (const size_t ids : {1u, 30u, 3000u}) {
      options_.sort_memory_bytes = memory_bytes;
      const std::vector<FakeRow> rows = RandomRows(memory_bytes == 1 ? 300 : 4000, ids);
      const auto counts = Count(rows);
      FakeStore store(rows);
      const auto built = Build(store);
      ASSERT_TRUE(built.ok()) << built.status();
      EXPECT_EQ(built->records, rows.size());
      EXPECT_EQ(built->root.count, counts.size());
      const auto index = Open();
      EXPECT_EQ(*index->Root(), built->root);
      const auto view = index->Snapshot();
      ExpectCopies(FindCopies(**view, KeysOf(counts), options_.key, built->records, nullptr),
                   counts);
      ExpectCopies(
          ReadRecords(store, agreement_, options_.key, KeysOf(counts), /*with_values=*/false),
          counts);
    }
  }
}

TEST_F(MultisetTest, EqualMultisetsInAnyOrderHaveOneRootAndOthersHaveAnother) {
  std::vector<FakeRow> rows = RandomRows(2000, 100);
  FakeStore store(rows);
  const merkle::Summary root = Build(store)->root;
  std::shuffle(rows.begin(), rows.end(), random_);
  FakeStore shuffled(rows);
  EXPECT_EQ(Build(shuffled)->root, root);
  std::vector<FakeRow> more = rows;
  more.push_back(rows[random_() % rows.size()]);
  FakeStore one_more(more);
  EXPECT_NE(Build(one_more)->root, root);
  rows.pop_back();
  FakeStore one_less(rows);
  EXPECT_NE(Build(one_less)->root, root);
}

TEST_F(MultisetTest, ValuesAreThoseOfTheRecordItself) {
  FakeStore store({{"7", "a"}, {"8", "b"}, {"7", "a"}});
  const auto found =
      ReadRecords(store, agreement_, options_.key, {KeyOf({"7", "a"}), KeyOf({"9", "c"})});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->at(0).copies, 2u);
  const auto values = merkle::DecodeValues(found->at(0).value, 2);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(values->at(0).number, 7);
  EXPECT_EQ(values->at(1).text, "a");
}

TEST_F(MultisetTest, AScanThatFailsOrIsTornFindsNothing) {
  const std::vector<FakeRow> rows = RandomRows(50, 10);
  FakeStore store(rows);
  const std::vector<std::string> keys = KeysOf(Count(rows));
  store.plan.next_fails_at = 2;
  EXPECT_TRUE(absl::IsDataLoss(ReadRecords(store, agreement_, options_.key, keys).status()));
  store.plan.next_fails_at.reset();
  store.plan.decode_fails_at = 1;
  EXPECT_TRUE(absl::IsDataLoss(ReadRecords(store, agreement_, options_.key, keys).status()));
  EXPECT_TRUE(absl::IsDataLoss(Build(store).status()));
  store.plan.decode_fails_at.reset();
  store.plan.not_point_in_time = "it changed";
  EXPECT_TRUE(absl::IsAborted(ReadRecords(store, agreement_, options_.key, keys).status()));
  store.plan.not_point_in_time.clear();
  Cancellation cancellation;
  cancellation.Cancel();
  EXPECT_TRUE(absl::IsCancelled(
      ReadRecords(store, agreement_, options_.key, keys, false, &cancellation).status()));
  EXPECT_EQ(store.plan.scans_open, 0);
}

TEST_F(MultisetTest, ValuesThatDoNotParseAreCountedAndCompareAsWhatTheyAre) {
  FakeStore store({{"7", "a"}, {"007", "a"}, {"x", "a"}, {"x", "a"}, {"X", "a"}});
  const auto built = Build(store);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->unparsed, 3u);
  EXPECT_EQ(built->records, 5u);
  EXPECT_EQ(built->root.count, 3u);  // 7 twice, x twice, X
}

TEST_F(MultisetTest, AnIndexOfKeysIsNotTakenForOneOfAMultisetNorTheOtherWayRound) {
  merkle::Agreement keyed = agreement_;
  keyed.schema.multiset = false;
  keyed.schema.key = {agreement_.schema.values[0]};
  keyed.schema.values.erase(keyed.schema.values.begin());
  FakeStore store({{"7", "a"}, {"8", "b"}});
  for (const auto& [made, asked] : {std::pair{agreement_, keyed}, std::pair{keyed, agreement_}}) {
    ASSERT_TRUE(BuildIndex(store, made, options_, folder_ / "index").ok());
    const auto index =
        merkle::Index::Open(folder_ / "index", {options_.key, asked.params, asked.Fingerprint()});
    EXPECT_TRUE(absl::IsFailedPrecondition(index.status())) << index.status();
  }
}

}  // namespace
}  // namespace driftwood::agent
