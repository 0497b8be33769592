#include "coordinator/report/datasets_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class DatasetsReportTest : public ::testing::Test {
 protected:
  static Report One(Verdict verdict) {
    Report report;
    report.verdict = verdict;
    report.replicas.resize(2);
    report.replicas[0].name = "left";
    report.replicas[1].name = "right";
    report.missing.assign(2, 0);
    if (verdict == Verdict::kDivergent) report.total = report.changed = 3;
    if (verdict == Verdict::kError) report.error = ReportError{{}, "no such file", std::nullopt};
    return report;
  }
  void Add(const std::string& name, Verdict verdict) {
    report_.datasets.push_back({name, One(verdict), 1.5});
  }
  void AddDatabase(const std::string& name, Verdict verdict) {
    DatabaseReport database;
    database.replicas = One(verdict).replicas;
    TableReport& table = database.tables.emplace_back();
    table.table = "t";
    table.report = One(verdict);
    table.result = ResultOf(table.report);
    DecideVerdict(&database);
    report_.datasets.push_back({name, database, 1.5});
  }
  Verdict Decide() {
    DecideVerdict(&report_);
    return report_.verdict;
  }
  std::string Written(ReportFormat format, bool verdict_row = false) {
    std::string text;
    ReportStyle style;
    style.verdict_row = verdict_row;
    EXPECT_TRUE(WriteReport(report_, format, style, [&](std::string_view bytes) {
                  text += bytes;
                  return absl::OkStatus();
                }).ok());
    return text;
  }

  DatasetsReport report_;
};

TEST_F(DatasetsReportTest, NoneOfManyIsPassedOver) {
  for (const Verdict other : {Verdict::kIdentical, Verdict::kDivergent}) {
    for (const Verdict open : {Verdict::kIncomplete, Verdict::kError}) {
      report_ = {};
      Add("a", other);
      AddDatabase("b", Verdict::kIdentical);
      EXPECT_EQ(Decide(), other);
      Add("c", open);
      EXPECT_EQ(Decide(), Verdict::kIncomplete);
      EXPECT_EQ(ExitCode(report_), 3);
    }
  }
}

TEST_F(DatasetsReportTest, OnlyWhereNothingWasComparedItIsAnError) {
  Add("a", Verdict::kError);
  Add("b", Verdict::kError);
  EXPECT_EQ(Decide(), Verdict::kError);
  EXPECT_EQ(VerdictLine(report_), "ERROR: 2 datasets, none of which was compared: 2 error");
}

TEST_F(DatasetsReportTest, AnInterruptIsNoSuccess) {
  Add("a", Verdict::kIdentical);
  std::get<Report>(report_.datasets[0].report).interrupted = true;
  EXPECT_EQ(Decide(), Verdict::kIncomplete);
  EXPECT_EQ(ExitCode(report_), 130);
}

TEST_F(DatasetsReportTest, EveryFormatSaysTheSame) {
  Add("a", Verdict::kIdentical);
  AddDatabase("b", Verdict::kDivergent);
  Add("c,d", Verdict::kDivergent);
  ASSERT_EQ(Decide(), Verdict::kDivergent);
  const std::string line = "DIVERGENT: 3 datasets: 1 identical, 2 divergent; 6 rows differ";
  EXPECT_EQ(VerdictLine(report_), line);
  EXPECT_THAT(Written(ReportFormat::kTable), StartsWith(line + "\n\n  a    IDENTICAL: "));
  EXPECT_THAT(Written(ReportFormat::kTable), HasSubstr("\ndataset b\nDIVERGENT: "));
  const auto document = nlohmann::json::parse(Written(ReportFormat::kJson));
  EXPECT_EQ(document["verdict"], "DIVERGENT");
  EXPECT_EQ(document["totals"]["divergent"], 2);
  EXPECT_EQ(document["datasets"][1]["tables"][0]["result"], "divergent");
  EXPECT_EQ(document["datasets"][2]["summary"]["total"], 3);
  std::istringstream lines(Written(ReportFormat::kJsonLines));
  std::vector<nlohmann::json> read;
  for (std::string one; std::getline(lines, one);) read.push_back(nlohmann::json::parse(one));
  ASSERT_EQ(read.size(), 5u);
  for (size_t i = 0; i < read.size(); ++i) EXPECT_EQ(read[i].contains("verdict"), i == 4) << i;
  EXPECT_EQ(read[1]["table"], "t");
  EXPECT_EQ(read[1]["dataset"], "b");
  EXPECT_EQ(read[3]["dataset"], "c,d");
  const std::string csv = Written(ReportFormat::kCsv);
  EXPECT_THAT(csv, HasSubstr("\nb,t,divergent,3,3,0,"));
  EXPECT_THAT(csv, HasSubstr("\n\"c,d\",,divergent,3,"));
  EXPECT_EQ(csv.find("DIVERGENT: 3 datasets"), std::string::npos);
  EXPECT_EQ(static_cast<size_t>(std::count(csv.begin(), csv.end(), '\n')), 1 + CsvRows(report_));
  const std::string whole = Written(ReportFormat::kCsv, /*verdict_row=*/true);
  EXPECT_TRUE(whole.starts_with(csv)) << whole;
  EXPECT_THAT(whole, HasSubstr("\n,,DIVERGENT,"));
  EXPECT_THAT(Written(ReportFormat::kHtml), HasSubstr("<title>" + line + "</title>"));
}

}  // namespace
}  // namespace driftwood::coordinator
