// tests/python/agent.py, an agent that was written from proto/README.md alone, compared with copies
// of its fixed dataset by the real programs: so the page says all that an agent needs to know.
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <memory>

#include "merkle/record/agreement.h"
#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;

// Debian's, which has grpc, protobuf and xxhash; another one in PATH may not have them.
constexpr char kPython[] = "/usr/bin/python3";

struct Row {
  int id = 0;
  std::string name;
  std::string note;  // as a CSV field: an unquoted empty one is NULL
};

class PythonAgentTest : public DiffTest {
 protected:
  void SetUp() override {
    const ProcessResult modules =
        RunProcess({kPython, "-c", "import grpc, xxhash, google.protobuf"});
    if (modules.exit_code != 0) {
      if (std::getenv("CI") != nullptr) FAIL() << "python3-grpcio is not installed (./dev deps)";
      GTEST_SKIP() << "NOT TESTED: python3-grpcio is not installed (./dev deps)";
    }
    const ProcessResult made = RunProcess({"protoc", "--python_out=" + dir_.path().string(), "-I",
                                           SourceDir() + "/proto", "driftwood/v1/agent.proto"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    WriteFile("digest.key", "0123456789abcdef0123456789ABCDEF");
    std::filesystem::permissions(dir_ / "digest.key", std::filesystem::perms::owner_read);
  }

  // The dataset of agent.py.
  static std::vector<Row> FixedRows(int count) {
    std::vector<Row> rows;
    for (int i = 0; i < count; ++i) {
      rows.push_back({37 * i - 5000, "näme " + std::to_string(i * 7919 % 1000),
                      i % 3 == 0   ? ""
                      : i % 3 == 1 ? "\"\""
                                   : "note " + std::to_string(i)});
    }
    return rows;
  }
  void WriteCsv(const std::vector<Row>& rows) {
    std::string text = "id,name,note\n";
    for (const Row& row : rows) {
      text += std::to_string(row.id) + "," + row.name + "," + row.note + "\n";
    }
    WriteFile("rows.csv", text);
  }

  std::unique_ptr<Process> Serve(int records, const std::vector<std::string>& more) {
    std::vector<std::string> command = {kPython,
                                        SourceDir() + "/tests/python/agent.py",
                                        "--listen",
                                        "unix:" + Path("agent.sock"),
                                        "--dataset",
                                        "rows",
                                        "--records",
                                        std::to_string(records),
                                        "--encoding-version",
                                        std::to_string(merkle::kEncodingVersion)};
    command.insert(command.end(), more.begin(), more.end());
    ProcessOptions options;
    options.folder = dir_.path();
    options.environment = {"PYTHONPATH=" + dir_.path().string(), "PYTHONDONTWRITEBYTECODE=1"};
    auto agent = std::make_unique<Process>(command, options);
    if (!agent->WaitForOutput("listening on ")) ADD_FAILURE() << agent->Wait().err;
    return agent;
  }
  std::unique_ptr<Process> ServeKeyed(int records, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--digest-key-file", "digest.key"});
    return Serve(records, more);
  }

  Json Compare(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {
        Url(), "csv:rows.csv?key=id", "--name",     "python",    "--name",
        "csv", "--digest-key-file",   "digest.key", "--recheck", "0"};
    words.insert(words.end(), more.begin(), more.end());
    return DiffJson(words);
  }
  std::string Url() const { return "agent:unix:" + Path("agent.sock") + "/rows"; }
};

TEST_F(PythonAgentTest, ACopyOfItsDatasetIsIdentical) {
  const auto agent = ServeKeyed(5000);
  WriteCsv(FixedRows(5000));
  const Json document = Compare();
  EXPECT_EQ(document["verdict"], "IDENTICAL") << document.dump(1);
  EXPECT_EQ(document["coverage"]["records_proven_equal"], 5000);
}

TEST_F(PythonAgentTest, ExactlyThePlantedDifferencesAreFoundWithColumnsAndValues) {
  const auto agent = ServeKeyed(5000, {"--allow-values"});
  std::vector<Row> rows = FixedRows(5000);
  rows[10].name = "else";        // -4630
  rows[3000].note = "\"\"";      // 106000, NULL there
  rows[3001].note = "";          // 106037, NULL here
  rows.erase(rows.begin() + 7);  // -4741
  rows.push_back({-5001, "new", "new"});
  WriteCsv(rows);
  const Json document = Compare({});
  EXPECT_EQ(document["verdict"], "DIVERGENT");
  EXPECT_EQ(Found(document),
            (std::set<std::string>{"-4630 changed", "106000 changed", "106037 changed",
                                   "-4741 missing in csv", "-5001 missing in python"}));
  EXPECT_EQ(document["columns"], Json::parse(R"({"examined": 3, "differing": [
              {"name": "note", "records": 2, "only": 2},
              {"name": "name", "records": 1, "only": 1}]})"));
  for (const Json& record : document["differences"]) {
    EXPECT_EQ(record["status"], "confirmed");
    if (record["key"]["id"] != -4630) continue;
    EXPECT_EQ(record["values"]["python"]["name"], "näme 190") << record.dump(1);
    EXPECT_EQ(record["values"]["csv"]["name"], "else");
  }
}

// What a walk asks where whole stretches are missing: cuts at keys, the keys of cells, runs.
TEST_F(PythonAgentTest, StretchesThatOneSideLacksAreFoundWhole) {
  const auto agent = ServeKeyed(20000);
  std::vector<Row> rows = FixedRows(25000);
  rows.erase(rows.begin() + 2000, rows.begin() + 9000);
  for (size_t i = 0; i < rows.size(); i += 100) rows[i].name += "!";
  WriteCsv(rows);
  const Json document = Compare({"--max-divergences", "100000", "--recheck-max", "100000"});
  EXPECT_EQ(document["verdict"], "DIVERGENT");
  // 130 of the changed rows are in both.
  EXPECT_EQ(document["summary"]["total"], 5000 + 7000 + 130) << document["summary"];
  EXPECT_EQ(document["summary"]["changed"], 130);
  EXPECT_EQ(document["coverage"]["records_proven_equal"], 20000 - 7000 - 130);
}

TEST_F(PythonAgentTest, ColumnsLeftOutAreLeftOutThereToo) {
  const auto agent = ServeKeyed(1000);
  std::vector<Row> rows = FixedRows(1000);
  for (Row& row : rows) row.note = "else";
  WriteCsv(rows);
  EXPECT_EQ(Compare({"--ignore", "note"})["verdict"], "IDENTICAL");
}

// Then the columns are known, by their tags, and the report says why there is no more.
TEST_F(PythonAgentTest, ValuesThatItKeepsToItselfAreNotShown) {
  const auto agent = ServeKeyed(10);
  std::vector<Row> rows = FixedRows(10);
  rows[5].name = "else";
  WriteCsv(rows);
  const Json document = Compare();
  EXPECT_EQ(document["verdict"], "DIVERGENT");
  EXPECT_EQ(document["values_withheld"], Json::array({"python"}));
  EXPECT_FALSE(document.contains("values_shown"));
  EXPECT_FALSE(document["differences"][0].contains("values"));
  EXPECT_EQ(document["differences"][0]["columns"], Json::array({"name"}));
}

TEST_F(PythonAgentTest, WhatItRefusesIsAnError) {
  const auto agent = ServeKeyed(10);
  WriteCsv(FixedRows(10));
  const std::vector<std::string> words = {Url(), "csv:rows.csv?key=id"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = words;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  ExpectError(with({}), {"digest key"});  // csv's agent has a random one
  ExpectError(with({"--digest-key-file", "digest.key", "--rule", "name:trim"}),
              {"neither rules nor multisets"});
  ExpectError({"agent:unix:" + Path("agent.sock") + "/other", words[1]}, {"other"});
}

TEST_F(PythonAgentTest, UnkeyedItIsComparedWithAnotherUnkeyedAgent) {
  const auto python = Serve(1000, {});
  std::vector<Row> rows = FixedRows(1000);
  rows[500].name = "else";  // 13500
  WriteCsv(rows);
  ProcessOptions options;
  options.folder = dir_.path();
  Process csv({Program("driftwood-agent"), "--listen", "unix:csv.sock", "--dataset",
               "rows=csv:rows.csv?key=id", "--unkeyed"},
              options);
  ASSERT_TRUE(csv.WaitForOutput("listening on "));
  const Json document = DiffJson({Url(), "agent:unix:csv.sock/rows"});
  EXPECT_EQ(document["verdict"], "DIVERGENT");
  EXPECT_EQ(Found(document), (std::set<std::string>{"13500 changed"}));
  EXPECT_EQ(document["unkeyed"].size(), 2u);
}

TEST_F(PythonAgentTest, ItServesSingleDatasetsWhichIsSaidWhereADatabaseIsMeant) {
  const auto agent = ServeKeyed(10);
  Sql("shop.db", "CREATE TABLE rows(id INTEGER PRIMARY KEY)");
  ExpectError({"--all", Url(), "sqlite:shop.db", "--digest-key-file", "digest.key"},
              {"can't list tables", "serves single datasets", "'rows' without --all"});
}

}  // namespace
}  // namespace driftwood::testing
