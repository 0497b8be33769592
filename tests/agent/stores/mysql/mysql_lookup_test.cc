#include "agent/stores/mysql/mysql_lookup.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/stores/mysql/mysql_store_fixture.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

TEST_F(MysqlStoreTest, RecordsAreLookedUpByTheirKeys) {
  server_->Sql(
      "CREATE TABLE n(id bigint unsigned PRIMARY KEY, v int);"
      "INSERT INTO n SELECT seq, seq FROM seq_1_to_100; "
      "INSERT INTO n VALUES (18446744073709551615, 7)");
  const std::vector<std::vector<SourceValue>> numbers = {
      {SourceValue::Int64(7)}, {SourceValue::Int64(-1)}, {SourceValue::Uint64(~uint64_t{0})}};
  const auto store = Open("n");
  auto scan = store->Lookup({"id"}, {"id"}, numbers);
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(ReadScan(**scan).rows, (Rows{{"uint 7"}, {"uint 18446744073709551615"}}));
  const std::vector<std::vector<SourceValue>> nulls = {{SourceValue::Null()}};
  EXPECT_TRUE(absl::IsUnimplemented(store->Lookup({"id"}, {"id"}, nulls).status()));
  EXPECT_EQ(ReadScan(**store->Lookup({"id"}, {"id"}, {})).rows, Rows{});
}

TEST_F(MysqlStoreTest, ATextKeyIsFoundUnderEachCollation) {
  const std::vector<std::string> texts = {"a",         "B ",         " c",
                                          "\xc3\xa4",  "a\xcc\x88x", std::string("n\0l", 3),
                                          "it's \\ %", "",           "\xf0\x9f\x90\x9f"};
  for (const char* collation : {"utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_520_nopad_ci",
                                "utf8mb4_uca1400_ai_ci", "latin1_swedish_ci", "latin1_german2_ci",
                                "utf16_unicode_ci", "utf8mb3_general_ci", "cp1250_czech_cs"}) {
    SCOPED_TRACE(collation);
    const std::string set = std::string(collation).substr(0, std::string(collation).find('_'));
    std::string sql = "CREATE OR REPLACE TABLE t(k varchar(20) CHARACTER SET " + set + " COLLATE " +
                      collation + " PRIMARY KEY, v int);";
    for (const std::string& text : texts) {
      std::string hex;
      for (const char c : text) {
        constexpr char kDigits[] = "0123456789abcdef";
        hex += kDigits[static_cast<unsigned char>(c) >> 4];
        hex += kDigits[static_cast<unsigned char>(c) & 15];
      }
      sql += "INSERT IGNORE INTO t VALUES (_utf8mb4 x'" + hex + "', 1);";
    }
    server_->Sql("SET sql_mode = '';" + sql);
    const merkle::Schema schema{{{"k", ColumnType::kText}}, {{"v", ColumnType::kInteger}}};
    const Rows rows = Read("t", {"k"});
    EXPECT_GE(rows.size(), 7u);
    std::vector<std::string> keys = {TextKey("A"), TextKey("a "), TextKey("nothing")};
    size_t expected = 0;
    for (const Row& row : rows) {
      if (!row[0].starts_with("text ")) continue;
      keys.push_back(TextKey(row[0].substr(5)));
      ++expected;
    }
    EXPECT_EQ(Find("t", schema, keys).size(), expected);
    std::vector<std::vector<SourceValue>> asked = {{SourceValue::Text("a")}};
    EXPECT_TRUE(Open("t")->Lookup({"k"}, {"k"}, asked).ok());
  }
}

TEST_F(MysqlStoreTest, CompositeBytesAndDecimalKeysAreLookedUp) {
  server_->Sql(
      "CREATE TABLE c(a int, b varbinary(9), d decimal(9,3), day date, PRIMARY KEY (a, b, d, day));"
      "INSERT INTO c VALUES (1, 'x', 1.5, '2024-01-01'), (2, 0x00, 2, '2024-01-02'), "
      "(1, 0x00, 1.5, '2024-01-01')");
  const merkle::Schema schema{{{"a", ColumnType::kInteger},
                               {"b", ColumnType::kBytes},
                               {"d", ColumnType::kDecimal},
                               {"day", ColumnType::kDate}},
                              {}};
  std::string key;
  merkle::AppendInteger(1, merkle::Place::kKey, &key);
  merkle::AppendBytes(std::string_view("\0", 1), merkle::Place::kKey, &key);
  ASSERT_TRUE(merkle::AppendDecimalText("1.500", merkle::Place::kKey, &key));
  ASSERT_TRUE(merkle::AppendDateText("2024-01-01", merkle::Place::kKeyLast, &key));
  EXPECT_EQ(Find("c", schema, {key}).size(), 1u);
}

TEST_F(MysqlStoreTest, ATextThatSpellsAUuidOrADecimalIsFoundWhateverItsForm) {
  server_->Sql(
      "CREATE TABLE t(k varchar(40) PRIMARY KEY); INSERT INTO t VALUES "
      "('{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'), ('1.50')");
  std::string uuid, decimal;
  ASSERT_TRUE(merkle::AppendUuidText("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                                     merkle::Place::kKeyLast, &uuid));
  ASSERT_TRUE(merkle::AppendDecimalText("1.5", merkle::Place::kKeyLast, &decimal));
  EXPECT_EQ(Find("t", {{{"k", ColumnType::kUuid}}, {}}, {uuid}).size(), 1u);
  EXPECT_EQ(Find("t", {{{"k", ColumnType::kDecimal}}, {}}, {decimal}).size(), 1u);
  server_->Sql(
      "CREATE TABLE u(k uuid PRIMARY KEY); "
      "INSERT INTO u VALUES ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11')");
  EXPECT_EQ(Find("u", {{{"k", ColumnType::kUuid}}, {}}, {uuid}).size(), 1u);
}

}  // namespace
}  // namespace driftwood::agent
