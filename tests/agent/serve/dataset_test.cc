#include "agent/serve/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "merkle/record/encoding.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using merkle::Before;
using merkle::Change;
using ::testing::HasSubstr;

WallTime At(int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

// A dataset of one scripted source, whose index is also kept current by changes.
class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest() {
    for (int64_t id = 1; id <= 50; ++id) source_->Put(id, "order");
    Restart();
  }
  void Restart() {
    dataset_.reset();
    DatasetOptions options;
    options.name = "orders";
    options.url = "scripted:rows";
    options.version = "1";
    options.folder = folder_ / "orders";
    options.key = TestKey();
    options.threads = 1;
    options.wall_clock = [this] { return now_; };
    options.log = [this](const std::string& line) { log_ += line + "\n"; };
    auto dataset = Dataset::Open(options, std::make_unique<ScriptedStore>(source_));
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    dataset_ = *std::move(dataset);
  }
  absl::StatusOr<PrepareResult> Prepare() {
    return dataset_->Prepare(agreement_, false, &control_);
  }
  absl::StatusOr<std::shared_ptr<LiveIndex>> Servable() {
    return dataset_->Servable(agreement_.Fingerprint());
  }
  Freshness FreshnessNow() { return (*Servable())->Snapshot()->state.freshness; }
  // In the index, and not in the source.
  absl::Status Apply(int64_t id, const std::string& note, Before before = {}) {
    return (*Servable())
        ->Apply(std::vector<Change>{{ScriptedKey(id), ScriptedDigest(id, note), before}},
                Followed{"h", "0/9", now_});
  }

  const testing::TempDir folder_;
  const std::shared_ptr<ScriptedSource> source_ = std::make_shared<ScriptedSource>();
  const merkle::Agreement agreement_ = ScriptedAgreement();
  CallControl control_;
  WallTime now_ = At(1000);
  std::string log_;
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(DatasetTest, AnIndexIsAsFreshAsItsScanOrItsLastProof) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(FreshnessNow(), Freshness(ProvedUnchanged{At(1000)}));
  now_ = At(2000);
  EXPECT_EQ(FreshnessNow(), Freshness(ProvedUnchanged{At(1000)}));
  ASSERT_TRUE(Prepare()->reused);
  EXPECT_EQ(FreshnessNow(), Freshness(ProvedUnchanged{At(2000)}));
  now_ = At(3000);
  Restart();
  ASSERT_TRUE(Prepare()->reused);
  EXPECT_EQ(FreshnessNow(), Freshness(ProvedUnchanged{At(3000)}));
  now_ = At(4000);
  source_->Put(7, "changed");
  ASSERT_FALSE(Prepare()->reused);
  EXPECT_EQ(FreshnessNow(), Freshness(ProvedUnchanged{At(4000)}));
}

TEST_F(DatasetTest, ReadingARecordProvesTheIndexToo) {
  ASSERT_TRUE(Prepare().ok());
  now_ = At(2000);
  ASSERT_TRUE(dataset_->Read(agreement_.Fingerprint(), {ScriptedKey(7)}, false, &control_).ok());
  EXPECT_EQ(FreshnessNow(), Freshness(ProvedUnchanged{At(2000)}));
}

// As if the scan went on: it is no proof for another comparison.
TEST_F(DatasetTest, WhatChangedLatelyIsReadAgainFromTheIndexUntilItChanges) {
  source_->changed_lately = true;
  ASSERT_TRUE(Prepare().ok());
  const auto digest = [&] {
    const auto found = dataset_->Read(agreement_.Fingerprint(), {ScriptedKey(7)}, false, &control_);
    return found.ok() && found->size() == 1 ? found->front().digest : merkle::Digest();
  };
  EXPECT_EQ(digest(), ScriptedDigest(7, "order"));
  EXPECT_EQ(source_->scans(), 1);
  source_->Put(7, "changed");
  EXPECT_EQ(digest(), ScriptedDigest(7, "changed"));
  EXPECT_EQ(source_->scans(), 2);

  ASSERT_FALSE(Prepare()->reused);
  ASSERT_FALSE(Prepare()->reused);
  EXPECT_EQ(source_->scans(), 4);
  EXPECT_EQ(digest(), ScriptedDigest(7, "changed"));
  EXPECT_EQ(source_->scans(), 4);
  ASSERT_TRUE(Apply(7, "told", Before::Holding(ScriptedDigest(7, "changed"))).ok());
  EXPECT_EQ(digest(), ScriptedDigest(7, "changed"));
  EXPECT_EQ(source_->scans(), 5);

  source_->not_point_in_time = "it was torn";
  ASSERT_FALSE(Prepare()->reused);
  EXPECT_NE(digest(), ScriptedDigest(7, "changed"));  // an error: it may have been overlooked
  EXPECT_EQ(source_->scans(), 7);
}

TEST_F(DatasetTest, AnIndexThatMovedIsServedWithItsOwnRoot) {
  const auto prepared = Prepare();
  ASSERT_TRUE(Apply(51, "new", Before::Absent()).ok());
  const auto snapshot = (*Servable())->Snapshot();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->root.count, 51u);
  EXPECT_EQ(snapshot->records, 51u);
  EXPECT_EQ(snapshot->root.sum, prepared->root.sum + ScriptedDigest(51, "new"));
  EXPECT_EQ(FreshnessNow(), Freshness(Followed{"h", "0/9", At(1000)}));
  const auto indexed =
      dataset_->ReadIndexed(agreement_.Fingerprint(), {ScriptedKey(51)}, &control_);
  ASSERT_TRUE(indexed.ok()) << indexed.status();
  EXPECT_EQ(indexed->size(), 1u);
}

// The source is as it was at the scan, and the index is not.
TEST_F(DatasetTest, AnIndexThatMovedIsNotProvenByTheStateThatWasScanned) {
  const auto prepared = Prepare();
  ASSERT_TRUE(Apply(7, "never written").ok());
  const auto read = dataset_->Read(agreement_.Fingerprint(), {ScriptedKey(7)}, false, &control_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->at(0).digest, ScriptedDigest(7, "order"));
  Restart();
  const auto again = Prepare();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->reused);
  EXPECT_EQ(again->root, prepared->root);
  ASSERT_TRUE(Apply(7, "never written").ok());
  EXPECT_EQ(Prepare()->root, prepared->root);
}

TEST_F(DatasetTest, AContradictedIndexIsNotServedAndBuiltAnew) {
  for (const bool restart : {false, true}) {
    const auto prepared = Prepare();
    EXPECT_EQ(Apply(7, "inserted", Before::Absent()).code(), absl::StatusCode::kFailedPrecondition);
    const absl::Status refused = Servable().status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("orders"));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("0/9"));
    EXPECT_EQ(dataset_->ReadIndexed(agreement_.Fingerprint(), {ScriptedKey(7)}, &control_)
                  .status()
                  .code(),
              absl::StatusCode::kDataLoss);
    log_.clear();
    if (restart) Restart();
    const auto again = Prepare();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_FALSE(again->reused);
    EXPECT_EQ(again->root, prepared->root);
    EXPECT_THAT(log_, HasSubstr("contradicted"));
    EXPECT_THAT(log_, HasSubstr("0/9"));
    EXPECT_TRUE(Servable().ok());
    EXPECT_TRUE(Prepare()->reused);
  }
}

TEST_F(DatasetTest, WhileARebuildFailsAContradictedIndexIsNotServed) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_FALSE(Apply(7, "inserted", Before::Absent()).ok());
  source_->scan_error = absl::UnavailableError("gone");
  EXPECT_FALSE(Prepare().ok());
  EXPECT_FALSE(Servable().ok());
  source_->scan_error = absl::OkStatus();
  EXPECT_FALSE(Prepare()->reused);
  EXPECT_TRUE(Servable().ok());
}

// Two comparisons of the files that come each day, of which the second begins while the first runs.
TEST_F(DatasetTest, NoComparisonReadsAnotherDaysFileThanItDescribed) {
  const auto describe = [&](const std::string& day, char digit) {
    source_->dated_file = DatedFile{day, day + ".csv", std::string(64, digit)};
    EXPECT_TRUE(dataset_->Describe(&control_).ok());
  };
  const std::string fingerprint = agreement_.Fingerprint();
  const std::vector<std::string> keys = {ScriptedKey(7)};
  CallControl other;
  other.file_sha256 = std::string(64, 'b');
  control_.file_sha256 = std::string(64, 'a');
  describe("2026-11-27", 'a');
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(Servable().ok());
  ASSERT_TRUE(dataset_->CheckFile(control_.file_sha256).ok());
  ASSERT_TRUE(dataset_->Read(fingerprint, keys, false, &control_).ok());
  EXPECT_TRUE(absl::IsAborted(dataset_->Read(fingerprint, keys, false, &other).status()));

  describe("2026-11-28", 'b');
  EXPECT_FALSE(Servable().ok());
  for (const bool prepared : {false, true}) {
    if (prepared) {
      ASSERT_TRUE(dataset_->Prepare(agreement_, false, &other).ok());
    }
    EXPECT_TRUE(absl::IsAborted(dataset_->CheckFile(control_.file_sha256)));
    EXPECT_TRUE(absl::IsAborted(Prepare().status()));
    EXPECT_TRUE(absl::IsAborted(dataset_->Read(fingerprint, keys, false, &control_).status()));
    EXPECT_TRUE(absl::IsAborted(dataset_->Read(fingerprint, keys, true, &control_).status()));
    EXPECT_TRUE(absl::IsAborted(dataset_->ReadTagged(fingerprint, keys, {}, &control_).status()));
    EXPECT_TRUE(absl::IsAborted(dataset_->ReadUnfiltered(fingerprint, keys, &control_).status()));
    EXPECT_TRUE(absl::IsAborted(dataset_->ReadIndexed(fingerprint, keys, &control_).status()));
    EXPECT_TRUE(absl::IsAborted(dataset_->FindAlike(fingerprint, keys, &control_).status()));
  }
  EXPECT_TRUE(dataset_->Read(fingerprint, keys, false, &other).ok());
  EXPECT_TRUE(dataset_->ReadIndexed(fingerprint, keys, &other).ok());
  // Who knows nothing of such files is not served with one.
  CallControl unknowing;
  EXPECT_TRUE(absl::IsAborted(dataset_->Prepare(agreement_, false, &unknowing).status()));
}

}  // namespace
}  // namespace driftwood::agent
