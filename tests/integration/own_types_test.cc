// Types that a server has and others have not: a table equals its own exports, or is refused by
// name; and what it writes is never taken for something else.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

class OwnTypesTest : public DiffTest {
 protected:
  void SetUp() override {
    postgres_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(postgres_);
    postgres_->Sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  }

  // A table of one such column, which is called v.
  void MakeTable(const std::string& name, const std::string& type,
                 const std::vector<std::string>& values) {
    std::string rows;
    for (size_t i = 0; i < values.size(); ++i) {
      rows += (i == 0 ? "(" : ", (") + std::to_string(i) + ", " + values[i] + ")";
    }
    postgres_->Sql("CREATE TABLE " + name + "(id int PRIMARY KEY, v " + type + "); INSERT INTO " +
                   name + " VALUES " + rows);
  }

  // `expression` of each row of t, in the order of ids.
  std::string Lines(const std::string& settings, const std::string& expression) {
    return postgres_->Value(settings + "SELECT string_agg(" + expression +
                            ", E'\\n' ORDER BY id) FROM t") +
           "\n";
  }

  PostgresServer* postgres_ = nullptr;
};

TEST_F(OwnTypesTest, ATableEqualsAnotherOfTheSameTypeAndItsValuesDiffer) {
  postgres_->Sql("CREATE TYPE pair AS (a text, b int[])");
  const struct {
    const char *type, *value, *other;
  } types[] = {{"pair", "row('x', '{1}')", "row('x', '{2}')"},
               {"pair[]", "array[row('x', '{1}')::pair]", "array[row(null, '{1}')::pair]"},
               {"int4range", "'[1,5)'", "'[1,6)'"},
               {"point", "'(1,2)'", "'(1,2.0000000000000004)'"},
               {"tsvector", "'a b'", "'a'"},
               {"text[]", "'{}'", "'{NULL}'"},
               {"int[]", "'{{1,2},{3,4}}'", "'{1,2,3,4}'"},
               {"int[]", "'{1,2}'", "'[0:1]={1,2}'"},
               {"interval", "'1 mon'", "'30 days'"},
               {"varbit", "B'0'", "B'00'"},
               {"bit(8)", "B'00000101'", "B'01100101'"},
               {"xml", "'<a/>'", "'<a></a>'"},
               {"json[]", "array['{}']::json[]", "array['[]']::json[]"}};
  for (const auto& each : types) {
    SCOPED_TRACE(each.type);
    postgres_->Sql("DROP TABLE IF EXISTS a, b, c");
    MakeTable("a", each.type, {each.value, "NULL"});
    MakeTable("b", each.type, {each.value, "NULL"});
    MakeTable("c", each.type, {each.other, "NULL"});
    EXPECT_EQ(DiffJson({postgres_->Url("a"), postgres_->Url("b")}).value("verdict", ""),
              "IDENTICAL");
    EXPECT_EQ(
        DiffJson({postgres_->Url("a"), postgres_->Url("c"), "--recheck", "0"}).value("verdict", ""),
        "DIVERGENT");
    for (const char* type : {"json", "uuid", "date", "bytes"}) {
      const ProcessResult refused =
          Diff({postgres_->Url("a"), postgres_->Url("b"), "--types", std::string("v=") + type});
      EXPECT_EQ(refused.exit_code, 2) << type << refused.out << refused.err;
    }
  }
}

TEST_F(OwnTypesTest, IntervalsEqualTheirExportInEveryStyle) {
  MakeTable("t", "interval",
            {"'1 mon'", "'30 days'", "'24:00:00'", "'-1 year -2 mons +3 days'", "'1.5 seconds'",
             "'0'", "'-3 days -04:05:06'", "'1 year -3 days 04:05:06.000001'", "'-0.5 seconds'",
             "'178000000 years'", "'-178000000 years -2147483648 days'"});
  for (const char* style : {"postgres", "postgres_verbose", "sql_standard", "iso_8601"}) {
    SCOPED_TRACE(style);
    const std::string set = "SET IntervalStyle = " + std::string(style) + "; ";
    const std::string csv = "id,v\n" + Lines(set, "id || ',\"' || v || '\"'");
    const std::string jsonl = Lines(set, "row_to_json(t)::text");
    WriteFile("t.csv", csv);
    WriteFile("t.jsonl", jsonl);
    EXPECT_EQ(DiffJson({postgres_->Url("t"), "csv:t.csv"}).value("verdict", ""), "IDENTICAL")
        << csv;
    EXPECT_EQ(DiffJson({postgres_->Url("t"), "jsonl:t.jsonl"}).value("verdict", ""), "IDENTICAL")
        << jsonl;
  }
}

TEST_F(OwnTypesTest, ArraysEqualTheirExports) {
  postgres_->Sql(
      "CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE TABLE t(id int PRIMARY KEY, n int[], "
      "s text[], f float8[], b bool[], d date[], z timestamptz[], m mood[], u uuid[], y bytea[], "
      "i interval[], r int4range[], p inet[]);"
      "INSERT INTO t VALUES (1, '{1,NULL,-3}', '{a,\"b c\",NULL,\"NULL\",\"\"}', "
      "'{0.1,NaN,-Infinity,1e300}', '{t,f,NULL}', '{2024-02-29,infinity}', "
      "'{\"2024-01-01 12:00+02\"}', '{sad,\"so so\"}', "
      "'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', array['\\x00ff'::bytea], "
      "'{1 day,1 mon}', '{\"[1,5)\"}', '{10.0.0.1,10.0.0.0/8}'), "
      "(2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'), "
      "(3, '{{1,2},{3,4}}', '{{a},{b}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
      "NULL)");
  WriteFile("t.jsonl", Lines("", "row_to_json(t)::text"));
  EXPECT_EQ(DiffJson({postgres_->Url("t"), "jsonl:t.jsonl"}).value("verdict", ""), "IDENTICAL");
  std::string fields = "id";
  for (const char* column : {"n", "s", "f", "b", "d", "z", "m", "u", "y", "i", "r", "p"}) {
    fields += std::string(" || ',' || coalesce('\"' || replace(") + column +
              "::text, '\"', '\"\"') || '\"', '')";
  }
  const std::string csv = "id,n,s,f,b,d,z,m,u,y,i,r,p\n" + Lines("", fields);
  WriteFile("t.csv", csv);
  EXPECT_EQ(DiffJson({postgres_->Url("t"), "csv:t.csv"}).value("verdict", ""), "IDENTICAL") << csv;
}

TEST_F(OwnTypesTest, AnEmptyArrayIsNoObject) {
  MariadbServer* const maria = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(maria);
  MakeTable("t", "text[]", {"'{}'"});
  maria->Sql(
      "DROP TABLE IF EXISTS own; CREATE TABLE own(id int PRIMARY KEY, v json); "
      "INSERT INTO own VALUES (0, '{}')");
  EXPECT_EQ(DiffJson({postgres_->Url("t"), maria->Url("own")}).value("verdict", ""), "DIVERGENT");
  maria->Sql("UPDATE own SET v = '[]'");
  EXPECT_EQ(DiffJson({postgres_->Url("t"), maria->Url("own")}).value("verdict", ""), "IDENTICAL");
  WriteFile("t.jsonl", "{\"id\": 0, \"v\": {}}\n");
  EXPECT_EQ(DiffJson({postgres_->Url("t"), "jsonl:t.jsonl"}).value("verdict", ""), "DIVERGENT");
  maria->Sql("DROP TABLE own");
}

TEST_F(OwnTypesTest, BitsOfBothEnginesAreBitsAndNumbersOnlyWhereThatIsSaid) {
  MariadbServer* const maria = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(maria);
  MakeTable("t", "bit(8)", {"B'00000101'"});
  MakeTable("n", "int", {"5"});
  maria->Sql(
      "DROP TABLE IF EXISTS own; CREATE TABLE own(id int PRIMARY KEY, v bit(8)); "
      "INSERT INTO own VALUES (0, b'101')");
  EXPECT_EQ(DiffJson({postgres_->Url("t"), maria->Url("own")}).value("verdict", ""), "IDENTICAL");
  EXPECT_EQ(Diff({postgres_->Url("n"), maria->Url("own")}).exit_code, 2);
  for (const char* table : {"n", "t"}) {
    EXPECT_EQ(DiffJson({postgres_->Url(table), maria->Url("own"), "--types", "v=integer"})
                  .value("verdict", ""),
              "IDENTICAL");
  }
  maria->Sql("UPDATE own SET v = 101");
  for (const char* table : {"n", "t"}) {
    EXPECT_EQ(DiffJson({postgres_->Url(table), maria->Url("own"), "--types", "v=integer"})
                  .value("verdict", ""),
              "DIVERGENT");
  }
  maria->Sql("DROP TABLE own");
}

}  // namespace
}  // namespace driftwood::testing
