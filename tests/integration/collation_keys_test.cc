// Keys that one engine takes for one and the others for two: the audit names both.
#include <gmock/gmock.h>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CollationKeysTest : public DiffTest {
 protected:
  void SetUp() override {
    postgres_ = PostgresServer::Get();
    maria_ = MariadbServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(postgres_);
    DRIFTWOOD_NEEDS_MARIADB(maria_);
  }
  // PostgreSQL has all of these as keys; MariaDB has `held`, in a key of that collation.
  void Make(const std::string& all, const std::string& collation, const std::string& held) {
    postgres_->Sql(
        "DROP TABLE IF EXISTS c; CREATE TABLE c(k text PRIMARY KEY, v int);"
        "INSERT INTO c VALUES " +
        all);
    maria_->Sql("DROP TABLE IF EXISTS c; CREATE TABLE c(k varchar(20) COLLATE " + collation +
                " PRIMARY KEY, v int); INSERT INTO c VALUES " + held);
  }
  std::vector<std::string> Words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {
        postgres_->Url("c"), maria_->Url("c"), "--name", "pg", "--name", "maria"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Each record's notes, after its key.
  static std::map<std::string, std::string> Notes(const Json& document) {
    std::map<std::string, std::string> notes;
    for (const Json& record : document.value("differences", Json::array())) {
      notes[record.at("key").at("k")] =
          record.contains("notes") ? record["notes"][0].get<std::string>() : "";
    }
    return notes;
  }

  PostgresServer* postgres_ = nullptr;
  MariadbServer* maria_ = nullptr;
};

TEST_F(CollationKeysTest, AKeyThatACaseInsensitiveTableCantHoldIsMissingAndBothKeysAreNamed) {
  Make("('a', 1), ('A', 2), ('b', 3), ('B ', 4), ('z', 5)", "utf8mb4_general_ci",
       "('a', 1), ('b', 3)");
  const Json document = DiffJson(Words());
  EXPECT_EQ(Found(document), (std::set<std::string>{"A missing in maria", "B  missing in maria",
                                                    "z missing in maria"}));
  for (const Json& record : document["differences"]) EXPECT_EQ(record["status"], "confirmed");
  EXPECT_EQ(Notes(document),
            (std::map<std::string, std::string>{
                {"A", "maria: it holds 'a', which its collation considers equal to 'A'"},
                {"B ", "maria: it holds 'b', which its collation considers equal to 'B '"},
                {"z", ""}}));
  ASSERT_EQ(document["warnings"].size(), 1u) << document["warnings"];
  EXPECT_EQ(document["warnings"][0],
            "maria: at least 2 keys that it lacks are equal to others that it holds by its own "
            "collation, so that it can't hold both, such as 'A' beside 'a'");
}

TEST_F(CollationKeysTest, EveryFormatNamesBothKeys) {
  Make("('a', 1), ('A', 2)", "utf8mb4_general_ci", "('a', 1)");
  for (const char* format : {"table", "json", "jsonl", "csv"}) {
    EXPECT_THAT(Diff(Words({"--format", format})).out,
                HasSubstr("maria: it holds 'a', which its collation considers equal to 'A'"))
        << format;
  }
}

// Accents, trailing spaces and ligatures: what is one and what is not is the server's to say.
TEST_F(CollationKeysTest, TheServerItselfSaysWhatIsEqual) {
  Make("('e', 1), ('é', 2), ('ß', 3), ('ss', 4), ('p ', 5), ('p', 6), ('P', 7)",
       "utf8mb4_unicode_ci", "('e', 1), ('ss', 4), ('p', 6)");
  EXPECT_EQ(Notes(DiffJson(Words())),
            (std::map<std::string, std::string>{
                {"é", "maria: it holds 'e', which its collation considers equal to 'é'"},
                {"ß", "maria: it holds 'ss', which its collation considers equal to 'ß'"},
                {"p ", "maria: it holds 'p', which its collation considers equal to 'p '"},
                {"P", "maria: it holds 'p', which its collation considers equal to 'P'"}}));
  Make("('p', 6), ('p ', 5), ('P', 7)", "utf8mb4_bin", "('p', 6)");  // pads, and knows case
  EXPECT_EQ(
      Notes(DiffJson(Words())),
      (std::map<std::string, std::string>{
          {"p ", "maria: it holds 'p', which its collation considers equal to 'p '"}, {"P", ""}}));
  Make("('p', 6), ('p ', 5)", "utf8mb4_nopad_bin", "('p', 6)");
  EXPECT_EQ(Notes(DiffJson(Words())), (std::map<std::string, std::string>{{"p ", ""}}));
}

// Each has one that the other lacks: two keys, each missing on one side.
TEST_F(CollationKeysTest, OneKeyUnderTwoSpellingsIsMissingTwice) {
  Make("('Anna', 1)", "utf8mb4_general_ci", "('anna', 1)");
  const Json document = DiffJson(Words());
  EXPECT_EQ(Found(document),
            (std::set<std::string>{"Anna missing in maria", "anna missing in pg"}));
  EXPECT_EQ(document["explanation"]["keys"]["rule"], "k:casefold");
  EXPECT_EQ(Notes(document),
            (std::map<std::string, std::string>{
                {"Anna", "maria: it holds 'anna', which its collation considers equal to 'Anna'"},
                {"anna", ""}}));
}

TEST_F(CollationKeysTest, OfAKeyOfSeveralColumnsOnlyTheTextsMayDiffer) {
  postgres_->Sql(
      "DROP TABLE IF EXISTS c; CREATE TABLE c(n int, k text, v int, PRIMARY KEY (n, k));"
      "INSERT INTO c VALUES (1, 'a', 1), (1, 'A', 2), (2, 'b', 1), (3, 'B', 1)");
  maria_->Sql(
      "DROP TABLE IF EXISTS c; CREATE TABLE c(n int, k varchar(9), v int, PRIMARY KEY (n, k));"
      "INSERT INTO c VALUES (1, 'a', 1), (2, 'b', 1)");
  EXPECT_EQ(Notes(DiffJson(Words())),
            (std::map<std::string, std::string>{
                {"A", "maria: it holds (1, 'a'), which its collation considers equal to (1, 'A')"},
                {"B", ""}}));
}

TEST_F(CollationKeysTest, SqliteAndPostgresqlHaveSuchCollationsToo) {
  Sql("c.db",
      "CREATE TABLE c(k TEXT COLLATE NOCASE PRIMARY KEY, v INT); INSERT INTO c VALUES ('a', 1)");
  WriteFile("c.csv", "k,v\na,1\nA,2\n");
  EXPECT_EQ(Notes(DiffJson({"sqlite:c.db?table=c", "csv:c.csv"})),
            (std::map<std::string, std::string>{
                {"A", "left: it holds 'a', which its collation considers equal to 'A'"}}));
  postgres_->Sql(
      "CREATE COLLATION IF NOT EXISTS no_case (provider = icu, locale = 'und-u-ks-level2', "
      "deterministic = false); DROP TABLE IF EXISTS c;"
      "CREATE TABLE c(k text COLLATE no_case PRIMARY KEY, v int); INSERT INTO c VALUES ('a', 1)");
  EXPECT_EQ(Notes(DiffJson({postgres_->Url("c"), "csv:c.csv"})),
            (std::map<std::string, std::string>{
                {"A", "left: it holds 'a', which its collation considers equal to 'A'"}}));
}

TEST_F(CollationKeysTest, WithoutReasonsTheyAreNotLookedFor) {
  Make("('a', 1), ('A', 2)", "utf8mb4_general_ci", "('a', 1)");
  EXPECT_EQ(Notes(DiffJson(Words({"--no-why"}))), (std::map<std::string, std::string>{{"A", ""}}));
}

}  // namespace
}  // namespace driftwood::testing
