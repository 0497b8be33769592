// Golden files pin every format. To write them anew after a change that is meant (and to raise
// kReportSchemaVersion if a program reading them would notice):
//   DRIFTWOOD_UPDATE_GOLDEN=1 build/release/tests/coordinator_report_test --gtest_filter='*Golden*'
// Covers record_lines.cc, report_html.cc, report_json.cc, report_origin.cc and value_text.cc too.
#include "coordinator/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "coordinator/report/report_csv.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/text/display.h"
#include "tests/coordinator/report/sample_reports.h"
#include "tests/testing/paths.h"

namespace driftwood::coordinator {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct GoldenCase {
  const char* name;
  Report (*make)();
};

class GoldenTest : public ::testing::TestWithParam<GoldenCase> {
 protected:
  void Check(ReportFormat format, const std::string& extension) {
    const std::string path =
        testing::TestdataDir() + "/report/" + GetParam().name + "." + extension;
    const std::string got = Render(GetParam().make(), format);
    if (std::getenv("DRIFTWOOD_UPDATE_GOLDEN") != nullptr) {
      std::ofstream(path, std::ios::binary) << got;
      return;
    }
    std::ifstream in(path, std::ios::binary);
    ASSERT_TRUE(in.good()) << path;
    std::stringstream wanted;
    wanted << in.rdbuf();
    EXPECT_EQ(got, wanted.str()) << path;
  }
};

TEST_P(GoldenTest, JsonIsAsPinned) { Check(ReportFormat::kJson, "json"); }
TEST_P(GoldenTest, JsonLinesAreAsPinned) { Check(ReportFormat::kJsonLines, "jsonl"); }
TEST_P(GoldenTest, CsvIsAsPinned) { Check(ReportFormat::kCsv, "csv"); }
TEST_P(GoldenTest, TableIsAsPinned) { Check(ReportFormat::kTable, "txt"); }

TEST_P(GoldenTest, HtmlIsAsPinned) { Check(ReportFormat::kHtml, "html"); }

// An ERROR has none, so that it can't pass for an empty list.
TEST_P(GoldenTest, WithoutItsLastRowACsvIsTheSame) {
  const Report report = GetParam().make();
  const std::string whole = Render(report, ReportFormat::kCsv);
  const std::string without = Render(report, ReportFormat::kCsv, 0, /*verdict_row=*/false);
  if (report.verdict == Verdict::kError) {
    EXPECT_EQ(without, "");
    return;
  }
  ASSERT_THAT(whole, StartsWith(without));
  const std::string row = whole.substr(without.size());
  EXPECT_THAT(row, HasSubstr(std::string(VerdictName(report.verdict))));
  EXPECT_EQ(row.find("\r\n"), row.size() - 2);
}

TEST_P(GoldenTest, JsonIsOneValidDocumentAndJsonLinesEndInTheVerdict) {
  const auto document = nlohmann::json::parse(Render(GetParam().make(), ReportFormat::kJson));
  EXPECT_EQ(document["schema_version"], kReportSchemaVersion);
  EXPECT_EQ(document["verdict"], std::string(VerdictName(GetParam().make().verdict)));
  std::stringstream lines(Render(GetParam().make(), ReportFormat::kJsonLines));
  std::string line, last;
  while (std::getline(lines, line)) {
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
    last = line;
  }
  EXPECT_EQ(nlohmann::json::parse(last)["verdict"], document["verdict"]);
}

INSTANTIATE_TEST_SUITE_P(
    Reports, GoldenTest,
    ::testing::Values(GoldenCase{"identical", Identical}, GoldenCase{"empty", Empty},
                      GoldenCase{"in_flight", InFlight}, GoldenCase{"divergent", Divergent},
                      GoldenCase{"columns", Columns}, GoldenCase{"incomplete", Incomplete},
                      GoldenCase{"sharded", Sharded}, GoldenCase{"error", Error},
                      GoldenCase{"multiset", Multiset},
                      GoldenCase{"multiset_values", MultisetWithValues},
                      GoldenCase{"multiset_identical", IdenticalMultisets}),
    [](const auto& test) { return std::string(test.param.name); });

// Values of the kinds that are encoded with a name, or of other values.
TEST(ReportValuesTest, TextThatIsNoUnicodeOpaqueTextBitsListsAndSetsAreShown) {
  const auto encoded = [](auto append) {
    std::string bytes;
    append(&bytes);
    return merkle::DecodeValues(bytes, 1).value().front();
  };
  constexpr auto kPlace = merkle::Place::kValue;
  const std::vector<Value> values = {
      encoded([](auto* out) { merkle::AppendText("a\xff", kPlace, out); }),
      encoded([](auto* out) { merkle::AppendForeignText("UTF-16LE", "a", kPlace, out); }),
      encoded([](auto* out) { merkle::AppendOpaque("tsrange", "[1,2)", kPlace, out); }),
      encoded([](auto* out) { merkle::AppendBitsText("0101", kPlace, out); }),
      encoded([](auto* out) { merkle::AppendListJson("[1, null, [\"a\"]]", kPlace, out); }),
      encoded([](auto* out) { merkle::AppendSetJson("[\"b\", \"a\"]", kPlace, out); })};
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.total = report.changed = report.statuses.confirmed = 1;
  report.values_shown = true;
  report.schema->values.clear();
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    report.schema->values.push_back({name, ColumnType::kDynamic});
  }
  ReportRecord& record = report.records.emplace_back();
  record.key = Key({Integer(7)});
  record.status = RecordStatus::kConfirmed;
  record.states = {"00000000000000aa", "00000000000000bb"};
  record.values = {values, std::vector<Value>(6)};
  record.differs = std::vector<bool>(6, true);
  EXPECT_THAT(Render(report, ReportFormat::kJson),
              HasSubstr(R"json({"a":{"unparsed":{"hex":"61ff"}},)json"
                        R"json("b":{"unparsed":{"hex":"61","character_set":"UTF-16LE"}},)json"
                        R"json("c":"[1,2)","d":"0101","e":["1",null,["a"]],"f":["a","b"]})json"));
  const std::string table = Render(report, ReportFormat::kTable);
  for (const char* shown : {"\\x61ff (type mismatch)", "[1,2)", "0101", "{1,NULL,{a}}", "{a,b}"}) {
    EXPECT_THAT(table, HasSubstr(shown));
  }
}

TEST(ReportTest, Ledger17AFailedReplicaNeverVanishesFromTheSummary) {
  const auto document = nlohmann::json::parse(Render(Error(), ReportFormat::kJson));
  ASSERT_EQ(document["replicas"].size(), 2u);
  EXPECT_TRUE(document["replicas"][1]["records"].is_null());
  EXPECT_EQ(document["error"]["replica"], "right");
  EXPECT_EQ(document["error"]["code"], "NOT_FOUND");
}

TEST(ReportTest, Ledger26LinesAndRowsWithoutDivergencesStillCarryTheVerdict) {
  Report report = Incomplete();
  report.records.clear();
  report.total = report.changed = report.statuses.unconfirmed = 0;
  const std::string lines = Render(report, ReportFormat::kJsonLines);
  EXPECT_THAT(lines, StartsWith("{\"verdict\":\"INCOMPLETE\""));
  const std::string rows = Render(report, ReportFormat::kCsv);
  EXPECT_THAT(rows, HasSubstr("\r\n,INCOMPLETE,,,,"));
  EXPECT_NE(lines, Render(Identical(), ReportFormat::kJsonLines));
  EXPECT_THAT(Render(report, ReportFormat::kTable),
              StartsWith("INCOMPLETE: not known whether left and right agree: right: "));
}

TEST(ReportTest, BytesThatAreNotUtf8NeverReachJson) {
  Report report = Error();
  report.error->message = "bad \xff name";
  const std::string text = Render(report, ReportFormat::kJson);
  EXPECT_TRUE(nlohmann::json::accept(text));
  EXPECT_EQ(text.find('\xff'), std::string::npos);
}

TEST(ReportTest, SharesNeverSayAllOrNothingOfWhatIsNot) {
  EXPECT_EQ(Percent(1, 100'000), "under 1 %");
  EXPECT_EQ(Percent(0, 7), "0 %");
  EXPECT_EQ(Percent(99'999, 100'000), "99 %");
  EXPECT_EQ(Percent(100'000, 100'000), "100 %");
  EXPECT_EQ(Percent(1, 2), "50 %");
  EXPECT_EQ(Percent(UINT64_MAX - 1, UINT64_MAX), "99 %");
}

TEST(ReportTest, WhatIsGoneEverywhereIsCountedApartInEveryFormat) {
  Report report = InFlight();
  report.statuses.gone = 5;
  EXPECT_THAT(Render(report, ReportFormat::kTable),
              HasSubstr("12 rows in flight (differed when compared, agree now: 7 equal, 5 gone "
                        "everywhere)"));
  EXPECT_THAT(Render(report, ReportFormat::kTable), HasSubstr("12 in flight (5 gone everywhere)"));
  EXPECT_THAT(Render(report, ReportFormat::kCsv), HasSubstr("7 equal, 5 gone everywhere"));
  for (const auto format : {ReportFormat::kJson, ReportFormat::kJsonLines}) {
    const auto counts = nlohmann::json::parse(Render(report, format)).at("summary");
    EXPECT_EQ(counts.at("in_flight"), 12);
    EXPECT_EQ(counts.at("gone"), 5);
  }
  report.statuses.gone = 12;
  EXPECT_THAT(VerdictLine(report), HasSubstr("agree now: gone everywhere)"));
}

TEST(ReportTest, NoFormatWritesWhatATerminalWouldActOn) {
  Report report = Incomplete();
  const std::string evil =
      "\x1b]52;c;YQ==\x07 \xc2\x9b"
      "31m \xe2\x80\xae \x7f \r.";
  report.records[0].key = Key({OfText(Tag::kText, evil)});
  report.schema->values[0].name = evil;
  report.warnings = {evil};
  for (const auto format :
       {ReportFormat::kTable, ReportFormat::kJson, ReportFormat::kJsonLines, ReportFormat::kCsv}) {
    const std::string text = Render(report, format);
    for (const char* const raw : {"\x1b", "\x07", "\xc2\x9b", "\xe2\x80\xae", "\x7f", "\r."}) {
      EXPECT_EQ(text.find(raw), std::string::npos) << text;
    }
  }
  const auto document = nlohmann::json::parse(Render(report, ReportFormat::kJson));
  EXPECT_EQ(document.at("differences").at(0).at("key").at("id"), evil);
  EXPECT_NE(Render(report, ReportFormat::kRawCsv).find(evil), std::string::npos);
  EXPECT_EQ(KeyCell("two\nlines", ReportFormat::kCsv), "\"two\nlines\"");
}

TEST(ReportTest, FormatsAreKnownByTheirNames) {
  EXPECT_EQ(ReportFormatFromName("table"), ReportFormat::kTable);
  EXPECT_EQ(ReportFormatFromName("json"), ReportFormat::kJson);
  EXPECT_EQ(ReportFormatFromName("jsonl"), ReportFormat::kJsonLines);
  EXPECT_EQ(ReportFormatFromName("csv"), ReportFormat::kCsv);
  EXPECT_EQ(ReportFormatFromName("csv-raw"), ReportFormat::kRawCsv);
  EXPECT_EQ(ReportFormatFromName("xml"), std::nullopt);
}

TEST(ReportTest, WhatWasLeftOutStandsBesideTheVerdict) {
  Report report = Identical();
  const std::string provisos = "; not compared: updated_at; under rules total:round=2";
  EXPECT_THAT(VerdictLine(report), EndsWith(" agree" + provisos));
  report.verdict = Verdict::kDivergent;
  EXPECT_THAT(VerdictLine(report), EndsWith(provisos));
  report.not_compared.clear();
  report.narrowed = {"total=float64"};
  EXPECT_THAT(VerdictLine(report), EndsWith("; under rules total:round=2; read as total=float64"));
  EXPECT_THAT(Render(report, ReportFormat::kHtml), HasSubstr("; read as total=float64"));
  EXPECT_THAT(VerdictNote(report), HasSubstr("; read as total=float64"));
  EXPECT_THAT(Render(report, ReportFormat::kJsonLines),
              HasSubstr("\"narrowed\":[\"total=float64\"]"));
  report.narrowed.clear();
  report.rules.clear();
  EXPECT_THAT(VerdictLine(report), Not(AnyOf(HasSubstr("not compared"), HasSubstr("rules"))));
}

TEST(ReportTest, AKeyThatDoesNotDecodeIsShownEncoded) {
  Report report = Incomplete();
  report.records[0].key = ReportKey{"\x99\x98", std::nullopt};
  EXPECT_THAT(Render(report, ReportFormat::kJsonLines),
              StartsWith("{\"key\":null,\"key_encoded\":\"9998\",\"kind\":\"changed\""));
  EXPECT_THAT(Render(report, ReportFormat::kCsv), HasSubstr("encoded key 9998"));
  EXPECT_THAT(Render(report, ReportFormat::kTable), HasSubstr("encoded key 9998"));
}

TEST(ReportTest, OfMoreReplicasItIsSaidWhichLackARow) {
  Report report = Base({"a", "b", "c"});
  report.verdict = Verdict::kDivergent;
  report.total = report.records_proven_equal = 3;
  report.missing = {1, 2, 0};
  EXPECT_EQ(VerdictLine(report),
            "DIVERGENT: 3 of 6 rows differ between a, b and c: 1 missing in a, 2 missing in b");
}

TEST(ReportTest, RowsOfJsonLinesAndLmdbAreRecords) {
  Report report = Identical();
  report.replicas[0].source = "jsonl:a.jsonl?key=id";
  EXPECT_THAT(VerdictLine(report), StartsWith("IDENTICAL: 1,000 rows in"));
  report.replicas[1].source = "lmdb:b";
  EXPECT_THAT(VerdictLine(report), StartsWith("IDENTICAL: 1,000 records in"));
}

TEST(ReportTest, AFailedWriteStopsTheReportInEveryFormat) {
  for (const auto format :
       {ReportFormat::kTable, ReportFormat::kJson, ReportFormat::kJsonLines, ReportFormat::kCsv}) {
    const absl::Status status = WriteReport(
        Divergent(), format, {}, [](std::string_view) { return absl::DataLossError("full"); });
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  }
}

TEST(ReportTest, VerdictLinesReadWell) {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.total = 15;
  report.records_proven_equal = 4999985;
  report.missing = {3, 5};
  report.changed = 7;
  EXPECT_EQ(VerdictLine(report),
            "DIVERGENT: 15 of 5,000,000 rows differ between left and right: 7 changed, 5 only in "
            "left, 3 only in right");
  report.statuses.in_flight = 1;
  EXPECT_EQ(VerdictLine(report),
            "DIVERGENT: 15 of 5,000,001 rows differ between left and right: 7 changed, 5 only in "
            "left, 3 only in right; 1 row in flight (differed when compared, agrees now)");
  EXPECT_EQ(VerdictLine(InFlight()),
            "IDENTICAL: 988 rows in left and right agree; 12 rows in flight (differed when "
            "compared, agree now)");
  report.verdict = Verdict::kIncomplete;
  report.statuses = {15, 0, 0, 1};
  EXPECT_THAT(VerdictLine(report),
              StartsWith("INCOMPLETE: at least 15 rows differ between left and right: 7 changed, 5 "
                         "only in left, 3 only in right; the comparison did not finish"));
}

// What was not re-read may only have been in flight.
TEST(ReportTest, AnIncompleteComparisonSaysWhatIsCertainAllTheSame) {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kIncomplete;
  report.exact = false;
  report.error = ReportError{absl::StatusCode::kUnavailable, "its agent is gone", 1};
  report.total = report.changed = 7;
  report.statuses = {2, 1, 4};
  EXPECT_EQ(VerdictLine(report),
            "INCOMPLETE: at least 2 rows differ between left and right; when compared 7 differed, "
            "not all confirmed: 7 changed; the comparison did not finish: right: its agent is "
            "gone");
  report.statuses = {0, 0, 7};
  EXPECT_EQ(VerdictLine(report),
            "INCOMPLETE: not known whether left and right agree; when compared 7 differed, "
            "none confirmed: 7 changed; the comparison did not finish: right: its agent is gone");
  report.statuses = {};
  report.total = report.changed = 0;
  EXPECT_EQ(VerdictLine(report),
            "INCOMPLETE: not known whether left and right agree: right: its agent is gone");
}

TEST(ReportTest, WhatASampleSaysIsAnEstimateAndAVerdictOnlyIfItProvesOne) {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.exact = false;
  report.replicas[1].filter = "region = 'eu'";
  report.total = report.changed = report.statuses.confirmed = 40;
  report.estimate = Estimate{2'000'000, 1'900'000, 2'100'000, 8192};
  EXPECT_EQ(VerdictLine(report),
            "DIVERGENT: about 2,000,000 rows differ between left and right, as a sample of 8,192 "
            "rows lets expect (with 95 % confidence 1,900,000 to 2,100,000); in the sample 40 "
            "rows differ: 40 changed; --exhaustive compares all; only the rows of right where "
            "region = 'eu'");
  report.verdict = Verdict::kIncomplete;
  report.error = ReportError{absl::StatusCode::kInternal, "not a consistent snapshot", 1};
  EXPECT_EQ(VerdictLine(report),
            "INCOMPLETE: at least 40 rows differ between left and right: 40 changed; about "
            "2,000,000 rows differ, as a sample of 8,192 rows lets expect (with 95 % "
            "confidence 1,900,000 to 2,100,000); the comparison did not finish: right: not a "
            "consistent snapshot");
}

TEST(ReportTest, APageHoldsNothingThatABrowserRunsOrFetches) {
  Report report = Divergent();
  const std::string evil = "<script>alert('1')</script><img src=\"http://x/\" onerror=a>&amp;";
  report.records[0].values[0]->at(2) = OfText(Tag::kText, evil);
  report.replicas[0].source = evil;
  report.origin->options[0].name = evil;
  report.gaps.push_back({{}, std::nullopt, std::nullopt, evil});
  report.verdict = Verdict::kIncomplete;
  const std::string page = Render(report, ReportFormat::kHtml);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&lt;img src=&quot;"));
  for (const char* word : {"<script", "<img", "<link", "src=\"", "href", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(word)));
  }
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>\n"));
  EXPECT_THAT(page, EndsWith("</html>\n"));
  EXPECT_THAT(page, HasSubstr("<h1>INCOMPLETE: "));
}

// So it is with --keys-out, for which all are listed.
TEST(ReportTest, WhatIsWantedOfTheRecordsIsLeftWhereverTheyAre) {
  struct Others final : RecordStore {
    uint64_t rows() const override { return 3; }
    void OrderColumns(std::vector<size_t>) override {}
    absl::Status ForEach(const std::function<absl::Status(const ReportRecord&)>&) const override {
      return absl::OkStatus();
    }
  };
  Report report;
  report.records.resize(2);
  report.more_records = std::make_shared<Others>();
  report.CutRecords(5);
  EXPECT_EQ(report.listed(), 5);
  report.CutRecords(2);
  EXPECT_EQ(report.listed(), 2);
  report.CutRecords(1);
  EXPECT_EQ(report.listed(), 1);
}

TEST(ReportTest, TimesAreInUtc) {
  EXPECT_EQ(UtcText(merkle::WallTime(std::chrono::microseconds(1'800'000'000'999'999))),
            "2027-01-15T08:00:00Z");
}

}  // namespace
}  // namespace driftwood::coordinator
