// Covers sqlite_clock.cc, sqlite_connection.cc and sqlite_table.cc too.
#include "agent/stores/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string_view>

#include "tests/agent/stores/sqlite/sqlite_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(SqliteStoreTest, DescribesColumnsAndKey) {
  Run("CREATE TABLE Orders(id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, price DECIMAL(8,2), "
      "any, twice AS (id * 2), at TIMESTAMP WITH TIME ZONE)");
  Run("INSERT INTO Orders(id, name) VALUES (7, 'x')");
  const auto description = Open("orders")->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  std::vector<std::string> columns;
  for (const SourceColumn& column : description->columns) {
    columns.push_back(column.name + " " +
                      (column.knowledge == TypeKnowledge::kTyped
                           ? std::string(merkle::ColumnTypeName(column.type))
                           : "-") +
                      " " + column.declared);
  }
  EXPECT_THAT(columns, ElementsAre("id integer INTEGER", "name text VARCHAR(20)",
                                   "price decimal DECIMAL(8,2)", "any - ", "twice - ",
                                   "at timestamptz TIMESTAMP WITH TIME ZONE"));
  EXPECT_THAT(description->key, ElementsAre("id"));
  EXPECT_EQ(description->records_estimate, 7u);
  EXPECT_THAT(description->warnings, IsEmpty());
  EXPECT_EQ(description->source, "sqlite:" + File().string() + "?table=orders");
}

TEST(SqliteTypeTest, DeclaredTypesHaveCanonicalOnes) {
  using merkle::ColumnType;
  const auto type = [](const char* declared) { return TypeOfDeclared(declared); };
  for (const char* declared : {"INT", "integer", "UNSIGNED BIG INT", "INT2", "bigint(20)"}) {
    EXPECT_EQ(type(declared), ColumnType::kInteger) << declared;
  }
  for (const char* declared : {"TEXT", "CHARACTER(20)", "VARYING CHARACTER(255)", "NCHAR(55)",
                               "CLOB", "nvarchar ( 10 )", "LONGTEXT"}) {
    EXPECT_EQ(type(declared), ColumnType::kText) << declared;
  }
  for (const char* declared : {"REAL", "DOUBLE PRECISION", "float(10)"}) {
    EXPECT_EQ(type(declared), ColumnType::kFloat64) << declared;
  }
  for (const char* declared : {"NUMERIC", "decimal(10,5)", "NUMBER", "MONEY"}) {
    EXPECT_EQ(type(declared), ColumnType::kDecimal) << declared;
  }
  EXPECT_EQ(type("BLOB"), ColumnType::kBytes);
  EXPECT_EQ(type("boolean"), ColumnType::kBool);
  EXPECT_EQ(type("DATE"), ColumnType::kDate);
  EXPECT_EQ(type("TIME"), ColumnType::kTime);
  EXPECT_EQ(type("DATETIME"), ColumnType::kTimestamp);
  EXPECT_EQ(type("TIMESTAMP(6)"), ColumnType::kTimestamp);
  EXPECT_EQ(type("timestamp without time zone"), ColumnType::kTimestamp);
  EXPECT_EQ(type("TIMESTAMP(6) WITH TIME ZONE"), ColumnType::kTimestampTz);
  EXPECT_EQ(type("TIMESTAMPTZ"), ColumnType::kTimestampTz);
  EXPECT_EQ(type("uuid"), ColumnType::kUuid);
  EXPECT_EQ(type("JSONB"), ColumnType::kJson);
  for (const char* declared : {"", "ANY", "POINT", "INTERVAL", "STRING", "TIME WITH TIME ZONE",
                               "GEOMETRY(INT)", "()", "((", ")x("}) {
    EXPECT_EQ(type(declared), std::nullopt) << declared;
  }
}

TEST_F(SqliteStoreTest, AnUnknownDeclaredTypeIsDynamicWithAWarning) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, place POINT)");
  const auto description = Open("t")->Describe().value();
  EXPECT_EQ(description.columns[1].knowledge, TypeKnowledge::kDynamic);
  ASSERT_THAT(description.warnings, SizeIs(1));
  EXPECT_THAT(description.warnings[0], HasSubstr("place"));
  EXPECT_THAT(description.warnings[0], HasSubstr("POINT"));
}

TEST_F(SqliteStoreTest, KeysComeFromPrimaryKeysAndUniqueIndexes) {
  Run("CREATE TABLE a(x, b INT, c INT, PRIMARY KEY(c, b));"
      "CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
      "CREATE TABLE u(x INT, p INT NOT NULL, q INT NOT NULL, r INT NOT NULL);"
      "CREATE UNIQUE INDEX u1 ON u(x); CREATE UNIQUE INDEX u2 ON u(p, q);"
      "CREATE UNIQUE INDEX u3 ON u(r) WHERE p > 1; CREATE UNIQUE INDEX u4 ON u(p + 1);"
      "CREATE TABLE n(x); CREATE VIEW v AS SELECT * FROM a");
  EXPECT_THAT(KeyOf("a"), ElementsAre("c", "b"));
  EXPECT_THAT(KeyOf("w"), ElementsAre("k"));
  EXPECT_THAT(KeyOf("u"), ElementsAre("p", "q"));
  EXPECT_THAT(KeyOf("n"), IsEmpty());
  EXPECT_THAT(KeyOf("v"), IsEmpty());
  EXPECT_THAT(Open("v", {{"key", "x,b"}})->Describe()->key, ElementsAre("x", "b"));
  const auto wrong = Open("n", {{"key", "y"}})->Describe();
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("y"));
}

TEST_F(SqliteStoreTest, ValuesKeepTheTypeThatTheyHave) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
  Run("INSERT INTO t VALUES (1, NULL), (2, -9223372036854775808), (3, 0.5), (4, ''), (5, x''), "
      "(6, x'6100ff'), (7, CAST(x'610062' AS TEXT))");
  const ScanOutcome all = ReadAll(*Open("t"), {"v"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  EXPECT_THAT(all.rows,
              ElementsAre(ElementsAre("null"), ElementsAre("int -9223372036854775808"),
                          ElementsAre("real 0.500000"), ElementsAre("text "), ElementsAre("bytes "),
                          ElementsAre(std::string("bytes a\0\xff", 9)),
                          ElementsAre(std::string("text a\0b", 8))));
}

// Ledger row 10.
TEST_F(SqliteStoreTest, Ledger10ZeroIsNotNull) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v REAL)");
  Run("INSERT INTO t VALUES (1, 0.0), (2, NULL)");
  EXPECT_THAT(ReadAll(*Open("t"), {"v"}).rows,
              ElementsAre(ElementsAre("real 0.000000"), ElementsAre("null")));
}

// Ledger row 6.
TEST_F(SqliteStoreTest, Ledger6ALargeBlobIsReadWhole) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)");
  Run("INSERT INTO t VALUES (1, zeroblob(20000000)), (2, x'01'), (3, zeroblob(20000001))");
  const ScanOutcome all = ReadAll(*Open("t"), {"v", "id"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  ASSERT_THAT(all.rows, SizeIs(3));
  EXPECT_EQ(all.rows[0][0].size(), 6 + 20'000'000u);
  EXPECT_EQ(all.rows[2][0].size(), 6 + 20'000'001u);
}

// Ledger row 15.
TEST_F(SqliteStoreTest, Ledger15RowsWithNullInTheKeyAreRead) {
  Run("CREATE TABLE t(k TEXT PRIMARY KEY, v INT)");
  Run("INSERT INTO t VALUES ('a', 1), (NULL, 2), (NULL, 3)");
  EXPECT_THAT(ReadAll(*Open("t"), {"k", "v"}).rows,
              ElementsAre(ElementsAre("text a", "int 1"), ElementsAre("null", "int 2"),
                          ElementsAre("null", "int 3")));
}

// Ledger row 12.
TEST_F(SqliteStoreTest, Ledger12LargeIntegersKeepEveryDigit) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v NUMERIC)");
  Run("INSERT INTO t VALUES (9007199254740993, 9007199254740993)");
  EXPECT_THAT(ReadAll(*Open("t"), {"id", "v"}).rows,
              ElementsAre(ElementsAre("int 9007199254740993", "int 9007199254740993")));
}

TEST_F(SqliteStoreTest, ManyBatchesHaveEveryRowOnce) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
  Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
      "INSERT INTO t SELECT i * 3, printf('%.*c', CASE WHEN i % 100 = 0 THEN 50000 ELSE 5 END, 'x')"
      " FROM n");
  const auto store = Open("t");
  const ScanOutcome all = ReadAll(*store, {"id"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  ASSERT_THAT(all.rows, SizeIs(10'000));
  for (size_t i = 0; i < all.rows.size(); ++i) {
    ASSERT_EQ(all.rows[i][0], "int " + std::to_string((i + 1) * 3));
    ASSERT_EQ(all.origins[i], (i + 1) * 3);
  }
  EXPECT_EQ(store->DescribeOrigin(all.origins[1]).value(), "rowid 6");
  EXPECT_THAT(ReadAll(*store, {"v", "id"}).rows, SizeIs(10'000));
}

TEST_F(SqliteStoreTest, TablesWithoutRowidAndViewsCountTheirRows) {
  Run("CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
      "INSERT INTO w VALUES ('b', 1), ('a', 2); CREATE VIEW v AS SELECT k, v + 1 AS z FROM w;"
      "CREATE TABLE o(rowid TEXT, _rowid_ INT, oid INT); INSERT INTO o VALUES ('x', 5, 6)");
  const auto store = Open("w");
  const ScanOutcome all = ReadAll(*store, {"k", "v"});
  EXPECT_THAT(all.rows,
              ElementsAre(ElementsAre("text a", "int 2"), ElementsAre("text b", "int 1")));
  EXPECT_EQ(store->DescribeOrigin(all.origins[1]).value(), "row 2");
  EXPECT_THAT(ReadAll(*Open("v"), {"k", "z"}).rows[0], ElementsAre("text a", "int 3"));
  EXPECT_THAT(ReadAll(*Open("o"), {"rowid", "oid"}).rows,
              ElementsAre(ElementsAre("text x", "int 6")));
}

TEST_F(SqliteStoreTest, ATableOfAsManyColumnsAsThereMayBeIsRead) {
  constexpr int kColumns = 2000;
  std::string names = "c0";
  std::string values = "0";
  std::vector<std::string> columns = {"c0"};
  for (int i = 1; i < kColumns; ++i) {
    columns.push_back("c" + std::to_string(i));
    names += ", " + columns.back();
    values += ", " + std::to_string(i);
  }
  Run("CREATE TABLE t(" + names + "); INSERT INTO t VALUES (" + values + ")");
  const ScanOutcome all = ReadAll(*Open("t"), columns);
  ASSERT_TRUE(all.status.ok()) << all.status;
  ASSERT_EQ(all.rows.size(), 1u);
  ASSERT_EQ(all.rows[0].size(), columns.size());
  EXPECT_EQ(all.rows[0].back(), "int 1999");
}

TEST_F(SqliteStoreTest, OddNamesAreNames) {
  Run("CREATE TABLE \"a \"\"b\"\" ]'\"(\"se lect\" INTEGER PRIMARY KEY, \"x\"\"y\" TEXT)");
  Run("INSERT INTO \"a \"\"b\"\" ]'\" VALUES (1, 'v')");
  EXPECT_THAT(ReadAll(*Open("a \"b\" ]'"), {"x\"y", "se lect"}).rows,
              ElementsAre(ElementsAre("text v", "int 1")));
  EXPECT_FALSE(ReadAll(*Open("a \"b\" ]'"), {"missing"}).status.ok());
}

TEST_F(SqliteStoreTest, Utf16DatabasesReadAsUtf8) {
  for (const char* encoding : {"UTF-16le", "UTF-16be"}) {
    std::filesystem::remove(File());
    const Writer writer(File());
    writer.Run("PRAGMA encoding = '" + std::string(encoding) + "'");
    writer.Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
    writer.Run("INSERT INTO t VALUES (1, 'a\xc3\xa4\xf0\x9f\x98\x80'), (2, '')");
    const bool little = std::string(encoding) == "UTF-16le";
    // Two different halves of surrogate pairs: SQLite's own conversion makes them equal.
    writer.Run(std::string("INSERT INTO t VALUES (3, CAST(") + (little ? "x'00d8'" : "x'd800'") +
               " AS TEXT)), (4, CAST(" + (little ? "x'01d8'" : "x'd801'") + " AS TEXT))");
    const ScanOutcome all = ReadAll(*Open("t"), {"v"});
    ASSERT_TRUE(all.status.ok()) << all.status;
    EXPECT_EQ(all.rows[0][0], "text a\xc3\xa4\xf0\x9f\x98\x80");
    EXPECT_EQ(all.rows[1][0], "text ");
    EXPECT_NE(all.rows[2][0], all.rows[3][0]);
  }
}

TEST_F(SqliteStoreTest, AMissingTableIsNamedWithThoseThereAre) {
  Run("CREATE TABLE orders(id INTEGER PRIMARY KEY); CREATE TABLE items(id)");
  const absl::Status missing = Open("ordrs")->Describe().status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("did you mean \"orders\""));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("items, orders"));
  const absl::Status none = Open("")->Describe().status();
  EXPECT_EQ(none.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(none.message()), HasSubstr("items, orders"));
}

TEST_F(SqliteStoreTest, WhatIsNoDatabaseIsAClearError) {
  EXPECT_EQ(Open("t")->Describe().status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(File())) << "it must not be created";
  std::ofstream(File()) << std::string(5000, 'x');
  EXPECT_EQ(Open("t")->Describe().status().code(), absl::StatusCode::kInvalidArgument);
  const auto folder = OpenSqliteStore({"sqlite", folder_.path().string(), {{"table", "t"}}});
  EXPECT_EQ((*folder)->Describe().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(OpenSqliteStore({"sqlite", "x", {{"tabel", "t"}}}).ok());
}

// A database and the rollback journal of a writer that was killed: what the file holds is half a
// change.
TEST_F(SqliteStoreTest, AHotJournalIsNeitherIgnoredNorRolledBack) {
  Run("PRAGMA page_size = 4096; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
      "INSERT INTO t SELECT i, printf('%.*c', 100, 'x') FROM n");
  const testing::TempDir crashed;
  {
    const Writer writer(File());
    writer.Run("PRAGMA cache_size = 1; BEGIN; UPDATE t SET v = printf('%.*c', 100, 'y')");
    for (const char* name : {"d.db", "d.db-journal"}) {
      std::filesystem::copy_file(folder_ / name, crashed / name);
    }
    writer.Run("ROLLBACK");
  }
  const auto store =
      OpenSqliteStore({"sqlite", (crashed / "d.db").string(), {{"table", "t"}}}).value();
  const absl::Status refused = store->Describe().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("let a writer undo it first"));
  EXPECT_TRUE(std::filesystem::exists(crashed / "d.db-journal"));
  Writer(crashed / "d.db").Run("PRAGMA user_version");  // what the message says to do
  const ScanOutcome whole = ReadAll(*store, {"id", "v"});
  EXPECT_TRUE(whole.status.ok()) << whole.status;
  EXPECT_EQ(whole.rows.size(), 2000u);
}

// Ledger row 18.
TEST_F(SqliteStoreTest, Ledger18DamageInTheMiddleIsAnErrorAndNoEnd) {
  Run("PRAGMA page_size = 4096; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
      "INSERT INTO t SELECT i, printf('%.*c', 100, 'x') FROM n");
  ASSERT_TRUE(ReadAll(*Open("t"), {"id", "v"}).status.ok());
  {
    std::fstream file(File(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 300);
    file << std::string(4096, '\xff');
  }
  const ScanOutcome damaged = ReadAll(*Open("t"), {"id", "v"});
  EXPECT_EQ(damaged.status.code(), absl::StatusCode::kDataLoss) << damaged.status;
  EXPECT_LT(damaged.rows.size(), 20000u);
  std::filesystem::resize_file(File(), 4096 * 200);
  EXPECT_FALSE(ReadAll(*Open("t"), {"id", "v"}).status.ok());
}

// A view may show something else although the file stays as it is.
TEST_F(SqliteStoreTest, ThereIsNoProofForAView) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'x');"
      "CREATE VIEW w AS SELECT id, v, random() AS r FROM t");
  const auto store = Open("w", {{"key", "id"}});
  const ScanOutcome first = ReadAll(*store, {"id", "r"});
  const ScanOutcome second = ReadAll(*store, {"id", "r"});
  ASSERT_TRUE(first.status.ok()) << first.status;
  EXPECT_NE(first.rows, second.rows);
  EXPECT_EQ(first.end.position, "");
  EXPECT_EQ(first.end.not_point_in_time, "the view w calls random()");
}

TEST_F(SqliteStoreTest, LooksIntegerPrimaryKeysUp) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (5, 'b');"
      "CREATE TABLE i(id INT PRIMARY KEY, v TEXT)");
  const auto store = Open("t");
  const std::vector<std::vector<SourceValue>> keys = {
      {SourceValue::Int64(5)}, {SourceValue::Int64(4)}, {SourceValue::Int64(1)}};
  const ScanOutcome found = ReadScan(*store->Lookup({"id", "v"}, {"id"}, keys).value());
  EXPECT_THAT(found.rows,
              ElementsAre(ElementsAre("int 5", "text b"), ElementsAre("int 1", "text a")));
  EXPECT_TRUE(absl::IsUnimplemented(Open("i")->Lookup({"id"}, {"id"}, keys).status()));
  const std::vector<std::vector<SourceValue>> texts = {{SourceValue::Text("1")}};
  EXPECT_TRUE(absl::IsUnimplemented(store->Lookup({"id"}, {"id"}, texts).status()));
  EXPECT_THAT(ReadScan(*store->Lookup({"id"}, {"id"}, {}).value()).rows, IsEmpty());
}

// More than one lookup takes.
TEST_F(SqliteStoreTest, ManyRecordsAreReadByKeyAndByScanAlike) {
  for (const std::string type : {"INTEGER", "INT"}) {
    Run("CREATE TABLE t" + type + "(id " + type + " PRIMARY KEY, v TEXT);" +
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) "
        "INSERT INTO t" +
        type + " SELECT i, 'v' || i FROM n WHERE i % 7 != 0");
    merkle::Agreement agreement;
    agreement.schema = {{{"id", merkle::ColumnType::kInteger}}, {{"v", merkle::ColumnType::kText}}};
    agreement.key_id = merkle::DigestKey::Unkeyed().KeyId();
    std::vector<std::string> keys;
    for (int64_t id = 12'100; id > 0; --id) {
      merkle::AppendInteger(id, merkle::Place::kKeyLast, &keys.emplace_back());
    }
    const auto store = Open("t" + type);
    const auto found = ReadRecords(*store, agreement, {}, keys);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->size(), 12'000u - 12'000 / 7);
    EXPECT_TRUE(std::is_sorted(found->begin(), found->end(),
                               [](const auto& a, const auto& b) { return a.key < b.key; }));
    EXPECT_EQ(merkle::DecodeValues(found->back().value, 1)->at(0).text, "v12000");
  }
}

// Different values never become one: neither as they are handed over nor as they are encoded.
TEST_F(SqliteStoreTest, DifferentValuesOfAUtf16DatabaseStayDifferent) {
  const std::vector<std::string> values = {"'a'",
                                           "x'61'",
                                           "x'6100'",
                                           "x'0061'",
                                           "x'00d8'",
                                           "x'd800'",
                                           "x'eda080'",
                                           "x'ff00'",
                                           "1",
                                           "'1'",
                                           "1.5",
                                           "NULL",
                                           "''",
                                           "x''",
                                           "'\xed\x9f\xbf'",
                                           "'\xf0\x90\x80\x80'",
                                           "CAST(x'00d8' AS TEXT)",
                                           "CAST(x'd800' AS TEXT)",
                                           "CAST(x'01d8' AS TEXT)",
                                           "CAST(x'00dc' AS TEXT)",
                                           "CAST(x'00dc00d8' AS TEXT)",
                                           "CAST(x'00d800d8' AS TEXT)",
                                           "CAST(x'00d800dc' AS TEXT)",
                                           "CAST(x'61' AS TEXT)",
                                           "CAST(x'610062' AS TEXT)",
                                           "CAST(x'eda080' AS TEXT)",
                                           "CAST(x'ffff' AS TEXT)"};
  for (const char* encoding : {"UTF-16le", "UTF-16be"}) {
    SCOPED_TRACE(encoding);
    std::filesystem::remove(File());
    const Writer writer(File());
    writer.Run("PRAGMA encoding = '" + std::string(encoding) + "'; CREATE TABLE t(v)");
    for (const std::string& value : values) writer.Run("INSERT INTO t VALUES (" + value + ")");
    writer.Run("CREATE TABLE expected AS SELECT DISTINCT typeof(v) AS t, hex(v) AS h FROM t");
    const size_t distinct = ReadAll(*Open("expected"), {"t", "h"}).rows.size();
    EXPECT_GT(distinct, 20u);
    for (const auto type :
         {merkle::ColumnType::kText, merkle::ColumnType::kBytes, merkle::ColumnType::kDynamic}) {
      KeyCollector collector(type);
      auto scan = Open("t")->StartScan({"v"}).value();
      ASSERT_TRUE((*scan->Next())->Decode(collector).ok());
      EXPECT_EQ(collector.keys.size(), distinct) << merkle::ColumnTypeName(type);
    }
  }
}

TEST_F(SqliteStoreTest, SeveralScansMayBeOpenAtOnce) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
  const auto store = Open("t");
  auto a = store->StartScan({"id"}).value();
  auto b = store->StartScan({"id"}).value();
  EXPECT_THAT(ReadScan(*a).rows, SizeIs(2));
  EXPECT_THAT(ReadScan(*b).rows, SizeIs(2));
}

// Nothing has to be written for it to give other rows.
TEST_F(SqliteStoreTest, AViewThatAsksForTheTimeOrForChanceIsNotOfOnePointInTime) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, at TEXT, word TEXT);"
      "INSERT INTO t VALUES (1, '2020-01-01 00:00:00', 'now');"
      "CREATE VIEW plain AS SELECT id, date(at) AS at, strftime('%Y', at) AS now FROM t "
      "WHERE word <> 'random()' AND datetime(at) > '2000-01-01';"
      "CREATE VIEW recent AS SELECT id FROM t WHERE at < datetime('now', '-1 hour');"
      "CREATE VIEW stamped AS SELECT id FROM t WHERE at < CURRENT_TIMESTAMP;"
      "CREATE VIEW implied AS SELECT id FROM t WHERE at < date();"
      "CREATE VIEW by_value AS SELECT id FROM t WHERE at < datetime(word);"
      "CREATE VIEW chance AS SELECT id FROM t WHERE random() IS NOT NULL;"
      "CREATE VIEW blobs AS SELECT id, randomblob(4) AS b FROM t;"
      "CREATE VIEW outer_view AS SELECT id FROM recent;"
      "CREATE VIEW in_subquery AS SELECT id FROM t WHERE id IN (SELECT id FROM chance)");
  const auto why = [&](const std::string& table) {
    const ScanOutcome outcome = ReadAll(*Open(table, {{"key", "id"}}), {"id"});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.rows.size(), 1u) << table;
    return outcome.end.not_point_in_time;
  };
  EXPECT_EQ(why("t"), "");
  EXPECT_EQ(why("plain"), "");
  for (const char* const view : {"recent", "stamped", "implied", "by_value", "outer_view"}) {
    EXPECT_EQ(why(view), "the view " + std::string(view) + " asks for the time");
  }
  EXPECT_EQ(why("chance"), "the view chance calls random()");
  EXPECT_EQ(why("in_subquery"), "the view in_subquery calls random()");
  const ScanOutcome blobs = ReadAll(*Open("blobs", {{"key", "id"}}), {"id", "b"});
  EXPECT_EQ(blobs.end.not_point_in_time, "the view blobs calls randomblob()");
}

}  // namespace
}  // namespace driftwood::agent
