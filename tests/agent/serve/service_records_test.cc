// Records of the live store, and what a service gives away of them (service.h). Covers
// agent/index/found_record.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/serve/service_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// ---- Records of the live store ----

TEST_F(ServiceTest, RecordsAreReadFromTheLiveStore) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Put(5, "changed since");
  const auto found = Read({ScriptedKey(9999), ScriptedKey(9), ScriptedKey(5), ScriptedKey(9)});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ(found->at(0).key, ScriptedKey(5));
  EXPECT_EQ(found->at(1).key, ScriptedKey(9));
  EXPECT_EQ(found->at(0).value, "");
  merkle::RecordHasher hasher(TestKey());
  std::string value;
  merkle::AppendText("changed since", merkle::Place::kValue, &value);
  EXPECT_EQ(found->at(0).digest, hasher.Hash(ScriptedKey(5), value));
}

TEST_F(ServiceTest, ASourceThatIsProvenUnchangedIsNotReadAgain) {
  ASSERT_TRUE(Prepare().ok());
  const auto of_index = Read({ScriptedKey(9999), ScriptedKey(9), ScriptedKey(5)});
  ASSERT_TRUE(of_index.ok()) << of_index.status();
  EXPECT_EQ(orders_->scans(), 1);
  orders_->gives_proof = false;
  ASSERT_TRUE(Prepare("orders", /*force=*/true).ok());
  const auto of_store = Read({ScriptedKey(9999), ScriptedKey(9), ScriptedKey(5)});
  ASSERT_TRUE(of_store.ok()) << of_store.status();
  EXPECT_EQ(orders_->scans(), 3);
  ASSERT_EQ(of_index->size(), 2u);
  ASSERT_EQ(of_store->size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(of_index->at(i).key, of_store->at(i).key);
    EXPECT_EQ(of_index->at(i).digest, of_store->at(i).digest);
  }
}

TEST_F(ServiceTest, AnUnchangedSourceIsReadForItsValues) {
  options_.allow_values = true;
  Restart();
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(Read({ScriptedKey(5)}, true).ok());
  EXPECT_EQ(orders_->scans(), 2);
}

TEST_F(ServiceTest, ADeletedRecordIsGoneAndOneThatAScanMayHaveMissedIsNot) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Delete(5);
  const auto found = Read({ScriptedKey(5)});
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->empty());
  orders_->not_point_in_time = "orders changed while it was read";
  EXPECT_EQ(Read({ScriptedKey(5)}).status().code(), absl::StatusCode::kAborted);
}

TEST_F(ServiceTest, ValuesLeaveOnlyWhereThatIsAllowed) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(Read({ScriptedKey(5)}, true).status().code(), absl::StatusCode::kPermissionDenied);
  options_.allow_values = true;
  Restart();
  ASSERT_TRUE(Prepare().ok());
  const auto found = Read({ScriptedKey(5)}, true);
  ASSERT_TRUE(found.ok());
  std::string value;
  merkle::AppendText("order 5", merkle::Place::kValue, &value);
  EXPECT_EQ(found->at(0).value, value);
}

// Keys leave the agent: whoever named a value column as the key would read all its values.
TEST_F(ServiceTest, AKeyThatTheSourceDoesNotOfferIsAValue) {
  const merkle::Column note = {"note", merkle::ColumnType::kText};
  const merkle::Column id = {"id", merkle::ColumnType::kInteger};
  for (const bool with_id : {false, true}) {
    agreement_.schema.key = with_id ? std::vector{id, note} : std::vector{note};
    agreement_.schema.values.clear();
    const absl::Status refused = Prepare().status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("'note'"));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("--allow-values"));
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(Read({ScriptedKey(5)}).status().code(), absl::StatusCode::kFailedPrecondition);
    CallControl control;
    EXPECT_EQ(service_->FindAlike("orders", agreement_.Fingerprint(), {ScriptedKey(5)}, &control)
                  .status()
                  .code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(
        service_->ReadTagged("orders", agreement_.Fingerprint(), {ScriptedKey(5)}, {}, &control)
            .status()
            .code(),
        absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(orders_->scans(), 0);
  options_.allow_values = true;
  Restart();
  EXPECT_TRUE(Prepare().ok());
}

// Two rows with one value are named in the error: that quotes the value.
TEST_F(ServiceTest, DuplicatesAreNamedOnlyOfAKeyThatTheSourceOffers) {
  orders_->Put(1, "the same");
  orders_->Put(2, "the same");
  agreement_.schema.key = {{"note", merkle::ColumnType::kText}};
  agreement_.schema.values.clear();
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(Prepare().status().message()), Not(HasSubstr("the same")));
  orders_->key = {"note"};
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ServiceTest, AMultisetNeedsNoKeyAndGivesNoneAway) {
  agreement_.schema.key.clear();
  agreement_.schema.multiset = true;
  EXPECT_TRUE(Prepare().ok());
}

TEST_F(ServiceTest, AKeyThatTheSourceOffersSinceItWasDescribedIsLookedFor) {
  CallControl control;
  ASSERT_TRUE(service_->Describe("orders", &control).ok());
  agreement_.schema.key = {{"note", merkle::ColumnType::kText}};
  agreement_.schema.values.clear();
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kPermissionDenied);
  orders_->key = {"note"};
  EXPECT_TRUE(Prepare().ok());
}

TEST_F(ServiceTest, AbusiveKeysAreRefused) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(Read({""}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read({std::string(merkle::kKeyBytesMax + 1, 'x')}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read(std::vector<std::string>(options_.read_keys_max + 1, "k")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace driftwood::agent
