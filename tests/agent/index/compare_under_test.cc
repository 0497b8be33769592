#include "agent/index/compare_under.h"

#include <gtest/gtest.h>

#include "agent/index/row_encoder.h"
#include "tests/agent/source/fake_store.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

class CompareUnderTest : public ::testing::Test {
 protected:
  CompareUnderTest() {
    agreement_.schema = {{{"id", ColumnType::kText}}, {{"value", ColumnType::kInteger}}};
    agreement_.rules = {"id:casefold"};
    CompareUnder(agreement_, &store_);
  }
  std::string Encode(const std::vector<std::string>& columns, const std::vector<SourceValue>& key) {
    return std::string(store_.encoders(columns).value()->Encode(key).value());
  }

  merkle::Agreement agreement_;
  FakeStore store_{{}};
};

TEST_F(CompareUnderTest, KeysAreEncodedAsRowsAreUnderTheAgreementsRules) {
  RowEncoder rows({agreement_.schema.key, {}}, agreement_.rules);
  const std::vector<SourceValue> key = {SourceValue::Text("Abc")};
  ASSERT_TRUE(rows.Encode(key).ok());
  EXPECT_EQ(Encode({"id"}, key), rows.key());
  EXPECT_EQ(Encode({"id"}, {SourceValue::Text("aBC")}), rows.key());
  EXPECT_NE(Encode({"id"}, {SourceValue::Text("abd")}), rows.key());
}

TEST_F(CompareUnderTest, OtherColumnsThanTheKeyAreReadAsTheyAreCompared) {
  EXPECT_EQ(Encode({"value", "id"}, {SourceValue::Text("07"), SourceValue::Text("a")}),
            Encode({"value", "id"}, {SourceValue::Int64(7), SourceValue::Text("A")}));
}

TEST_F(CompareUnderTest, AColumnThatIsNotComparedIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(store_.encoders({"id", "nope"}).status()));
}

}  // namespace
}  // namespace driftwood::agent
