// Covers store_options.cc too.
#include "agent/source/pacer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "agent/source/store_options.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(PacerTest, RatesAreRowsOrBytesOrBoth) {
  EXPECT_EQ(ParseRate("50000rows")->rows_per_second, 50'000u);
  EXPECT_EQ(ParseRate("20MB")->bytes_per_second, 20'000'000u);
  EXPECT_EQ(ParseRate("20KiB/s")->bytes_per_second, 20'480u);
  EXPECT_EQ(ParseRate("7rows/s,1GiB/s")->rows_per_second, 7u);
  EXPECT_EQ(ParseRate("7rows/s,1GiB/s")->bytes_per_second, 1u << 30);
  for (const char* text : {"", "rows", "0rows", "5", "-5rows", "5 rows", "1MB,2MB", "1rows,2rows",
                           "1MB,", "99999999999999999999B", "1mb"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseRate(text).status())) << text;
  }
}

TEST(PacerTest, ConnectionsAreOneToSixtyFour) {
  EXPECT_EQ(*ParseConnections("1"), 1u);
  EXPECT_EQ(*ParseConnections("64"), 64u);
  for (const char* text : {"", "0", "65", "-1", "two", "1 "}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseConnections(text).status())) << text;
  }
}

TEST(PacerTest, RetriesComeAfterLongerAndLongerPauses) {
  EXPECT_EQ(*ParseRetries("3"),
            (std::vector<milliseconds>{milliseconds(500), seconds(1), seconds(2)}));
  EXPECT_EQ(ParseRetries("")->size(), 4u);
  EXPECT_TRUE(ParseRetries("0")->empty());
  EXPECT_EQ(ParseRetries("100")->back(), seconds(60));
  for (const char* text : {"-1", "101", "two", "1 "}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseRetries(text).status())) << text;
  }
}

TEST(PacerTest, TimesHaveUnits) {
  EXPECT_EQ(*ParseTime("500ms"), milliseconds(500));
  EXPECT_EQ(*ParseTime("30"), seconds(30));
  EXPECT_EQ(*ParseTime("30s"), seconds(30));
  EXPECT_EQ(*ParseTime("5min"), seconds(300));
  EXPECT_EQ(*ParseTime("1h"), seconds(3600));
  for (const char* text : {"", "0", "s", "-1s", "1 s", "1d", "99999999999s", "1000h"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTime(text).status())) << text;
  }
}

TEST(PacerTest, WhatWasReadIsPaidForByWaiting) {
  steady_clock::time_point now{};
  Pacer pacer({100, 1000}, [&now] { return now; });
  EXPECT_EQ(pacer.Debt(), milliseconds(0));
  EXPECT_TRUE(pacer.WaitUntilPaid().ok());
  now += seconds(100);
  pacer.Spend(100, 1);  // what was not used within the last second is lost
  EXPECT_EQ(pacer.Debt(), milliseconds(0));
  pacer.Spend(50, 1);
  EXPECT_EQ(pacer.Debt(), milliseconds(500));
  now += milliseconds(500);
  EXPECT_TRUE(pacer.WaitUntilPaid().ok());
  pacer.Spend(1, 3000);  // the slower of the two counts
  EXPECT_EQ(pacer.Debt(), seconds(3));
}

TEST(PacerTest, StopEndsAWaitForGood) {
  Pacer pacer({1, 0});
  pacer.Spend(1'000'000, 0);
  std::thread stopping([&] { pacer.Stop(); });
  EXPECT_TRUE(absl::IsCancelled(pacer.WaitUntilPaid()));
  stopping.join();
  EXPECT_TRUE(absl::IsCancelled(pacer.WaitUntilPaid()));
}

// Hands out so many rows of one text, in batches of ten.
class RowsStore final : public Store {
 public:
  absl::StatusOr<SourceDescription> Describe() override { return SourceDescription{}; }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(const std::vector<std::string>&) override {
    return std::unique_ptr<Scan>(std::make_unique<RowsScan>());
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t) override { return "row"; }

 private:
  class Batch final : public RowBatch {
    absl::Status Decode(RowSink& sink) override {
      const SourceValue row[] = {SourceValue::Text("twelve bytes"), SourceValue::Int64(1)};
      for (int i = 0; i < 10; ++i) {
        if (const absl::Status status = sink.Row(row, 0); !status.ok()) return status;
      }
      return absl::OkStatus();
    }
  };
  class RowsScan final : public Scan {
   public:
    absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
      if (++batches_ > 3) return std::unique_ptr<RowBatch>();
      return std::unique_ptr<RowBatch>(std::make_unique<Batch>());
    }
    uint64_t Progress() const override { return 0; }
    absl::StatusOr<End> Finish() override { return End{"position", ""}; }

   private:
    int batches_ = 0;
  };
};

TEST(PacerTest, APacedStoreGivesTheSameRowsAndSpendsForThem) {
  steady_clock::time_point now{};
  auto pacer = std::make_shared<Pacer>(Rate{0, 1}, [&now] { return now += seconds(1'000'000); });
  const auto store = MakePacedStore(std::make_unique<RowsStore>(), pacer);
  const ScanOutcome outcome = ReadAll(*store, {"a", "b"});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows.size(), 30u);
  EXPECT_EQ(outcome.end.position, "position");
  auto frozen = std::make_shared<Pacer>(Rate{0, 20}, [] { return steady_clock::time_point{}; });
  const auto counted = MakePacedStore(std::make_unique<RowsStore>(), frozen);
  auto scan = counted->StartScan({"a", "b"});
  ASSERT_TRUE(scan.ok());
  auto batch = (*scan)->Next();
  ASSERT_TRUE(batch.ok());
  RowCollector sink;
  ASSERT_TRUE((*batch)->Decode(sink).ok());
  EXPECT_EQ(frozen->Debt(), seconds(10));  // ten rows of 20 bytes at 20 a second
  frozen->Stop();
  EXPECT_TRUE(absl::IsCancelled((*scan)->Next().status()));
}

}  // namespace
}  // namespace driftwood::agent
