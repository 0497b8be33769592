// Covers pg_table.cc too.
#include "agent/stores/postgresql/postgresql_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/agent/stores/postgresql/postgresql_store_fixture.h"
#include "tests/testing/files.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

TEST_F(PostgresqlStoreTest, EveryTypeIsReadAsWhatItMeans) {
  struct Case {
    const char* expression;
    const char* type;
    const char* value;
  };
  const Case cases[] = {
      {"true", "bool", "true"},
      {"NULL::bool", "bool", "null"},
      {"(-32768)::int2", "integer", "int -32768"},
      {"(-2147483648)::int4", "integer", "int -2147483648"},
      {"9223372036854775807::int8", "integer", "int 9223372036854775807"},
      {"(-9223372036854775808)::int8", "integer", "int -9223372036854775808"},
      {"4294967295::oid", "integer", "int 4294967295"},
      {"0.5::float4", "float64", "real 0.500000"},
      {"'-infinity'::float8", "float64", "real -inf"},
      {"3000.00::numeric", "decimal", "number 3000"},
      {"3000.10::numeric(10,2)", "decimal", "number 3000.1"},
      {"0.00::numeric", "decimal", "number 0"},
      {"-0.000012::numeric", "decimal", "number -0.000012"},
      {"0.00000000010000000001::numeric", "decimal", "number 0.00000000010000000001"},
      {"10000::numeric", "decimal", "number 10000"},
      {"100000000.5::numeric", "decimal", "number 100000000.5"},
      {"12345678901234567890123456789.123456789::numeric", "decimal",
       "number 12345678901234567890123456789.123456789"},
      {"'NaN'::numeric", "decimal", "number NaN"},
      {"'12.34'::money", "decimal", "number 12.34"},
      {"''::text", "text", "text "},
      {"E'a\\n\\u00e4'::varchar(20)", "text", "text a\n\xc3\xa4"},
      {"' a  '::char(6)", "text", "text  a"},
      {"'   '::char(3)", "text", "text "},
      {"'x'::\"char\"", "text", "text x"},
      {"'pg_class'::name", "text", "text pg_class"},
      {"'\\x00ff'::bytea", "bytes", nullptr},
      {"'2024-02-29'::date", "date", "date 2024-02-29"},
      {"'0044-03-15 BC'::date", "date", nullptr},
      {"'infinity'::date", "date", "date infinity"},
      {"'-infinity'::timestamp", "timestamp", "timestamp -infinity"},
      {"'24:00:00'::time", "time", "time 24:00:00"},
      {"'12:34:56.123456'::time", "time", "time 12:34:56.123456"},
      {"'1969-12-31 23:59:59.999999'::timestamp", "timestamp",
       "timestamp 1969-12-31 23:59:59.999999"},
      {"'2024-02-29 12:00:00.5+05:30'::timestamptz", "timestamptz", nullptr},
      {"'infinity'::timestamptz", "timestamptz", "timestamptz infinity"},
      {"'294276-12-31 23:59:59.999999'::timestamp", "timestamp",
       "text 294276-12-31 23:59:59.999999"},
      {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "uuid",
       "uuid a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {"'{\"a\":  1.0}'::json", "json", "text {\"a\":  1.0}"},
      {"'{\"a\":  1.0}'::jsonb", "json", "text {\"a\": 1.0}"},
      {"'1 year 2 months -3 days 4:05:06.7'::interval", "interval", "opaque P1Y2M-3DT4H5M6.7S"},
      {"'12:00:00+02'::timetz", "text", "text 12:00:00+02"},
      {"'10.0.0.1'::inet", "text", "text 10.0.0.1"},
      {"'10.0.0.0/8'::cidr", "text", "text 10.0.0.0/8"},
      {"'08002b010203'::macaddr", "text", "text 08:00:2b:01:02:03"},
      {"ARRAY[1, NULL, 3]", "list:integer", "opaque {1,NULL,3}"},
      {"ARRAY[[1, 2], [3, 4]]", "list:integer", "opaque {{1,2},{3,4}}"},
      {"'[0:1]={1,2}'::int[]", "list:integer", "opaque [0:1]={1,2}"},
      {"ARRAY['a,b', 'NULL', '']", "list:text", "opaque {\"a,b\",\"NULL\",\"\"}"},
      {"'{}'::text[]", "list:text", "opaque {}"},
      {"ARRAY['10.0.0.1'::inet]", "list:text", "opaque {10.0.0.1}"},
      {"ARRAY['1 day'::interval]", "list:interval", "opaque {P1D}"},
      {"ARRAY['1.5'::money]", "list:decimal", "opaque {1.50}"},
      {"ARRAY['2024-01-01 12:00+02'::timestamptz]", "list:timestamptz",
       "opaque {\"2024-01-01 10:00:00+00\"}"},
      {"ARRAY['[1,5)'::int4range]", "list:opaque \"int4range\"", "opaque {\"[1,5)\"}"},
      {"ARRAY['{}'::json]", "opaque \"json[]\"", "opaque {\"{}\"}"},
      {"ARRAY['(1,1),(0,0)'::box]", "opaque \"box[]\"", "opaque {(1,1),(0,0)}"},
      {"'1 2'::int2vector", "opaque \"int2vector\"", "opaque 1 2"},
      {"'[1,5)'::int4range", "opaque \"int4range\"", "opaque [1,5)"},
      {"'{[1,2),[3,4)}'::int4multirange", "opaque \"int4multirange\"", "opaque {[1,2),[3,4)}"},
      {"B'0101'::bit(4)", "bits", "bits 0101"},
      {"B'0101'::varbit", "bits", "opaque 0101"},
      {"'<a>b</a>'::xml", "opaque \"xml\"", "opaque <a>b</a>"},
      {"'a b'::tsvector", "opaque \"tsvector\"", "opaque 'a' 'b'"},
      {"'(1,2)'::point", "opaque \"point\"", "opaque (1,2)"},
      {"0.1::float8", "float64", nullptr},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.expression);
    std::string type;
    const std::string value = ValueOf(c.expression, &type);
    EXPECT_EQ(type, c.type);
    if (c.value != nullptr) {
      EXPECT_EQ(value, c.value);
    }
  }
  EXPECT_EQ(ValueOf("'\\x00ff'::bytea"), std::string("bytes \0\xff", 8));
  EXPECT_EQ(ValueOf("'2024-02-29 12:00:00.5+05:30'::timestamptz"),
            "timestamptz 2024-02-29 06:30:00.5Z");
}

TEST_F(PostgresqlStoreTest, EnumsAndDomainsAreReadAsLabelsAndBaseTypes) {
  server_->Sql(
      "CREATE TYPE mood AS ENUM ('sad', 'happy day'); CREATE DOMAIN small AS int2 CHECK (VALUE < "
      "9);"
      "CREATE DOMAIN smaller AS small; CREATE DOMAIN moods AS mood[];"
      "CREATE TABLE t(m mood, s smaller, a moods); "
      "INSERT INTO t VALUES ('happy day', 3, '{sad,\"happy day\"}')");
  const SourceDescription description = Describe("t");
  EXPECT_EQ(description.columns[0].type, ColumnType::kText);
  EXPECT_EQ(description.columns[1].type, ColumnType::kInteger);
  EXPECT_EQ(Read("t", {"m", "s", "a"}),
            (Rows{{"text happy day", "int 3", "opaque {sad,\"happy day\"}"}}));
}

TEST_F(PostgresqlStoreTest, CompositesAndTypesOfUsersAreTextOfTheirOwnName) {
  server_->Sql(
      "DROP SCHEMA IF EXISTS \"My\" CASCADE; CREATE SCHEMA \"My\";"
      "CREATE TYPE \"My\".pair AS (a int, b text[]); CREATE DOMAIN pairs AS \"My\".pair[];"
      "CREATE TABLE t(p \"My\".pair, ps pairs, r \"My\".pair);"
      "INSERT INTO t VALUES ((2, '{x,y}'), ARRAY[ROW(1, NULL)::\"My\".pair, NULL], (NULL, NULL));"
      // Which a cast would run.
      "CREATE FUNCTION cut(\"My\".pair) RETURNS text LANGUAGE sql AS $$ SELECT text 'cut' $$;"
      "CREATE CAST (\"My\".pair AS text) WITH FUNCTION cut(\"My\".pair)");
  const SourceDescription description = Describe("t");
  EXPECT_EQ(merkle::TypeText(description.columns[0].value_type()),
            "opaque \"\"My\".pair(a integer, b text[])\"");
  EXPECT_EQ(merkle::TypeText(description.columns[1].value_type()),
            "list:opaque \"\"My\".pair(a integer, b text[])\"");
  EXPECT_TRUE(description.warnings.empty());
  EXPECT_EQ(Read("t", {"p", "ps", "r"}),
            (Rows{{"opaque (2,\"{x,y}\")", "opaque {\"(1,)\",NULL}", "opaque (,)"}}));
  server_->Sql("DROP SCHEMA \"My\" CASCADE");
}

TEST_F(PostgresqlStoreTest, ATypeWithoutAMappingStopsOnlyTheScanThatAsksForIt) {
  server_->Sql(
      "CREATE TYPE pair AS (a int, b money); CREATE TABLE t(id int PRIMARY KEY, p pair, "
      "r regclass, ps pair[]); INSERT INTO t VALUES (1, (2, 3), 'pg_class', '{}')");
  EXPECT_EQ(Describe("t").warnings.size(), 3u);
  EXPECT_EQ(Read("t", {"id"}), (Rows{{"int 1"}}));
  for (const char* column : {"p", "r", "ps"}) {
    const auto scan = Open("t")->StartScan({"id", column});
    EXPECT_TRUE(absl::IsFailedPrecondition(scan.status())) << scan.status();
    const std::string message(scan.status().message());
    EXPECT_NE(message.find("column " + std::string(column)), std::string::npos) << message;
    EXPECT_NE(message.find("--ignore"), std::string::npos) << message;
  }
}

TEST_F(PostgresqlStoreTest, TheKeyIsThePrimaryKeyElseTheSmallestUniqueIndexWithoutNulls) {
  server_->Sql(
      "CREATE TABLE composite(b int, x int, a text, PRIMARY KEY (a, b));"
      "CREATE TABLE uniq(a int NOT NULL, b int NOT NULL, c int, d int NOT NULL UNIQUE, e int NOT "
      "NULL,"
      " UNIQUE (a, b), UNIQUE (c)); CREATE UNIQUE INDEX ON uniq(e) WHERE e > 0;"
      "CREATE TABLE expression(a text NOT NULL); CREATE UNIQUE INDEX ON expression(lower(a));"
      "CREATE TABLE none(a int)");
  EXPECT_EQ(Describe("composite").key, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Describe("uniq").key, (std::vector<std::string>{"d"}));
  EXPECT_TRUE(Describe("expression").key.empty());
  EXPECT_TRUE(Describe("none").key.empty());
  EXPECT_EQ(Describe("none", "&key=a").key, (std::vector<std::string>{"a"}));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("none", "&key=b")->Describe().status()));
}

TEST_F(PostgresqlStoreTest, QuotedNamesGeneratedColumnsToastViewsPartitionsAndChildrenAreRead) {
  server_->Sql(
      "CREATE SCHEMA \"My.Schema\"; CREATE TABLE \"My.Schema\".\"Ta\"\"ble\"(\"a b\" int, "
      "g int GENERATED ALWAYS AS (\"a b\" * 2) STORED, dropped int);"
      "ALTER TABLE \"My.Schema\".\"Ta\"\"ble\" DROP dropped;"
      "INSERT INTO \"My.Schema\".\"Ta\"\"ble\" VALUES (21);"
      "CREATE TABLE big(t text); ALTER TABLE big ALTER t SET STORAGE EXTERNAL;"
      "INSERT INTO big VALUES (repeat('ab', 1000000));"
      "CREATE VIEW w AS SELECT length(t) AS n FROM big;"
      "CREATE MATERIALIZED VIEW mw AS SELECT length(t) AS n FROM big;"
      "CREATE TABLE part(id int, v text) PARTITION BY RANGE (id);"
      "CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE part2 PARTITION OF part DEFAULT;"
      "INSERT INTO part VALUES (1, 'a'), (11, 'b');"
      "CREATE TABLE parent(id int); CREATE TABLE child() INHERITS (parent);"
      "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)");
  EXPECT_EQ(Read("\"My.Schema\".\"Ta\"\"ble\"", {"a b", "g"}), (Rows{{"int 21", "int 42"}}));
  const Rows big = Read("BIG", {"t"});
  ASSERT_EQ(big.size(), 1u);
  EXPECT_EQ(big[0][0].size(), 2000005u);
  EXPECT_EQ(Read("w", {"n"}), (Rows{{"int 2000000"}}));
  EXPECT_EQ(Read("mw", {"n"}), (Rows{{"int 2000000"}}));
  EXPECT_EQ(Read("public.part", {"id", "v"}), (Rows{{"int 1", "text a"}, {"int 11", "text b"}}));
  EXPECT_EQ(Read("parent", {"id"}), (Rows{{"int 1"}, {"int 2"}}));
  EXPECT_EQ(Read("parent", {"id"}, "&where=id%20>%201%20--%20c"), (Rows{{"int 2"}}));
  EXPECT_EQ(Describe("parent", "&where=id%20>%201").filter, "id > 1");
}

// Nothing has to be written for it to give other rows.
TEST_F(PostgresqlStoreTest, AFilterOrViewThatCallsAVolatileFunctionIsNotOfOnePointInTime) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v text, at timestamptz, tz timetz);"
      "INSERT INTO t VALUES (1, 'a', now());"
      "CREATE FUNCTION \"My Clock\"() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
      "'SELECT clock_timestamp()';"
      "CREATE FUNCTION still(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';"
      "CREATE FUNCTION moves(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';"
      "CREATE VIEW plain AS SELECT id, upper(v) AS v, at::text AS at FROM t WHERE v <> 'now()';"
      "CREATE VIEW recent AS SELECT id FROM t WHERE at > now() - interval '1 day';"
      "CREATE VIEW dated AS SELECT id FROM t WHERE at::date <= CURRENT_DATE;"
      "CREATE VIEW ticking AS SELECT id FROM t WHERE at < clock_timestamp();"
      "CREATE VIEW outer_view AS SELECT id FROM ticking;"
      "CREATE VIEW sampled AS SELECT id FROM t TABLESAMPLE bernoulli(50);"
      "CREATE VIEW worded AS SELECT id, 'today'::text::date AS d FROM t;"
      "CREATE VIEW listed AS SELECT id, '{now}'::text::timestamptz[] AS d FROM t;"
      "CREATE VIEW outer_words AS SELECT id FROM worded WHERE d IS NOT NULL;"
      "CREATE FUNCTION hides(timestamptz) RETURNS bool LANGUAGE plpgsql STABLE AS "
      "'BEGIN RETURN $1 < now(); END';"
      "CREATE VIEW hidden AS SELECT id FROM t WHERE hides(at);"
      "CREATE VIEW zoned AS SELECT id, tz AT TIME ZONE 'Europe/Berlin' AS z FROM t;"
      "CREATE VIEW zoned_function AS SELECT id, timezone('Europe/Berlin', tz) AS z FROM t;"
      "CREATE VIEW aged AS SELECT id, age(xmin) AS a FROM t;"
      "CREATE VIEW aged_days AS SELECT id FROM t WHERE age(at) < '9 years';"
      "CREATE VIEW mine AS SELECT id FROM t WHERE id <> pg_backend_pid();"
      "CREATE VIEW seen AS SELECT id FROM t WHERE pg_current_snapshot()::text <> v;"
      "CREATE VIEW used AS SELECT id FROM t WHERE pg_stat_get_numscans('t'::regclass) > -1;"
      "CREATE VIEW set_so AS SELECT id FROM t WHERE current_setting('application_name') <> v;"
      "CREATE VIEW days AS SELECT id, at::date AS d, '2020-01-01'::date AS e, "
      "to_char(at, 'TMMonth') AS m, at AT TIME ZONE 'Europe/Berlin' AS z, age(at, at) AS a, "
      "tz AT TIME ZONE interval '1 hour' AS y, concat(id, v) AS c, to_jsonb(t.*) AS j FROM t "
      "WHERE to_char(at, 'TMMonth') <> concat(v, 'x') AND age(at, at) = '0' AND "
      "tz AT TIME ZONE interval '1 hour' IS NULL AND to_jsonb(t.*) IS NOT NULL");
  const auto moving = [&](const std::string& table, const std::string& where = "") {
    const std::string more = where.empty() ? "" : "&where=" + where;
    const auto outcome = ReadAll(*Open(table, more), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    return outcome.end.not_point_in_time;
  };
  for (const char* const still : {"id%20=%201", "lower(v)%20=%20'a'", "still(id)%20=%201",
                                  "at%20>%20now()%20-%20interval%20'1%20day'",
                                  "v%20<>%20'random()'", "id%20IN%20(SELECT%20id%20FROM%20t)"}) {
    EXPECT_EQ(moving("t", still), "") << still;
  }
  for (const char* const where :
       {"random()%20<%202", "at%20<%20clock_timestamp()", "at%20<=%20\"My%20Clock\"()",
        "moves(id)%20=%201", "id%20IN%20(SELECT%20moves(id)%20FROM%20t)",
        "v%20<>%20'a%0Ab'%20AND%20random()%20<%202",
        "EXISTS%20(WITH%20\"it's\"%20AS%20MATERIALIZED%20(SELECT%201)%20SELECT%20FROM%20\"it's\"%20"
        "WHERE%20v%20<>%20'a%0Ab'%20AND%20random()%20<%202)"}) {
    EXPECT_NE(moving("t", where).find("where= of"), std::string::npos) << where;
  }
  EXPECT_EQ(moving("plain"), "");
  EXPECT_EQ(moving("plain", "id%20>%200"), "");
  EXPECT_EQ(moving("days"), "");
  for (const char* const view : {"recent", "dated", "ticking", "outer_view", "sampled", "worded",
                                 "listed", "outer_words", "hidden", "zoned", "zoned_function",
                                 "aged", "aged_days", "mine", "seen", "used", "set_so"}) {
    EXPECT_NE(moving(view).find("the view"), std::string::npos) << view;
  }
}

// Another server may have another type of that name, with the same texts.
TEST_F(PostgresqlStoreTest, ATypeOfAUserIsKnownByWhatItIsMadeOf) {
  server_->Sql(
      "CREATE TYPE inner_type AS (x real); CREATE TYPE outer_type AS (\"A b\" inner_type, n int[]);"
      "CREATE TYPE span AS RANGE (subtype = float8);"
      "CREATE TABLE t(id int PRIMARY KEY, i inner_type, o outer_type, s span, a outer_type[], "
      "r real[], c char(3)[], d float8[])");
  const SourceDescription description = Open("t")->Describe().value();
  std::map<std::string, std::string> types;
  for (const SourceColumn& column : description.columns) {
    types[column.name] = merkle::TypeText(column.value_type());
  }
  EXPECT_EQ(types["i"], "opaque \"public.inner_type(x real)\"");
  EXPECT_THAT(types["o"], ::testing::HasSubstr("public.outer_type("));
  EXPECT_THAT(types["o"], ::testing::HasSubstr(" of public.inner_type(x real)"));
  EXPECT_THAT(types["a"], ::testing::HasSubstr(" of public.inner_type(x real)"));
  EXPECT_EQ(types["s"], "opaque \"public.span(double precision)\"");
  // Their texts would be read as other values than theirs.
  EXPECT_EQ(types["r"], "opaque \"real[]\"");
  EXPECT_EQ(types["c"], "opaque \"character[]\"");
  EXPECT_EQ(types["d"], "list:float64");
}

TEST_F(PostgresqlStoreTest, RowLevelSecurityIsAnErrorAndNotAFilter) {
  server_->Sql(
      "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN;"
      "CREATE TABLE t(id int PRIMARY KEY, secret int); INSERT INTO t VALUES (1, 2), (2, 3);"
      "CREATE TABLE other(id int PRIMARY KEY);"
      "GRANT SELECT ON t TO reader");
  EXPECT_EQ(ReadAll(*Open("t", "", "reader"), {"id"}).rows.size(), 2u);  // SELECT is all it needs
  const ScanOutcome denied = ReadAll(*Open("other", "", "reader"), {"id"});
  EXPECT_TRUE(absl::IsPermissionDenied(denied.status)) << denied.status;
  server_->Sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)");
  const ScanOutcome outcome = ReadAll(*Open("t", "", "reader"), {"id"});
  EXPECT_TRUE(absl::IsPermissionDenied(outcome.status)) << outcome.status;
  EXPECT_NE(outcome.status.message().find("row-level security"), std::string::npos);
  server_->Sql(
      "ALTER TABLE t DISABLE ROW LEVEL SECURITY; REVOKE SELECT ON t FROM reader;"
      "GRANT SELECT (id) ON t TO reader");
  EXPECT_EQ(ReadAll(*Open("t", "", "reader"), {"id"}).rows.size(), 2u);  // of some columns
  EXPECT_TRUE(absl::IsPermissionDenied(ReadAll(*Open("t", "", "reader"), {"secret"}).status));
  server_->Sql("DROP TABLE t; DROP OWNED BY reader; DROP ROLE reader");
}

TEST_F(PostgresqlStoreTest, WhatIsNotThereIsSaidInOneLine) {
  server_->Sql("CREATE TABLE orders(id int)");
  const auto status = [&](const std::string& table, const std::string& more = "",
                          const std::string& user = "test") {
    return Open(table, more, user)->Describe().status();
  };
  const absl::Status table = status("order");
  EXPECT_TRUE(absl::IsNotFound(table)) << table;
  EXPECT_NE(table.message().find("did you mean \"orders\""), std::string::npos) << table;
  EXPECT_TRUE(absl::IsNotFound(status("orders", "&dbname=nowhere")));
  EXPECT_TRUE(absl::IsPermissionDenied(status("orders", "", "nobody")));
  const absl::Status refused = status("orders", "&port=1");
  EXPECT_TRUE(IsUsersFault(refused)) << refused;
  EXPECT_EQ(refused.message().find('\n'), std::string::npos);
  EXPECT_TRUE(absl::IsInvalidArgument(status("a.b.c")));
  const auto store = Open("orders");
  EXPECT_TRUE(absl::IsInvalidArgument(store->StartScan({"nope"}).status()));
  const auto unknown = OpenPostgresqlStore(*StoreUrl::Parse(server_->Url("t", "&tabel=x")));
  EXPECT_TRUE(absl::IsInvalidArgument(unknown.status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Open("orders", "&where=nonsense"), {"id"}).status));
}

TEST_F(PostgresqlStoreTest, RecordsAreLookedUpByTheirKeys) {
  server_->Sql(
      "CREATE TABLE n(id int PRIMARY KEY, v text); CREATE TABLE s(id text PRIMARY KEY, v int);"
      "INSERT INTO n SELECT i, i::text FROM generate_series(1, 100) i;"
      "INSERT INTO s SELECT 'k''' || i, i FROM generate_series(1, 100) i");
  const std::vector<std::vector<SourceValue>> numbers = {{SourceValue::Int64(7)},
                                                         {SourceValue::Int64(int64_t{1} << 40)}};
  auto store = Open("n");
  auto scan = store->Lookup({"id", "v"}, {"id"}, numbers);
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(ReadScan(**scan).rows, (Rows{{"int 7", "text 7"}}));
  store = Open("s");
  const std::vector<std::vector<SourceValue>> texts = {{SourceValue::Text("k'9")}};
  scan = store->Lookup({"id", "v"}, {"id"}, texts);
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(ReadScan(**scan).rows, (Rows{{"text k'9", "int 9"}}));
  EXPECT_TRUE(absl::IsUnimplemented(store->Lookup({"id"}, {"id"}, numbers).status()));
}

// By the plans that the server has used, from its log.
TEST(PostgresqlPlanTest, LookupsOfManyKeysAreNoScansOfLargeTables) {
  const auto server = testing::PostgresServer::StartAnother(
      "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 "
      "-c max_locks_per_transaction=256 -c min_parallel_table_scan_size=0");
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "CREATE TABLE whole(a int, b text, v int, PRIMARY KEY (a, b));"
      "INSERT INTO whole SELECT i % 1000, 'b' || i, i FROM generate_series(1, 100000) i;"
      "CREATE TABLE parts(a int, b text, v int, PRIMARY KEY (a, b)) PARTITION BY RANGE (a);"
      "DO $$BEGIN FOR i IN 0..500 LOOP EXECUTE format('CREATE TABLE parts_%s PARTITION OF parts "
      "FOR VALUES FROM (%s) TO (%s)', i, 2 * i, 2 * i + 2); END LOOP; END$$;"
      "INSERT INTO parts SELECT * FROM whole; ANALYZE whole; ANALYZE parts");
  const auto log = [&] { return testing::ReadFile(server->folder() / "log"); };
  std::vector<std::string> texts;
  for (int i = 1; i <= 5000; ++i) texts.push_back("b" + std::to_string(20 * i));
  std::vector<std::vector<SourceValue>> keys;
  for (int i = 1; i <= 5000; ++i) {
    keys.push_back(
        {SourceValue::Int64(20 * i % 1000), SourceValue::Text(texts[static_cast<size_t>(i) - 1])});
  }
  for (const std::string table : {"whole", "parts"}) {
    const auto url = StoreUrl::Parse(server->Url(table, "&key=a,b"));
    const auto store = OpenPostgresqlStore(*url);
    ASSERT_TRUE(store.ok()) << store.status();
    const size_t before = log().size();
    auto scan = (*store)->Lookup({"v"}, {"a", "b"}, keys);
    ASSERT_TRUE(scan.ok()) << scan.status();
    EXPECT_EQ(ReadScan(**scan).rows.size(), 5000u);
    const std::string written = log().substr(before);
    const size_t plan = written.find("COPY (SELECT");
    ASSERT_NE(plan, std::string::npos) << "the server has logged no plan";
    const size_t end = written.find("Query Text", plan + 20);  // of the catalogue, from there on
    const std::string of_lookup = written.substr(plan, end - plan);
    for (const std::string scanned : {"Seq Scan", "Gather", "Hash Join", "Merge Join"}) {
      EXPECT_EQ(of_lookup.find(scanned), std::string::npos)
          << table << ": " << of_lookup.substr(of_lookup.find(scanned), 400);
    }
    EXPECT_NE(of_lookup.find("Index"), std::string::npos);
  }
}

TEST_F(PostgresqlStoreTest, KeysOfSeveralColumnsAndTypesAreLookedUp) {
  server_->Sql(
      "CREATE TABLE c(a int, b text, v int, PRIMARY KEY (a, b));"
      "INSERT INTO c SELECT i, 'x' || i, i FROM generate_series(1, 100) i;"
      "CREATE TABLE d(k date PRIMARY KEY, v int); INSERT INTO d VALUES ('2024-02-29', 1), "
      "('0044-03-15 BC', 2), ('infinity', 3);"
      "CREATE TABLE ts(k timestamp PRIMARY KEY, v int); INSERT INTO ts VALUES "
      "('2024-02-29 12:00:00.000001', 1), ('-infinity', 2);"
      "CREATE TABLE num(k numeric PRIMARY KEY, v int); INSERT INTO num VALUES (7.10, 1);"
      "CREATE TABLE u(k uuid PRIMARY KEY, t text UNIQUE, v int); INSERT INTO u VALUES "
      "('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 1)");
  using Kind = SourceValue::Kind;
  using Special = merkle::Value::Special;
  using Keys = std::vector<std::vector<SourceValue>>;
  const auto found = [&](const std::string& table, const std::vector<std::string>& key,
                         const Keys& keys) -> Rows {
    const auto store = Open(table);
    auto scan = store->Lookup({"v"}, key, keys);
    if (!scan.ok()) return {{std::string(absl::StatusCodeToString(scan.status().code()))}};
    ScanOutcome outcome = ReadScan(**scan);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    std::sort(outcome.rows.begin(), outcome.rows.end());
    return outcome.rows;
  };
  EXPECT_EQ(found("c", {"a", "b"},
                  {{SourceValue::Int64(7), SourceValue::Text("x7")},
                   {SourceValue::Int64(8), SourceValue::Text("x7")},
                   {SourceValue::Int64(9), SourceValue::Text("x9")}}),
            (Rows{{"int 7"}, {"int 9"}}));
  EXPECT_EQ(found("c", {"b", "a"}, {{SourceValue::Text("x7"), SourceValue::Int64(7)}}),
            (Rows{{"int 7"}}));
  EXPECT_EQ(found("d", {"k"},
                  {{SourceValue::Moment(Kind::kDate, 19782)},
                   {SourceValue::Moment(Kind::kDate, -3000000)},  // before what the server can hold
                   {SourceValue::Moment(Kind::kDate, -735160)},
                   {SourceValue::SpecialMoment(Kind::kDate, Special::kPlusInfinity)}}),
            (Rows{{"int 1"}, {"int 2"}, {"int 3"}}));
  EXPECT_EQ(found("ts", {"k"},
                  {{SourceValue::Moment(Kind::kTimestamp, 1709208000000001)},
                   {SourceValue::SpecialMoment(Kind::kTimestamp, Special::kMinusInfinity)}}),
            (Rows{{"int 1"}, {"int 2"}}));
  EXPECT_EQ(found("ts", {"k"}, {{SourceValue::Moment(Kind::kTimestampTz, 0)}}),
            (Rows{{"UNIMPLEMENTED"}}));
  EXPECT_EQ(found("num", {"k"}, {{SourceValue::OfText(Kind::kNumber, "7.1")}}), (Rows{{"int 1"}}));
  const std::string uuid("\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11", 16);
  EXPECT_EQ(found("u", {"k"}, {{SourceValue::OfText(Kind::kUuid, uuid)}}), (Rows{{"int 1"}}));
  // The text column spells it otherwise: a lookup would miss it.
  EXPECT_EQ(found("u", {"t"}, {{SourceValue::OfText(Kind::kUuid, uuid)}}),
            (Rows{{"UNIMPLEMENTED"}}));
  EXPECT_EQ(found("c", {"a", "b"}, {}), Rows{});
}

}  // namespace
}  // namespace driftwood::agent
