#include "coordinator/audit/record_lister.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "coordinator/audit/audit.h"
#include "merkle/os/temporary_folder.h"
#include "proto/contract/limits.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordListerTest : public ::testing::Test {
 protected:
  RecordListerTest() {
    options_.salt = std::string(16, 's');
    options_.now_seconds = [this] { return time_ += 1; };
    options_.records_folder = folder_.path();
    plan_.show_values = true;
    plan_.records_listed_max = AuditPlan::kAllRecords;
  }

  // `changed` of the rows differ.
  void Compare(int64_t rows, int64_t changed) {
    FakePeer::Rows left = ManyRows(rows);
    peers_.push_back(std::make_unique<FakePeer>(left));
    for (int64_t id = 1; id <= changed; ++id) left[id] = "changed " + std::to_string(id);
    peers_.push_back(std::make_unique<FakePeer>(left));
    plan_.replicas = {{"left", {"fake:left"}}, {"right", {"fake:right"}}};
  }
  Report Run() { return RunAudit(plan_, Pointers(peers_), options_, nullptr, &interrupt_); }

  static std::vector<int64_t> Listed(const Report& report) {
    std::vector<int64_t> ids;
    const absl::Status read = report.ForEachRecord([&](const ReportRecord& record) {
      ids.push_back(record.key.columns->at(0).number);
      return absl::OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read;
    return ids;
  }
  static std::string Csv(const Report& report) {
    std::string text;
    const auto sink = [&](std::string_view part) {
      text += part;
      return absl::OkStatus();
    };
    EXPECT_TRUE(WriteReport(report, ReportFormat::kCsv, {}, sink).ok());
    return text;
  }

  const merkle::TemporaryFolder folder_ = merkle::TemporaryFolder::Create().value();
  AuditPlan plan_;
  AuditOptions options_;
  Interrupt interrupt_;
  std::vector<std::unique_ptr<FakePeer>> peers_;
  std::atomic<int> time_{0};
};

TEST_F(RecordListerTest, TheReportIsTheSameWhereverItsRecordsLie) {
  Compare(30'000, 10'000);  // more than the first batch has
  const Report held = Run();
  EXPECT_EQ(held.more_records, nullptr);
  EXPECT_EQ(held.records.size(), 10'000u);
  options_.records_held_max = 7;
  const Report spooled = Run();
  EXPECT_EQ(spooled.records.size(), 7u);
  EXPECT_EQ(spooled.listed(), 10'000u);
  EXPECT_EQ(Csv(spooled), Csv(held));
  EXPECT_THAT(Csv(spooled), HasSubstr("changed 10000"));
  EXPECT_THAT(spooled.warnings, IsEmpty());
}

// The values are read last, and so they say what is listed.
TEST_F(RecordListerTest, WhatIsInFlightByTheLastReadingGivesItsPlaceToTheNext) {
  Compare(100, 3);
  plan_.records_listed_max = 2;
  int reads = 0;
  peers_[1]->before_read = [&] {
    if (++reads != 2) return;  // the first is the confirmation's
    FakePeer::Rows rows = ManyRows(100);
    for (const int64_t id : {2, 3}) rows[id] = "changed " + std::to_string(id);
    peers_[1]->SetRows(rows);
  };
  const Report report = Run();
  EXPECT_THAT(Listed(report), ElementsAre(2, 3));
  EXPECT_EQ(report.total, 2u);
  EXPECT_EQ(report.statuses.in_flight, 1u);
  for (const ReportRecord& record : report.records) EXPECT_TRUE(record.values[1]);
}

// As an agent does it: what is above the limit of one call is left out.
TEST_F(RecordListerTest, ValuesThatAreTooLongTogetherAreReadInSmallerBatches) {
  Compare(100, 5);
  plan_.explain = false;
  std::vector<size_t> batches;
  peers_[1]->twist_read = [&](std::vector<FoundRecord>* records) {
    if (records->front().value.empty()) return;  // not asked for
    batches.push_back(records->size());
    if (records->size() < 2) return;
    records->front().value.assign(kValuesBytesMax - kValueBytesMax + 1, 'v');
    for (size_t i = 1; i < records->size(); ++i) {
      (*records)[i].value.clear();
      (*records)[i].value_too_long = true;
    }
  };
  const Report report = Run();
  EXPECT_THAT(Listed(report), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(report.records, ::testing::Each(Field(&ReportRecord::notes, IsEmpty())));
  EXPECT_EQ(batches.front(), 5u);
  EXPECT_LE(*std::max_element(batches.begin() + 1, batches.end()), 2u);
  EXPECT_LE(batches.size(), 9u);
}

TEST_F(RecordListerTest, AValueThatIsTooLongByItselfIsAskedForOnce) {
  Compare(100, 2);
  plan_.explain = false;
  peers_[1]->twist_read = [&](std::vector<FoundRecord>* records) {
    if (records->front().value.empty()) return;
    records->front().value.clear();
    records->front().value_too_long = true;
  };
  const Report report = Run();
  EXPECT_EQ(peers_[1]->reads, 2);
  EXPECT_THAT(report.records.at(0).notes, Contains(HasSubstr("too long to be shown")));
  EXPECT_THAT(report.records.at(1).notes, IsEmpty());
}

TEST_F(RecordListerTest, WithoutRoomOnTheDiskTheReportSaysThatNotAllAreListed) {
  Compare(100, 5);
  options_.records_held_max = 2;
  options_.records_folder = folder_.path() / "missing";
  const Report report = Run();
  EXPECT_EQ(report.verdict, Verdict::kDivergent);
  EXPECT_EQ(report.total, 5u);
  EXPECT_EQ(report.listed(), 2u);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("not all rows are listed: the temporary file")));
  EXPECT_FALSE(report.listing.ok());
}

// So it has been read in vain where the rows of the first have no room.
TEST_F(RecordListerTest, TheNextBatchIsAskedForBeforeRowsAreMadeOfTheFirst) {
  Compare(30'000, 10'000);
  plan_.explain = false;
  plan_.recheck.enabled = false;
  options_.records_held_max = 2;
  options_.records_folder = folder_.path() / "missing";
  const Report report = Run();
  EXPECT_EQ(report.listed(), 2u);
  EXPECT_EQ(peers_[1]->reads, 2);
  EXPECT_EQ(peers_[1]->keys_read, 10'000u);
}

// As of a large file without lookup by key, which is scanned for each batch.
TEST_F(RecordListerTest, WhatTakesLongToReadIsReadInLongerBatchesOneAtATime) {
  constexpr int64_t kRows = 30'000;
  Compare(kRows, 0);
  FakePeer::Rows rows;
  for (int64_t id = 1; id <= kRows; ++id) rows[id] = std::string(2048, 'v');
  peers_[1]->SetRows(rows);
  plan_.explain = false;
  plan_.recheck.enabled = false;
  options_.records_held_max = 2;
  // A reading takes its time once the rows of the batch before are made, and not meanwhile: the
  // lister has looked at the clock three times for each of those then.
  std::mutex mutex;
  std::condition_variable looked;
  size_t looks = 0;
  options_.now_seconds = [&] {
    const std::lock_guard lock(mutex);
    ++looks;
    looked.notify_all();
    return time_ += 1;
  };
  std::vector<size_t> batches;
  size_t looks_before = 0;
  peers_[1]->twist_read = [&](std::vector<FoundRecord>* records) {
    constexpr size_t kOverlapping = 4;
    std::unique_lock lock(mutex);
    if (batches.empty()) looks_before = looks;
    const size_t looks_of_rows = looks_before + 3 * batches.size();
    if (batches.size() < kOverlapping) {
      EXPECT_TRUE(
          looked.wait_for(lock, std::chrono::minutes(2), [&] { return looks >= looks_of_rows; }));
    }
    time_ += 100;
    batches.push_back(records->size());
  };
  const Report report = Run();
  EXPECT_EQ(report.listed(), static_cast<uint64_t>(kRows));
  // Three have to tell so, and the fourth is asked for before the third has.
  ASSERT_EQ(batches.size(), 5u);
  EXPECT_LE(batches[3], batches[1]);
  EXPECT_GT(batches[4], batches[3]);
}

TEST_F(RecordListerTest, AFailureOfOneSourceIsToldOnce) {
  Compare(30'000, 10'000);
  plan_.explain = false;
  int reads = 0;
  peers_[1]->before_read = [&] {
    if (++reads == 1) peers_[1]->fail_always["read"] = absl::InternalError("gone mad");
  };
  plan_.recheck.enabled = false;
  const Report report = Run();
  EXPECT_EQ(report.listed(), 10'000u);
  const auto told =
      std::count_if(report.warnings.begin(), report.warnings.end(), [](const std::string& warning) {
        return warning.find("the values could not be read: gone mad") != std::string::npos;
      });
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace driftwood::coordinator
