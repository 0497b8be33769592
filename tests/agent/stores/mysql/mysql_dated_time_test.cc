#include "agent/stores/mysql/mysql_dated_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/agent/stores/mysql/mysql_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

TEST(MysqlDatedTimeTest, ATimeThatIsSelectedAsItIsStaysOne) {
  for (const char* const as_is : {
           "select `t`.`s`.`id` AS `id`,`t`.`s`.`tm` AS `tm` from `t`.`s`",
           "select `t`.`s`.`tm` AS `x` from `t`.`s` where `t`.`s`.`dt` > '2024-01-01'",
           "select distinct `s`.`tm` AS `x`,`s`.`dt` AS `y` from `t`.`s` order by `s`.`tm` desc",
           "select `s`.`tm` AS `x`,count(0) AS `n` from `t`.`s` group by `s`.`tm`",
           "select cast(`s`.`v` as time) AS `x`,cast(`s`.`dt` as time(6)) AS `y` from `t`.`s`",
           "select timediff(`s`.`dt`,`s`.`dt`) AS `x`,sec_to_time(`s`.`n`) AS `y` from `t`.`s`",
           "select addtime(`s`.`v`,'1:00') AS `x`,subtime('10:00','1') AS `y` from `t`.`s`",
           "select hour(`s`.`tm`) AS `h`,time_format(`s`.`tm`,'%H') AS `f` from `t`.`s`",
           "select concat(`s`.`v`,`s`.`tm`,'x') AS `h`,time_to_sec(`s`.`tm`) + 1 AS `f` from `s`",
           "select cast(`s`.`tm` as char(5) charset utf8mb4) AS `h` from `t`.`s`",
           "select str_to_date(`s`.`v`,'%d.%m.%Y %H:%i') AS `h` from `t`.`s` where `dt` = 1",
           "select `s`.`dt` = str_to_date(`s`.`v`,'%d.%m.%Y') AS `h` from `t`.`s`",
       }) {
    EXPECT_EQ(MysqlDatedTimeIn(as_is, {"tm"}), "") << as_is;
  }
}

TEST(MysqlDatedTimeTest, ATimeThatIsComparedWithTimesStaysOne) {
  for (const char* const compared : {
           "tm > '08:00'",
           "TM >= '8:00' and `tm` < '17:00:00.5' or not (t.tm = time'10:00')",
           "'08:00' < s.tm and id = 1",
           "tm between '08:00' and '17:00' and v is not null",
           "id = 1 and tm not between time'08:00' and maketime(17, 0, 0)",
           "tm is null or tm is not null",
           "tm < tm2 and tm <=> tm2",
           "case when tm > '8:00' then 1 else 2 end = 1",
           "hour(tm) > 8 and dt > '10:00'",
           "tm > current_time and tm > curtime()",
           "if(tm > '8:00', 1, 2) = 1",
           "convert(v using utf8mb4) = 'x' and a.time = 1 -- time\n",
       }) {
    EXPECT_EQ(MysqlDatedTimeIn(compared, {"tm", "tm2"}), "") << compared;
  }
}

TEST(MysqlDatedTimeTest, AnyOtherUseMayGiveItADate) {
  for (const char* const dated : {
           "tm < dt",
           "cast(addtime(v,'1:00:00') as datetime) > dt",
           "to_days(subtime('10:00:00','1')) = 1",
           "dt > addtime('10:00:00','1:00:00')",
           "dt > tm",
           "dt > tm > '8:00'",
           "tm > '8:00' = dt",
           "dt between 1 and tm > '8:00'",
           "dt between .5 and tm > '8:00'",
           "tm between '8:00' and dt",
           "tm between '8:00' and '9:00' + dt",
           "tm in (dt)",
           "tm",
           "tm > '2024-01-01'",
           "tm > '8:00' '9:00'",
           "date(tm) = 1",
           "dt > maketime(1, 2, 3)",
           "dt > sec_to_time(5)",
           "dt > cast(v as time)",
           "dt > convert(v, time)",
           "dt > time'10:00'",
           "dt > {t '10:00'}",
           "dt > time(v)",
           "dt > current_time",
           "dt = str_to_date(v, '%H:%i')",
           "dt = str_to_date(v, f)",
           "coalesce(tm, dt) > 1",
           "tm /* x */ = dt",
           "greatest(hour(tm), tm, dt) = 1",
           "a = 'open",
       }) {
    EXPECT_NE(MysqlDatedTimeIn(dated, {"tm"}), "") << dated;
  }
}

class MysqlDatedTimeStoreTest : public MysqlStoreTest {
 protected:
  void SetUp() override {
    MysqlStoreTest::SetUp();
    if (server_ == nullptr || IsSkipped()) return;
    server_->Sql(
        "CREATE TABLE s(id int PRIMARY KEY, tm time, dt datetime, d date, ts timestamp NULL, "
        "v varchar(20), n int);"
        "CREATE TABLE plain(id int PRIMARY KEY, dt datetime, v varchar(20));"
        "INSERT INTO s VALUES (1, '10:00', '2024-01-05 11:00', '2024-01-05', '2024-01-05 11:00', "
        "'10:00:00', 5), (2, '12:00', '2038-01-01 11:00', '2038-01-01', '2037-12-31 11:00', "
        "'10:00:00', 5); INSERT INTO plain SELECT id, dt, v FROM s");
  }
  std::string Why(const std::string& table, const std::string& more = "") {
    const ScanOutcome outcome = ReadAll(*Open(table, more), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << table << " " << more << ": " << outcome.status;
    return outcome.end.not_point_in_time;
  }
  // What the table holds on a day.
  std::string On(const char* day, const std::string& table) {
    return server_->Value("SET timestamp = UNIX_TIMESTAMP('" + std::string(day) +
                          "'), group_concat_max_len = 100000; SELECT GROUP_CONCAT(id, '|', "
                          "IFNULL(x, 'NULL') ORDER BY id) FROM " +
                          table);
  }
};

// The server is the twin: what differs by the day must be known for it.
TEST_F(MysqlDatedTimeStoreTest, AViewThatIsAnotherOnAnotherDayIsNoConsistentSnapshot) {
  int dated = 0;
  for (const char* const query : {
           "SELECT id, tm AS x FROM s",
           "SELECT id, CAST(tm AS datetime) AS x FROM s",
           "SELECT id, TIMESTAMP(tm) AS x FROM s",
           "SELECT id, tm < dt AS x FROM s",
           "SELECT id, tm AS x FROM s WHERE tm > dt",
           "SELECT id, COALESCE(tm, dt) AS x FROM s",
           "SELECT id, IF(id > 1, dt, tm) AS x FROM s",
           "SELECT id, CASE WHEN id > 1 THEN dt ELSE tm END AS x FROM s",
           "SELECT id, tm AS x FROM s UNION ALL SELECT id + 2, dt FROM s",
           "SELECT id, YEAR(tm) AS x FROM s",
           "SELECT id, DATEDIFF(tm, d) AS x FROM s",
           "SELECT id, UNIX_TIMESTAMP(tm) AS x FROM s",
           "SELECT id, DAYNAME(MAKETIME(1, 2, 3)) AS x FROM s",
           "SELECT id, dt > SEC_TO_TIME(n) AS x FROM s",
           "SELECT id, ts > TIME'10:00:00' AS x FROM s",
           "SELECT id, d = CAST(v AS time) AS x FROM s",
           "SELECT id, GREATEST(dt, TIMEDIFF(dt, dt)) AS x FROM s",
           "SELECT id, LAST_DAY(STR_TO_DATE(v, '%H:%i')) AS x FROM s",
           "SELECT s.id, 1 AS x FROM s JOIN plain p ON s.tm > p.dt",
           "SELECT s.id, p.dt AS x FROM s LEFT JOIN plain p ON s.tm > p.dt AND p.id = s.id",
           "SELECT id, dt > (SELECT MAX(tm) FROM s) AS x FROM s",
           "SELECT id, (dt, id) IN (SELECT tm, id FROM s) AS x FROM s",
           "SELECT id, a.k > a.dt AS x FROM (SELECT id, tm AS k, dt FROM s) a",
           "WITH q AS (SELECT id, tm AS k, dt FROM s) SELECT id, k > dt AS x FROM q",
           "WITH q AS (SELECT id, tm AS k FROM s UNION SELECT id + 2, dt FROM s) "
           "SELECT id, k AS x FROM q",
           "SELECT id, MAX(tm) > MAX(dt) AS x FROM s GROUP BY id",
           "SELECT id, dt BETWEEN tm AND '2100-01-01' AS x FROM s",
           "SELECT id, dt IN (tm, '2024-01-01') AS x FROM s",
           "SELECT id, LEAD(tm) OVER (ORDER BY id) < dt AS x FROM s",
           "SELECT id, CONVERT(tm, datetime) AS x FROM s",
           "SELECT id, TIMESTAMPDIFF(HOUR, tm, dt) AS x FROM s",
           "SELECT id, DATE_FORMAT(tm, '%Y') AS x FROM s",
           "SELECT id, NULLIF(dt, tm) AS x FROM s",
       }) {
    server_->Sql("CREATE OR REPLACE VIEW v AS " + std::string(query));
    const bool differs = On("2024-01-05", "v") != On("2037-12-31", "v");
    if (!differs) continue;
    EXPECT_THAT(Why("v"), HasSubstr("the date of the day on which it is read")) << query;
    ++dated;
  }
  EXPECT_GT(dated, 20);
}

TEST_F(MysqlDatedTimeStoreTest, AViewThatSelectsATimeIsAConsistentSnapshot) {
  server_->Sql(
      "CREATE VIEW v AS SELECT id, tm, TIMEDIFF(dt, dt) AS d, HOUR(tm) AS h FROM s WHERE tm > "
      "'08:00' AND dt > '2020-01-01';"
      "CREATE VIEW of_view AS SELECT id, tm, d FROM v;"
      "CREATE VIEW dated_view AS SELECT id, d < dt AS x FROM (v JOIN plain USING (id));"
      "CREATE VIEW without AS SELECT id, UNIX_TIMESTAMP(dt) AS u FROM plain");
  EXPECT_EQ(Why("s"), "");
  EXPECT_EQ(Why("v"), "");
  EXPECT_EQ(Why("of_view"), "");
  EXPECT_EQ(Why("without"), "");
  EXPECT_EQ(Why("dated_view"),
            "the view test.dated_view may give the TIME d the date of the day on which it is read");
}

TEST_F(MysqlDatedTimeStoreTest, SoItIsWithVirtualColumns) {
  server_->Sql(
      "CREATE TABLE still(id int PRIMARY KEY, tm time, dt datetime, a time AS (tm) VIRTUAL, "
      "b int AS (HOUR(tm)) VIRTUAL, c time AS (TIMEDIFF(dt, dt)) VIRTUAL, "
      "x datetime AS (CAST(tm AS datetime)) STORED);"
      "CREATE TABLE typed(id int PRIMARY KEY, tm time, x datetime AS (tm) VIRTUAL);"
      "CREATE TABLE casts(id int PRIMARY KEY, tm time, x int AS (YEAR(tm)) VIRTUAL);"
      "CREATE TABLE made(id int PRIMARY KEY, v varchar(9), x date AS (MAKETIME(1, 2, 3)) VIRTUAL);"
      "INSERT INTO typed(id, tm) VALUES (1, '10:00'); INSERT INTO casts(id, tm) VALUES (1, "
      "'10:00');"
      "INSERT INTO made(id) VALUES (1)");
  EXPECT_EQ(Why("still"), "");
  for (const char* const table : {"typed", "casts", "made"}) {
    EXPECT_NE(On("2024-01-05", table), On("2037-12-31", table)) << table;
    EXPECT_THAT(Why(table),
                HasSubstr("the column x of test." + std::string(table) + " may give the TIME "));
  }
}

TEST_F(MysqlDatedTimeStoreTest, SoItIsWithFilters) {
  for (const char* const still :
       {"tm%20>%20'08:00'", "id%20=%201", "tm%20is%20not%20null%20and%20hour(tm)%20>%201",
        "id%20in%20(select%20id%20from%20plain)", "tm%20between%20'08:00'%20and%20'23:00'"}) {
    EXPECT_EQ(Why("s", "&where=" + std::string(still)), "") << still;
  }
  for (const char* const dated :
       {"tm%20<%20dt", "dt%20>%20maketime(1,2,3)", "d%20<%20time'10:00'%20or%201",
        "dt%20>%20all%20(select%20*%20from%20(select%20tm%20from%20s)%20q)",
        "id%20in%20(select%20id%20from%20plain%20natural%20join%20s)"}) {
    EXPECT_THAT(Why("s", "&where=" + std::string(dated)),
                HasSubstr("where= of test.s may give the TIME "))
        << dated;
  }
}

// A right to some columns hides what the view reads of the others.
TEST_F(MysqlDatedTimeStoreTest, AViewOverColumnsThatAreHiddenIsNoConsistentSnapshot) {
  const auto why_for = [&](const std::string& grants) {
    server_->Sql(
        "CREATE OR REPLACE VIEW v AS SELECT id, tm < dt AS x FROM s;"
        "CREATE OR REPLACE USER limited@localhost;"
        "GRANT SELECT, SHOW VIEW ON test.v TO limited@localhost;"
        "GRANT " +
        grants + " ON test.s TO limited@localhost");
    const ScanOutcome outcome = ReadAll(*Open("v", "", "limited"), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    return outcome.end.not_point_in_time;
  };
  EXPECT_THAT(why_for("SELECT (id, dt)"), HasSubstr("whose columns this user may not all see"));
  EXPECT_THAT(why_for("DELETE, SELECT (id)"), HasSubstr("whose columns this user may not all see"));
  EXPECT_THAT(why_for("INSERT"), HasSubstr("may give the TIME tm the date"));
}

}  // namespace
}  // namespace driftwood::agent
