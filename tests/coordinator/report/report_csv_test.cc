#include "coordinator/report/report_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/report/sample_reports.h"

namespace driftwood::coordinator {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ReportCsvTest, NoCsvCellIsAFormula) {
  for (const char* const text : {"=1+1", "+1-1", "-1-1", "@SUM(A1)", " =1", "＝1", "-", "=", "-1e",
                                 "+1.e", "-1.5.5", "--1", "+a"}) {
    EXPECT_THAT(KeyCell(text, ReportFormat::kCsv), AnyOf(StartsWith("'"), StartsWith("\"'")))
        << text;
    EXPECT_THAT(KeyCell(text, ReportFormat::kRawCsv), Not(HasSubstr("'"))) << text;
  }
  EXPECT_EQ(KeyCell("\t=1", ReportFormat::kCsv), "'\t=1");
  for (const char* const text :
       {"-1", "+1.5", "-1.5e-7", "-1.", "1", "a=b", "a-b", "2024-01-01", "'=1"}) {
    EXPECT_EQ(KeyCell(text, ReportFormat::kCsv), text);
    EXPECT_EQ(KeyCell(text, ReportFormat::kRawCsv), text);
  }
}

// Else a reader by name would take a key for the verdict, or a value for a version.
TEST(ReportCsvTest, CsvColumnsOfTheDatasetGiveWayToThoseOfTheReport) {
  Report report = Identical();
  report.values_shown = true;
  report.schema = merkle::Schema{{{"kind", ColumnType::kText}, {"status", ColumnType::kText}},
                                 {{"key.kind", ColumnType::kText}, {"version", ColumnType::kText}}};
  std::string csv;
  ASSERT_TRUE(
      WriteCsv(report, CsvForm::kHarmless, /*verdict_row=*/true, [&](std::string_view bytes) {
        csv += bytes;
        return absl::OkStatus();
      }).ok());
  EXPECT_EQ(csv.substr(0, csv.find('\r')),
            "key.kind,key.status,kind,only_in,status,version@left,version@right,key.kind@left,key."
            "kind@right,"
            "value.version@left,value.version@right,columns,note");
}

}  // namespace
}  // namespace driftwood::coordinator
