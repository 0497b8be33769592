#include "agent/stores/mysql/mysql_volatile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "tests/agent/stores/mysql/mysql_store_fixture.h"

namespace driftwood::agent {
namespace {

TEST(MysqlVolatileTest, WhatFollowsFromItsArgumentsStandsStill) {
  for (const char* const still : {
           "",
           "select `t`.`x`.`id` AS `id`,ucase(`t`.`x`.`a`) AS `now()` from `t`.`x`",
           "`t`.`x`.`a` in (1,2) and (`b` = 'rand()' or not (`c` = \"it''s @x\"))",
           "cast(`a` as datetime(6)) > '2020-01-01' and cast(`b` as char(10) charset utf8mb3) = "
           "'a'",
           "unix_timestamp(`a`) > 5 and timestampdiff(YEAR,`b`,`c`) = 1",
           "row_number() over ( partition by `a` order by `id`)",
           "a = 'it\\'s' and b = 'x' -- rand()\n and c = 1 # uuid()",
           "a /* rand() */ = 1",
           "with recursive s(`i`) as (select 1 union all select `s`.`i` + 1 from `s`)select 2",
           "x.now = 1 and `rand` = 2 and x.`uuid` in (1)",
       }) {
    EXPECT_EQ(MysqlMovingFunctionIn(still, true), "") << still;
  }
}

TEST(MysqlVolatileTest, ClocksOfTheStatementMoveFromOneStatementToTheNext) {
  for (const char* const clock :
       {"a > now()", "a > NOW(6) - interval 1 hour", "a > Current_Timestamp", "a = curdate()",
        "a < unix_timestamp( )", "a < utc_timestamp()", "a = LOCALTIME", "a = current_date"}) {
    EXPECT_NE(MysqlMovingFunctionIn(clock, true), "") << clock;
    EXPECT_EQ(MysqlMovingFunctionIn(clock, false), "") << clock;
  }
}

TEST(MysqlVolatileTest, WhatIsNotKnownMoves) {
  for (const char* const moving : {"rand()",
                                   "RAND (5)",
                                   "rand/**/()",
                                   "rand -- x\n()",
                                   "uuid()",
                                   "sysdate()",
                                   "sleep(1)",
                                   "connection_id()",
                                   "user()",
                                   "found_rows()",
                                   "nextval(`t`.`s`)",
                                   "next value for s",
                                   "PREVIOUS VALUE FOR s",
                                   "get_lock('a', 1)",
                                   "my_function(1)",
                                   "`f`(1)",
                                   "`f` (1)",
                                   "d.f(1)",
                                   "d . lower(a)",
                                   "d./* */lower(a)",
                                   "`d`.`lower`(a)",
                                   "@x = 1",
                                   "@@server_id = 1",
                                   "a = 'b' 'c' and rand() < 1",
                                   "a = 'it\\'s' and rand() < 1",
                                   "`a``b` = rand()",
                                   "s(rand()) as a",
                                   "s(`i`) as `b`",
                                   "a = 'open",
                                   "/*!50000 rand() */",
                                   "/*M! rand() */",
                                   "a /* open",
                                   "benchmark(1, 1)",
                                   "load_file('x')",
                                   "last_insert_id()",
                                   "random_bytes(1)"}) {
    EXPECT_NE(MysqlMovingFunctionIn(moving, false), "") << moving;
  }
}

TEST(MysqlVolatileTest, NamesAreAllThatMayBeNames) {
  const MysqlNames names = MysqlNamesIn("a in (SELECT `t``u`.b FROM `t``u` WHERE Lower (x) = 'y')");
  EXPECT_THAT(names.all, ::testing::IsSupersetOf({"a", "t`u", "b", "x"}));
  EXPECT_EQ(names.all.count("y"), 0u);
  EXPECT_TRUE(names.called.contains("lower"));
  EXPECT_TRUE(names.has_query);
  EXPECT_FALSE(MysqlNamesIn("a = 1").has_query);
}

class MysqlVolatileStoreTest : public MysqlStoreTest {
 protected:
  // Why a scan of it is no consistent snapshot; empty if it is.
  std::string Why(const std::string& table, const std::string& where = "",
                  const std::string& user = "root") {
    const std::string more = where.empty() ? "" : "&where=" + where;
    const ScanOutcome outcome = ReadAll(*Open(table, more, user), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << table << " " << where << ": " << outcome.status;
    return outcome.end.not_point_in_time;
  }
};

// A function that the lists do not know is one that moves; this says which of the server's do.
TEST_F(MysqlVolatileStoreTest, EachFunctionOfTheServerIsKnownToStandStillOrToMove) {
  const std::set<std::string> moving = {"benchmark",
                                        "binlog_gtid_pos",
                                        "connection_id",
                                        "curdate",
                                        "curtime",
                                        "decode_histogram",
                                        "des_encrypt",
                                        "encrypt",
                                        "found_rows",
                                        "get_lock",
                                        "is_free_lock",
                                        "is_used_lock",
                                        "last_insert_id",
                                        "load_file",
                                        "master_gtid_wait",
                                        "master_pos_wait",
                                        "now",
                                        "rand",
                                        "random_bytes",
                                        "release_all_locks",
                                        "release_lock",
                                        "row_count",
                                        "schemas",
                                        "session_user",
                                        "sleep",
                                        "sysdate",
                                        "system_user",
                                        "sys_guid",
                                        "uuid",
                                        "uuid_short",
                                        "wsrep_last_seen_gtid",
                                        "wsrep_last_written_gtid",
                                        "wsrep_sync_wait_upto_gtid"};
  std::istringstream functions(
      server_->Value("SELECT GROUP_CONCAT(LOWER(FUNCTION) SEPARATOR ' ') "
                     "FROM information_schema.SQL_FUNCTIONS"));
  size_t count = 0;
  for (std::string function; functions >> function; ++count) {
    EXPECT_EQ(MysqlMovingFunctionIn(function + "(1)", true) != "", moving.contains(function))
        << function;
  }
  EXPECT_GT(count, 200u);
}

// Nothing has to be written for it to give other rows.
TEST_F(MysqlVolatileStoreTest, AViewThatCallsWhatMovesIsNotOfOnePointInTime) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v varchar(20), at datetime, "
      "age int AS (TIMESTAMPDIFF(YEAR, at, CURDATE())) VIRTUAL, INDEX(at));"
      "CREATE TABLE s(id int PRIMARY KEY, v varchar(20), at datetime, "
      "y int AS (YEAR(at)) VIRTUAL, z varchar(20) AS (CONCAT(v, 'x')) STORED);"
      "INSERT INTO t(id, v, at) VALUES (1, 'a', NOW());"
      "INSERT INTO s(id, v, at) VALUES (1, 'a', NOW());"
      "CREATE FUNCTION f(a int) RETURNS int DETERMINISTIC RETURN a;"
      "CREATE SEQUENCE sq;"
      "CREATE VIEW plain AS SELECT id, UPPER(v) AS v, CAST(at AS datetime(6)) AS `at()`, "
      "UNIX_TIMESTAMP(at) AS u, DATE_FORMAT(at, '%Y') AS y, IF(id > 3, 'now()', \"@x\") AS i, "
      "CASE WHEN id IN (1, 2) THEN LEFT(v, 1) END AS c FROM s WHERE id MOD 3 <> 7;"
      "CREATE VIEW recent AS SELECT id FROM s WHERE at > NOW() - INTERVAL 1 HOUR;"
      "CREATE VIEW dated AS SELECT id FROM s WHERE DATE(at) <= CURRENT_DATE;"
      "CREATE VIEW unixtime AS SELECT id FROM s WHERE UNIX_TIMESTAMP(at) <= UNIX_TIMESTAMP();"
      "CREATE VIEW utc AS SELECT id FROM s WHERE at < UTC_TIMESTAMP;"
      "CREATE VIEW ticking AS SELECT id FROM s WHERE at < SYSDATE();"
      "CREATE VIEW chance AS SELECT id FROM s WHERE RAND() < 2;"
      "CREATE VIEW named AS SELECT id, UUID() AS u FROM s;"
      "CREATE VIEW mine AS SELECT id, CONNECTION_ID() AS c FROM s;"
      "CREATE VIEW numbered AS SELECT id, PREVIOUS VALUE FOR sq AS n FROM s;"
      "CREATE VIEW called AS SELECT f(id) AS id FROM s;"
      "CREATE VIEW outer_view AS SELECT id FROM recent;"
      "CREATE VIEW in_subquery AS SELECT id FROM s WHERE id IN (SELECT id FROM recent);"
      "CREATE VIEW by_age AS SELECT id FROM t WHERE age < 30");
  EXPECT_EQ(Why("s"), "");
  EXPECT_EQ(Why("plain"), "");
  EXPECT_EQ(Why("recent"), "the view test.recent calls current_timestamp()");
  for (const char* const view : {"dated", "unixtime", "utc", "ticking", "chance", "named", "mine",
                                 "numbered", "outer_view", "in_subquery"}) {
    EXPECT_THAT(Why(view), ::testing::StartsWith("the view test.")) << view;
  }
  EXPECT_NE(Why("called"), "");
  EXPECT_EQ(Why("t"), "the column age of test.t calls curdate()");
  EXPECT_THAT(Why("by_age"), ::testing::HasSubstr("the column age of test.t calls curdate()"));
  EXPECT_EQ(Describe("recent").warnings,
            std::vector<std::string>{"the view test.recent calls current_timestamp()"});
}

TEST_F(MysqlVolatileStoreTest, AFilterThatMovesOrReadsTablesWithoutSnapshotsIsMarked) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v varchar(20), at datetime);"
      "CREATE TABLE other(id int PRIMARY KEY);"
      "CREATE TABLE m(id int PRIMARY KEY, v int) ENGINE=MyISAM;"
      "CREATE TABLE a(id int PRIMARY KEY) ENGINE=Aria TRANSACTIONAL=0;"
      "CREATE VIEW vm AS SELECT id FROM m;"
      "CREATE FUNCTION tally() RETURNS int READS SQL DATA RETURN (SELECT MAX(id) FROM m);"
      "CREATE FUNCTION regexp_like(a int) RETURNS int NOT DETERMINISTIC NO SQL RETURN a;"
      "CREATE DATABASE IF NOT EXISTS beside; CREATE OR REPLACE TABLE beside.m(id int) "
      "ENGINE=MyISAM; CREATE OR REPLACE TABLE beside.only_here(id int) ENGINE=MyISAM;"
      "INSERT INTO t VALUES (1, 'a', NOW()); INSERT INTO m VALUES (1, 1)");
  for (const char* const still :
       {"id%20=%201", "lower(v)%20=%20'a'", "at%20>%20now()%20-%20interval%201%20day",
        "v%20<>%20'rand()'", "id%20>%200%20--%20rand()", "id%20in%20(select%20id%20from%20other)",
        "id%20in%20(select%20x.id%20from%20test.other%20x%20where%20x.id%20=%20t.id)%20or%201",
        "v%20<>%20'm'%20or%20id%20in%20(1)"}) {
    EXPECT_EQ(Why("t", still), "") << still;
  }
  for (const char* const where :
       {"rand()%20<%202", "at%20<=%20sysdate()", "tally()%20<%209", "test.tally()%20<%209",
        "`tally`()%20<%209", "regexp_like(id)", "@x%20is%20null", "uuid()%20<>%20''",
        "id%20in%20(select%20id%20from%20m)", "exists%20(select%201%20from%20a)%20or%201",
        "id%20in%20(select%20id%20from%20vm)", "id%20<%20(select%20count(*)%20from%20beside.m)%2b9",
        "id%20>%20(select%20count(*)%20from%20information_schema.GLOBAL_STATUS)%20-%209999",
        "id%20<%20(select%20count(*)%20from%20`beside`.`only_here`)%2b9"}) {
    EXPECT_THAT(Why("t", where), ::testing::HasSubstr("where= of test.t")) << where;
  }
  EXPECT_THAT(Why("t", "id%20in%20(select%20id%20from%20m)"),
              ::testing::HasSubstr("test.m has the engine MyISAM, which has no snapshots"));
}

}  // namespace
}  // namespace driftwood::agent
