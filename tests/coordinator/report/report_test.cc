// Golden files pin every format. To write them anew after a change that is meant (and to raise
// kReportSchemaVersion if a program reading them would notice):
//   DRIFTWOOD_UPDATE_GOLDEN=1 ./coordinator_test --gtest_filter='*Golden*'
// Covers record_lines.cc, report_csv.cc, report_html.cc, report_json.cc, report_origin.cc,
// report_table.cc and value_text.cc too.
#include "coordinator/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/text/display.h"
#include "tests/testing/paths.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Value Integer(int64_t number) {
  Value value;
  value.tag = Tag::kInteger;
  value.number = number;
  return value;
}

Value OfText(Tag tag, std::string text) {
  Value value;
  value.tag = tag;
  value.text = std::move(text);
  return value;
}

Value Real(double real) {
  Value value;
  value.tag = Tag::kFloat64;
  value.real = real;
  return value;
}

ReportKey Key(std::vector<Value> columns) {
  ReportKey key;
  for (size_t i = 0; i < columns.size(); ++i) {
    merkle::AppendValue(columns[i],
                        i + 1 == columns.size() ? merkle::Place::kKeyLast : merkle::Place::kKey,
                        &key.encoded);
  }
  key.columns = std::move(columns);
  return key;
}

const ReportOrigin kOrigin = {"2027-01-15T08:00:00Z",
                              "2027-01-15T08:01:07Z",
                              "0.1.0",
                              "db1.example",
                              {{"--key", {"id", "at,line"}}, {"--no-why", {}}}};

Report Base(std::vector<std::string> names) {
  Report report;
  report.origin = kOrigin;
  for (size_t i = 0; i < names.size(); ++i) {
    ReportReplica replica;
    replica.name = names[i];
    replica.source = i == 0 ? "csv:/data/orders.csv?key=id" : "sqlite:/data/shop.db?table=orders";
    replica.records = 1000 + i;
    replica.unparsed = 0;
    report.replicas.push_back(replica);
  }
  report.missing.assign(names.size(), 0);
  report.schema = merkle::Schema{{{"id", ColumnType::kInteger}},
                                 {{"amount", ColumnType::kDecimal}, {"name", ColumnType::kText}}};
  report.complete = true;
  report.exact = true;
  report.round_trips = 1;
  report.seconds = 0.25;
  return report;
}

Report Identical() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kIdentical;
  report.replicas[1].records = 1000;
  report.records_proven_equal = 1000;
  report.not_compared = {"updated_at"};
  report.rules = {"total:round=2"};
  return report;
}

ReportKey RecordDigest(char byte) { return Key({OfText(Tag::kBytes, std::string(16, byte))}); }

// Records without key: 2 copies against 3, some that only one side has, and one whose copies are
// not known.
Report Multiset() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.schema->key = {{"*", ColumnType::kBytes}};
  report.schema->multiset = true;
  report.replicas[0].distinct = 901;
  report.replicas[1].distinct = 900;
  report.records_proven_equal = 898;
  report.total = 4;
  report.changed = 2;
  report.missing = {1, 1};
  report.statuses.confirmed = 3;
  report.statuses.unconfirmed = 1;
  const auto add = [&](char byte, std::vector<std::optional<std::string>> states,
                       std::vector<std::optional<uint64_t>> copies) {
    ReportRecord& record = report.records.emplace_back();
    record.key = RecordDigest(byte);
    record.status = RecordStatus::kConfirmed;
    record.states = std::move(states);
    record.copies = std::move(copies);
  };
  add('\x01', {"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"}, {2, 3});
  add('\x02', {std::nullopt, "cccccccccccccccc"}, {0, 1});
  add('\x03', {"dddddddddddddddd", std::nullopt}, {100'000, 0});
  add('\xFF', {"eeeeeeeeeeeeeeee", "ffffffffffffffff"}, {std::nullopt, std::nullopt});
  report.records.back().status = RecordStatus::kUnconfirmed;
  return report;
}

Report MultisetWithValues() {
  Report report = Multiset();
  report.values_shown = true;
  report.records.pop_back();
  report.records.pop_back();
  report.total = 2;
  report.statuses = {};
  report.statuses.confirmed = 2;
  report.changed = 1;
  report.missing = {1, 0};
  const std::vector<Value> row = {OfText(Tag::kDecimal, "3.5"), OfText(Tag::kText, "")};
  report.records[0].values = {row, row};
  report.records[1].values = {std::nullopt, row};
  for (ReportRecord& record : report.records) record.differs = {false, false};
  return report;
}

Report IdenticalMultisets() {
  Report report = Identical();
  report.schema->key = {{"*", ColumnType::kBytes}};
  report.schema->multiset = true;
  report.records_proven_equal = 3;
  for (ReportReplica& replica : report.replicas) replica.distinct = 3;
  return report;
}

Report Empty() {
  Report report = Identical();
  for (ReportReplica& replica : report.replicas) replica.records = 0;
  report.records_proven_equal = 0;
  report.not_compared.clear();
  report.rules.clear();
  report.warnings = {"every replica has zero records, so nothing was compared"};
  return report;
}

// All that differed agreed when it was re-read.
Report InFlight() {
  Report report = Identical();
  report.records_proven_equal = 988;
  report.statuses.in_flight = 12;
  report.not_compared.clear();
  report.rules.clear();
  return report;
}

// Composite keys, three replicas, a run, big integers, bytes, nulls, type mismatches, values that
// need quoting.
Report Divergent() {
  Report report = Base({"billing", "warehouse", "archive"});
  report.verdict = Verdict::kDivergent;
  report.schema = merkle::Schema{
      {{"region", ColumnType::kText}, {"id", ColumnType::kInteger}, {"tag", ColumnType::kBytes}},
      {{"amount", ColumnType::kDecimal},
       {"big", ColumnType::kInteger},
       {"name", ColumnType::kText},
       {"ratio", ColumnType::kFloat64}}};
  report.records_proven_equal = 990;
  report.total = 5003;
  report.statuses = {4001, 1, 1001, 7};
  report.missing = {5001, 0, 1};
  report.changed = 1;
  report.values_shown = true;
  report.round_trips = 4;
  report.bytes_sent = 1234;
  report.bytes_received = 56789;
  report.replicas[0].unparsed = 3;
  report.replicas[2].unkeyed = true;

  ReportRecord changed;
  changed.key = Key({OfText(Tag::kText, "E\"U, \xe2\x82\xac"), Integer(-42),
                     OfText(Tag::kBytes, std::string("\x00\xff", 2))});
  changed.states = {"00000000000000aa", "00000000000000bb", "00000000000000aa"};
  const std::vector<Value> base = {OfText(Tag::kDecimal, "12.5"), Integer((int64_t{1} << 53) + 1),
                                   OfText(Tag::kText, "line\nbreak"),
                                   Real(std::numeric_limits<double>::quiet_NaN())};
  std::vector<Value> other = base;
  other[0] = OfText(Tag::kDecimal, "13");
  other[2] = Value();
  changed.values = {base, other, base};
  changed.differs = {true, false, true, false};
  changed.status = RecordStatus::kUnstable;
  report.records.push_back(changed);

  ReportRecord missing;
  missing.key = Key({OfText(Tag::kText, ""), Integer(9007199254740993), Value()});
  missing.states = {std::nullopt, "00000000000000cc", "00000000000000cc"};
  std::vector<Value> held = {OfText(Tag::kUnparsedText, "twelve"), Value(),
                             OfText(Tag::kText, "\x1b[31mred"),
                             Real(-std::numeric_limits<double>::infinity())};
  missing.values = {std::nullopt, held, std::nullopt};
  missing.differs = {false, false, false, false};
  missing.status = RecordStatus::kConfirmed;
  missing.notes = {"archive: the record has gone since it was compared"};
  report.records.push_back(missing);

  ReportRun run;
  run.begin = Key({OfText(Tag::kText, "us"), Integer(1), OfText(Tag::kBytes, "x")});
  run.counts = {0, 5000, 5000};
  run.statuses = {3999, 0, 1000, 1};
  report.runs.push_back(run);
  report.spans = {{report.records[0].key, report.records[1].key, 40, 1, {1, 0, 1}},
                  {report.records[1].key, report.records[1].key, 1, 0, {1, 0, 0}}};
  report.spans[0].column = SpanColumn{2, 1, 1};
  report.columns = ReportColumns{4001, {{2, 3999, 3990}, {0, 11, 2}, {1, 1, 0}, {3, 1, 0}}};
  Explanation why;
  why.changed_sampled = 90;
  why.missing_sampled = 10;
  why.columns = {{"amount", 90, {{"trailing spaces", "amount:rtrim", 60}, {"a cut", "", 20}}},
                 {"big", 1, {}}};
  why.keys = {2, "letter case", "region:casefold", {report.records[0].key, report.records[0].key}};
  report.explanation = why;
  return report;
}

// Changed in known columns, though no values were read.
Report Columns() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.records_proven_equal = 900;
  report.total = report.statuses.confirmed = 100;
  report.changed = 99;
  report.missing = {0, 1};
  const std::vector<std::vector<bool>> differs = {{true, true}, {false, true}, {}};
  for (size_t i = 0; i < differs.size(); ++i) {
    ReportRecord& record = report.records.emplace_back();
    record.key = Key({Integer(static_cast<int64_t>(i))});
    record.states = {"00000000000000aa", "00000000000000bb"};
    if (i == 2) record.states[1].reset();
    record.status = RecordStatus::kConfirmed;
    record.differs = differs[i];
  }
  report.spans = {{report.records[0].key, report.records[1].key, 400, 98, {0, 0}},
                  {report.records[2].key, report.records[2].key, 600, 1, {0, 1}}};
  report.spans[0].column = SpanColumn{1, 98, 98};
  report.spans[1].column = SpanColumn{0, 1, 1};
  report.columns = ReportColumns{99, {{1, 98, 97}, {0, 2, 1}}};
  return report;
}

// As most reports are: one row changed, one on each side only.
Report Orders() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.values_shown = true;
  for (ReportReplica& replica : report.replicas) replica.records = 500;
  report.records_proven_equal = 498;
  report.total = report.statuses.confirmed = 3;
  report.changed = 1;
  report.missing = {1, 1};
  const auto row = [](const char* amount, const char* name) {
    return std::vector<Value>{OfText(Tag::kDecimal, amount), OfText(Tag::kText, name)};
  };
  const auto add = [&](int64_t id, std::vector<std::optional<std::string>> states,
                       std::vector<std::optional<std::vector<Value>>> values) {
    ReportRecord& record = report.records.emplace_back();
    record.key = Key({Integer(id)});
    record.status = RecordStatus::kConfirmed;
    record.states = std::move(states);
    record.values = std::move(values);
    record.differs = {false, false};
  };
  add(3, {"00000000000000aa", "00000000000000bb"}, {row("4.5", "open"), row("4.5", "paid")});
  report.records[0].differs = {false, true};
  add(9, {"00000000000000cc", std::nullopt}, {row("13.5", "open"), std::nullopt});
  add(501, {std::nullopt, "00000000000000dd"}, {std::nullopt, row("1", "y")});
  report.columns = ReportColumns{1, {{1, 1, 1}}};
  return report;
}

// The second replica has three sources; one of them was lost, and keys are in two of them.
Report Sharded() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kIncomplete;
  report.complete = false;
  report.exact = false;
  report.replicas[1].records = 1002;
  report.replicas[1].source = "csv:/data/a.csv, csv:/data/b.csv, csv:/data/c.csv";
  report.replicas[1].sources = {{"east", "csv:/data/a.csv", 500},
                                {"north", "csv:/data/b.csv", 0},
                                {"west", "csv:/data/c.csv", 502}};
  report.total = 3;
  report.statuses.confirmed = 3;
  report.duplicate = 2;
  report.changed = 1;
  report.records_proven_equal = 500;
  const auto add = [&](int64_t id, std::vector<std::optional<std::string>> states) {
    ReportRecord& record = report.records.emplace_back();
    record.key = Key({Integer(id)});
    record.status = RecordStatus::kConfirmed;
    record.states = std::move(states);
    return &record;
  };
  add(7, {"00000000000000aa", "00000000000000aa"})->duplicates = {
      {1, {{"east", "00000000000000aa"}, {"west", "00000000000000aa"}}}};
  add(8, {"00000000000000aa", "00000000000000bb"});
  add(9, {std::nullopt, "00000000000000bb"})->duplicates = {
      {1, {{"east", "00000000000000bb"}, {"west", "00000000000000cc"}}}};
  report.spans = {{report.records[0].key, report.records[2].key, 400, 1, {0, 0}}};
  report.spans[0].duplicate = 2;
  ReportGap gap;
  gap.replica = 1;
  gap.source = "north";
  gap.reason = "its agent (pid 17) was killed by signal 9 (Killed)";
  report.gaps.push_back(gap);
  return report;
}

Report Incomplete() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kIncomplete;
  report.complete = false;
  report.exact = false;
  report.total = 1;
  report.statuses.unconfirmed = 1;
  report.changed = 1;
  report.records_proven_equal = 500;
  ReportRecord changed;
  changed.key = Key({Integer(7)});
  changed.states = {"00000000000000aa", "00000000000000bb"};
  report.records.push_back(changed);
  ReportGap gap;
  gap.begin = Key({Integer(600)});
  gap.end = Key({Integer(700)});
  gap.replica = 1;
  gap.reason = "its agent (pid 17) was killed by signal 9 (Killed)";
  report.gaps.push_back(gap);
  report.error = ReportError{absl::StatusCode::kUnavailable, gap.reason, 1};
  return report;
}

Report Error() {
  Report report;
  report.origin = kOrigin;
  report.verdict = Verdict::kError;
  for (const char* name : {"left", "right"}) {
    ReportReplica replica;
    replica.name = name;
    replica.source = "csv:/data/none.csv";
    report.replicas.push_back(replica);
  }
  report.missing = {0, 0};
  report.error = ReportError{absl::StatusCode::kNotFound, "no such file: /data/none.csv", 1};
  return report;
}

std::string Render(const Report& report, ReportFormat format, size_t columns = 0,
                   bool verdict_row = true) {
  std::string text;
  ReportStyle style;
  style.columns = columns;
  style.verdict_row = verdict_row;
  const absl::Status status = WriteReport(report, format, style, [&](std::string_view bytes) {
    text += bytes;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok());
  return text;
}

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

TEST(ReportTest, PartlyKnownColumnsOfASpanSayOfHowMany) {
  Report report = Columns();
  report.spans[0].column = SpanColumn{1, 30, 40};
  EXPECT_THAT(Render(report, ReportFormat::kTable),
              HasSubstr("98 changed (name in 75 % of 40 re-read)"));
}

TEST(ReportTest, ManyColumnsAreNotAllShownInTheTable) {
  Report report = Columns();
  report.schema->values.clear();
  report.columns->differing.clear();
  for (size_t c = 0; c < 1600; ++c) {
    report.schema->values.push_back({"column " + std::to_string(c), ColumnType::kText});
    report.columns->differing.push_back({c, 2, 0});
  }
  const std::string table = Render(report, ReportFormat::kTable);
  EXPECT_THAT(table, HasSubstr(" and 1,595 more columns.\n"));
  EXPECT_EQ(table.find("column 5 "), std::string::npos);
  EXPECT_THAT(ColumnsLine(report), EndsWith(" and 1,595 more columns"));
  const auto document = nlohmann::json::parse(Render(report, ReportFormat::kJson));
  EXPECT_EQ(document["columns"]["differing"].size(), 1600u);
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

// Of a row whose key is `text`, the csv's cell.
std::string KeyCell(const std::string& text, ReportFormat format) {
  Report report = Incomplete();
  report.records[0].key = Key({OfText(Tag::kText, text)});
  const std::string csv = Render(report, format);
  const size_t begin = csv.find("\r\n") + 2;
  return csv.substr(begin, csv.find(",changed", begin) - begin);
}

TEST(ReportTest, NoCsvCellIsAFormula) {
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

// Else a reader by name would take a key for the verdict, or a value for a version.
TEST(ReportTest, CsvColumnsOfTheDatasetGiveWayToThoseOfTheReport) {
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

TEST(ReportTest, WhatWasLeftOutStandsBesideTheVerdict) {
  Report report = Identical();
  const std::string provisos = "; not compared: updated_at; under rules total:round=2";
  EXPECT_THAT(VerdictLine(report), EndsWith(" agree" + provisos));
  report.verdict = Verdict::kDivergent;
  EXPECT_THAT(VerdictLine(report), EndsWith(provisos));
  report.not_compared.clear();
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

TEST(ReportTest, OnNarrowTerminalsWhatDiffersStandsBelowItsKey) {
  EXPECT_THAT(
      Render(Columns(), ReportFormat::kTable, 80),
      HasSubstr("id\n0   differs in amount, name\n1   differs in name\n2   only in left\n"));
  EXPECT_THAT(Render(Columns(), ReportFormat::kTable, 20),
              HasSubstr("id\nid=0\n  differs in amount,\n    name\nid=1\n"));
}

// What is longer is a key or a name, which stays whole.
TEST(ReportTest, NothingIsWiderThanTheTerminal) {
  Report orders = Orders();
  Report long_values = orders;
  for (ReportRecord& record : long_values.records) {
    for (auto& values : record.values) {
      if (values) (*values)[1].text += std::string(3000, 'x') + (*values)[1].text;
    }
  }
  for (const Report& report : {orders, long_values, Multiset(), MultisetWithValues(), Columns(),
                               Incomplete(), Sharded()}) {
    for (const size_t columns : {40, 80, 100}) {
      std::stringstream lines(Render(report, ReportFormat::kTable, columns));
      std::string line;
      while (std::getline(lines, line)) EXPECT_LE(DisplayWidth(line), columns) << line;
    }
  }
}

// Names come from files that anybody may have made.
TEST(ReportTest, ARuleThatIsAdvisedIsOneWordOfAShell) {
  Report report = Orders();
  Explanation why;
  why.columns = {{"x$(touch pwn)", 9, {{"trailing spaces", "x$(touch pwn):rtrim", 9}}}};
  report.explanation = why;
  EXPECT_THAT(Render(report, ReportFormat::kTable), HasSubstr("(--rule 'x$(touch pwn):rtrim')."));
}

TEST(ReportTest, InAFileASentenceIsOneLine) {
  std::string text;
  TableStyle style;
  style.columns = 40;
  style.whole_sentences = true;
  ASSERT_TRUE(WriteTable(Orders(), style, [&](std::string_view bytes) {
                text += bytes;
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(text, StartsWith("DIVERGENT: 3 of 501 rows differ between left and right: 1 changed, "
                               "1 only in left, 1 only in right\n"));
}

TEST(ReportTest, ThreeDifferencesTakeADozenLines) {
  EXPECT_EQ(Render(Orders(), ReportFormat::kTable, 100),
            "DIVERGENT: 3 of 501 rows differ between left and right: 1 changed, 1 only in left, 1 "
            "only in right\n"
            "\n"
            "  left   500 rows  csv:/data/orders.csv?key=id\n"
            "  right  500 rows  sqlite:/data/shop.db?table=orders\n"
            "  key id; 2 other columns compared\n"
            "\n"
            "name differs in 1 row.\n"
            "\n"
            "id   left → right\n"
            "3    name  open → paid\n"
            "9    only in left   amount 13.5 | name open\n"
            "501  only in right  amount 1 | name y\n");
}

TEST(ReportTest, HashesAreShownWhereAskedFor) {
  std::string text;
  TableStyle style;
  style.hashes = true;
  const auto write = [&](const Report& report) {
    text.clear();
    ASSERT_TRUE(WriteTable(report, style, [&](std::string_view bytes) {
                  text += bytes;
                  return absl::OkStatus();
                }).ok());
  };
  write(Orders());
  EXPECT_THAT(text, HasSubstr("     hash  00000000000000aa → 00000000000000bb\n"));
  EXPECT_THAT(text, HasSubstr("9    only in left   amount 13.5 | name open\n     hash  "
                              "00000000000000cc\n"));
  write(Sharded());
  EXPECT_THAT(text, HasSubstr("right: in its sources east (00000000000000bb) and west "
                              "(00000000000000cc)"));
  EXPECT_THAT(Render(Orders(), ReportFormat::kTable), Not(HasSubstr("00000000")));
}

TEST(ReportTest, ValuesThatAgentsKeepToThemselvesAreSaidInOneLine) {
  Report report = Columns();
  report.values_withheld = {1};
  EXPECT_THAT(
      Render(report, ReportFormat::kTable),
      HasSubstr("\nNo values are shown: the agent of right gives none away (--allow-values).\n"));
  report.values_withheld = {0, 1};
  EXPECT_THAT(Render(report, ReportFormat::kTable), HasSubstr("the agents of left and right give"));
}

TEST(ReportTest, ValuesThatLookTheSameAreToldApart) {
  Report report = Orders();
  const auto shown = [&](const Value& left, const Value& right) {
    (*report.records[0].values[0])[1] = left;
    (*report.records[0].values[1])[1] = right;
    const std::string table = Render(report, ReportFormat::kTable);
    const size_t begin = table.find("name  ") + 6;
    return table.substr(begin, table.find('\n', begin) - begin);
  };
  const auto text = [](const char* of) { return OfText(Tag::kText, of); };
  EXPECT_EQ(shown(text("open"), text("open ")), "open → 'open '");
  EXPECT_EQ(shown(text("pay"), text("p\u0430y")), "pay → p<U+0430>y");
  EXPECT_EQ(shown(text("a b"), text("a\u00A0b")), "a b → a<U+00A0>b");
  EXPECT_EQ(shown(text("a\nb"), text("a\\nb")), "a\\nb (bytes 610a62) → a\\nb (bytes 615c6e62)");
  EXPECT_EQ(shown(text("NULL"), Value()), "'NULL' → NULL");
  EXPECT_EQ(shown(text("1"), Integer(1)), "1 (text) → 1 (integer)");
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

TEST(ReportTest, WhatExplainsFewOfManyIsNotShown) {
  Report report = Orders();
  Explanation why;
  why.columns = {{"name", 20, {{"trailing spaces", "name:rtrim", 20}, {"letter case", "", 4}}},
                 {"amount", 9, {{"digits behind the point", "amount:round=0", 5}}},
                 {"id", 3, {}}};
  report.explanation = why;
  const std::string table = Render(report, ReportFormat::kTable);
  EXPECT_THAT(table,
              HasSubstr("\nWhy name differs: trailing spaces, in all 20 differences looked "
                        "at (--rule name:rtrim).\nWhy amount differs: digits behind the "
                        "point, in 5 of 9 differences looked at (--rule amount:round=0).\n"));
  EXPECT_THAT(table, Not(AnyOf(HasSubstr("letter case"), HasSubstr("Why id"))));
}

TEST(ReportTest, ColourComesOnlyWhereAskedFor) {
  std::string text;
  TableStyle style;
  style.colour = true;
  ASSERT_TRUE(WriteTable(Identical(), style, [&](std::string_view bytes) {
                text += bytes;
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(text, StartsWith("\x1b[32mIDENTICAL\x1b[0m: 1,000 rows"));
  EXPECT_THAT(Render(Identical(), ReportFormat::kTable), StartsWith("IDENTICAL: "));
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

TEST(ReportTest, TimesAreInUtc) {
  EXPECT_EQ(UtcText(merkle::WallTime(std::chrono::microseconds(1'800'000'000'999'999))),
            "2027-01-15T08:00:00Z");
}

}  // namespace
}  // namespace driftwood::coordinator
