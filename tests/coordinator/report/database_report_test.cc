// Golden files pin every format; report_test.cc says how to write them anew. Covers
// database_report_csv.cc, database_report_json.cc and database_report_table.cc too.
#include "coordinator/report/database_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "merkle/record/encoding.h"
#include "tests/testing/paths.h"

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Report Compared(Verdict verdict, uint64_t records) {
  Report report;
  report.verdict = verdict;
  for (const char* name : {"left", "right"}) {
    ReportReplica replica;
    replica.name = name;
    replica.source = std::string("sqlite:/data/") + name + ".db?table=t";
    replica.records = records;
    replica.unparsed = 0;
    report.replicas.push_back(replica);
  }
  report.missing = {0, 0};
  report.schema =
      merkle::Schema{{{"id", merkle::ColumnType::kInteger}}, {{"name", merkle::ColumnType::kText}}};
  report.records_proven_equal = records;
  report.complete = true;
  report.exact = true;
  report.round_trips = 1;
  return report;
}

Report Divergent() {
  Report report = Compared(Verdict::kDivergent, 2'000'000);
  report.records_proven_equal = 1'999'997;
  report.replicas[1].records = 1'999'999;
  report.total = 2;
  report.missing = {0, 1};
  report.changed = 1;
  report.statuses = {1, 0, 1, 1};
  report.not_compared = {"updated_at"};
  report.rules = {"name:rtrim"};
  ReportRecord record;
  merkle::AppendInteger(7, merkle::Place::kKeyLast, &record.key.encoded);
  merkle::Value seven;
  seven.tag = merkle::Tag::kInteger;
  seven.number = 7;
  record.key.columns = {seven};
  record.states = {"00000000000000aa", "00000000000000bb"};
  record.status = RecordStatus::kConfirmed;
  report.records.push_back(record);
  return report;
}

Report NotCompared(const std::string& message, std::optional<size_t> replica = std::nullopt) {
  Report report = Compared(Verdict::kError, 0);
  for (ReportReplica& entry : report.replicas) entry.records = entry.unparsed = std::nullopt;
  report.schema = std::nullopt;
  report.complete = report.exact = false;
  report.error = ReportError{absl::StatusCode::kFailedPrecondition, message, replica};
  return report;
}

TableReport Table(const std::string& name, TableResult result, Report report) {
  TableReport table;
  table.table = name;
  table.result = result;
  table.report = std::move(report);
  table.seconds = 1.25;
  return table;
}

DatabaseReport Of(std::vector<TableReport> tables) {
  DatabaseReport report;
  for (const char* name : {"left", "right"}) {
    ReportReplica replica;
    replica.name = name;
    replica.source = std::string("sqlite:/data/") + name + ".db";
    report.replicas.push_back(replica);
  }
  report.tables = std::move(tables);
  report.origin = ReportOrigin{
      "2027-01-15T08:00:00Z", "2027-01-15T08:01:07Z", "0.1.0", "db1.example", {{"--all", {}}}};
  report.seconds = 12.5;
  DecideVerdict(&report);
  return report;
}

DatabaseReport Identical() {
  return Of({Table("departments", TableResult::kIdentical, Compared(Verdict::kIdentical, 9)),
             Table("employees", TableResult::kIdentical, Compared(Verdict::kIdentical, 300'024))});
}

// All that there is.
DatabaseReport Mixed() {
  std::vector<TableReport> tables = Identical().tables;
  tables.push_back(Table("geo, \"points\"", TableResult::kError,
                         NotCompared("column p has the type point; --ignore p", 1)));
  Report lost = Compared(Verdict::kIncomplete, 50);
  lost.complete = lost.exact = false;
  lost.total = lost.statuses.unconfirmed = lost.changed = 3;
  lost.records_proven_equal = 20;
  lost.gaps.push_back({{}, std::nullopt, 1, "its agent was killed"});
  lost.error = ReportError{absl::StatusCode::kUnavailable, "its agent was killed", 1};
  tables.push_back(Table("lost", TableResult::kIncomplete, lost));
  tables.push_back(Table("notes", TableResult::kNoKey, NotCompared("no key: no replica says")));
  tables.push_back(Table("salaries", TableResult::kDivergent, Divergent()));
  tables.push_back(Table("titles", TableResult::kMissing, NotCompared("missing in right")));
  tables.back().missing_in = {1};
  DatabaseReport report = Of(std::move(tables));
  report.skipped = {{"all_staff", "view in left and right"}, {"log", "--skip-tables"}};
  report.warnings = {"left: only the tables of the schema public are compared"};
  return report;
}

DatabaseReport Different() {
  DatabaseReport report = Of({Table("salaries", TableResult::kDivergent, Divergent()),
                              Table("titles", TableResult::kMissing, NotCompared("missing"))});
  report.tables[1].missing_in = {0};
  return report;
}

DatabaseReport Nothing() {
  DatabaseReport report = Of({});
  report.error = ReportError{absl::StatusCode::kNotFound, "no table in left and right", {}};
  DecideVerdict(&report);
  return report;
}

std::string Render(const DatabaseReport& report, ReportFormat format, TableStyle table = {}) {
  std::string text;
  const ReportStyle style{table, /*verdict_row=*/true};
  const absl::Status status = WriteReport(report, format, style, [&](std::string_view bytes) {
    text += bytes;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok());
  return text;
}

constexpr ReportFormat kFormats[] = {ReportFormat::kTable, ReportFormat::kJson,
                                     ReportFormat::kJsonLines, ReportFormat::kCsv,
                                     ReportFormat::kHtml};

struct GoldenCase {
  const char* name;
  DatabaseReport (*make)();
};

class DatabaseGoldenTest : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(DatabaseGoldenTest, EveryFormatIsAsPinned) {
  const char* const extensions[] = {"txt", "json", "jsonl", "csv", "html"};
  for (size_t i = 0; i < std::size(extensions); ++i) {
    const std::string path =
        testing::TestdataDir() + "/report/all_" + GetParam().name + "." + extensions[i];
    const std::string got = Render(GetParam().make(), kFormats[i]);
    if (std::getenv("DRIFTWOOD_UPDATE_GOLDEN") != nullptr) {
      std::ofstream(path, std::ios::binary) << got;
      continue;
    }
    std::ifstream in(path, std::ios::binary);
    ASSERT_TRUE(in.good()) << path;
    std::stringstream wanted;
    wanted << in.rdbuf();
    EXPECT_EQ(got, wanted.str()) << path;
  }
}

// Cut off anywhere, nothing says IDENTICAL in the place of the verdict.
TEST_P(DatabaseGoldenTest, TheVerdictIsTheLastThingAndTheOnlyOneOfItsKind) {
  const DatabaseReport report = GetParam().make();
  const std::string verdict(VerdictName(report.verdict));
  std::stringstream lines(Render(report, ReportFormat::kJsonLines));
  std::string line, next;
  for (std::getline(lines, line); std::getline(lines, next); line = next) {
    EXPECT_FALSE(nlohmann::json::parse(line).contains("verdict")) << line;
    EXPECT_TRUE(nlohmann::json::parse(line).contains("table")) << line;
  }
  EXPECT_EQ(nlohmann::json::parse(line)["verdict"], verdict);
  const auto document = nlohmann::json::parse(Render(report, ReportFormat::kJson));
  EXPECT_EQ(document["verdict"], verdict);
  EXPECT_EQ(document["tables"].size(), report.tables.size());
  const std::string csv = Render(report, ReportFormat::kCsv);
  const size_t last = csv.rfind("\r\n", csv.size() - 3) + 2;
  EXPECT_THAT(csv.substr(last), StartsWith("," + verdict + ","));
  EXPECT_THAT(csv.substr(0, last), Not(HasSubstr("IDENTICAL")));
  EXPECT_THAT(Render(report, ReportFormat::kTable), StartsWith(verdict + ": "));
}

INSTANTIATE_TEST_SUITE_P(DatabaseReports, DatabaseGoldenTest,
                         ::testing::Values(GoldenCase{"identical", Identical},
                                           GoldenCase{"mixed", Mixed},
                                           GoldenCase{"divergent", Different},
                                           GoldenCase{"nothing", Nothing}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(DatabaseReportTest, OneTableThatIsNotIdenticalDecides) {
  EXPECT_EQ(ExitCode(Identical()), 0);
  EXPECT_EQ(ExitCode(Different()), 1);
  EXPECT_EQ(ExitCode(Nothing()), 2);
  EXPECT_EQ(ExitCode(Mixed()), 3);
  EXPECT_EQ(ExitCode(DatabaseReport()), 2);  // a report that nobody filled in is no success
  for (const auto& [result, code] :
       std::vector<std::pair<TableResult, int>>{{TableResult::kIdentical, 0},
                                                {TableResult::kDivergent, 1},
                                                {TableResult::kMissing, 1},
                                                {TableResult::kNoKey, 3},
                                                {TableResult::kIncomplete, 3},
                                                {TableResult::kError, 3}}) {
    for (const bool divergent_too : {false, true}) {
      DatabaseReport report = Identical();
      report.tables.push_back(Table("x", result, NotCompared("why")));
      if (divergent_too) report.tables.push_back(Different().tables[0]);
      DecideVerdict(&report);
      EXPECT_EQ(ExitCode(report), std::max(code, divergent_too ? 1 : 0)) << TableResultName(result);
    }
  }
}

TEST(DatabaseReportTest, AnErrorOfTheWholeOrAnInterruptIsNeverIdentical) {
  DatabaseReport report = Identical();
  report.error = ReportError{absl::StatusCode::kUnavailable, "could not be listed again", 0};
  DecideVerdict(&report);
  EXPECT_EQ(ExitCode(report), 3);
  EXPECT_THAT(VerdictLine(report),
              StartsWith("INCOMPLETE: left: could not be listed again; 2 identical"));
  report = Identical();
  report.interrupted = true;
  DecideVerdict(&report);
  EXPECT_EQ(ExitCode(report), 130);
  EXPECT_THAT(VerdictLine(report), StartsWith("INCOMPLETE: "));
}

TEST(DatabaseReportTest, WhatTheVerdictDoesNotHoldForStandsBesideIt) {
  DatabaseReport report = Identical();
  report.tables[0].report.not_compared = {"updated_at"};
  report.tables[0].report.rules = {"name:rtrim"};
  report.tables[0].report.narrowed = {"total=float64"};
  report.tables[1].report.statuses.in_flight = 4;
  report.skipped = {{"v", "view in left"}, {"w", "view in left"}};
  EXPECT_EQ(VerdictLine(report),
            "IDENTICAL: 2 tables in left and right agree, 300,033 rows; 4 rows in flight; "
            "skipped: v, w (view in left); columns not compared: departments.updated_at; "
            "under rules name:rtrim; read as total=float64");
}

TEST(DatabaseReportTest, OnANarrowTerminalEachTableHasTwoLines) {
  TableStyle style;
  style.columns = 40;
  const std::string narrow = Render(Identical(), ReportFormat::kTable, style);
  EXPECT_THAT(narrow, HasSubstr("\nidentical  employees\n    left 300,024, right 300,024,\n"
                                "    differences 0, seconds 1.2\n"));
  style = TableStyle();
  style.colour = true;
  const std::string colour = Render(Different(), ReportFormat::kTable, style);
  EXPECT_THAT(colour, HasSubstr("\n\x1b[31mdivergent\x1b[0m  salaries"));
}

TEST(DatabaseReportTest, NamesCantPlayTricksOnTheTerminal) {
  DatabaseReport report = Identical();
  report.tables[0].table = "a\x1b[2J\nIDENTICAL";
  EXPECT_THAT(Render(report, ReportFormat::kTable), HasSubstr("a\\x1b[2J\\nIDENTICAL"));
}

}  // namespace
}  // namespace driftwood::coordinator
