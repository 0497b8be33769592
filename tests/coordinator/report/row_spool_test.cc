#include "coordinator/report/row_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "merkle/os/temporary_folder.h"
#include "tests/coordinator/report/random_report.h"
#include "tests/testing/unnamed_files.h"

namespace driftwood::coordinator {
namespace {

class RowSpoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<RowSpool> Create(size_t key_columns, size_t value_columns) {
    return RowSpool::Create(folder_.path(), key_columns, value_columns).value();
  }
  // The same report with what lies behind its first rows on the disk.
  Report Spooled(const Report& report, size_t held) {
    Report spooled = report;
    spooled.records.resize(held);
    std::unique_ptr<RowSpool> spool = Create(report.schema ? report.schema->key_columns() : 0,
                                             report.schema ? report.schema->values.size() : 0);
    for (size_t i = held; i < report.records.size(); ++i) {
      EXPECT_TRUE(spool->Add(report.records[i]).ok());
    }
    EXPECT_TRUE(spool->Flush().ok());
    spooled.more_records = std::move(spool);
    return spooled;
  }
  static std::string Written(const Report& report, ReportFormat format) {
    std::string text;
    const absl::Status written = WriteReport(report, format, {}, [&](std::string_view part) {
      text += part;
      return absl::OkStatus();
    });
    EXPECT_TRUE(written.ok()) << written;
    return text;
  }

  const merkle::TemporaryFolder folder_ = merkle::TemporaryFolder::Create().value();
};

ReportRecord RowOf(int64_t id, const std::string& note) {
  std::string key;
  merkle::AppendInteger(id, merkle::Place::kKeyLast, &key);
  ReportRecord row;
  row.key = MakeReportKey(key, 1);
  row.notes = {note};
  return row;
}

TEST_F(RowSpoolTest, AReportIsTheSameWhereverItsRowsLie) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomReport random(seed);
  std::mt19937 cut(seed);
  size_t spooled_rows = 0;
  for (int i = 0; i < 300; ++i) {
    const Report report = random.Make();
    const Report spooled = Spooled(report, cut() % (report.records.size() + 1));
    spooled_rows += spooled.more_records->rows();
    EXPECT_EQ(spooled.listed(), report.records.size());
    for (const ReportFormat format : {ReportFormat::kJson, ReportFormat::kJsonLines,
                                      ReportFormat::kCsv, ReportFormat::kRawCsv}) {
      ASSERT_EQ(Written(spooled, format), Written(report, format));
    }
  }
  EXPECT_GT(spooled_rows, 100u);
}

TEST_F(RowSpoolTest, ManyBlocksAreReadInTheirOrderAndTwice) {
  const std::unique_ptr<RowSpool> spool = Create(1, 0);
  constexpr int64_t kRows = 5000;  // some blocks of 256 KiB
  for (int64_t id = 0; id < kRows; ++id) {
    ASSERT_TRUE(spool->Add(RowOf(id, std::string(static_cast<size_t>(id % 701), 'n'))).ok());
  }
  EXPECT_EQ(spool->rows(), static_cast<uint64_t>(kRows));
  ASSERT_TRUE(spool->Flush().ok());
  for (int round = 0; round < 2; ++round) {
    int64_t next = 0;
    const absl::Status read = spool->ForEach([&](const ReportRecord& row) {
      EXPECT_EQ(row.key.columns->at(0).number, next);
      EXPECT_EQ(row.notes.at(0).size(), static_cast<size_t>(next % 701));
      ++next;
      return absl::OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read;
    EXPECT_EQ(next, kRows);
  }
}

TEST_F(RowSpoolTest, WhatIsDoneWithARowMayFail) {
  const std::unique_ptr<RowSpool> spool = Create(1, 0);
  for (int64_t id = 0; id < 10; ++id) ASSERT_TRUE(spool->Add(RowOf(id, "")).ok());
  ASSERT_TRUE(spool->Flush().ok());
  int taken = 0;
  const absl::Status read = spool->ForEach([&](const ReportRecord&) {
    return ++taken == 3 ? absl::UnavailableError("enough") : absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsUnavailable(read)) << read;
  EXPECT_EQ(taken, 3);
}

TEST_F(RowSpoolTest, ADirectoryThatIsNotThereIsAnError) {
  const auto spool = RowSpool::Create(folder_.path() / "missing", 1, 1);
  EXPECT_THAT(std::string(spool.status().message()),
              ::testing::HasSubstr("the temporary file of rows: create: No such file"));
}

TEST_F(RowSpoolTest, AByteThatChangedOrAnEndThatIsGoneIsAnErrorAndNeverOtherRows) {
  const std::unique_ptr<RowSpool> spool = Create(1, 0);
  for (int64_t id = 0; id < 100; ++id) ASSERT_TRUE(spool->Add(RowOf(id, "note")).ok());
  ASSERT_TRUE(spool->Flush().ok());
  const auto read = [&] { return spool->ForEach([](const auto&) { return absl::OkStatus(); }); };
  EXPECT_TRUE(read().ok());
  const std::vector<int> files = testing::UnnamedFilesIn(folder_.path());
  ASSERT_EQ(files.size(), 1u);
  const int fd = files[0];
  const off_t bytes = ::lseek(fd, 0, SEEK_END);
  for (off_t at = 0; at < bytes; at += at < 64 ? 1 : 97) {
    char before = 0;
    ASSERT_EQ(::pread(fd, &before, 1, at), 1);
    const char changed = static_cast<char>(before ^ 0x20);
    ASSERT_EQ(::pwrite(fd, &changed, 1, at), 1);
    EXPECT_TRUE(absl::IsDataLoss(read())) << "byte " << at;
    ASSERT_EQ(::pwrite(fd, &before, 1, at), 1);
  }
  EXPECT_TRUE(read().ok());
  ASSERT_EQ(::ftruncate(fd, bytes - 1), 0);
  EXPECT_TRUE(absl::IsDataLoss(read()));
}

TEST_F(RowSpoolTest, OfADiskThatIsFullWhatWasWrittenIsThere) {
  const std::unique_ptr<RowSpool> spool = Create(1, 0);
  int64_t tried = 0;
  {
    const testing::FullDisk full(size_t{700} << 10);
    absl::Status added;
    while (added.ok() && tried < 10'000) added = spool->Add(RowOf(tried++, std::string(1000, 'n')));
    EXPECT_FALSE(added.ok());
  }
  EXPECT_FALSE(spool->Add(RowOf(0, "")).ok());  // still: a part of a block may stand at the end
  EXPECT_GT(spool->rows(), 100u);
  EXPECT_LT(spool->rows(), static_cast<uint64_t>(tried));
  int64_t next = 0;
  const absl::Status read = spool->ForEach([&](const ReportRecord& row) {
    EXPECT_EQ(row.key.columns->at(0).number, next++);
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  EXPECT_EQ(static_cast<uint64_t>(next), spool->rows());
}

}  // namespace
}  // namespace driftwood::coordinator
