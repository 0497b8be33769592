// Which columns differ and why, with the real programs: of all divergent records, and also where
// no agent gives values away.
#include <gmock/gmock.h>

#include <filesystem>
#include <memory>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ColumnsTest : public DiffTest {
 protected:
  // 5,000 records of which some drifted in three columns, in known numbers:
  //   note in 800 (ids 1001 to 1800), of which 50 (1001 to 1050) differ in price too;
  //   price in 60 (the 50, and 10 others), spot in 20 others; 30 are missing.
  void MakeDrifted(const std::string& name) {
    Sql(name,
        "CREATE TABLE t(id INTEGER PRIMARY KEY, note TEXT, price DECIMAL(12,3), spot TIMESTAMP, "
        "same TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO t SELECT i, 'note ' || i, i || '.25', '2026-01-01 00:00:00.5', 'x' FROM n;"
        "UPDATE t SET note = note || '  ' WHERE id BETWEEN 1001 AND 1800;"
        "UPDATE t SET price = id || '.25' || (1 + id % 4) WHERE id BETWEEN 1001 AND 1050 OR id "
        "BETWEEN 3001 AND "
        "3010;"
        "UPDATE t SET spot = '2026-01-01 00:00:00.500' || (id - 3900) WHERE id BETWEEN 4001 AND "
        "4020;"
        "DELETE FROM t WHERE id BETWEEN 2001 AND 2300 AND id % 10 = 0");
  }
  void MakeOriginal(const std::string& name) {
    Sql(name,
        "CREATE TABLE t(id INTEGER PRIMARY KEY, note TEXT, price DECIMAL(12,3), spot TIMESTAMP, "
        "same TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO t SELECT i, 'note ' || i, i || '.25', '2026-01-01 00:00:00.5', 'x' FROM n");
  }

  static void ExpectTheDrift(const Json& document) {
    EXPECT_EQ(document["verdict"], "DIVERGENT");
    EXPECT_EQ(document["summary"]["total"], 860);
    EXPECT_EQ(document["columns"], Json::parse(R"({"examined": 830, "differing": [
                {"name": "note", "records": 800, "only": 750},
                {"name": "price", "records": 60, "only": 10},
                {"name": "spot", "records": 20, "only": 20}]})"));
    for (const Json& record : document["differences"]) {
      const int id = record["key"]["id"];
      Json wanted = Json::array();
      if (id >= 1001 && id <= 1800) wanted.push_back("note");
      if ((id >= 1001 && id <= 1050) || (id >= 3001 && id <= 3010)) wanted.push_back("price");
      if (id >= 4001 && id <= 4020) wanted.push_back("spot");
      EXPECT_EQ(record.value("columns", Json::array()), wanted) << record;
      EXPECT_EQ(record.contains("values"), document.value("values_shown", false));
    }
    // Where most have changed, which column it is.
    bool found = false;
    for (const Json& span : document["spans"]) {
      if (span["changed"] < 700) continue;
      found = true;
      EXPECT_EQ(span["column"]["name"], "note") << span;
      EXPECT_EQ(span["column"]["examined"], span["changed"]);
    }
    EXPECT_TRUE(found) << document["spans"];
  }

  std::unique_ptr<Process> StartAgent(const std::string& socket, const std::string& url,
                                      const std::vector<std::string>& more) {
    ProcessOptions options;
    options.folder = dir_.path();
    std::vector<std::string> command = {Program("driftwood-agent"), "--listen",
                                        "unix:" + Path(socket), "--dataset", "t=" + url};
    command.insert(command.end(), more.begin(), more.end());
    auto agent = std::make_unique<Process>(command, options);
    EXPECT_TRUE(agent->WaitForOutput("listening on"));
    return agent;
  }
  std::vector<std::string> ServedWords() const {
    return {"agent:unix:" + Path("a.sock") + "/t", "agent:unix:" + Path("b.sock") + "/t"};
  }
  std::vector<std::string> DigestKeyWords() {
    WriteFile("key", std::string(64, 'a'));
    std::filesystem::permissions(
        dir_ / "key", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return {"--digest-key-file", Path("key")};
  }
};

TEST_F(ColumnsTest, APostgresqlTableAgainstSqliteIsCountedColumnByColumn) {
  PostgresServer* const server = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "DROP TABLE IF EXISTS columns; CREATE TABLE columns(id bigint PRIMARY KEY, note text, "
      "price numeric(12,3), spot timestamp, same text);"
      "INSERT INTO columns SELECT i, 'note ' || i, i + 0.25, '2026-01-01 00:00:00.5', 'x' FROM "
      "generate_series(1, 5000) i");
  MakeDrifted("b.db");
  const std::vector<std::string> words = {server->Url("columns"), "sqlite:b.db?table=t"};
  ExpectTheDrift(DiffJson(words));
  const std::string table = Diff(words).out;
  EXPECT_THAT(table,
              HasSubstr("note differs in 96 % of 830 changed rows (nothing else in 750), price in "
                        "7 % (nothing else in 10), spot in 2 % (nothing else in 20).\n"));
  server->Sql("DROP TABLE columns");
}

// A store without lookup by key, which is proven unchanged: its index alone knows no columns.
TEST_F(ColumnsTest, FilesAreCountedToo) {
  MakeDrifted("b.db");
  std::string csv = "id,note,price,spot,same\n";
  for (int id = 1; id <= 5000; ++id) {
    const std::string text = std::to_string(id);
    csv += text + ",note " + text + "," + text + ".250,2026-01-01 00:00:00.5,x\n";
  }
  WriteFile("a.csv", csv);
  const std::vector<std::string> words = {"csv:a.csv?key=id", "sqlite:b.db?table=t"};
  ExpectTheDrift(DiffJson(words));
  std::vector<std::string> without = words;
  without.push_back("--no-why");
  const Json document = DiffJson(without);
  EXPECT_EQ(document["columns"], nullptr);
  EXPECT_EQ(document["summary"]["total"], 860);
}

TEST_F(ColumnsTest, ServedAgentsThatGiveNoValuesAwayGiveTheSameExplanation) {
  MakeOriginal("a.db");
  MakeDrifted("b.db");
  const std::vector<std::string> key = DigestKeyWords();
  std::vector<std::string> allowing = key;
  allowing.push_back("--allow-values");
  std::vector<Json> documents;
  for (const auto& more : {allowing, key}) {
    const auto left = StartAgent("a.sock", "sqlite:" + Path("a.db") + "?table=t", more);
    const auto right = StartAgent("b.sock", "sqlite:" + Path("b.db") + "?table=t", more);
    documents.push_back(DiffJson(ServedWords()));
    ExpectTheDrift(documents.back());
  }
  EXPECT_EQ(documents[0]["explanation"], documents[1]["explanation"]);
  const Json& columns = documents[1]["explanation"]["columns"];
  ASSERT_EQ(columns.size(), 3u) << documents[1]["explanation"];
  EXPECT_EQ(columns[0]["hypotheses"][0]["rule"], "note:rtrim");
  EXPECT_EQ(columns[1]["hypotheses"][0]["rule"], "price:round=2");
  EXPECT_EQ(columns[2]["hypotheses"][0]["rule"], "spot:precision=ms");
  EXPECT_THAT(documents[1]["warnings"], IsEmpty());
}

// Without a digest key anyone could try values out on the tags.
TEST_F(ColumnsTest, UnkeyedAgentsThatGiveNoValuesAwayGiveNoTagsEither) {
  MakeOriginal("a.db");
  MakeDrifted("b.db");
  const auto left = StartAgent("a.sock", "sqlite:" + Path("a.db") + "?table=t", {"--unkeyed"});
  const auto right = StartAgent("b.sock", "sqlite:" + Path("b.db") + "?table=t", {"--unkeyed"});
  const Json document = DiffJson(ServedWords());
  EXPECT_EQ(document["summary"]["total"], 860) << document.dump(1);
  EXPECT_EQ(document["columns"], nullptr);
  ASSERT_TRUE(document["explanation"].is_object()) << "keys alone say something of missing records";
  EXPECT_EQ(document["explanation"]["changed_sampled"], 0);
  EXPECT_THAT(document["explanation"]["columns"], IsEmpty());
  EXPECT_EQ(document["unkeyed"].size(), 2u);
}

}  // namespace
}  // namespace driftwood::testing
