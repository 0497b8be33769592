#include "agent/stores/asked/lookup_control.h"

#include "agent/stores/csv/csv_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;
using Keys = std::vector<std::vector<SourceValue>>;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LookupControlTest : public TextStoreTest {
 protected:
  LookupControl Read(const std::string& csv, const Keys& keys) {
    Write("list.csv", csv);
    const auto store = OpenCsvStore(UrlOf("csv:" + Path("list.csv")), Options());
    EXPECT_TRUE(store.ok()) << store.status();
    const auto scan = (*store)->StartScan({"id"});
    EXPECT_TRUE(scan.ok()) << scan.status();
    absl::StatusOr<LookupControl> control = ReadControl(**scan, keys);
    EXPECT_TRUE(control.ok()) << control.status();
    return *std::move(control);
  }
};

TEST_F(LookupControlTest, AFewOthersThatWereListedAreAskedForInTheFormOfTheKeys) {
  const Keys keys = {{SourceValue::Int64(1)}, {SourceValue::Int64(9)}};
  const LookupControl control = Read("id\n1\n02\nx\n3\n4\n5\n", keys);
  ASSERT_THAT(control.keys, SizeIs(3));
  EXPECT_EQ(control.keys[0][0].kind, Kind::kInt64);
  EXPECT_EQ(control.keys[0][0].int64, 2);
  EXPECT_EQ(control.keys[1][0].int64, 3) << "x can't be asked for so";
  const Keys texts = {{SourceValue::OfText(Kind::kString, "A")}};
  EXPECT_EQ(Read("id\na\nb\n", texts).keys[0][0].text, "b");
  const std::string bytes(16, '\xab');
  const Keys uuid = {{SourceValue::OfText(Kind::kUuid, bytes)}};
  const LookupControl others =
      Read("id\nABABABAB-abab-abab-abab-abababababab\n00000000000000000000000000000007\nx\n", uuid);
  ASSERT_THAT(others.keys, SizeIs(1));
  EXPECT_EQ(others.keys[0][0].text, std::string(15, '\0') + '\7');
}

TEST_F(LookupControlTest, WhereAllAreAskedForItSaysWhichWereListed) {
  const Keys keys = {{SourceValue::Int64(1)}, {SourceValue::Int64(9)}, {SourceValue::Int64(2)}};
  const LookupControl control = Read("id\n2\n1\n", keys);
  EXPECT_THAT(control.keys, IsEmpty());
  EXPECT_THAT(control.listed, ElementsAre(2, 0));
  EXPECT_THAT(Read("id\n", keys).listed, IsEmpty());
}

TEST(LookupDistrustTest, OnlyWhoFoundNothingNeedsAControl) {
  Answers said;
  EXPECT_FALSE(NeedsControl(said));
  said.not_given = {{0, Presence::kUnknown}};
  EXPECT_FALSE(NeedsControl(said)) << "it says of none that it is not there";
  said.gone = {1};
  EXPECT_TRUE(NeedsControl(said));
  said.records = "{}\n";
  EXPECT_FALSE(NeedsControl(said));
  EXPECT_TRUE(NeedsControl({"", {{0, Presence::kMoved}}}));
}

TEST(LookupDistrustTest, WhatIsNotBelievedIsUnknown) {
  Answers said{"", {{0, Presence::kMoved, "to 7"}, {1, Presence::kHidden}}, {2, 3}};
  const std::vector<size_t> places = {3};
  Distrust(&places, &said);
  EXPECT_THAT(said.gone, ElementsAre(2));
  ASSERT_THAT(said.not_given, SizeIs(3));
  EXPECT_EQ(said.not_given[0].presence, Presence::kMoved);
  EXPECT_EQ(said.not_given[2].key, 3u);
  Distrust(nullptr, &said);
  EXPECT_THAT(said.gone, IsEmpty());
  ASSERT_THAT(said.not_given, SizeIs(4));
  EXPECT_EQ(said.not_given[0].presence, Presence::kUnknown);
  EXPECT_EQ(said.not_given[1].presence, Presence::kHidden);
}

}  // namespace
}  // namespace driftwood::agent
