// What a store's lookups overlook, or what its user may not see, must not pass for equal.
#include <gmock/gmock.h>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class OverlookedTest : public DiffTest {
 protected:
  void SetUp() override {
    postgres_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(postgres_);
    mariadb_ = MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(mariadb_);
  }
  // Of a comparison of which nothing may be in flight: nobody writes.
  std::set<std::string> Confirmed(const std::vector<std::string>& words) {
    const Json document = DiffJson(words);
    EXPECT_EQ(document.value("verdict", ""), "DIVERGENT") << document.dump(1);
    const Json& counts = document["summary"];
    EXPECT_EQ(counts.value("in_flight", 1), 0) << document.dump(1);
    EXPECT_EQ(counts.value("confirmed", 0), counts.value("total", -1)) << document.dump(1);
    return Found(document);
  }

  PostgresServer* postgres_ = nullptr;
  MariadbServer* mariadb_ = nullptr;
};

TEST_F(OverlookedTest, ARecordThatAnIndexLacksHasNotGone) {
  postgres_->Sql(
      "DROP TABLE IF EXISTS lacks, whole; CREATE TABLE lacks(k text PRIMARY KEY, v int);"
      "INSERT INTO lacks SELECT 'key' || i, i FROM generate_series(1, 20000) i;"
      "CREATE TABLE whole AS SELECT * FROM lacks; ALTER TABLE whole ADD PRIMARY KEY (k);"
      "ANALYZE lacks; ANALYZE whole; UPDATE pg_index SET indisready = false, indisvalid = false "
      "WHERE indexrelid = 'lacks_pkey'::regclass");
  postgres_->Sql("INSERT INTO lacks VALUES ('lost', 1)");
  postgres_->Sql(
      "UPDATE pg_index SET indisready = true, indisvalid = true "
      "WHERE indexrelid = 'lacks_pkey'::regclass");
  ASSERT_EQ(postgres_->Value("SELECT count(*) FROM lacks WHERE k IN ('lost', 'key7')"), "1");
  const std::vector<std::string> urls = {postgres_->Url("lacks"), postgres_->Url("whole")};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), urls.begin(), urls.end());
    return more;
  };
  const std::set<std::string> missing = {"lost missing in right"};
  EXPECT_EQ(Confirmed(with({})), missing);
  EXPECT_EQ(Confirmed(with({"--no-values"})), missing);
  // What differs too, and what lies beside it.
  postgres_->Sql("INSERT INTO whole VALUES ('lost', 2), ('more', 3)");
  EXPECT_EQ(Confirmed(with({})), (std::set<std::string>{"lost changed", "more missing in left"}));
  postgres_->Sql("DROP TABLE lacks, whole");
}

TEST_F(OverlookedTest, BytesThatAnAsciiColumnShouldNotHaveAreFound) {
  mariadb_->Sql(
      "CREATE OR REPLACE TABLE asc2(code varchar(20) CHARACTER SET ascii PRIMARY KEY, v int);"
      "INSERT INTO asc2 VALUES ('plain', 1), (_binary 'caf\xc3\xa9', 2)");
  postgres_->Sql(
      "DROP TABLE IF EXISTS asc2; CREATE TABLE asc2(code text PRIMARY KEY, v int);"
      "INSERT INTO asc2 VALUES ('plain', 1)");
  EXPECT_EQ(Confirmed({mariadb_->Url("asc2"), postgres_->Url("asc2")}),
            (std::set<std::string>{"caf\xc3\xa9 missing in right"}));
  postgres_->Sql("INSERT INTO asc2 VALUES ('caf\xc3\xa9', 777)");
  EXPECT_EQ(Confirmed({mariadb_->Url("asc2"), postgres_->Url("asc2")}),
            (std::set<std::string>{"caf\xc3\xa9 changed"}));
  postgres_->Sql("DROP TABLE asc2");
}

TEST_F(OverlookedTest, CharactersThatTheServersEncodingWritesInTwoWaysOrNotAtAllAreFound) {
  postgres_->Sql("DROP DATABASE IF EXISTS euc");
  postgres_->Sql("CREATE DATABASE euc ENCODING 'EUC_JP' LOCALE 'C' TEMPLATE template0");
  postgres_->Sql(
      "CREATE TABLE t(k text PRIMARY KEY, v int); SET client_encoding = 'EUC_JP';"
      "INSERT INTO t VALUES ('plain', 1), ('\xad\xfb', 2)",
      "euc");
  postgres_->Sql("DROP DATABASE IF EXISTS latin");
  postgres_->Sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  postgres_->Sql(
      "CREATE TABLE t(k text PRIMARY KEY, v int);"
      "INSERT INTO t VALUES ('plain', 1), (chr(233), 2), ('other', 3)",
      "latin");
  postgres_->Sql(
      "DROP TABLE IF EXISTS t; CREATE TABLE t(k text PRIMARY KEY, v int);"
      "INSERT INTO t VALUES ('plain', 1), ('\xe2\x82\xac', 4), ('other', 5), ('\xc3\xa9', 6)");
  EXPECT_EQ(Confirmed({postgres_->Url("t", "", "test", "euc"), postgres_->Url("t")}),
            (std::set<std::string>{"\xe2\x88\xa9 missing in right", "other missing in left",
                                   "\xe2\x82\xac missing in left", "\xc3\xa9 missing in left"}));
  EXPECT_EQ(
      Confirmed({postgres_->Url("t", "", "test", "latin"), postgres_->Url("t")}),
      (std::set<std::string>{"other changed", "\xe2\x82\xac missing in left", "\xc3\xa9 changed"}));
  postgres_->Sql("DROP DATABASE euc");
  postgres_->Sql("DROP DATABASE latin");
  postgres_->Sql("DROP TABLE t");
}

TEST_F(OverlookedTest, ColumnsThatTheUserMayNotSeeAreNotPassedOver) {
  mariadb_->Sql(
      "CREATE OR REPLACE TABLE pv1(id int PRIMARY KEY, a int, secret int);"
      "CREATE OR REPLACE TABLE pv2 LIKE pv1; INSERT INTO pv1 VALUES (1, 1, 1), (2, 2, 2);"
      "INSERT INTO pv2 VALUES (1, 1, 1), (2, 2, 99999);"
      "CREATE OR REPLACE USER limited@localhost; GRANT SELECT (id, a) ON test.pv1 TO "
      "limited@localhost; GRANT SELECT (id, a) ON test.pv2 TO limited@localhost");
  const std::string left = mariadb_->Url("pv1", "", "limited");
  const std::string right = mariadb_->Url("pv2", "", "limited");
  const ProcessResult refused = Diff({left, right});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("may not see all columns"), HasSubstr("--columns"),
                                 HasSubstr("it sees id, a")));
  EXPECT_EQ(Diff({mariadb_->Url("pv1"), right}).exit_code, 2);
  EXPECT_EQ(Verdict({left, right, "--columns", "a"}), "IDENTICAL");
  mariadb_->Sql(
      "GRANT SELECT ON test.pv1 TO limited@localhost;"
      "GRANT SELECT ON test.pv2 TO limited@localhost");
  EXPECT_EQ(Confirmed({left, right}), (std::set<std::string>{"2 changed"}));
  mariadb_->Sql("DROP USER limited@localhost; DROP TABLE pv1, pv2");
}

TEST_F(OverlookedTest, RowsThatAFilterLeavesOutAreSaidBesideTheVerdict) {
  mariadb_->Sql(
      "CREATE OR REPLACE TABLE f1(id int PRIMARY KEY, a int); INSERT INTO f1 VALUES (1, 1), (2, 2);"
      "CREATE OR REPLACE TABLE f2(id int PRIMARY KEY, a int); INSERT INTO f2 VALUES (1, 1), (2, "
      "9)");
  for (const std::string format : {"table", "csv"}) {
    SCOPED_TRACE(format);
    const ProcessResult result = Diff({mariadb_->Url("f1", "&where=id%3D1"),
                                       mariadb_->Url("f2", "&where=a<5"), "--format", format});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(format == "csv" ? result.err : result.out,
                HasSubstr("IDENTICAL: 1 row in left and right agree; only the rows "
                          "of left where id=1, right where a<5"));
  }
  const Json document = DiffJson({mariadb_->Url("f1", "&where=a<5"), mariadb_->Url("f2")});
  EXPECT_EQ(document["replicas"][0].value("filter", ""), "a<5") << document.dump(1);
  EXPECT_FALSE(document["replicas"][1].contains("filter"));
  EXPECT_THAT(document.dump(), Not(HasSubstr("right where")));
  mariadb_->Sql("DROP TABLE f1, f2");
}

// Of a record one of whose values is too long to be read, or is not asked for, the columns are
// those that the tags say.
TEST_F(OverlookedTest, ColumnsAreNotSaidToAgreeWhereTheValuesAreNotKnown) {
  WriteFile("a.csv", "id,a,b\n1,p,small\n");
  WriteFile("b.csv", "id,a,b\n1,q," + std::string(33 << 20, 'x') + "\n");
  WriteFile("c.csv", "id,a,b\n1,p,small\n");
  const std::vector<std::string> two = {"csv:a.csv?key=id", "csv:b.csv?key=id", "--types",
                                        "a=text,b=text,id=integer"};
  std::vector<std::string> three = two, no_why = two;
  three.insert(three.begin() + 2, "csv:c.csv?key=id");
  no_why.push_back("--no-why");
  for (const auto& words : {two, three}) {
    const Json document = DiffJson(words);
    ASSERT_EQ(document["differences"].size(), 1u);
    EXPECT_EQ(document["differences"][0]["columns"], (Json{"a", "b"}))
        << document["columns"].dump(1);
  }
  const Json document = DiffJson(no_why);
  ASSERT_EQ(document["differences"].size(), 1u);
  EXPECT_FALSE(document["differences"][0].contains("columns"));
}

}  // namespace
}  // namespace driftwood::testing
