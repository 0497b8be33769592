#include "agent/stores/postgresql/pg_witness.h"

#include "tests/agent/stores/postgresql/pg_store_fixture.h"

namespace driftwood::agent {
namespace {

// What changes while a scan is under way: after its snapshot, at a statement of the test's choice.
class PgWitnessTest : public PgStoreTest {
 protected:
  // Two tables of two pages each, whose first ranges are equal.
  void MakeTwoSchemas() {
    for (const std::string schema : {"live", "staged"}) {
      server_->Sql("CREATE SCHEMA " + schema + "; CREATE TABLE " + schema +
                   ".t(id int PRIMARY KEY, v text); INSERT INTO " + schema +
                   ".t SELECT i, CASE WHEN i < 7000 THEN 'same' ELSE '" + schema +
                   "' END FROM generate_series(1, 8000) i");
    }
  }
  static constexpr char kSwap[] =
      "ALTER SCHEMA live RENAME TO retired; ALTER SCHEMA staged RENAME TO live;";
  static constexpr char kSwapBack[] =
      "ALTER SCHEMA live RENAME TO staged; ALTER SCHEMA retired RENAME TO live;";

  void MakePartitions() {
    server_->Sql(
        "CREATE TABLE t(id int, v text) PARTITION BY RANGE (id);"
        "CREATE TABLE p1 PARTITION OF t FOR VALUES FROM (0) TO (10000);"
        "CREATE TABLE p2(id int, v text);"
        "INSERT INTO t SELECT i, 'one' FROM generate_series(1, 5000) i;"
        "INSERT INTO p2 SELECT i, 'two' FROM generate_series(10000, 15000) i");
  }

  void ExpectChanged(const ScanOutcome& outcome, const std::string& words) {
    EXPECT_TRUE(absl::IsAborted(outcome.status)) << outcome.status;
    EXPECT_TRUE(Says(outcome.status, "changed while it was read")) << outcome.status;
    EXPECT_TRUE(Says(outcome.status, words)) << outcome.status;
  }
};

TEST_F(PgWitnessTest, ASchemaThatIsSwappedBetweenTwoRangesEndsTheScan) {
  MakeTwoSchemas();
  for (const int number : {1, 2, 3}) {
    At("COPY", number, kSwap);
    ExpectChanged(Scan("live.t", {"id", "v"}, "&connections=3"), "another table has its name");
    server_->Sql(kSwapBack);
  }
}

TEST_F(PgWitnessTest, ASchemaThatIsSwappedBeforeTheFirstRangeIsPlannedEndsTheScan) {
  MakeTwoSchemas();
  // What is read under a condition is planned before the catalogue is asked.
  At("SET LOCAL search_path = \"pg_catalog\", \"public\", pg_temp; EXPLAIN", 1, kSwap);
  ExpectChanged(Scan("live.t", {"id", "v"}, "&where=true"), "its name, schema or file");
  server_->Sql(kSwapBack);
  // Else the lock comes first, with the snapshot.
  for (const auto& [question, words] :
       {std::pair("SELECT a.attname, pg_catalog.format_type", "another table has its name"),
        std::pair("SELECT pg_catalog.encode(", "another table has its name"),
        std::pair("SELECT pg_catalog.pg_relation_size(", "another table has its name"),
        std::pair("SELECT pg_catalog.string_agg(l.oid", "its name, schema or file")}) {
    SCOPED_TRACE(question);
    At(question, 1, kSwap);
    ExpectChanged(Scan("live.t", {"id", "v"}), words);
    server_->Sql(kSwapBack);
  }
}

// What was described is locked at once; what the name means is asked again.
TEST_F(PgWitnessTest, ATableThatIsSwappedSinceItWasDescribedIsReadAsWhatItsNameMeans) {
  MakeTwoSchemas();
  const auto store = Open("live.t", "&where=id%20%3D%208000");
  ASSERT_TRUE(store->Describe().ok());
  server_->Sql(kSwap);
  EXPECT_EQ(ReadAll(*store, {"v"}).rows, (Rows{{"text staged"}}));
  server_->Sql(kSwapBack);
  EXPECT_EQ(ReadAll(*store, {"v"}).rows, (Rows{{"text live"}}));
}

TEST_F(PgWitnessTest, ATableThatComesBeforeTheDescribedOneInTheSearchPathIsRead) {
  server_->Sql(
      "CREATE SCHEMA app; CREATE TABLE t(id int); INSERT INTO t VALUES (1);"
      "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA app TO reader;"
      "GRANT SELECT ON t TO reader; ALTER ROLE reader SET search_path = app, public");
  const auto store = Open("t", "", "reader");
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_EQ(ReadAll(*store, {"id"}).rows, (Rows{{"int 1"}}));
  server_->Sql(
      "CREATE TABLE app.t(id int); INSERT INTO app.t VALUES (2); GRANT SELECT ON app.t TO reader");
  EXPECT_EQ(ReadAll(*store, {"id"}).rows, (Rows{{"int 2"}}));
  server_->Sql(
      "DROP TABLE app.t; CREATE VIEW app.t AS SELECT 3 AS id; GRANT SELECT ON app.t TO reader");
  EXPECT_EQ(ReadAll(*store, {"id"}).rows, (Rows{{"int 3"}}));
  server_->Sql("DROP OWNED BY reader; DROP ROLE reader");
}

TEST_F(PgWitnessTest, ATableThatIsSwappedWhileTheDescribedOneIsLockedIsNotReadForIt) {
  MakeTwoSchemas();
  for (const bool and_back : {false, true}) {
    SCOPED_TRACE(and_back);
    int begun = 0;
    bool is_back = false;
    RelayBy({Relay::Pooling::kNever, "", [&](const std::string& sql) {
               if (sql.starts_with("BEGIN") && ++begun == 2) server_->Sql(kSwap);
               if (and_back && begun == 2 && sql.find("relkind") != std::string::npos && !is_back) {
                 server_->Sql(kSwapBack);
                 is_back = true;
               }
             }});
    const std::string name = and_back ? "live" : "staged";
    const auto store = Open("live.t", "&connections=1");
    ASSERT_TRUE(store->Describe().ok());
    const ScanOutcome outcome = Sorted(ReadAll(*store, {"id", "v"}));
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.rows.size(), 8000u);
    EXPECT_EQ(std::count(outcome.rows.begin(), outcome.rows.end(),
                         std::vector<std::string>{"int 8000", "text " + name}),
              1);
    if (!and_back) server_->Sql(kSwapBack);
  }
}

TEST_F(PgWitnessTest, ASchemaThatIsSwappedAndSwappedBackEndsTheScan) {
  MakeTwoSchemas();
  int copies = 0;
  RelayBy({Relay::Pooling::kNever, "", [&](const std::string& sql) {
             if (!sql.starts_with("COPY")) return;
             ++copies;
             if (copies == 2) server_->Sql(kSwap);
             if (copies == 3) server_->Sql(kSwapBack);
           }});
  ExpectChanged(Scan("live.t", {"id", "v"}, "&connections=3"), "");
}

TEST_F(PgWitnessTest, ATableThatIsReplacedBeforeTheSnapshotIsNotReadUnderItsName) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY); CREATE TABLE u(id int PRIMARY KEY)");
  At("ROLLBACK; BEGIN", 1, "ALTER TABLE t RENAME TO old; ALTER TABLE u RENAME TO t");
  const ScanOutcome outcome = Scan("t", {"id"});
  EXPECT_TRUE(absl::IsAborted(outcome.status)) << outcome.status;
  EXPECT_TRUE(Says(outcome.status, "replaced just now")) << outcome.status;
}

TEST_F(PgWitnessTest, APartitionThatIsAttachedEndsTheScan) {
  const std::string attach =
      "ALTER TABLE t ATTACH PARTITION p2 FOR VALUES FROM (10000) TO (20000); "
      "DELETE FROM t WHERE id < 10000";
  for (const auto& [at, number] : {std::pair("SET LOCAL search_path = pg_catalog, pg_temp; EX", 1),
                                   std::pair("COPY", 1), std::pair("COPY", 2)}) {
    server_->Sql("DROP TABLE IF EXISTS t, p1, p2");
    MakePartitions();
    At(at, number, attach);
    ExpectChanged(Scan("t", {"id", "v"}, "&connections=2"), "partitions or children");
  }
}

TEST_F(PgWitnessTest, AChildThatBeginsToInheritEndsTheScan) {
  server_->Sql(
      "CREATE TABLE t(id int); CREATE TABLE first() INHERITS (t); CREATE TABLE more(id int);"
      "INSERT INTO t SELECT generate_series(1, 5000); INSERT INTO more VALUES (7)");
  At("COPY", 2, "ALTER TABLE more INHERIT t; DELETE FROM t WHERE id = 1");
  ExpectChanged(Scan("t", {"id"}, "&connections=2"), "partitions or children");
}

TEST_F(PgWitnessTest, ALabelOfAnEnumThatIsRenamedEndsTheScanThereAndBackToo) {
  server_->Sql(
      "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN moods AS mood[];"
      "CREATE TABLE t(id int, m mood, ms moods);"
      "INSERT INTO t SELECT i, 'sad', '{sad}' FROM generate_series(1, 5000) i");
  const std::string there = "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'";
  const std::string back = "ALTER TYPE mood RENAME VALUE 'blue' TO 'sad'";
  for (const char* column : {"m", "ms"}) {
    At("COPY", 1, there);
    ExpectChanged(Scan("t", {column}, "&connections=1"), "a type of its columns");
    server_->Sql(back);
    At("COPY", 2, there);
    ExpectChanged(Scan("t", {column}, "&connections=2"), "a type of its columns");
    server_->Sql(back);
    At("COPY", 2, there + "; " + back);
    ExpectChanged(Scan("t", {column}, "&connections=2"), "a type of its columns");
  }
}

TEST_F(PgWitnessTest, AFunctionOfAViewThatIsReplacedEndsTheScan) {
  server_->Sql(
      "CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';"
      "CREATE TABLE t(id int); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT f(id) AS x FROM "
      "t");
  EXPECT_EQ(Scan("v", {"x"}).rows, (Rows{{"int 1"}}));
  At("COPY", 1,
     "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
     "'BEGIN RETURN 2; END'");
  ExpectChanged(Scan("v", {"x"}), "a view or a function");
}

TEST_F(PgWitnessTest, ATableThatOnlyTheConditionReadsIsLookedAtToo) {
  MakeTwoSchemas();
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t VALUES (1), (8000)");
  const std::string where = "&where=id%20in%20(select%20id%20from%20live.t%20where%20v='live')";
  EXPECT_EQ(Scan("public.t", {"id"}, where).rows, (Rows{{"int 8000"}}));
  At("COPY", 1, kSwap);
  const ScanOutcome outcome = Scan("public.t", {"id"}, where);
  ExpectChanged(outcome, "");
}

TEST_F(PgWitnessTest, WhatAFunctionReadsByItselfIsNotProvenToBeOfOnePoint) {
  server_->Sql(
      "CREATE TABLE rates(r int); INSERT INTO rates VALUES (3);"
      "CREATE TABLE t(id int); INSERT INTO t VALUES (1);"
      "CREATE FUNCTION rate() RETURNS int LANGUAGE plpgsql STABLE AS "
      "'BEGIN RETURN (SELECT r FROM rates); END';"
      "CREATE VIEW v AS SELECT id * rate() AS x FROM t");
  const ScanOutcome outcome = Scan("v", {"x"});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows, (Rows{{"int 3"}}));  // the function's names have the user's path
  EXPECT_NE(outcome.end.not_point_in_time.find("functions that read other tables"),
            std::string::npos);
}

TEST_F(PgWitnessTest, ATruncationBeforeTheTableCouldBeLockedEndsTheScan) {
  server_->Sql(
      "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; CREATE TABLE t(id int, v int);"
      "INSERT INTO t VALUES (1, 2); GRANT SELECT (id) ON t TO reader;"
      "CREATE TABLE part(id int) PARTITION BY LIST (id); CREATE TABLE p1 (id int);"
      "CREATE VIEW w AS SELECT id FROM t");
  At("SET LOCAL search_path = pg_catalog, pg_temp; EXPLAIN", 1, "TRUNCATE t");
  const ScanOutcome outcome = Scan("t", {"id"}, "", "reader");
  EXPECT_TRUE(absl::IsAborted(outcome.status)) << outcome.status;
  server_->Sql("DROP OWNED BY reader; DROP ROLE reader");
}

TEST_F(PgWitnessTest, WhatFunctionsReadThatPlanningCallsEndsNoScan) {
  server_->Sql(
      "CREATE TABLE settings(lowest int); INSERT INTO settings VALUES (3);"
      "CREATE FUNCTION lowest() RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
      "'BEGIN RETURN (SELECT s.lowest FROM public.settings s); END'");
  for (const char* on_t :
       {"CREATE INDEX ON t(id) WHERE id > lowest()", "CREATE INDEX ON t((id + lowest()))",
        "CREATE STATISTICS s ON (id + lowest()), id FROM t",
        "ALTER TABLE t ADD CHECK (id > lowest() - 3)"}) {
    SCOPED_TRACE(on_t);
    server_->Sql("DROP TABLE IF EXISTS t; CREATE TABLE t(id int); INSERT INTO t VALUES (1), (4)");
    server_->Sql(on_t);
    for (const char* more : {"", "&options=-c%20constraint_exclusion%3Don"}) {
      const ScanOutcome outcome = Scan("public.t", {"id"}, more);
      EXPECT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_EQ(outcome.rows, (Rows{{"int 1"}, {"int 4"}}));
    }
  }
}

TEST_F(PgWitnessTest, WhatChangesNothingThatIsReadEndsNoScan) {
  MakePartitions();
  server_->Sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader");
  for (const char* change :
       {"GRANT SELECT ON t, p1 TO reader", "ANALYZE t", "CREATE INDEX ON p1(v)",
        "INSERT INTO t VALUES (5), (6)", "CREATE TABLE other(id int)", "VACUUM p1",
        "UPDATE t SET v = 'new'", "CREATE TYPE other_type AS ENUM ('a')"}) {
    SCOPED_TRACE(change);
    At("COPY", 2, change);
    const ScanOutcome outcome = Scan("t", {"id", "v"}, "&connections=2");
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.end.not_point_in_time, "");
  }
  server_->Sql("DROP OWNED BY reader; DROP ROLE reader");
}

}  // namespace
}  // namespace driftwood::agent
