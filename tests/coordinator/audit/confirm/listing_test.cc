#include "coordinator/audit/confirm/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "merkle/record/encoding.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One divergent record of two replicas, with its values as they are read.
class ListingTest : public ::testing::Test {
 protected:
  ListingTest() {
    schema_ = {{{"id", merkle::ColumnType::kInteger}},
               {{"ratio", merkle::ColumnType::kFloat64}, {"size", merkle::ColumnType::kFloat64}}};
    divergence_ = {"key", {merkle::Digest{1, 1}, merkle::Digest{2, 2}}};
    report_.replicas.resize(2);
    report_.replicas[0].name = "left";
    report_.replicas[1].name = "right";
    report_.records.resize(1);
    found_.resize(2);
  }

  void Found(size_t replica, double ratio, double size) {
    FoundRecord record;
    record.key = "key";
    record.digest = *divergence_.states[replica];
    merkle::AppendFloat64(ratio, merkle::Place::kValue, &record.value);
    merkle::AppendFloat64(size, merkle::Place::kValue, &record.value);
    found_[replica] = std::vector<FoundRecord>{record};
  }

  merkle::Schema schema_;
  Divergence divergence_;
  ListedKey listed_{&divergence_, &divergence_.states, RecordStatus::kUnconfirmed};
  std::vector<absl::StatusOr<std::vector<FoundRecord>>> found_;
  Report report_;
};

TEST_F(ListingTest, ValuesDifferWhereTheirEncodingsDo) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Found(0, nan, 0.0);
  Found(1, -nan, 1.0);
  AddValues({&listed_, 1}, found_, schema_, report_.ReplicaNames(), report_.records);
  EXPECT_THAT(report_.records[0].differs, ElementsAre(false, true));
  Found(0, nan, -0.0);
  Found(1, 1.5, 0.0);
  AddValues({&listed_, 1}, found_, schema_, report_.ReplicaNames(), report_.records);
  EXPECT_THAT(report_.records[0].differs, ElementsAre(true, false));
}

TEST_F(ListingTest, AValueThatWasTooLongToSendIsSaidSo) {
  Found(0, 1, 2);
  Found(1, 1, 2);
  (*found_[1])[0].value.clear();
  (*found_[1])[0].value_too_long = true;
  AddValues({&listed_, 1}, found_, schema_, report_.ReplicaNames(), report_.records);
  EXPECT_TRUE(report_.records[0].values[0]);
  EXPECT_FALSE(report_.records[0].values[1]);
  EXPECT_THAT(report_.records[0].notes, ElementsAre(HasSubstr("right: its values are too long")));
}

TEST_F(ListingTest, WhatBecameOfAMissingRecordIsListedAndCounted) {
  WalkResult walk;
  std::vector<Divergence> found;
  for (const char* const key : {"a", "b", "c"}) {
    found.push_back({key, {merkle::Digest{1, 1}, std::nullopt}});
  }
  walk.divergences = DivergenceList::Of(found);
  Confirmation confirmation(walk, SourceMap(2), 100, 1);
  Readings readings(2, std::vector<FoundRecord>());
  for (const char* const key : {"a", "b", "c"}) {
    readings[0]->push_back({key, merkle::Digest{1, 1}});
  }
  FoundRecord& moved = readings[1]->emplace_back();
  moved.key = "b";
  moved.presence = Presence::kMoved;
  FoundRecord& hidden = readings[1]->emplace_back();
  hidden.key = "c";
  hidden.presence = Presence::kHidden;
  confirmation.Take({"a", "b", "c"}, readings);
  CountPresences(confirmation, {false, true}, &report_);
  EXPECT_EQ(report_.presences[1],
            (std::map<Presence, uint64_t>{
                {Presence::kGone, 1}, {Presence::kMoved, 1}, {Presence::kHidden, 1}}));
  EXPECT_TRUE(report_.presences[0].empty());
  EXPECT_THAT(PresenceLines(report_),
              ElementsAre("not in right: 3 rows, 1 gone, 1 moved, 1 hidden"));
  const VersionMaker versions(std::string(16, 's'));
  ReportRecord record;
  SetReportRecord(*ListedAs(found[1], confirmation), schema_, versions, {}, {false, true}, &record);
  EXPECT_THAT(record.AbsenceTexts({"left", "right"}), ElementsAre("right: moved"));
  SetReportRecord(*ListedAs(found[0], confirmation), schema_, versions, {}, {false, true}, &record);
  EXPECT_THAT(record.AbsenceTexts({"left", "right"}), ElementsAre("right: gone"));
  // Of a file or a table that goes without saying.
  SetReportRecord(*ListedAs(found[0], confirmation), schema_, versions, {}, {false, false},
                  &record);
  EXPECT_TRUE(record.absences.empty());
  report_.presences[1] = {{Presence::kGone, 3}};
  EXPECT_TRUE(PresenceLines(report_).empty());
}

// However many others diverge before it.
TEST_F(ListingTest, TheFirstMissingKeysAreThoseOfEachReplica) {
  std::vector<Divergence> found;
  const auto add = [](std::vector<Divergence>* to, const std::string& key, bool left, bool right) {
    Divergence divergence{key, {std::nullopt, std::nullopt}};
    if (left) divergence.states[0] = merkle::Digest{1, 1};
    if (right) divergence.states[1] = merkle::Digest{2, 2};
    to->push_back(std::move(divergence));
  };
  for (int i = 1000; i < 2000; ++i) add(&found, "a" + std::to_string(i), true, true);
  for (const char* const key : {"b", "c", "d"}) add(&found, key, true, false);
  add(&found, "e", false, true);
  WalkResult walk;
  walk.divergences = DivergenceList::Of(found);
  walk.runs.resize(1);
  add(&walk.runs[0].listed, "bb", true, false);
  const Confirmation confirmation(walk, SourceMap(2), 0, 1);
  EXPECT_THAT(*FirstMissing(walk, confirmation, 2, 3),
              ElementsAre(ElementsAre("e"), ElementsAre("b", "bb", "c")));
}

// As the result of a walk that did not close may have it.
TEST_F(ListingTest, AKeyThatIsFoundTwiceIsListedOnce) {
  WalkResult walk;
  walk.divergences = DivergenceList::Of({divergence_});
  walk.runs.resize(1);
  walk.runs[0].listed.push_back(divergence_);
  walk.runs[0].listed[0].states[0].reset();
  KnownDivergences known(walk);
  ASSERT_TRUE(*known.Advance());
  EXPECT_EQ(known.divergence(), divergence_);
  EXPECT_FALSE(*known.Advance());
}

}  // namespace
}  // namespace driftwood::coordinator
