// Covers mysql_table.cc, mysql_view.cc, mysql_scan.cc, mysql_result.cc and mysql_statement.cc too.
#include "agent/stores/mysql/mysql_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>

#include "agent/stores/mysql/mysql_view.h"
#include "tests/agent/stores/mysql/mysql_store_fixture.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

struct TypeCase {
  const char* type;
  const char* literal;
  const char* canonical;
  std::string value;
};

TEST_F(MysqlStoreTest, EveryTypeIsReadAsWhatItMeans) {
  const TypeCase cases[] = {
      {"tinyint", "-128", "integer", "int -128"},
      {"tinyint(1)", "1", "integer", "int 1"},
      {"tinyint unsigned", "255", "integer", "uint 255"},
      {"smallint", "-32768", "integer", "int -32768"},
      {"smallint unsigned", "65535", "integer", "uint 65535"},
      {"mediumint", "-8388608", "integer", "int -8388608"},
      {"mediumint unsigned", "16777215", "integer", "uint 16777215"},
      {"int", "-2147483648", "integer", "int -2147483648"},
      {"int(9) unsigned zerofill", "4294967295", "integer", "uint 4294967295"},
      {"bigint", "-9223372036854775808", "integer", "int -9223372036854775808"},
      {"bigint unsigned", "18446744073709551615", "integer", "uint 18446744073709551615"},
      {"year", "2155", "integer", "uint 2155"},
      {"year", "'0000'", "integer", "uint 0"},
      {"bit(1)", "1", "bits", "bits 1"},
      {"bit(10)", "b'1000000001'", "bits", "bits 1000000001"},
      {"bit(64)", "18446744073709551615", "bits", "bits " + std::string(64, '1')},
      {"decimal(10,2)", "3000.10", "decimal", "number 3000.10"},
      {"decimal(10,2)", "-.14", "decimal", "number -0.14"},
      {"decimal(10,2) zerofill", ".14", "decimal", "number 00000000.14"},
      {"decimal(65,30)", "-12345678901234567890123456789012345.123456789012345678901234567891",
       "decimal", "number -12345678901234567890123456789012345.123456789012345678901234567891"},
      {"float", "0.5", "float64", "real 0.500000"},
      {"double", "-1e300", "float64", "real " + std::to_string(-1e300)},
      {"char(6)", "' a  '", "text", "text  a"},
      {"varchar(6)", "' a  '", "text", "text  a  "},
      {"varchar(20)", "'\xf0\x9f\x90\x9f\xc3\xa4'", "text", "text \xf0\x9f\x90\x9f\xc3\xa4"},
      {"text character set latin1", "'\xe2\x82\xac\xc3\xa4'", "text", "text \xe2\x82\xac\xc3\xa4"},
      {"varchar(9) character set utf8mb3", "'\xe2\x82\xac'", "text", "text \xe2\x82\xac"},
      {"varchar(9) character set utf16", "'\xf0\x9f\x90\x9f'", "text", "text \xf0\x9f\x90\x9f"},
      {"varchar(9) character set ucs2", "'\xe2\x82\xac'", "text", "text \xe2\x82\xac"},
      {"varchar(9) character set sjis", "'\xe3\x82\xa2'", "text", "text \xe3\x82\xa2"},
      {"varchar(9) character set cp1250", "0x4181", "text", "bytes A\x81"},
      {"varchar(9) character set cp1250", "NULL", "text", "null"},
      {"enum('a', '\xc3\xa4 b') character set latin1", "'\xc3\xa4 b'", "text", "text \xc3\xa4 b"},
      {"set('a', 'b', 'c')", "'c,a'", "set", "text a,c"},
      {"set('a', 'b')", "''", "set", "text "},
      {"set('\xe3\x82\xa2', 'b') character set sjis", "'\xe3\x82\xa2,b'", "set",
       "text \xe3\x82\xa2,b"},
      {"json", "'{\"a\":  1.0}'", "json", "text {\"a\":  1.0}"},
      {"uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "uuid",
       "text a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {"inet6", "'::1'", "text", "text ::1"},
      {"binary(4)", "0x00ff", "bytes", std::string("bytes \0\xff\0\0", 10)},
      {"varbinary(4)", "0x00ff", "bytes", std::string("bytes \0\xff", 8)},
      {"blob", "''", "bytes", "bytes "},
      {"date", "'2024-02-29'", "date", "date 2024-02-29"},
      {"date", "'9999-12-31'", "date", "date 9999-12-31"},
      {"date", "'0000-00-00'", "date", "date 0000-00-00"},
      {"date", "'2024-00-15'", "date", "text 2024-00-15"},
      {"date", "'2023-02-31'", "date", "text 2023-02-31"},
      {"datetime", "'2024-02-29 12:00:00'", "timestamp", "timestamp 2024-02-29 12:00:00"},
      {"datetime", "'2024-02-29'", "timestamp", "timestamp 2024-02-29 00:00:00"},
      {"datetime(6)", "'1000-01-01 00:00:00.000001'", "timestamp",
       "timestamp 1000-01-01 00:00:00.000001"},
      {"datetime(3)", "'2024-02-29 23:59:59.5'", "timestamp", "timestamp 2024-02-29 23:59:59.5"},
      {"datetime", "'0000-00-00 00:00:00'", "timestamp", "timestamp 0000-00-00 00:00:00"},
      {"datetime(1)", "'2024-02-00 01:02:03.5'", "timestamp", "text 2024-02-00 01:02:03.500000"},
      {"timestamp(6) null", "'2024-02-29 05:30:00.25'", "timestamptz",
       "timestamptz 2024-02-29 00:00:00.25Z"},
      {"timestamp null", "'0000-00-00 00:00:00'", "timestamptz", "timestamptz 0000-00-00 00:00:00"},
      {"time", "'00:00:00'", "time", "time 00:00:00"},
      {"time", "'838:59:59'", "time", "time 838:59:59"},
      {"time(6)", "'-838:59:58.999999'", "time", "time -838:59:58.999999"},
      {"time(2)", "'-00:00:00.01'", "time", "time -00:00:00.01"},
      {"int", "NULL", "integer", "null"},
  };
  std::string columns, values;
  std::vector<std::string> names;
  for (const TypeCase& c : cases) {
    names.push_back("x" + std::to_string(names.size()));
    columns += (columns.empty() ? "" : ", ") + names.back() + " " + c.type;
    values += (values.empty() ? "" : ", ") + std::string(c.literal);
  }
  server_->Sql("SET sql_mode = 'ALLOW_INVALID_DATES'; SET time_zone = '+05:30'; CREATE TABLE t(" +
               columns + "); INSERT INTO t VALUES (" + values + ")");
  const SourceDescription description = Describe("t");
  const Rows rows = Read("t", names);
  ASSERT_EQ(rows.size(), 1u);
  for (size_t i = 0; i < names.size(); ++i) {
    SCOPED_TRACE(std::string(cases[i].type) + " " + cases[i].literal);
    EXPECT_EQ(merkle::ColumnTypeName(description.columns[i].type), cases[i].canonical);
    EXPECT_EQ(rows[0][i], cases[i].value);
  }
}

// Collects the doubles as they are.
class DoubleSink final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue> row, uint64_t /*origin*/) override {
    for (const SourceValue& value : row) values.push_back(value.real);
    return absl::OkStatus();
  }
  std::vector<double> values;
};

TEST_F(MysqlStoreTest, FloatsAreNotRounded) {
  server_->Sql(
      "CREATE TABLE t(f float, g float(7,4), d double, z double); "
      "INSERT INTO t VALUES (16777217, 123.4567, 0.1 + 0.2e0, -0e0)");
  const auto store = Open("t");
  auto scan = store->StartScan({"f", "g", "d", "z"}).value();
  DoubleSink sink;
  ASSERT_TRUE(scan->Next().value()->Decode(sink).ok());
  EXPECT_EQ(sink.values,
            (std::vector<double>{double{16777217.0F}, double{123.4567F}, 0.1 + 0.2, 0.0}));
}

TEST_F(MysqlStoreTest, EveryByteOfEachCharacterSetIsATextOfItsOwn) {
  for (const char* set : {"latin1", "cp1250", "cp1251", "koi8r", "latin2", "greek", "ascii"}) {
    SCOPED_TRACE(set);
    std::string sql = "CREATE OR REPLACE TABLE t(x varchar(1) CHARACTER SET " + std::string(set) +
                      " COLLATE " + set + "_bin); INSERT INTO t VALUES ";
    for (unsigned i = 0; i < 256; ++i) {
      sql += (i == 0 ? "(CHAR(" : ", (CHAR(") + std::to_string(i) + "))";
    }
    server_->Sql("SET sql_mode = ''; " + sql);
    const Rows rows = Read("t", {"x"});
    EXPECT_EQ(rows.size(), 256u);
    EXPECT_EQ(std::set<Row>(rows.begin(), rows.end()).size(), 256u);
    EXPECT_EQ(std::count(rows.begin(), rows.end(), Row{"text ?"}), 1);
  }
}

TEST_F(MysqlStoreTest, ATypeWithoutAMappingStopsOnlyTheScanThatAsksForIt) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY, p point); INSERT INTO t VALUES (1, NULL)");
  EXPECT_EQ(Describe("t").warnings.size(), 1u);
  EXPECT_EQ(Read("t", {"id"}), (Rows{{"int 1"}}));
  const absl::Status status = OneLine(Open("t")->StartScan({"id", "p"}).status());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  for (const char* word : {"column p", "point", "--ignore p", "ST_AsText(p)"}) {
    EXPECT_NE(status.message().find(word), absl::string_view::npos) << word << ": " << status;
  }
}

TEST_F(MysqlStoreTest, TheKeyIsThePrimaryKeyElseTheSmallestUniqueIndexWithoutNulls) {
  server_->Sql(
      "CREATE TABLE composite(b int, x int, a varchar(9), PRIMARY KEY (a, b));"
      "CREATE TABLE uniq(a int NOT NULL, b int NOT NULL, c int UNIQUE, d int NOT NULL UNIQUE,"
      " UNIQUE (a, b), KEY (a)); CREATE TABLE none(a int, KEY (a))");
  EXPECT_EQ(Describe("composite").key, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Describe("uniq").key, (std::vector<std::string>{"d"}));
  EXPECT_TRUE(Describe("none").key.empty());
  EXPECT_EQ(Describe("none", "&key=a").key, (std::vector<std::string>{"a"}));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("none", "&key=b")->Describe().status()));
  EXPECT_TRUE(Describe("none").live);
}

TEST_F(MysqlStoreTest, QuotedNamesGeneratedColumnsPartitionsAndFiltersAreRead) {
  server_->Sql(
      "CREATE TABLE `Ta``ble.x`(`a b` int, g int AS (`a b` * 2), `v'` int AS (`a b` * 3) STORED, "
      "h int INVISIBLE); INSERT INTO `Ta``ble.x`(`a b`) VALUES (21);"
      "CREATE TABLE part(id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3;"
      "INSERT INTO part VALUES (1), (2), (3);"
      "CREATE TABLE big(t longtext); INSERT INTO big VALUES (REPEAT('ab', 20000000))");
  EXPECT_EQ(Read("Ta`ble.x", {"a b", "g", "v'", "h"}),
            (Rows{{"int 21", "int 42", "int 63", "null"}}));
  EXPECT_EQ(Read("part", {"id"}), (Rows{{"int 1"}, {"int 2"}, {"int 3"}}));
  EXPECT_EQ(Read("part", {"id"}, "&connections=3"), (Rows{{"int 1"}, {"int 2"}, {"int 3"}}));
  EXPECT_EQ(Read("part", {"id"}, "&where=id%20>%202%20--%20c"), (Rows{{"int 3"}}));
  EXPECT_EQ(Describe("part", "&where=id%20>%201").filter, "id > 1");
  EXPECT_EQ(Read("big", {"t"})[0][0].size(), 40000005u);
}

TEST_F(MysqlStoreTest, RowsWithManyColumnsAndNullsAreRead) {
  std::string columns = "id int PRIMARY KEY";
  std::vector<std::string> names = {"id"};
  Row expected = {"int 7"};
  for (int i = 0; i < 1000; ++i) {
    names.push_back("c" + std::to_string(i));
    columns += ", " + names.back() + " smallint";
    expected.push_back(i % 7 == 0 ? "int " + std::to_string(i) : "null");
  }
  std::string values = "7";
  for (int i = 0; i < 1000; ++i) values += i % 7 == 0 ? ", " + std::to_string(i) : ", NULL";
  server_->Sql("CREATE TABLE t(" + columns + "); INSERT INTO t VALUES (" + values + ")");
  EXPECT_EQ(Read("t", names), Rows{expected});
}

TEST_F(MysqlStoreTest, NoRowsAtAllAreTheEndToo) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY)");
  EXPECT_EQ(Read("t", {"id"}), Rows{});
  EXPECT_EQ(Read("t", {"id"}, "&connections=4"), Rows{});
}

TEST_F(MysqlStoreTest, AServersDefaultsLeaveOutNoRowsAndChangeNoValues) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, c char(5), at timestamp NULL);"
      "SET time_zone = '+00:00'; INSERT INTO t VALUES (1, 'a', '2024-01-01'), (2, '', NULL);"
      "SET GLOBAL sql_select_limit = 1; SET GLOBAL sql_mode = 'PAD_CHAR_TO_FULL_LENGTH';"
      "SET GLOBAL tx_isolation = 'READ-UNCOMMITTED'; SET GLOBAL time_zone = '-07:00'");
  EXPECT_EQ(
      Read("t", {"id", "c", "at"}),
      (Rows{{"int 1", "text a", "timestamptz 2024-01-01 00:00:00Z"}, {"int 2", "text ", "null"}}));
  server_->Sql(
      "SET GLOBAL sql_select_limit = DEFAULT; SET GLOBAL sql_mode = DEFAULT; "
      "SET GLOBAL tx_isolation = DEFAULT; SET GLOBAL time_zone = DEFAULT");
}

constexpr char kManyRows[] =
    "CREATE TABLE t(id bigint PRIMARY KEY, v int, pad varchar(1000)) ENGINE=InnoDB;"
    "INSERT INTO t SELECT seq, seq, REPEAT('x', 300) FROM seq_1_to_20000";

TEST_F(MysqlStoreTest, AScanReadsEachRowOfItsSnapshotOnceWhateverWritersDo) {
  for (const char* connections : {"1", "4"}) {
    SCOPED_TRACE(connections);
    server_->Sql("DROP TABLE IF EXISTS t;" + std::string(kManyRows));
    const auto store = Open("t", std::string("&connections=") + connections);
    auto scan = store->StartScan({"id", "v"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE((*scan)->Next().ok());  // 8,192 rows of some reader; its snapshot is taken
    server_->Sql("UPDATE t SET id = 40001 - id, v = 0; DELETE FROM t WHERE id % 10 = 0");
    const ScanOutcome outcome = ReadScan(**scan);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.end.not_point_in_time, "");
    std::set<std::string> ids;
    for (const Row& row : outcome.rows) {
      EXPECT_TRUE(ids.insert(row[0]).second) << row[0] << " twice";
      EXPECT_EQ(row[0], row[1]);
    }
    EXPECT_GE(outcome.rows.size(), 20000u - 8192u);
  }
}

TEST_F(MysqlStoreTest, RowsThatMoveBetweenRangesAreReadOnce) {
  server_->Sql(kManyRows);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    // A row wanders from one end of the table to the other; half of that is not logged.
    for (int i = 0; !done; ++i) {
      server_->Sql("SET sql_log_bin = " + std::to_string(i % 2) + "; " +
                   (i % 4 < 2 ? "UPDATE t SET id = 50000 WHERE id = 1"
                              : "UPDATE t SET id = 1 WHERE id = 50000"));
    }
  });
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(Read("t", {"id"}, "&connections=4").size(), 20000u);
  }
  done = true;
  writer.join();
}

TEST_F(MysqlStoreTest, RangesOfTheKeyAreTheScansPartsInTheirOrder) {
  server_->Sql(kManyRows);
  // The gap's ranges have no rows, and are parts all the same.
  server_->Sql("DELETE FROM t WHERE id BETWEEN 5000 AND 12000");
  auto scan = Open("t", "&connections=3")->StartScan({"id"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  const auto parts = ReadScanParts(**scan);
  EXPECT_EQ(parts.size(), 24u);
  std::vector<int> ids;
  for (const auto& part : parts) {
    for (const Row& row : part) ids.push_back(std::stoi(row[0].substr(4)));
  }
  EXPECT_EQ(ids.size(), 12999u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST_F(MysqlStoreTest, ParallelRangesHoldEachRowOnceWhateverTheKeys) {
  server_->Sql(
      "CREATE TABLE s(id bigint PRIMARY KEY); CREATE TABLE u(id bigint unsigned, b int, "
      "PRIMARY KEY (id, b)); CREATE TABLE tiny(id tinyint PRIMARY KEY);"
      "INSERT INTO s VALUES (-9223372036854775808), (-1), (0), (1), (9223372036854775807);"
      "INSERT INTO u VALUES (0, 1), (0, 2), (9223372036854775808, 0), (18446744073709551615, 1);"
      "INSERT INTO tiny SELECT CAST(seq AS signed) - 128 FROM seq_0_to_255");
  EXPECT_EQ(Read("s", {"id"}, "&connections=3"), Read("s", {"id"}));
  EXPECT_EQ(Read("s", {"id"}).size(), 5u);
  EXPECT_EQ(Read("u", {"id", "b"}, "&connections=3"), Read("u", {"id", "b"}));
  EXPECT_EQ(Read("tiny", {"id"}, "&connections=16"), Read("tiny", {"id"}));
  // Nobody writes now, so they were read side by side: range after range.
  const auto statements = [&] {
    return std::stoi(
        server_->Value("SELECT variable_value FROM information_schema.global_status "
                       "WHERE variable_name = 'Com_stmt_prepare'"));
  };
  const int before = statements();
  Read("tiny", {"id"}, "&connections=4");
  EXPECT_GE(statements() - before, 32);
  EXPECT_EQ(Read("tiny", {"id"}).size(), 256u);
}

TEST_F(MysqlStoreTest, TablesWithoutSnapshotsAreMarked) {
  server_->Sql(
      "CREATE TABLE i(id int PRIMARY KEY); CREATE TABLE m(id int PRIMARY KEY) ENGINE=MyISAM;"
      "CREATE VIEW vi AS SELECT a.id, ' from `x`.`y` ' AS x FROM i a JOIN i b ON a.id = b.id;"
      "CREATE VIEW vvi AS SELECT id FROM vi UNION SELECT id FROM i;"
      "CREATE VIEW vm AS SELECT id FROM vvi WHERE id IN (SELECT id FROM m);"
      "CREATE FUNCTION f() RETURNS int READS SQL DATA RETURN (SELECT max(id) FROM m);"
      "CREATE VIEW vf AS SELECT id, f() AS f FROM i;"
      "CREATE OR REPLACE USER reader@localhost; GRANT SELECT ON test.vi TO reader@localhost");
  const auto mark = [&](const std::string& table, const std::string& user = "root") {
    const ScanOutcome outcome = ReadAll(*Open(table, "", user), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    return outcome.end.not_point_in_time;
  };
  EXPECT_EQ(mark("i"), "");
  EXPECT_EQ(mark("m"), "test.m has the engine MyISAM, which has no snapshots");
  EXPECT_EQ(mark("vi"), "");
  EXPECT_EQ(mark("vvi"), "");
  EXPECT_NE(mark("vm"), "");
  EXPECT_NE(mark("vf"), "");
  EXPECT_NE(mark("vi", "reader"), "");  // it may not see what the view reads
  EXPECT_EQ(Describe("m").warnings.size(), 1u);
}

TEST(MysqlViewTest, ItsTablesAreFoundInItsDefinition) {
  using Tables = std::vector<std::pair<std::string, std::string>>;
  const MysqlViewSources plain = SourcesOfMysqlView(
      "select `a`.`id` AS `id`,'from `n`.`o`' AS `x` from (`d`.`t` `a` join `d`.`u``v` `m` on("
      "`a`.`id` = `m`.`id`)) where exists(select 1 from `e`.`w` where `e`.`w`.`z` = `a`.`id`)");
  EXPECT_EQ(plain.tables, (Tables{{"d", "t"}, {"d", "u`v"}, {"e", "w"}}));
  EXPECT_FALSE(plain.has_unknown);
  // An alias that is a database's name too.
  EXPECT_EQ(SourcesOfMysqlView("select `d`.`id` AS `d` from `d`.`t` `d`").tables,
            (Tables{{"d", "t"}}));
  EXPECT_TRUE(SourcesOfMysqlView("select `d`.`f`() AS `f`").has_unknown);
  EXPECT_TRUE(SourcesOfMysqlView("").has_unknown);
  EXPECT_TRUE(SourcesOfMysqlView("select 'open").has_unknown);
}

TEST_F(MysqlStoreTest, AKilledConnectionIsAnErrorAndNeverTheEnd) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, pad varchar(2000));"
      "INSERT INTO t SELECT seq, REPEAT('x', 2000) FROM seq_1_to_20000");
  for (const char* how : {"KILL", "KILL QUERY"}) {
    for (const char* connections : {"1", "3"}) {
      SCOPED_TRACE(std::string(how) + " " + connections);
      const auto store = Open("t", std::string("&connections=") + connections);
      auto scan = store->StartScan({"id", "pad"});
      ASSERT_TRUE(scan.ok()) << scan.status();
      auto first = (*scan)->Next();
      ASSERT_TRUE(first.ok()) << first.status();
      // The readers wait for room in the queue, in the middle of their results; a moment before,
      // one may be between two statements, and none is named.
      std::string victim;
      for (int tries = 0; victim.empty() && tries < 1000; ++tries) {
        victim = server_->Value(
            "SELECT id FROM information_schema.processlist "
            "WHERE info LIKE 'SELECT /* driftwood */%' LIMIT 1");
      }
      ASSERT_NE(victim, "");
      server_->Sql(std::string(how) + " " + victim);
      const ScanOutcome outcome = ReadScan(**scan);
      RowCollector collector;
      ASSERT_TRUE((*first)->Decode(collector).ok());
      if (outcome.status.ok()) {
        // The last of its range was on its way already.
        EXPECT_STREQ(connections, "3");
        EXPECT_EQ(collector.rows.size() + outcome.rows.size(), 20000u);
        continue;
      }
      EXPECT_TRUE(IsSourcesFault(OneLine(outcome.status))) << outcome.status;
      EXPECT_FALSE((*scan)->Finish().ok());
    }
  }
}

TEST_F(MysqlStoreTest, AServerThatDiesIsAnErrorAndNeverTheEnd) {
  const auto victim = testing::MariadbServer::Start();
  victim->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, pad varchar(2000));"
      "INSERT INTO t SELECT seq, REPEAT('x', 2000) FROM seq_1_to_20000");
  const auto store = OpenMysqlStore(StoreUrl::Parse(victim->Url("t")).value()).value();
  auto scan = store->StartScan({"id", "pad"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_TRUE((*scan)->Next().ok());
  victim->Kill();
  const ScanOutcome outcome = ReadScan(**scan);
  EXPECT_TRUE(IsSourcesFault(OneLine(outcome.status))) << outcome.status;
  EXPECT_LT(outcome.rows.size(), 20000u);
  const absl::Status gone = OneLine(store->Describe().status());
  EXPECT_TRUE(IsUsersFault(gone)) << gone;
}

TEST_F(MysqlStoreTest, AStatementTimeoutEndsTheScanAsItsSourcesFault) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_9");
  const ScanOutcome outcome =
      ReadAll(*Open("t", "&statement_timeout=1&where=SLEEP(0.5)%20=%200"), {"id"});
  EXPECT_TRUE(IsSourcesFault(OneLine(outcome.status))) << outcome.status;
}

TEST_F(MysqlStoreTest, AnErrorInTheMiddleOfAViewEndsTheScanAsItsSourcesFault) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_2000;"
      "CREATE VIEW v AS SELECT id, (SELECT id FROM t u WHERE u.id >= 1500 AND u.id <= t.id "
      "LIMIT 2) AS x FROM t");
  const ScanOutcome outcome = ReadAll(*Open("v"), {"id", "x"});
  EXPECT_TRUE(IsSourcesFault(OneLine(outcome.status))) << outcome.status;
}

TEST_F(MysqlStoreTest, AScanThatIsAbandonedEndsAtOnce) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, pad varchar(2000));"
      "INSERT INTO t SELECT seq, REPEAT('x', 2000) FROM seq_1_to_20000");
  for (const char* more : {"", "&connections=3", "&where=SLEEP(600)%20=%200"}) {
    const auto store = Open("t", more);
    auto scan = store->StartScan({"id", "pad"});
    ASSERT_TRUE(scan.ok()) << scan.status();
    if (std::string(more).find("SLEEP") == std::string::npos) {
      ASSERT_TRUE((*scan)->Next().ok());
    }
    EXPECT_FALSE((*scan)->Finish().ok());
    scan->reset();
  }
}

TEST_F(MysqlStoreTest, ATableIsNotAlteredWhileItIsScanned) {
  server_->Sql(kManyRows);
  const auto store = Open("t");
  auto scan = store->StartScan({"id", "v"});
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(server_->Value("SET lock_wait_timeout = 0; "
                           "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1205 SELECT 'locked'; "
                           "TRUNCATE TABLE t; END"),
            "locked");
  EXPECT_EQ(ReadScan(**scan).rows.size(), 20000u);
}

TEST_F(MysqlStoreTest, ATableDroppedOrAlteredAfterItsDescriptionIsNotReadAsBefore) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 300)");
  const auto store = Open("t");
  ASSERT_TRUE(store->Describe().ok());
  server_->Sql("ALTER TABLE t MODIFY v varchar(9)");
  const absl::Status type = OneLine(ReadAll(*store, {"id", "v"}).status);
  EXPECT_TRUE(absl::IsAborted(type)) << type;
  EXPECT_NE(type.message().find("varchar(9)"), absl::string_view::npos) << type;
  EXPECT_EQ(ReadAll(*store, {"id"}).rows, (Rows{{"int 1"}}));
  server_->Sql("ALTER TABLE t DROP v");
  EXPECT_TRUE(absl::IsAborted(OneLine(ReadAll(*store, {"id", "v"}).status)));
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(1)}};
  EXPECT_TRUE(absl::IsAborted(store->Lookup({"id", "v"}, {"id"}, keys).status()));
  server_->Sql("DROP TABLE t");
  const absl::Status gone = OneLine(ReadAll(*store, {"id"}).status);
  EXPECT_TRUE(absl::IsAborted(gone)) << gone;
  EXPECT_NE(gone.message().find("gone since it was described"), absl::string_view::npos) << gone;
}

TEST_F(MysqlStoreTest, AColumnWhoseCharacterSetWasChangedSinceItsDescriptionIsNotRead) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, v varchar(9) CHARACTER SET latin1);"
      "INSERT INTO t VALUES (1, 'a')");
  const auto store = Open("t");
  ASSERT_TRUE(store->Describe().ok());
  server_->Sql("ALTER TABLE t MODIFY v varchar(9) CHARACTER SET utf8mb4");
  const absl::Status status = OneLine(ReadAll(*store, {"id", "v"}).status);
  EXPECT_TRUE(absl::IsAborted(status)) << status;
}

TEST_F(MysqlStoreTest, SelectIsAllThatIsNeeded) {
  server_->Sql(
      "CREATE TABLE t(id int PRIMARY KEY, secret int, j json); INSERT INTO t VALUES (1, 2, '1');"
      "CREATE TABLE other(id int PRIMARY KEY);"
      "CREATE VIEW v AS SELECT id, j FROM t;"
      "CREATE OR REPLACE USER reader@localhost; CREATE OR REPLACE USER some@localhost;"
      "GRANT SELECT ON test.t TO reader@localhost;"
      "GRANT SELECT, SHOW VIEW ON test.v TO reader@localhost;"
      "GRANT SELECT (id, j) ON test.t TO some@localhost");
  for (const char* more : {"", "&connections=2"}) {
    const ScanOutcome all = ReadAll(*Open("t", more, "reader"), {"id", "secret", "j"});
    EXPECT_EQ(all.rows, (Rows{{"int 1", "int 2", "text 1"}})) << all.status;
    const ScanOutcome some = ReadAll(*Open("t", more, "some"), {"id", "j"});
    EXPECT_EQ(some.rows, (Rows{{"int 1", "text 1"}})) << some.status;
  }
  const auto described = Open("t", "", "some")->Describe();
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_EQ(described->columns.size(), 2u);
  EXPECT_EQ(described->columns[1].type, ColumnType::kJson);
  EXPECT_EQ(described->key, std::vector<std::string>{"id"});
  const ScanOutcome view = ReadAll(*Open("v", "", "reader"), {"id"});
  EXPECT_TRUE(view.status.ok()) << view.status;
  EXPECT_EQ(view.end.not_point_in_time, "");
  const absl::Status denied = ReadAll(*Open("other", "", "reader"), {"id"}).status;
  EXPECT_TRUE(absl::IsPermissionDenied(OneLine(denied))) << denied;
  const absl::Status hidden = Open("other", "", "reader")->Describe().status();
  EXPECT_TRUE(absl::IsNotFound(OneLine(hidden))) << hidden;
}

TEST_F(MysqlStoreTest, WhatIsNotThereIsSaidInOneLine) {
  server_->Sql(
      "CREATE TABLE orders(id int); CREATE OR REPLACE USER secret@localhost IDENTIFIED BY 'right';"
      "GRANT SELECT ON test.* TO secret@localhost");
  const auto status = [&](const std::string& text) {
    const auto url = StoreUrl::Parse(text);
    if (!url.ok()) return OneLine(url.status());
    auto store = OpenMysqlStore(*url);
    return OneLine(store.ok() ? (*store)->Describe().status() : store.status());
  };
  const std::string socket = "?table=orders&socket=" + server_->socket();
  const absl::Status table = status(server_->Url("order"));
  EXPECT_TRUE(absl::IsNotFound(table)) << table;
  EXPECT_NE(table.message().find("did you mean \"orders\""), absl::string_view::npos) << table;
  EXPECT_TRUE(absl::IsNotFound(status(server_->Url("ORDERS"))));
  EXPECT_TRUE(absl::IsNotFound(status("mysql://root@localhost/nowhere" + socket)));
  EXPECT_TRUE(absl::IsPermissionDenied(status(server_->Url("orders", "", "nobody"))));
  const absl::Status wrong = status("mysql://secret:wrong-one@/test" + socket);
  EXPECT_TRUE(absl::IsPermissionDenied(wrong)) << wrong;
  EXPECT_EQ(wrong.message().find("wrong-one"), absl::string_view::npos) << wrong;
  EXPECT_TRUE(absl::IsPermissionDenied(status("mysql://secret@/test" + socket)));
  EXPECT_TRUE(status("mariadb://secret:right@/test" + socket).ok());
  const absl::Status refused = status("mysql://root@localhost:1/test?table=orders");
  EXPECT_TRUE(IsUsersFault(refused)) << refused;
  for (const char* tls : {"&ssl=required", "&ssl=verify"}) {
    const absl::Status none = status(server_->Url("orders", tls));
    EXPECT_TRUE(IsUsersFault(none)) << none;
  }
  const auto store = Open("orders");
  EXPECT_TRUE(absl::IsInvalidArgument(store->StartScan({"nope"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Open("orders", "&where=nonsense"), {"id"}).status));
  for (const char* url : {"mysql:orders", "mysql://h/test?tabel=x", "mysql://h?table=t",
                          "mysql://h:x/d?table=t", "mysql://a,b/d?table=t", "mysql://h/d/e?table=t",
                          "mysql://h/d?connections=0", "mysql://h:1/d?socket=/s",
                          "mysql://h/d?statement_timeout=x", "mysql://h/d?ssl=no", "mysql://h/d"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(status(url))) << url;
  }
}

TEST_F(MysqlStoreTest, AServerOutOfConnectionsIsSaid) {
  server_->Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_99");
  server_->Sql(
      "CREATE OR REPLACE USER few@localhost WITH MAX_USER_CONNECTIONS 2;"
      "GRANT SELECT ON test.t TO few@localhost");
  // Fewer connections than asked for read it all.
  const ScanOutcome all = ReadAll(*Open("t", "&connections=8", "few"), {"id"});
  EXPECT_TRUE(all.status.ok()) << all.status;
  EXPECT_EQ(all.rows.size(), 99u);
  const auto store = Open("t", "", "few");
  auto first = store->StartScan({"id"});
  auto second = store->StartScan({"id"});
  ASSERT_TRUE(first.ok() && second.ok());
  const absl::Status status = OneLine(store->StartScan({"id"}).status());
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(IsUsersFault(store->Describe().status()));
}

}  // namespace
}  // namespace driftwood::agent
