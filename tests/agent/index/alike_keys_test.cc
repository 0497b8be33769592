// With a store that compares texts without letter case; real collations are in
// tests/integration/collation_keys_test.cc.
#include "agent/index/alike_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "merkle/record/encoding.h"
#include "merkle/text/names.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using merkle::Column;
using merkle::ColumnType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
// A shard's number, and a text.
using Key = std::pair<int64_t, std::string>;

std::string Encoded(const Key& key) {
  std::string bytes;
  merkle::AppendInteger(key.first, merkle::Place::kKey, &bytes);
  merkle::AppendText(key.second, merkle::Place::kKeyLast, &bytes);
  return bytes;
}

// Its keys are what it holds. A lookup finds each key whose number is asked for and whose text is
// one of those asked for but for letter case.
class CaselessStore final : public Store {
 public:
  explicit CaselessStore(std::set<Key> keys) : keys_(std::move(keys)) {}

  absl::Status lookup_error;  // of LookupAlike()
  absl::Status scan_error;    // in place of the end of what it finds
  absl::Status finish_error;
  std::function<void()> on_next;
  int lookups = 0;

  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    EXPECT_EQ(columns, key);
    ++lookups;
    if (!lookup_error.ok()) return lookup_error;
    std::set<Key> folded;
    for (const auto& asked : keys) {
      folded.emplace(asked.at(0).int64, Lowercase(std::string(asked.at(1).text)));
    }
    std::vector<Key> found;
    for (const Key& held : keys_) {
      if (folded.contains({held.first, Lowercase(held.second)})) found.push_back(held);
    }
    return std::unique_ptr<Scan>(std::make_unique<Found>(this, std::move(found)));
  }

  absl::StatusOr<SourceDescription> Describe() override { return SourceDescription(); }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(const std::vector<std::string>&) override {
    return absl::InternalError("nobody scans it");
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t) override { return std::string("a row"); }

 private:
  class Batch final : public RowBatch {
   public:
    explicit Batch(Key key) : key_(std::move(key)) {}
    absl::Status Decode(RowSink& sink) override {
      const SourceValue row[] = {SourceValue::Int64(key_.first), SourceValue::Text(key_.second)};
      return sink.Row(row, 0);
    }

   private:
    const Key key_;
  };

  class Found final : public Scan {
   public:
    Found(CaselessStore* store, std::vector<Key> keys) : store_(store), keys_(std::move(keys)) {}
    absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
      if (store_->on_next) store_->on_next();
      if (at_ < keys_.size()) {
        return std::unique_ptr<RowBatch>(std::make_unique<Batch>(keys_[at_++]));
      }
      if (!store_->scan_error.ok()) return store_->scan_error;
      return std::unique_ptr<RowBatch>();
    }
    uint64_t Progress() const override { return at_; }
    absl::StatusOr<End> Finish() override {
      if (!store_->finish_error.ok()) return store_->finish_error;
      return End();
    }

   private:
    CaselessStore* const store_;
    const std::vector<Key> keys_;
    size_t at_ = 0;
  };

  const std::set<Key> keys_;
};

merkle::Agreement TwoColumns() {
  merkle::Agreement agreement;
  agreement.schema.key = {{"shard", ColumnType::kInteger}, {"name", ColumnType::kText}};
  return agreement;
}

absl::StatusOr<std::vector<AlikeKey>> Find(Store& store, const std::vector<Key>& keys,
                                           const merkle::Agreement& agreement = TwoColumns(),
                                           Cancellation* cancellation = nullptr) {
  std::vector<std::string> encoded;
  for (const Key& key : keys) encoded.push_back(Encoded(key));
  return FindAlikeKeys(store, agreement, encoded, cancellation);
}

AlikeKey Alike(const Key& key, const Key& held) { return {Encoded(key), Encoded(held)}; }

TEST(AlikeKeysTest, AKeyThatIsHeldInAnotherLetterCaseIsNamedWithIt) {
  CaselessStore store({{1, "a"}, {1, "b"}, {2, "c"}});
  const auto alike = Find(store, {{1, "A"}, {1, "z"}, {1, "B"}});
  ASSERT_TRUE(alike.ok()) << alike.status();
  EXPECT_THAT(*alike, ElementsAre(Alike({1, "A"}, {1, "a"}), Alike({1, "B"}, {1, "b"})));
}

TEST(AlikeKeysTest, OnlyTextsMayDiffer) {
  CaselessStore store({{2, "a"}});
  EXPECT_THAT(*Find(store, {{1, "A"}}), IsEmpty());
}

TEST(AlikeKeysTest, WhereNothingElseIsFoundOneLookupIsAll) {
  CaselessStore store({{1, "a"}, {1, "b"}});
  EXPECT_THAT(*Find(store, {{1, "c"}, {1, "d"}, {2, "a"}}), IsEmpty());
  EXPECT_EQ(store.lookups, 1);
  EXPECT_THAT(*Find(store, {}), IsEmpty());
  EXPECT_EQ(store.lookups, 1);
}

// It came into being since the store was said to lack it.
TEST(AlikeKeysTest, AKeyThatIsThereItselfIsAlikeToNone) {
  CaselessStore store({{1, "a"}, {1, "A"}});
  EXPECT_THAT(*Find(store, {{1, "A"}}), IsEmpty());
  EXPECT_THAT(*Find(store, {{1, "A"}, {1, "a"}}), IsEmpty());
}

TEST(AlikeKeysTest, SoManyKeysAreLookedUpOneByOneAndNoMore) {
  std::set<Key> held;
  std::vector<Key> asked;
  for (int i = 100; i < 200; ++i) {
    held.emplace(1, "a" + std::to_string(i));
    asked.emplace_back(1, "A" + std::to_string(i));
  }
  CaselessStore store(held);
  const auto alike = Find(store, asked);
  ASSERT_TRUE(alike.ok()) << alike.status();
  EXPECT_THAT(*alike, SizeIs(kAlikeLookupsMax));
  EXPECT_EQ(alike->front(), Alike({1, "A100"}, {1, "a100"}));
  EXPECT_EQ(store.lookups, 1 + static_cast<int>(kAlikeLookupsMax));
}

TEST(AlikeKeysTest, WithoutATextInTheKeyNothingIsLookedUp) {
  CaselessStore store({{1, "a"}});
  merkle::Agreement agreement;
  agreement.schema.key = {{"shard", ColumnType::kInteger}};
  std::string key;
  merkle::AppendInteger(1, merkle::Place::kKeyLast, &key);
  EXPECT_THAT(*FindAlikeKeys(store, agreement, {key}, nullptr), IsEmpty());
  EXPECT_EQ(store.lookups, 0);
}

// The store has the key as it was before the rule.
TEST(AlikeKeysTest, UnderARuleOfAKeyColumnNothingIsLookedUp) {
  CaselessStore store({{1, "a"}});
  merkle::Agreement agreement = TwoColumns();
  agreement.schema.values = {{"note", ColumnType::kText}};
  agreement.rules = {"name:rtrim"};
  EXPECT_THAT(*Find(store, {{1, "A"}}, agreement), IsEmpty());
  EXPECT_EQ(store.lookups, 0);
  agreement.rules = {"note:rtrim"};
  EXPECT_THAT(*Find(store, {{1, "A"}}, agreement), SizeIs(1));
}

TEST(AlikeKeysTest, AStoreWithoutSuchALookupHasNone) {
  CaselessStore store({{1, "a"}});
  store.lookup_error = absl::UnimplementedError("no lookup");
  const auto alike = Find(store, {{1, "A"}});
  ASSERT_TRUE(alike.ok()) << alike.status();
  EXPECT_THAT(*alike, IsEmpty());
}

TEST(AlikeKeysTest, OtherErrorsAreErrors) {
  const absl::Status lost = absl::UnavailableError("lost");
  for (absl::Status CaselessStore::*const error :
       {&CaselessStore::lookup_error, &CaselessStore::scan_error, &CaselessStore::finish_error}) {
    CaselessStore store({{1, "a"}});
    store.*error = lost;
    EXPECT_EQ(Find(store, {{1, "A"}}).status(), lost);
  }
}

TEST(AlikeKeysTest, AKeyThatDoesNotDecodeIsRefused) {
  CaselessStore store({{1, "a"}});
  for (const std::string& bad : {std::string(), std::string("\xff"), Encoded({1, "a"}) + "\xff",
                                 Encoded({1, "a"}).substr(0, 5)}) {
    EXPECT_EQ(FindAlikeKeys(store, TwoColumns(), {Encoded({1, "A"}), bad}, nullptr).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(AlikeKeysTest, ItEndsWhenItIsCancelled) {
  CaselessStore store({{1, "a"}});
  Cancellation cancellation;
  store.on_next = [&] { cancellation.Cancel(); };
  EXPECT_EQ(Find(store, {{1, "A"}}, TwoColumns(), &cancellation).status().code(),
            absl::StatusCode::kCancelled);
}

// The naive twin compares each key with each.
TEST(AlikeKeysTest, RandomKeysAreFoundAsTheTwinFindsThem) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const auto random_key = [&random] {
    std::string name;
    for (size_t n = random() % 4; n > 0; --n) name += "aAbB"[random() % 4];
    return Key(static_cast<int64_t>(random() % 3), name);
  };
  for (int round = 0; round < 500; ++round) {
    std::map<Key, Key> held;  // a caseless store holds one of each
    for (size_t n = random() % 30; n > 0; --n) {
      const Key key = random_key();
      held.emplace(Key(key.first, Lowercase(key.second)), key);
    }
    std::set<Key> keys;
    for (const auto& [folded, key] : held) keys.insert(key);
    std::set<Key> asked;  // that it lacks
    for (size_t n = random() % 15; n > 0; --n) {
      if (const Key key = random_key(); !keys.contains(key)) asked.insert(key);
    }
    std::vector<AlikeKey> expected;
    for (const Key& key : asked) {
      const auto found = held.find({key.first, Lowercase(key.second)});
      if (found != held.end()) expected.push_back(Alike(key, found->second));
    }
    CaselessStore store(keys);
    const auto alike = Find(store, {asked.begin(), asked.end()});
    ASSERT_TRUE(alike.ok()) << alike.status();
    ASSERT_EQ(*alike, expected);
  }
}

}  // namespace
}  // namespace driftwood::agent
