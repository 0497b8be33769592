// A table and what its own engine's program writes of it with default settings are identical, for
// every scalar type. Not among the values: what such an export has lost (digits of a float in
// MariaDB's and of a REAL in SQLite's csv, blobs in SQLite's) or made up (SQLite's json has digits
// that a double has not: 12.30000000000000071).
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

class ExportsTest : public DiffTest {
 protected:
  // What the program writes, into a file of the test's directory.
  void Export(const std::vector<std::string>& command, const std::string& name) {
    const ProcessResult result = RunProcess(command);
    ASSERT_EQ(result.exit_code, 0) << command[0] << ": " << result.err;
    WriteFile(name, result.out);
  }

  void ExpectIdentical(const std::vector<std::string>& words) {
    const Json document = DiffJson(words);
    EXPECT_EQ(document.value("verdict", ""), "IDENTICAL") << document.dump(1);
    EXPECT_EQ(document.at("warnings"), Json::array());
  }

  // That the export is compared at all: a change of any column is found.
  void ExpectEachColumnCounts(const Json& divergent, const std::set<std::string>& columns) {
    std::set<std::string> found;
    for (const Json& record : divergent.at("differences")) {
      for (const Json& column : record.at("columns")) found.insert(column.get<std::string>());
    }
    EXPECT_EQ(found, columns);
  }
};

constexpr char kPgTable[] =
    "DROP TABLE IF EXISTS exported; DROP TYPE IF EXISTS mood; "
    "CREATE TYPE mood AS ENUM ('sad', 'so, so'); "
    "CREATE TABLE exported(id int PRIMARY KEY, b boolean, i2 smallint, i8 bigint, o oid, n numeric,"
    " n4 numeric(12,4), m money, r real, d double precision, t text, vc varchar(9), c char(8), "
    "nm name, ch \"char\", raw bytea, da date, ti time, ts timestamp, tz timestamptz, u uuid, "
    "j json, jb jsonb, e mood, ma money[]);"
    "INSERT INTO exported VALUES "
    "(1, true, -32768, 9223372036854775807, 4294967295, 'NaN', 12345678.9, (-1234567.89)::money, "
    "0.1, 0.1, 'näme, \"x\"\n', 'a b ', 'x', 'nm', 'c', '\\x00ff5c', '2024-02-29', '24:00:00', "
    "'2024-02-29 12:34:56.123456', '2024-02-29 12:34:56.1+02', "
    "'6ba7b810-9dad-11d1-80b4-00c04fd430c8', '{\"a\": [1, 2.50], \"A\": null}', '{\"a\": 1e2}', "
    "'so, so', ARRAY[1234.5, -7, 1e9, NULL]::money[]),"
    "(2, false, 0, 0, 0, 0.00000000000000000001, 0, 0.5::money, 3.4028235e38, 1e300, '', '', '', "
    "'', 'x', '', '0044-03-15 BC', '00:00:00', 'infinity', '-infinity', "
    "'00000000-0000-0000-0000-000000000000', '\"a\"', '[]', 'sad', '{}'),"
    "(3, false, 7, 7, 7, 123456789012345678901234567890.5, -0.0001, 0::money, 16777216, 'Infinity',"
    " '\\N', ' x', 'a b', 'n', '.', '\\x0a', '1970-01-01', '10:20:30.5', "
    "'1969-12-31 23:59:59.999999', '1900-01-01 00:00:00+00', "
    "'6ba7b810-9dad-11d1-80b4-00c04fd430c9', '12.50', '12.50', 'sad', ARRAY[ARRAY[0.5::money]])";

TEST_F(ExportsTest, PostgresqlTablesAreTheirCsvAndTheirJson) {
  PostgresServer* const server = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(std::string(kPgTable) + "; INSERT INTO exported(id) VALUES (4)");
  const std::vector<std::string> psql = {
      "psql", "-h", server->folder().string(), "-U", "test", "-d", "postgres", "-X", "-q", "-c"};
  const auto with = [&](const std::string& statement) {
    std::vector<std::string> command = psql;
    command.push_back(statement);
    return command;
  };
  Export(with("\\copy exported to stdout csv header"), "t.csv");
  std::vector<std::string> json = with("SELECT row_to_json(x) FROM exported x");
  json.insert(json.end() - 2, "-At");
  Export(json, "t.jsonl");
  ExpectIdentical({server->Url("exported"), "csv:t.csv"});
  ExpectIdentical({server->Url("exported"), "jsonl:t.jsonl"});
  server->Sql(
      "UPDATE exported SET b = NOT b, i2 = 1, i8 = 1, o = 1, n = 1, n4 = 1, m = 1::money, r = 1, "
      "d = 1, t = 'y', vc = 'y', c = 'y', nm = 'y', ch = 'y', raw = '\\x01', da = '2000-01-01', "
      "ti = '01:00', ts = '2000-01-01', tz = '2000-01-01 00:00+00', "
      "u = '11111111-0000-0000-0000-000000000000', j = '1', jb = '1', e = 'sad', ma[2] = 7::money "
      "WHERE id = 1");
  const std::set<std::string> all = {"b",  "i2", "i8", "o", "n",  "n4", "m",   "r",
                                     "d",  "t",  "vc", "c", "nm", "ch", "raw", "da",
                                     "ti", "ts", "tz", "u", "j",  "jb", "e",   "ma"};
  ExpectEachColumnCounts(DiffJson({server->Url("exported"), "csv:t.csv"}), all);
  ExpectEachColumnCounts(DiffJson({server->Url("exported"), "jsonl:t.jsonl"}), all);
}

TEST_F(ExportsTest, MariadbTablesAreTheirBatch) {
  MariadbServer* const server = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql(
      "DROP TABLE IF EXISTS exported; CREATE TABLE exported(id int PRIMARY KEY, ti tinyint, "
      "u bigint unsigned, y year, de decimal(12,4), z int(6) zerofill, f float, d double, "
      "c char(8), vc varchar(20), t text, e enum('a', 'b c'), da date, tm time(6), dt datetime(6), "
      "ts timestamp(6) NULL, uu uuid, j json, raw varbinary(16), bi binary(4), bl blob, ip inet6) "
      "CHARACTER SET utf8mb4; SET time_zone = '+00:00'; INSERT INTO exported VALUES "
      "(1, -128, 18446744073709551615, 2024, 12345678.9, 42, 0.1, 0.1, 'x', 'a\\tb\\n\\\\', "
      "'n\xc3\xa4me', 'b c', '2024-02-29', '-838:59:59', '2024-02-29 12:34:56.123456', "
      "'2024-02-29 12:34:56.5', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '{\"a\": [1, 2.50]}', "
      "0x00ff5c0a, 0x01, 0x5c7836310009, '::1'),"
      "(2, 0, 0, 1901, 0, 0, -2.5, 1e300, '', '', '', 'a', '1000-01-01', '00:00:00', "
      "'1000-01-01 00:00:00', '1970-01-01 00:00:01', '00000000-0000-4000-8000-000000000000', "
      "'\"a\"', '', 0x00, '', '::');"
      "INSERT INTO exported(id) VALUES (3)");
  Export({"mariadb", "--no-defaults", "-uroot", "-S", server->socket(),
          "--default-character-set=utf8mb4", "--init-command=SET time_zone = '+00:00'", "--batch",
          "-e", "SELECT * FROM exported", "test"},
         "t.tsv");
  const std::vector<std::string> copies = {server->Url("exported"),
                                           "tsv:t.tsv?dialect=mysql&null=NULL",
                                           "--name",
                                           "maria",
                                           "--name",
                                           "batch",
                                           "--zone",
                                           "batch:ts=UTC"};
  ExpectIdentical(copies);
  server->Sql(
      "UPDATE exported SET ti = 1, u = 1, y = 2000, de = 1, z = 1, f = 1, d = 1, c = 'y', "
      "vc = 'y', t = 'y', e = 'a', da = '2000-01-01', tm = '01:00', dt = '2000-01-01', "
      "ts = '2000-01-01', uu = '11111111-0000-4000-8000-000000000000', j = '1', raw = 'y', "
      "bi = 'y', bl = 'y', ip = '::2' WHERE id = 1");
  ExpectEachColumnCounts(DiffJson(copies),
                         {"ti", "u",  "y",  "de", "z",  "f", "d",   "c",  "vc", "t", "e",
                          "da", "tm", "dt", "ts", "uu", "j", "raw", "bi", "bl", "ip"});
}

TEST_F(ExportsTest, SqliteTablesAreTheirCsvAndTheirJson) {
  Sql("s.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, i INT, r REAL, n NUMERIC, de DECIMAL(10,2), t TEXT, "
      "vc VARCHAR(9), d DATE, ts TIMESTAMP, b BOOLEAN, u UUID);"
      "INSERT INTO t VALUES (1, 9223372036854775807, 0.1, 1.5, 12.25, 'n\xc3\xa4me, \"x\"', ' a ', "
      "'2024-02-29', '2024-02-29 12:34:56.5', 1, '6ba7b810-9dad-11d1-80b4-00c04fd430c8'),"
      "(2, -1, 1e300, 7, 0, '', '', '1970-01-01', '1970-01-01 00:00:00', 0, "
      "'00000000-0000-0000-0000-000000000000');"
      "INSERT INTO t(id) VALUES (3)");
  Export({"sqlite3", "-csv", "-header", Path("s.db"), "SELECT * FROM t"}, "t.csv");
  ExpectIdentical({"sqlite:s.db?table=t", "csv:t.csv"});

  // An array of objects, one on each line.
  Export({"sqlite3", "-json", Path("s.db"), "SELECT * FROM t"}, "t.json");
  std::string lines;
  for (std::string line : Lines(ReadFile(dir_ / "t.json"))) {
    if (line.starts_with("[")) line.erase(0, 1);
    line.pop_back();
    lines += line + "\n";
  }
  WriteFile("t.jsonl", lines);
  ExpectIdentical({"sqlite:s.db?table=t", "jsonl:t.jsonl"});
}

// An integer of 64 bits without a sign is a REAL in SQLite.
TEST_F(ExportsTest, AnIntegerThatIsTooLargeForSqliteIsItsExport) {
  Sql("large.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER);"
      "INSERT INTO t VALUES (1, 9.3e18), (2, 1e19), (3, 1.8e19), (4, 1.9e19), (5, -9.3e18)");
  Export({"sqlite3", "-csv", "-header", Path("large.db"), "SELECT * FROM t"}, "large.csv");
  EXPECT_EQ(Verdict({"sqlite:large.db?table=t", "csv:large.csv"}), "IDENTICAL");
  Sql("large.db", "UPDATE t SET v = 9.4e18 WHERE id = 1");
  EXPECT_EQ(Found(DiffJson({"sqlite:large.db?table=t", "csv:large.csv"})),
            (std::set<std::string>{"1 changed"}));
}

// SQLite keeps in a column what it is given. Whatever that is equals what its own programs write.
TEST_F(ExportsTest, WhatASqliteColumnHoldsOfAnotherKindIsItsExport) {
  const std::vector<std::string> types = {"INTEGER",      "INT",  "REAL",    "NUMERIC",
                                          "DECIMAL(9,2)", "TEXT", "BOOLEAN", "TIMESTAMP",
                                          "DATE",         "UUID"};
  const std::vector<std::string> values = {"1",         "-7",     "1.5",   "-0.25",
                                           "'abc'",     "'1.50'", "'007'", "'x,y'",
                                           "123456789", "1e10",   "2.0",   "'2024-01-02'"};
  std::string columns = "id INTEGER PRIMARY KEY";
  for (size_t i = 0; i < types.size(); ++i) columns += ", c" + std::to_string(i) + " " + types[i];
  std::string sql = "CREATE TABLE t(" + columns + ");";
  for (size_t v = 0; v < values.size(); ++v) {
    sql += "INSERT INTO t VALUES (" + std::to_string(v);
    for (size_t i = 0; i < types.size(); ++i) sql += ", " + values[v];
    sql += ");";
  }
  Sql("off.db", sql);
  Export({"sqlite3", "-csv", "-header", Path("off.db"), "SELECT * FROM t"}, "off.csv");
  Export({"sqlite3", "-json", Path("off.db"), "SELECT * FROM t"}, "off.json");
  Export({"sqlite3", "-quote", "-header", Path("off.db"), "SELECT * FROM t"}, "quoted.csv");
  EXPECT_EQ(Verdict({"sqlite:off.db?table=t", "csv:off.csv"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"sqlite:off.db?table=t", "jsonl:off.json"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"sqlite:off.db?table=t", "csv:quoted.csv?quote='&null=NULL"}), "IDENTICAL");
  // And nothing else does.
  Sql("off.db", "UPDATE t SET c0 = 1.25 WHERE id = 2; UPDATE t SET c7 = 8 WHERE id = 0");
  EXPECT_EQ(Found(DiffJson({"sqlite:off.db?table=t", "csv:off.csv"})),
            (std::set<std::string>{"0 changed", "2 changed"}));
}

TEST_F(ExportsTest, AStrictTableIsItsExport) {
  Sql("strict.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a ANY, i INT, r REAL, t TEXT) STRICT;"
      "INSERT INTO t VALUES (1, 1.0, 2, 3, 'x'), (2, '1', 2, 3.5, ''), (3, NULL, NULL, NULL, "
      "NULL)");
  Export({"sqlite3", "-json", Path("strict.db"), "SELECT * FROM t"}, "strict.json");
  EXPECT_EQ(Verdict({"sqlite:strict.db?table=t", "jsonl:strict.json"}), "IDENTICAL");
  Sql("strict.db", "UPDATE t SET a = '1.0' WHERE id = 1; UPDATE t SET a = 1 WHERE id = 2");
  EXPECT_EQ(Found(DiffJson({"sqlite:strict.db?table=t", "jsonl:strict.json"})),
            (std::set<std::string>{"1 changed", "2 changed"}));
}

// Its json and its quotes have digits that a double has not: a difference, with what reads it.
TEST_F(ExportsTest, TheDigitsThatSqliteMakesUpAreReadAsDoublesWhereThatIsSaid) {
  Sql("made.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, i INTEGER, n NUMERIC, d DECIMAL(9,2), r REAL);"
      "INSERT INTO t VALUES (1, 0.1, 0.1, 12.3, 0.1), (2, 2, 7, 1.5, 1e300), "
      "(3, -1234.567, 1e-7, 0.3, -0.7)");
  Export({"sqlite3", "-json", Path("made.db"), "SELECT * FROM t"}, "made.json");
  Export({"sqlite3", "-quote", "-header", Path("made.db"), "SELECT * FROM t"}, "made.csv");
  for (const std::string copy : {"jsonl:made.json", "csv:made.csv?quote='&null=NULL"}) {
    const Json document = DiffJson({"sqlite:made.db?table=t", copy});
    EXPECT_EQ(Found(document), (std::set<std::string>{"1 changed", "3 changed"}));
    std::map<std::string, std::string> options;
    for (const Json& column : document["explanation"]["columns"]) {
      options[column["name"]] = column["hypotheses"][0].value("option", "");
    }
    EXPECT_EQ(options, (std::map<std::string, std::string>{{"d", "--types d=float64"},
                                                           {"i", "--types i=float64"},
                                                           {"n", "--types n=float64"}}));
    EXPECT_EQ(Verdict({"sqlite:made.db?table=t", copy, "--types", "i=float64,n=float64,d=float64"}),
              "IDENTICAL");
  }
}

// One value under many spellings, in stores of every kind: whatever two of them are compared with
// the database agree with each other under its type.
TEST_F(ExportsTest, EqualityUnderADeclaredTypeGoesOnFromOneStoreToTheNext) {
  Sql("s.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, i INT, d DATE, ts TIMESTAMP, n DECIMAL(9,2));"
      "INSERT INTO t VALUES (1, 1234, '2020-06-03', '2020-06-03 10:20:30', 1.5)");
  WriteFile("a.csv", "id,i,d,ts,n\n1,1234.0,20200603,20200603T102030,1.50\n");
  WriteFile("b.csv", "id,i,d,ts,n\n1,+1234.,2020-06-03 00:00:00,2020-06-03T10:20:30.000,15e-1\n");
  WriteFile("c.jsonl",
            "{\"id\":1,\"i\":1.234e3,\"d\":\"2020-06-03T00:00:00\","
            "\"ts\":\"2020-06-03 10:20:30\",\"n\":1.5}\n");
  WriteFile("d.csv", "id,i,d,ts,n\n1,1234.5,2020-06-03 00:00:01,2020-06-03 10:20:31,1.51\n");
  const std::vector<std::string> equal = {"sqlite:s.db?table=t", "csv:a.csv", "csv:b.csv",
                                          "jsonl:c.jsonl"};
  const std::vector<std::string> typed = {"--key", "id", "--types",
                                          "id=int,i=int,d=date,ts=datetime,n=numeric"};
  for (size_t i = 0; i < equal.size(); ++i) {
    for (size_t j = i + 1; j < equal.size(); ++j) {
      std::vector<std::string> words = {equal[i], equal[j]};
      words.insert(words.end(), typed.begin(), typed.end());
      EXPECT_EQ(Verdict(words), "IDENTICAL") << equal[i] << " " << equal[j];
    }
    std::vector<std::string> words = {equal[i], "csv:d.csv"};
    words.insert(words.end(), typed.begin(), typed.end());
    const Json document = DiffJson(words);
    ASSERT_EQ(document.value("verdict", ""), "DIVERGENT");
    ExpectEachColumnCounts(document, {"i", "d", "ts", "n"});
  }
  std::vector<std::string> all = equal;
  EXPECT_EQ(Verdict(all), "IDENTICAL") << "the database's types are those of all";
}

TEST_F(ExportsTest, FilesSayHowTheyWriteNumbersWordsAndDates) {
  Sql("s.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, n DECIMAL(9,2), b BOOLEAN, d DATE, at INT);"
      "INSERT INTO t VALUES (1, 1234.5, 1, '2024-02-03', 1709210096)");
  WriteFile("t.csv", "id;n;b;d;at\n1;1234,50;Ja;3.2.2024;2024-02-29 12:34:56\n");
  const std::vector<std::string> words = {
      "sqlite:s.db?table=t", "csv:t.csv?delimiter=semicolon&decimal=,&true=ja&false=nein",
      "--types", "d=date:%d.%m.%Y,at=timestamp:unix"};
  ExpectIdentical(words);
  WriteFile("t.csv", "id;n;b;d;at\n1;1.234,50;yes;2.3.2024;1709210097\n");
  ExpectEachColumnCounts(DiffJson(words), {"n", "b", "d", "at"});
}

TEST_F(ExportsTest, WhatDoesNotParseIsNamedWithWhatWouldReadIt) {
  Sql("s.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, created TIMESTAMPTZ);"
      "INSERT INTO t VALUES (1, '2024-03-01 10:20:30Z')");
  WriteFile("t.csv", "id,created\n1,2024-03-01 10:20:30\n");
  const ProcessResult result =
      Diff({"sqlite:s.db?table=t", "csv:t.csv", "--name", "db", "--name", "csv"});
  EXPECT_EQ(result.exit_code, 1) << result.out;
  EXPECT_NE(result.err.find(
                "1 of 'created' does not parse as timestamptz, such as '2024-03-01 10:20:30'"),
            std::string::npos)
      << result.err;
  EXPECT_NE(result.err.find("--zone csv:created=UTC+N"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace driftwood::testing
