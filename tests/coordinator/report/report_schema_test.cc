// docs/report.schema.json, by tests/python/check_reports.py: that it describes all reports that are
// written, each member of them, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/coordinator/report/random_report.h"
#include "tests/testing/paths.h"
#include "tests/testing/process.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

testing::ProcessResult CheckReports(const std::vector<std::string>& files) {
  std::vector<std::string> command = {"/usr/bin/python3",
                                      testing::SourceDir() + "/tests/python/check_reports.py",
                                      testing::SourceDir() + "/docs/report.schema.json"};
  command.insert(command.end(), files.begin(), files.end());
  return testing::RunProcess(command);
}

class ReportSchemaTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  template <typename AnyReport>
  std::string Write(const std::string& name, const AnyReport& report, ReportFormat format) {
    std::string text;
    EXPECT_TRUE(WriteReport(report, format, {}, [&](std::string_view bytes) {
                  text += bytes;
                  return absl::OkStatus();
                }).ok());
    return Write(name, text);
  }

  testing::TempDir folder_;
};

TEST_F(ReportSchemaTest, EveryGoldenFileIsAsThePageHasIt) {
  std::vector<std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::TestdataDir() + "/report")) {
    const std::string extension = entry.path().extension();
    if (extension == ".json" || extension == ".jsonl") files.push_back(entry.path());
  }
  EXPECT_GE(files.size(), 28u);
  const testing::ProcessResult result = CheckReports(files);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("checked " + std::to_string(files.size())));
}

TEST_F(ReportSchemaTest, SoIsEveryReportThatThereCanBe) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::vector<std::string> files;
  for (uint32_t i = 0; i < 15; ++i) {
    RandomReport random(seed * 1000 + i);
    const std::string name = std::to_string(i);
    const Report report = random.Make();
    files.push_back(Write(name + ".json", report, ReportFormat::kJson));
    files.push_back(Write(name + ".jsonl", report, ReportFormat::kJsonLines));
    const DatabaseReport databases = random.MakeOfDatabases();
    files.push_back(Write(name + "_all.json", databases, ReportFormat::kJson));
    files.push_back(Write(name + "_all.jsonl", databases, ReportFormat::kJsonLines));
    const DatasetsReport datasets = random.MakeOfDatasets();
    files.push_back(Write(name + "_datasets.json", datasets, ReportFormat::kJson));
    files.push_back(Write(name + "_datasets.jsonl", datasets, ReportFormat::kJsonLines));
  }
  const testing::ProcessResult result = CheckReports(files);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(ReportSchemaTest, WhatIsNotOnThePageIsFound) {
  std::ifstream in(testing::TestdataDir() + "/report/divergent.json");
  const nlohmann::json document = nlohmann::json::parse(in);
  const std::pair<const char*, nlohmann::json> changes[] = {
      {"/more", 1},
      {"/schema_version", 2},
      {"/verdict", "GREEN"},
      {"/coverage/more", true},
      {"/started_at", "yesterday"},
      {"/options/key", true},
      {"/options/--key", "id"},
      {"/differences/1/kind", "missing"},
      {"/summary/total", -1},
      {"/differences/0/more", ""},
      {"/differences/0/status", "in_flight"},
      {"/differences/1/values/warehouse/amount", {{"odd", 1}}},
      {"/replicas/0/records", "many"},
      {"/runs/0/counts/billing", nullptr},
      {"/spans/0/column/more", 1},
      {"/explanation/keys/example", nlohmann::json::array()}};
  std::vector<std::string> files;
  for (const auto& [pointer, value] : changes) {
    nlohmann::json changed = document;
    changed[nlohmann::json::json_pointer(pointer)] = value;
    files.push_back(Write(std::to_string(files.size()) + "_changed.json", changed.dump()));
  }
  nlohmann::json datasets = {
      {"schema_version", 3}, {"verdict", "DIVERGENT"}, {"totals", {{"datasets", 1}}}};
  datasets["datasets"] = {document};  // without its name
  files.push_back(Write("datasets.json", datasets.dump()));
  nlohmann::json without = document;
  without.erase("coverage");
  files.push_back(Write("without.json", without.dump()));
  files.push_back(Write("line.jsonl", "{\"verdict\":\"IDENTICAL\",\"more\":1}\n"));
  const testing::ProcessResult result = CheckReports(files);
  EXPECT_EQ(result.exit_code, 1);
  for (const std::string& file : files) EXPECT_THAT(result.out, HasSubstr(file + ": "));
}

}  // namespace
}  // namespace driftwood::coordinator
