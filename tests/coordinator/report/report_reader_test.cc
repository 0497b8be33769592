// Covers report_members.cc and json_values.cc too.
#include "coordinator/report/report_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "tests/coordinator/report/random_report.h"
#include "tests/testing/files.h"
#include "tests/testing/paths.h"

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

constexpr ReportFormat kFormats[] = {ReportFormat::kJson,   ReportFormat::kJsonLines,
                                     ReportFormat::kTable,  ReportFormat::kCsv,
                                     ReportFormat::kRawCsv, ReportFormat::kHtml};

template <typename AnyReport>
std::string Render(const AnyReport& report, ReportFormat format, size_t columns = 0) {
  std::string text;
  ReportStyle style;
  style.columns = columns;
  style.verdict_row = true;
  EXPECT_TRUE(WriteReport(report, format, style, [&](std::string_view bytes) {
                text += bytes;
                return absl::OkStatus();
              }).ok());
  return text;
}

absl::StatusOr<Report> Read(const std::string& json, const Report*) { return ReadReport(json); }
absl::StatusOr<DatabaseReport> Read(const std::string& json, const DatabaseReport*) {
  return ReadDatabaseReport(json);
}

absl::StatusOr<DatasetsReport> Read(const std::string& json, const DatasetsReport*) {
  return ReadDatasetsReport(json);
}

// What comes back is in every format, and by its exit code, what was written.
template <typename AnyReport>
void ExpectComesBack(const AnyReport& report) {
  const std::string json = Render(report, ReportFormat::kJson);
  const absl::StatusOr<AnyReport> read = Read(json, static_cast<const AnyReport*>(nullptr));
  ASSERT_TRUE(read.ok()) << read.status() << "\n" << json;
  for (const ReportFormat format : kFormats) {
    for (const size_t columns : {size_t{0}, size_t{60}}) {
      ASSERT_EQ(Render(*read, format, columns), Render(report, format, columns)) << json;
    }
  }
  EXPECT_EQ(ExitCode(*read), ExitCode(report));
}

template <typename AnyReport>
void ExpectGoldenComesBack(const std::filesystem::path& path) {
  SCOPED_TRACE(path);
  const auto read = Read(testing::ReadFile(path), static_cast<const AnyReport*>(nullptr));
  ASSERT_TRUE(read.ok()) << read.status();
  const std::pair<ReportFormat, const char*> files[] = {{ReportFormat::kJson, ".json"},
                                                        {ReportFormat::kJsonLines, ".jsonl"},
                                                        {ReportFormat::kTable, ".txt"},
                                                        {ReportFormat::kCsv, ".csv"},
                                                        {ReportFormat::kHtml, ".html"}};
  for (const auto& [format, extension] : files) {
    std::filesystem::path other = path;
    EXPECT_EQ(Render(*read, format), testing::ReadFile(other.replace_extension(extension)));
  }
}

TEST(ReportReaderTest, EveryGoldenDocumentGivesAllItsOtherGoldenFormats) {
  size_t seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::TestdataDir() + "/report")) {
    if (entry.path().extension() != ".json") continue;
    ++seen;
    if (entry.path().filename().string().starts_with("all_")) {
      ExpectGoldenComesBack<DatabaseReport>(entry.path());
    } else {
      ExpectGoldenComesBack<Report>(entry.path());
    }
  }
  EXPECT_GE(seen, 14u);
}

TEST(ReportReaderTest, RandomReportsComeBackInEveryFormat) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  for (uint32_t i = 0; i < 150; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", report " + std::to_string(i));
    RandomReport random(seed * 1000 + i);
    ExpectComesBack(random.Make());
    if (HasFatalFailure()) return;
  }
}

TEST(ReportReaderTest, RandomReportsOfDatabasesComeBackInEveryFormat) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  for (uint32_t i = 0; i < 40; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", report " + std::to_string(i));
    RandomReport random(seed * 1000 + i);
    ExpectComesBack(random.MakeOfDatabases());
    if (HasFatalFailure()) return;
  }
}

TEST(ReportReaderTest, RandomReportsOfDatasetsComeBackInEveryFormat) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  for (uint32_t i = 0; i < 25; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", report " + std::to_string(i));
    RandomReport random(seed * 1000 + i);
    ExpectComesBack(random.MakeOfDatasets());
    if (HasFatalFailure()) return;
  }
}

// Of a value's list in a table of a dataset, as deep as a value may be.
TEST(ReportReaderTest, TheDeepestValueOfADatasetsTableComesBack) {
  RandomReport random(1);
  DatabaseReport database;
  TableReport& table = database.tables.emplace_back();
  table.report = random.OfEveryValue(merkle::ColumnType::kList);
  table.report.origin.reset();
  table.result = TableResult::kDivergent;
  database.replicas = table.report.replicas;
  database.origin = random.Make().origin;
  DecideVerdict(&database);
  DatasetsReport report;
  report.datasets.push_back({"shop", database, 1});
  report.origin = database.origin;
  DecideVerdict(&report);
  ExpectComesBack(report);
}

TEST(ReportReaderTest, TheVerdictOfDatasetsIsWhatTheyComeTo) {
  RandomReport random(3);
  DatasetsReport report;
  report.origin = random.Make().origin;
  Report one = random.Make();
  while (one.verdict != Verdict::kDivergent) one = random.Make();
  report.datasets.push_back({"orders", one, 1});
  DecideVerdict(&report);
  nlohmann::json document = nlohmann::json::parse(Render(report, ReportFormat::kJson));
  const auto refusal = [&](const std::string& pointer, const nlohmann::json& value) {
    nlohmann::json changed = document;
    changed[nlohmann::json::json_pointer(pointer)] = value;
    const absl::Status status = ReadDatasetsReport(changed.dump()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refusal("/verdict", "IDENTICAL"), HasSubstr("its datasets come to DIVERGENT"));
  EXPECT_THAT(refusal("/datasets/0/verdict", "IDENTICAL"), HasSubstr("the rest says otherwise"));
  EXPECT_THAT(refusal("/datasets/0/result", "identical"), HasSubstr("datasets[0].result is"));
  EXPECT_THAT(refusal("/totals/divergent", 0), HasSubstr("totals.divergent is 0"));
  EXPECT_THAT(refusal("/datasets", nlohmann::json::array()), HasSubstr("not a list of datasets"));
  EXPECT_THAT(refusal("/datasets/0/more", 1), HasSubstr("datasets[0].more is not known here"));
  EXPECT_THAT(refusal("/datasets/0/dataset", 1), HasSubstr("datasets[0].dataset is not a text"));
  for (const auto& [name, value] : document.items()) {
    nlohmann::json without = document;
    without.erase(name);
    EXPECT_FALSE(ReadDatasetsReport(without.dump()).ok()) << name;
  }
  // Each reader takes its own documents alone.
  EXPECT_FALSE(ReadReport(document.dump()).ok());
  EXPECT_FALSE(ReadDatabaseReport(document.dump()).ok());
  EXPECT_FALSE(ReadDatasetsReport(document["datasets"][0].dump()).ok());
}

TEST(ReportReaderTest, ValuesOfEveryKindInColumnsOfEveryTypeComeBack) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  for (uint8_t type = 1; merkle::IsColumnType(static_cast<merkle::ColumnType>(type)); ++type) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", type " + std::to_string(type));
    RandomReport random(seed);
    ExpectComesBack(random.OfEveryValue(static_cast<merkle::ColumnType>(type)));
  }
}

// A bound that does not decode looks like a key of such a column.
TEST(ReportReaderTest, AKeyColumnNamedAsAnEncodedKeyIsNoneOfThose) {
  RandomReport random(1);
  Report report = random.OfEveryValue(merkle::ColumnType::kText);
  report.schema->key = {{"key_encoded", merkle::ColumnType::kText}};
  report.records.resize(1);
  report.total = report.changed = report.statuses.confirmed = 1;
  report.records[0].key = MakeReportKey("\x20letters", 1);
  report.verdict = Verdict::kIncomplete;
  report.complete = report.exact = false;
  report.gaps.push_back({MakeReportKey("\x99\x98", 1), MakeReportKey("\x20z", 1), 0, "lost"});
  ExpectComesBack(report);
}

std::string Refusal(const std::string& json) {
  const absl::Status status = ReadReport(json).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

class MalformedReportTest : public ::testing::Test {
 protected:
  MalformedReportTest()
      : text_(testing::ReadFile(testing::TestdataDir() + "/report/divergent.json")),
        document_(nlohmann::json::parse(text_)) {}

  std::string Changed(const std::string& pointer, const nlohmann::json& value) const {
    nlohmann::json changed = document_;
    changed[nlohmann::json::json_pointer(pointer)] = value;
    return Refusal(changed.dump());
  }

  const std::string text_;
  nlohmann::json document_;
};

TEST_F(MalformedReportTest, TheWhitespaceAndOrderOfADocumentAreFree) {
  const absl::StatusOr<Report> read = ReadReport(document_.dump());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Render(*read, ReportFormat::kJson), text_);
}

TEST_F(MalformedReportTest, WhatIsNotThereOrOfAnotherKindIsNamed) {
  EXPECT_THAT(Changed("/verdict", "GREEN"), HasSubstr("verdict is not a verdict"));
  EXPECT_THAT(Changed("/summary/total", -1), HasSubstr("summary.total is not a count"));
  EXPECT_THAT(Changed("/summary/total", 1.5), HasSubstr("summary.total is not a count"));
  EXPECT_THAT(Changed("/differences/1/status", "fine"), HasSubstr("differences[1].status is not"));
  EXPECT_THAT(Changed("/differences/1/states", nlohmann::json::object()),
              HasSubstr("differences[1].states.billing is not there"));
  EXPECT_THAT(Changed("/differences/0/key/id", "x"), HasSubstr("differences[0].key is not a key"));
  EXPECT_THAT(Changed("/differences/0/values/billing/big", "x"),
              HasSubstr("differences[0].values.billing.big is not a value of its column"));
  EXPECT_THAT(Changed("/differences/0/columns/0", "none"),
              HasSubstr("differences[0].columns[0] is not"));
  EXPECT_THAT(Changed("/runs/0/begin", {{"key_encoded", "0"}}), HasSubstr("runs[0].begin is not"));
  EXPECT_THAT(Changed("/spans/0/column/name", "none"), HasSubstr("spans[0].column.name is not"));
  EXPECT_THAT(Changed("/compared/values/0/type", "number"), HasSubstr("type is not a column type"));
  EXPECT_THAT(Changed("/compared/values/1/name", "amount"), HasSubstr("different columns"));
  EXPECT_THAT(Changed("/replicas/1/name", "billing"), HasSubstr("the name of one replica"));
  EXPECT_THAT(Changed("/unkeyed/0", "none"), HasSubstr("unkeyed[0] is not the name of a replica"));
  EXPECT_THAT(Changed("/error", {{"code", "ODD"}, {"message", ""}, {"replica", nullptr}}),
              HasSubstr("error.code is not"));
  EXPECT_THAT(Changed("/explanation/keys/example", nlohmann::json::array()),
              HasSubstr("explanation.keys.example is not two keys"));
  for (const auto& [name, value] : document_.items()) {
    nlohmann::json without = document_;
    without.erase(name);
    if (name == "values_shown") continue;  // may be missing, and then says something else
    EXPECT_THAT(Refusal(without.dump()), HasSubstr(name));
  }
}

TEST_F(MalformedReportTest, WhatSaysMoreOrOtherThanWasReadIsRefused) {
  EXPECT_THAT(Changed("/only_half", true), HasSubstr("only_half is not known here"));
  EXPECT_THAT(Changed("/coverage/half", true), HasSubstr("coverage.half is not known here"));
  EXPECT_THAT(Changed("/summary/listed", 3),
              HasSubstr("summary.listed is 3 where the rest of the report says 2"));
  EXPECT_THAT(Changed("/differences/0/kind", "only_in"), HasSubstr("differences[0].kind is"));
  EXPECT_THAT(Changed("/runs/0/missing_in/0", "archive"), HasSubstr("runs[0].missing_in[0] is"));
}

TEST_F(MalformedReportTest, WhoHasARecordFollowsFromItsStates) {
  ASSERT_EQ(document_["differences"][1]["only_in"], nlohmann::json({"warehouse", "archive"}));
  EXPECT_THAT(Changed("/differences/1/only_in/1", "billing"),
              HasSubstr("differences[1].only_in[1] is"));
  EXPECT_THAT(Changed("/differences/1/kind", "missing"), HasSubstr("differences[1].kind is"));
  EXPECT_THAT(Changed("/differences/0/only_in", {"billing"}),
              HasSubstr("differences[0].only_in is not known here"));
}

TEST_F(MalformedReportTest, TimesAndOptionsHaveTheirForm) {
  for (const char* odd : {"", "2027-01-15", "2027-01-15T08:00:00", "2027-01-15 08:00:00Z",
                          "2027-01-15T08:00:00Z ", "2027-01-15T08:00:0xZ"}) {
    EXPECT_THAT(Changed("/started_at", odd), HasSubstr("started_at is not a time"));
    EXPECT_THAT(Changed("/finished_at", odd), HasSubstr("finished_at is not a time"));
  }
  EXPECT_THAT(Changed("/options/--key", nlohmann::json::array()),
              HasSubstr("options.--key is not"));
  EXPECT_THAT(Changed("/options/--key", false), HasSubstr("options.--key is not"));
}

TEST_F(MalformedReportTest, AVerdictThatTheRestDoesNotBearOutIsRefused) {
  EXPECT_THAT(Changed("/verdict", "IDENTICAL"), HasSubstr("its verdict is IDENTICAL"));
  EXPECT_THAT(Changed("/coverage/complete", false), HasSubstr("its verdict is DIVERGENT"));
  EXPECT_THAT(Changed("/interrupted", true), HasSubstr("its verdict is DIVERGENT"));
  nlohmann::json all = nlohmann::json::parse(
      testing::ReadFile(testing::TestdataDir() + "/report/all_divergent.json"));
  all["verdict"] = "IDENTICAL";
  const absl::Status status = ReadDatabaseReport(all.dump()).status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("its verdict is IDENTICAL, its tables come to DIVERGENT"));
  all["verdict"] = "DIVERGENT";
  all["tables"][0]["result"] = "identical";
  EXPECT_FALSE(ReadDatabaseReport(all.dump()).ok());
}

TEST_F(MalformedReportTest, ADifferenceOfTheSchemasIsNeverIdenticalAndEnoughForDivergent) {
  Report report = *ReadReport(testing::ReadFile(testing::TestdataDir() + "/report/identical.json"));
  ASSERT_EQ(report.total, 0u);
  report.not_compared = {"note"};
  report.schema_differences = {{"note", {0}}};
  EXPECT_THAT(Refusal(Render(report, ReportFormat::kJson)), HasSubstr("its verdict is IDENTICAL"));
  report.verdict = Verdict::kDivergent;
  ExpectComesBack(report);
}

// DIVERGENT by a sample takes a difference that was confirmed, and says that it isn't all.
TEST_F(MalformedReportTest, AVerdictByASampleIsBorneOutByWhatWasConfirmedInIt) {
  document_["summary"]["estimate"] = {{"divergent", 2000},
                                      {"low", 1900},
                                      {"high", 2100},
                                      {"confidence", 0.95},
                                      {"sampled_records", 300}};
  EXPECT_THAT(Refusal(document_.dump()), HasSubstr("its verdict is DIVERGENT"));
  document_["summary"]["exact"] = false;
  EXPECT_THAT(Refusal(document_.dump()), HasSubstr("its verdict is DIVERGENT"));
  document_["coverage"]["complete"] = false;
  document_["summary"]["unconfirmed"] = 0;
  document_["summary"]["confirmed"] = document_["summary"]["total"];
  EXPECT_TRUE(ReadReport(document_.dump()).ok()) << ReadReport(document_.dump()).status();
  EXPECT_THAT(Changed("/verdict", "IDENTICAL"), HasSubstr("its verdict is IDENTICAL"));
  EXPECT_THAT(Changed("/summary/confirmed", 0), HasSubstr("its verdict is DIVERGENT"));
  EXPECT_THAT(Changed("/interrupted", true), HasSubstr("its verdict is DIVERGENT"));
  document_["summary"].erase("estimate");
  EXPECT_THAT(Refusal(document_.dump()), HasSubstr("its verdict is DIVERGENT"));
}

TEST_F(MalformedReportTest, OtherVersionsAndTooMuchAreRefused) {
  nlohmann::json newer = document_;
  newer["schema_version"] = 4;
  absl::Status status = ReadReport(newer.dump()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 4; this program reads 3"));
  status = ReadReport(text_, text_.size() - 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ReadReport(text_, text_.size()).ok());
  for (const std::string odd : {"", "null", "[]", "{}", "{\"schema_version\":\"3\"}"}) Refusal(odd);
}

TEST_F(MalformedReportTest, AMemberThatStandsTwiceIsRefused) {
  std::string twice = text_;
  twice.replace(twice.find("\"verdict\""), 0, "\"verdict\": \"IDENTICAL\", ");
  EXPECT_THAT(Refusal(twice), HasSubstr("'verdict' stands in one object twice"));
}

TEST_F(MalformedReportTest, DepthIsBounded) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep = "{\"schema_version\":3,\"x\":";
    for (int i = 0; i < 100'000; ++i) deep += open;
    EXPECT_THAT(Refusal(deep), HasSubstr("nested deeper"));
  }
}

TEST_F(MalformedReportTest, CutOffAtAnyByteItIsNoReport) {
  // What is behind the last brace is white space.
  for (size_t size = 0; size < text_.rfind('}'); ++size) {
    ASSERT_FALSE(ReadReport(text_.substr(0, size)).ok()) << size;
  }
}

TEST_F(MalformedReportTest, WhatIsSaidOfSourcesThatTheReplicaDoesNotHaveIsRefused) {
  const nlohmann::json sharded =
      nlohmann::json::parse(testing::ReadFile(testing::TestdataDir() + "/report/sharded.json"));
  const auto changed = [&](const std::string& pointer, const nlohmann::json& value) {
    nlohmann::json document = sharded;
    document[nlohmann::json::json_pointer(pointer)] = value;
    return Refusal(document.dump());
  };
  EXPECT_THAT(changed("/replicas/1/sources/1/name", "east"), HasSubstr("the name of one source"));
  EXPECT_THAT(changed("/replicas/0/sources", nlohmann::json::array()),
              HasSubstr("replicas[0].sources is not a list of several sources"));
  EXPECT_THAT(changed("/differences/0/duplicates/right", {{"east", "00000000000000aa"}}),
              HasSubstr("differences[0].duplicates.right is not what several sources"));
  EXPECT_THAT(
      changed("/differences/0/duplicates/left", sharded["differences"][0]["duplicates"]["right"]),
      HasSubstr("differences[0].duplicates.left is not what several sources"));
  EXPECT_THAT(changed("/differences/0/duplicates/right/south", "00000000000000aa"),
              HasSubstr("differences[0].duplicates.right.south is not known here"));
  EXPECT_THAT(changed("/differences/1/duplicates", nlohmann::json::object()),
              HasSubstr("differences[1].duplicates is not known here"));
  EXPECT_THAT(changed("/differences/0/kind", "changed"), HasSubstr("differences[0].kind is"));
  EXPECT_THAT(changed("/summary/duplicate", -1), HasSubstr("duplicate is not a count"));
  EXPECT_THAT(changed("/coverage/gaps/0/source", "south"),
              HasSubstr("coverage.gaps[0].source is not the name of a source"));
  EXPECT_THAT(changed("/coverage/gaps/0/replica", nullptr),
              HasSubstr("coverage.gaps[0].source is not the name of a source"));
}

// Whatever a byte becomes: an error, or a report that writes what was read.
TEST_F(MalformedReportTest, AChangedByteIsNeverPassedOver) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 1000; ++i) {
    std::string changed = text_;
    changed[random() % changed.size()] =
        random() % 4 == 0 ? static_cast<char>(random()) : "0\"{}[],:1ntf"[random() % 12];
    const absl::StatusOr<Report> read = ReadReport(changed);
    if (!read.ok()) continue;
    ASSERT_EQ(nlohmann::json::parse(Render(*read, ReportFormat::kJson)),
              nlohmann::json::parse(changed));
  }
}

}  // namespace
}  // namespace driftwood::coordinator
