#include "agent/stores/postgresql/postgresql_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>

#include "agent/index/indexer.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

class PostgresqlStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = testing::PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; "
        "GRANT USAGE ON SCHEMA public TO public");
  }

  std::unique_ptr<Store> Open(const std::string& table, const std::string& more = "",
                              const std::string& user = "test") {
    auto store = OpenPostgresqlStore(StoreUrl::Parse(server_->Url(table, more, user)).value());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  SourceDescription Describe(const std::string& table, const std::string& more = "") {
    auto description = Open(table, more)->Describe();
    EXPECT_TRUE(description.ok()) << description.status();
    return description.ok() ? *description : SourceDescription{};
  }
  // All rows, sorted.
  Rows Read(const std::string& table, const std::vector<std::string>& columns,
            const std::string& more = "") {
    const auto store = Open(table, more);
    ScanOutcome outcome = ReadAll(*store, columns);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.end.position, "");
    EXPECT_EQ(outcome.end.not_point_in_time, "");
    std::sort(outcome.rows.begin(), outcome.rows.end());
    return outcome.rows;
  }
  // The one value of `SELECT expression`, as a table's column of that type.
  std::string ValueOf(const std::string& expression, std::string* declared = nullptr) {
    server_->Sql("DROP TABLE IF EXISTS v; CREATE TABLE v AS SELECT " + expression + " AS x");
    if (declared != nullptr) {
      const SourceColumn column = Describe("v").columns.at(0);
      *declared = std::string(merkle::ColumnTypeName(column.type));
    }
    const Rows rows = Read("v", {"x"});
    return rows.size() == 1 ? rows[0][0] : "no row";
  }

  testing::PostgresServer* server_ = nullptr;
};

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
      {"'1 year 2 months -3 days 4:05:06.7'::interval", "text", "text P1Y2M-3DT4H5M6.7S"},
      {"'12:00:00+02'::timetz", "text", "text 12:00:00+02"},
      {"'10.0.0.1'::inet", "text", "text 10.0.0.1"},
      {"'10.0.0.0/8'::cidr", "text", "text 10.0.0.0/8"},
      {"'08002b010203'::macaddr", "text", "text 08:00:2b:01:02:03"},
      {"ARRAY[1, NULL, 3]", "text", "text {1,NULL,3}"},
      {"ARRAY['a,b', 'NULL', '']", "text", "text {\"a,b\",\"NULL\",\"\"}"},
      {"'{}'::text[]", "text", "text {}"},
      {"'[1,5)'::int4range", "text", "text [1,5)"},
      {"'{[1,2),[3,4)}'::int4multirange", "text", "text {[1,2),[3,4)}"},
      {"B'0101'", "text", "text 0101"},
      {"'<a>b</a>'::xml", "text", "text <a>b</a>"},
      {"'a b'::tsvector", "text", "text 'a' 'b'"},
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
            (Rows{{"text happy day", "int 3", "text {sad,\"happy day\"}"}}));
}

TEST_F(PostgresqlStoreTest, ATypeWithoutAMappingStopsOnlyTheScanThatAsksForIt) {
  server_->Sql(
      "CREATE TYPE pair AS (a int, b int); CREATE TABLE t(id int PRIMARY KEY, p pair, "
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
      "CREATE TABLE t(id int PRIMARY KEY, v text, at timestamptz);"
      "INSERT INTO t VALUES (1, 'a', now());"
      "CREATE FUNCTION \"My Clock\"() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
      "'SELECT clock_timestamp()';"
      "CREATE FUNCTION still(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';"
      "CREATE FUNCTION moves(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';"
      "CREATE VIEW plain AS SELECT id, upper(v) AS v, at::text AS at FROM t WHERE v <> 'now()';"
      "CREATE VIEW recent AS SELECT id FROM t WHERE at > now() - interval '1 day';"
      "CREATE VIEW dated AS SELECT id FROM t WHERE at::date <= CURRENT_DATE;"
      "CREATE VIEW ticking AS SELECT id FROM t WHERE at < clock_timestamp();"
      "CREATE VIEW outer_view AS SELECT id FROM ticking");
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
        "moves(id)%20=%201", "id%20IN%20(SELECT%20moves(id)%20FROM%20t)"}) {
    EXPECT_NE(moving("t", where).find("where= of"), std::string::npos) << where;
  }
  EXPECT_EQ(moving("plain"), "");
  EXPECT_EQ(moving("plain", "id%20>%200"), "");
  for (const char* const view : {"recent", "dated", "ticking", "outer_view"}) {
    EXPECT_NE(moving(view).find("the view"), std::string::npos) << view;
  }
}

TEST_F(PostgresqlStoreTest, NoRowsAtAllAreTheEndToo) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY)");
  EXPECT_EQ(Read("t", {"id"}), Rows{});
  EXPECT_EQ(Read("t", {"id"}, "&connections=4"), Rows{});
}

TEST_F(PostgresqlStoreTest, AParallelScanReadsEachRowOfItsSnapshotOnceWhateverWritersDo) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v int, pad text);"
      "INSERT INTO t SELECT i, i, repeat('x', 200) FROM generate_series(1, 20000) i");
  for (int round = 0; round < 3; ++round) {
    const auto store = Open("t", "&connections=4");
    auto scan = store->StartScan({"id", "v"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    // Every row moves to the table's end, some go, some come: none of it is in the snapshot.
    const std::string sum = server_->Value("SELECT sum(v) FROM t");
    const std::string count = server_->Value("SELECT count(*) FROM t");
    server_->Sql("UPDATE t SET v = v + 1; DELETE FROM t WHERE id % 10 = " + std::to_string(round) +
                 "; INSERT INTO t SELECT i, 7, '' FROM generate_series(" +
                 std::to_string(100000 * (round + 1)) + ", " +
                 std::to_string(100000 * (round + 1) + 500) + ") i");
    const ScanOutcome outcome = ReadScan(**scan);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    std::set<std::string> ids;
    int64_t total = 0;
    for (const Row& row : outcome.rows) {
      EXPECT_TRUE(ids.insert(row[0]).second) << row[0] << " twice";
      total += std::stoll(row[1].substr(4));
    }
    EXPECT_EQ(std::to_string(outcome.rows.size()), count);
    EXPECT_EQ(std::to_string(total), sum);
  }
}

TEST_F(PostgresqlStoreTest, ALargeTableIsReadInManyRangesThatAreItsParts) {
  // A row for each page.
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, pad text) WITH (fillfactor = 10);"
      "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 7000) i");
  ASSERT_EQ(server_->Value("SELECT pg_relation_size('t') / 8192"), "7000");
  for (const auto& [connections, parts] :
       std::vector<std::pair<const char*, size_t>>{{"2", 3}, {"8", 13}, {"16", 27}}) {
    SCOPED_TRACE(connections);
    const auto store = Open("t", std::string("&connections=") + connections);
    auto scan = store->StartScan({"id"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    const auto read = ReadScanParts(**scan);
    EXPECT_EQ(read.size(), parts);
    int id = 0;
    for (const auto& part : read) {
      EXPECT_GE(part.size(), 7000 / parts);
      for (const Row& row : part) ASSERT_EQ(row[0], "int " + std::to_string(++id));
    }
    EXPECT_EQ(id, 7000);
  }
}

TEST_F(PostgresqlStoreTest, RowsMovedWhileRangesAreReadAreReadOnce) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v int, pad text);"
      "INSERT INTO t SELECT i, 0, repeat('x', 500) FROM generate_series(1, 5000) i");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done) server_->Sql("UPDATE t SET v = v + 1 WHERE id % 3 = 0");
  });
  for (int round = 0; round < 10; ++round) {
    const Rows rows = Read("t", {"id", "v"}, "&connections=3");
    EXPECT_EQ(rows.size(), 5000u);
    std::set<std::string> versions;
    for (const Row& row : rows) {
      if (std::stoi(row[0].substr(4)) % 3 == 0) versions.insert(row[1]);
    }
    EXPECT_EQ(versions.size(), 1u);  // each UPDATE is one transaction: all or nothing
  }
  done = true;
  writer.join();
}

TEST_F(PostgresqlStoreTest, AKilledBackendIsAnErrorAndNeverTheEnd) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, pad text); ALTER TABLE t ALTER pad SET STORAGE "
      "PLAIN; INSERT INTO t SELECT i, repeat('x', 2000) FROM generate_series(1, 40000) i");
  for (const char* connections : {"1", "3"}) {
    const auto store =
        Open("t", std::string("&application_name=victim&connections=") + connections);
    auto scan = store->StartScan({"id", "pad"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE((*scan)->Next().ok());  // so that a reader's statement has begun
    server_->Sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'victim' AND query LIKE 'COPY%'");
    const ScanOutcome outcome = ReadScan(**scan);
    EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
    EXPECT_LT(outcome.rows.size(), 40000u);
    EXPECT_FALSE((*scan)->Finish().ok());
  }
}

TEST_F(PostgresqlStoreTest, AStatementTimeoutEndsTheScanAsItsSourcesFault) {
  server_->Sql(
      "CREATE VIEW v AS SELECT i, pg_sleep(0.01)::text AS s FROM generate_series(1, 10000) i");
  const auto store = Open("v", "&options=-c%20statement_timeout%3D200ms");
  const ScanOutcome outcome = ReadAll(*store, {"i", "s"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
}

TEST_F(PostgresqlStoreTest, AnErrorInTheMiddleOfAViewEndsTheScanAsItsSourcesFault) {
  server_->Sql("CREATE VIEW v AS SELECT i, 1 / (5000 - i) AS q FROM generate_series(1, 10000) i");
  const auto store = Open("v");
  const ScanOutcome outcome = ReadAll(*store, {"i", "q"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
}

TEST_F(PostgresqlStoreTest, AScanThatIsAbandonedEndsAtOnce) {
  server_->Sql(
      "CREATE TABLE t(id int, pad text); INSERT INTO t SELECT i, repeat('x', 500) "
      "FROM generate_series(1, 50000) i");
  auto store = Open("t", "&connections=2");
  auto scan = store->StartScan({"id", "pad"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_TRUE((*scan)->Next().ok());
  EXPECT_FALSE((*scan)->Finish().ok());
  scan->reset();
}

TEST_F(PostgresqlStoreTest, WhatAnAbandonedScanHadAskedForEndsOnTheServerToo) {
  server_->Sql(
      "CREATE VIEW v AS SELECT i, CASE WHEN i > 1000 THEN pg_sleep(1000)::text ELSE "
      "repeat('x', 100) END AS s FROM generate_series(1, 1009) i");
  const auto store = Open("v", "&application_name=abandoned");
  auto scan = store->StartScan({"i", "s"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  scan->reset();
  const std::string running =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'abandoned'";
  for (int i = 0; i < 1000 && server_->Value(running) != "0"; ++i) {
  }
  EXPECT_EQ(server_->Value(running), "0");
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

TEST_F(PostgresqlStoreTest, PartitionsAndChildrenAreReadInParallelEachRowOnce) {
  server_->Sql(
      "CREATE TABLE part(id int, pad text) PARTITION BY LIST ((id % 3));"
      "CREATE TABLE part0 PARTITION OF part FOR VALUES IN (0) PARTITION BY RANGE (id);"
      "CREATE TABLE part00 PARTITION OF part0 FOR VALUES FROM (0) TO (3000);"
      "CREATE TABLE part01 PARTITION OF part0 DEFAULT;"
      "CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);"
      "CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2);"
      "INSERT INTO part SELECT i, repeat('x', 300) FROM generate_series(1, 9000) i;"
      "CREATE TABLE parent(id int, pad text); CREATE TABLE child() INHERITS (parent);"
      "INSERT INTO parent SELECT i, repeat('y', 300) FROM generate_series(1, 500) i;"
      "INSERT INTO child SELECT i, repeat('z', 300) FROM generate_series(501, 5000) i");
  for (const auto& [table, count] : {std::pair("part", 9000u), std::pair("parent", 5000u)}) {
    for (const char* connections : {"1", "2", "5"}) {
      const Rows rows = Read(table, {"id"}, std::string("&connections=") + connections);
      EXPECT_EQ(rows.size(), count);
      EXPECT_EQ(std::set<Row>(rows.begin(), rows.end()).size(), count);
    }
  }
  server_->Sql(
      "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT SELECT ON part TO reader");
  const ScanOutcome outcome = ReadAll(*Open("part", "&connections=3", "reader"), {"id"});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;  // nothing is needed on the partitions
  EXPECT_EQ(outcome.rows.size(), 9000u);
  server_->Sql("DROP OWNED BY reader; DROP ROLE reader");
}

TEST_F(PostgresqlStoreTest, WhatReadsAForeignTableIsNotPointInTime) {
  server_->Sql("CREATE EXTENSION IF NOT EXISTS file_fdw");
  server_->Sql(
      "DROP SERVER IF EXISTS files CASCADE; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
      "CREATE TABLE part(id int) PARTITION BY RANGE (id);"
      "CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);"
      "CREATE FOREIGN TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20) SERVER files "
      "OPTIONS (program 'echo 11');"
      "CREATE VIEW v AS SELECT id FROM part2; CREATE VIEW w AS SELECT id FROM part1;"
      "INSERT INTO part VALUES (1)");
  for (const char* table : {"part2", "part", "v"}) {
    const ScanOutcome outcome = ReadAll(*Open(table, "&connections=3"), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_NE(outcome.end.not_point_in_time.find("foreign table"), std::string::npos) << table;
  }
  EXPECT_EQ(Read("w", {"id"}), (Rows{{"int 1"}}));
  server_->Sql("DROP SERVER files CASCADE");
}

TEST_F(PostgresqlStoreTest, ATableThatChangedSinceItWasDescribedIsNotRead) {
  const auto scan = [&](const std::string& change, const std::vector<std::string>& columns) {
    server_->Sql("DROP TABLE IF EXISTS t; CREATE TABLE t(id int PRIMARY KEY, at timestamp, x int)");
    const auto store = Open("t");
    EXPECT_TRUE(store->Describe().ok());
    server_->Sql(change);
    return store->StartScan(columns).status();
  };
  const absl::Status type = scan("ALTER TABLE t ALTER at TYPE timestamptz", {"id", "at"});
  EXPECT_TRUE(absl::IsAborted(type)) << type;
  EXPECT_NE(type.message().find("timestamp with time zone now"), std::string::npos) << type;
  EXPECT_TRUE(absl::IsAborted(scan("ALTER TABLE t DROP at", {"id", "at"})));
  EXPECT_TRUE(absl::IsAborted(scan("ALTER TABLE t RENAME at TO when_", {"id", "at"})));
  EXPECT_TRUE(absl::IsAborted(scan("DROP TABLE t", {"id", "at"})));
  EXPECT_TRUE(scan("ALTER TABLE t DROP x; ALTER TABLE t ADD y int", {"id", "at"}).ok());
}

TEST_F(PostgresqlStoreTest, ATableStaysAsItIsWhileItIsRead) {
  server_->Sql(
      "CREATE TABLE t(id int, pad text); INSERT INTO t SELECT i, repeat('x', 500) "
      "FROM generate_series(1, 50000) i");
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "pad"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  for (const char* change : {"DROP TABLE t", "TRUNCATE t", "ALTER TABLE t DROP pad"}) {
    EXPECT_EQ(server_->Value("DO $$ BEGIN SET lock_timeout = '20ms'; " + std::string(change) +
                             "; EXCEPTION WHEN lock_not_available THEN NULL; END $$; "
                             "SELECT to_regclass('t')::text"),
              "t");
  }
  const ScanOutcome outcome = ReadScan(**scan);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows.size(), 50000u);
}

TEST_F(PostgresqlStoreTest, AStatementTimeoutOfTheOptionsEndsAScan) {
  server_->Sql(
      "CREATE VIEW v AS SELECT i, pg_sleep(0.01)::text AS s FROM generate_series(1, 10000) i");
  StoreOptions options;
  options.statement_timeout = std::chrono::milliseconds(200);
  const auto store = OpenPostgresqlStore(StoreUrl::Parse(server_->Url("v")).value(), options);
  ASSERT_TRUE(store.ok());
  const ScanOutcome outcome = ReadAll(**store, {"i", "s"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
}

}  // namespace
}  // namespace driftwood::agent
