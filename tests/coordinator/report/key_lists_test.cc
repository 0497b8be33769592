#include "coordinator/report/key_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "merkle/record/encoding.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Files = std::map<std::string, std::string>;

// Of keys (text, integer), each with the replicas that have it.
Report Of(const std::vector<std::string>& names) {
  Report report;
  for (const std::string& name : names) report.replicas.emplace_back().name = name;
  report.schema = merkle::Schema{
      {{"region", merkle::ColumnType::kText}, {"the,id", merkle::ColumnType::kInteger}}, {}};
  report.verdict = Verdict::kDivergent;
  report.complete = report.exact = true;
  return report;
}

void Add(const std::string& region, int64_t id, std::vector<std::optional<std::string>> states,
         Report* report) {
  ReportRecord& record = report->records.emplace_back();
  std::string encoded;
  merkle::AppendText(region, merkle::Place::kKey, &encoded);
  merkle::AppendInteger(id, merkle::Place::kKeyLast, &encoded);
  record.key = MakeReportKey(encoded, 2);
  record.states = std::move(states);
  ++report->total;
}

Files FilesIn(const fs::path& directory) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_directory()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files[fs::relative(entry.path(), directory)] = {std::istreambuf_iterator<char>(in), {}};
  }
  return files;
}

class KeyListsTest : public ::testing::Test {
 protected:
  std::string Directory() const { return (folder_ / "keys").string(); }
  std::string Refusal(const Report& report) {
    const absl::Status status = WriteKeyLists(report, Directory());
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_FALSE(fs::exists(Directory()));
    return std::string(status.message());
  }
  testing::TempDir folder_;
};

TEST_F(KeyListsTest, EachKindAndSideHasItsFileWithExactKeys) {
  Report report = Of({"left", "right"});
  Add("=a\n\"b\"", -1, {"1", "2"}, &report);
  Add("", 2, {"1", std::nullopt}, &report);
  Add("eu", 3, {std::nullopt, "1"}, &report);
  Add("eu", 4, {std::nullopt, "1"}, &report);
  ASSERT_TRUE(WriteKeyLists(report, Directory()).ok());
  const std::string header = "region,\"the,id\"\r\n";
  EXPECT_EQ(FilesIn(Directory()), (Files{{"changed.csv", header + "\"=a\n\"\"b\"\"\",-1\r\n"},
                                         {"only_in_left.csv", header + "\"\",2\r\n"},
                                         {"only_in_right.csv", header + "eu,3\r\neu,4\r\n"}}));
}

TEST_F(KeyListsTest, WhereNothingDiffersTheFilesHaveTheirHeaders) {
  Report report = Of({"left", "right"});
  report.verdict = Verdict::kIdentical;
  fs::create_directory(Directory());  // empty
  ASSERT_TRUE(WriteKeyLists(report, Directory() + "/").ok());
  EXPECT_EQ(FilesIn(Directory()).size(), 3u);
}

TEST_F(KeyListsTest, OfSeveralReplicasEachSetThatHasAKeyHasAFile) {
  Report report = Of({"a", "b", "c"});
  report.replicas[0].sources = {{"east", "csv:e", 1}, {"west", "csv:w", 1}};
  Add("x", 1, {"1", "1", std::nullopt}, &report);
  Add("x", 2, {std::nullopt, std::nullopt, std::nullopt}, &report);
  Add("x", 3, {"1", "1", "1"}, &report);
  report.records.back().duplicates = {{0, {{"east", "1"}, {"west", "1"}}}};
  ASSERT_TRUE(WriteKeyLists(report, Directory()).ok());
  const Files files = FilesIn(Directory());
  EXPECT_EQ(files.size(), 7u);
  EXPECT_THAT(files.at("only_in_a+b.csv"), HasSubstr("\nx,1\r\n"));
  EXPECT_THAT(files.at("in_none.csv"), HasSubstr("\nx,2\r\n"));
  EXPECT_THAT(files.at("duplicate.csv"), HasSubstr("\nx,3\r\n"));
}

// A list that lacks keys would be taken for all that differs.
TEST_F(KeyListsTest, NothingIsWrittenUnlessAllKeysAreKnown) {
  Report report = Of({"left", "right"});
  Add("x", 1, {"1", "2"}, &report);
  Report other = report;
  other.verdict = Verdict::kIncomplete;
  EXPECT_THAT(Refusal(other), HasSubstr("INCOMPLETE"));
  other.verdict = Verdict::kError;
  EXPECT_THAT(Refusal(other), HasSubstr("ERROR"));
  other = report;
  other.total = 2;
  EXPECT_THAT(Refusal(other), HasSubstr("1 of 2 keys"));
  other.listing = absl::ResourceExhaustedError("the temporary file of rows: No space left");
  EXPECT_EQ(Refusal(other),
            "not all keys that differ could be kept: the temporary file of rows: No space left");
  other = report;
  other.estimate = Estimate{};
  EXPECT_THAT(Refusal(other), HasSubstr("--exhaustive"));
  other = report;
  other.records[0].key = {"\x99\x98", std::nullopt};
  EXPECT_THAT(Refusal(other), HasSubstr("9998"));
}

TEST_F(KeyListsTest, WhatIsThereStays) {
  const Report report = Of({"left", "right"});
  fs::create_directory(Directory());
  std::ofstream(fs::path(Directory()) / "mine") << "x";
  EXPECT_THAT(std::string(WriteKeyLists(report, Directory()).message()), HasSubstr("not empty"));
  EXPECT_EQ(FilesIn(Directory()), (Files{{"mine", "x"}}));
  EXPECT_FALSE(WriteKeyLists(report, (folder_ / "none" / "keys").string()).ok());
  std::ofstream(folder_ / "file") << "x";
  EXPECT_FALSE(WriteKeyLists(report, (folder_ / "file").string()).ok());
  // Nothing is left beside them.
  EXPECT_EQ(FilesIn(folder_.path()).size(), 2u);
}

TEST_F(KeyListsTest, ADatabaseHasADirectoryForEachTableThatWasCompared) {
  DatabaseReport report;
  Report divergent = Of({"left", "right"});
  Add("x", 1, {"1", "2"}, &divergent);
  report.tables = {{"public.orders", TableResult::kDivergent, {}, divergent},
                   {"../a/b", TableResult::kDivergent, {}, divergent},
                   {"lost", TableResult::kIncomplete, {}, Report()}};
  ASSERT_TRUE(WriteKeyLists(report, Directory()).ok());
  const Files files = FilesIn(Directory());
  EXPECT_EQ(files.size(), 6u);
  EXPECT_TRUE(files.contains("public.orders/changed.csv"));
  EXPECT_TRUE(files.contains("%2e.%2fa%2fb/changed.csv"));
  EXPECT_EQ(TablesWithoutKeyLists(report), std::vector<std::string>{"lost"});
}

TEST_F(KeyListsTest, TableNamesBecomeFileNamesThatDiffer) {
  EXPECT_EQ(SafeName("orders_2-a.b", 0), "orders_2-a.b");
  EXPECT_EQ(SafeName(".", 0), "%2e");
  EXPECT_EQ(SafeName("..", 0), "%2e.");
  EXPECT_EQ(SafeName("", 0), "%");
  EXPECT_EQ(SafeName("a%b c", 0), "a%25b%20c");
  EXPECT_EQ(SafeName("\xc3\xa9", 0), "%c3%a9");
  const std::string lengthy(300, 'x');
  EXPECT_LT(SafeName(lengthy, 12).size(), 255u);
  EXPECT_NE(SafeName(lengthy, 1), SafeName(lengthy, 2));
}

}  // namespace
}  // namespace driftwood::coordinator
