// What a scan shows under a key, a reading by that key finds: in every store, for every type of
// column, whatever type the key is read as. A record that a lookup overlooks would count as gone,
// and a divergence as settled.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <map>
#include <set>

#include "agent/index/indexer.h"
#include "agent/index/read_records.h"
#include "agent/index/row_encoder.h"
#include "agent/stores/open_store.h"
#include "merkle/check.h"
#include "merkle/hash/digest.h"
#include "merkle/status_macros.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

struct KeyColumn {
  std::string type;                 // as the engine words it
  std::vector<std::string> values;  // SQL
};

// Many spellings of few values.
const std::vector<std::string>& Texts() {
  static const std::vector<std::string> texts = {"'a'",
                                                 "'A'",
                                                 "'a '",
                                                 "'á'",
                                                 "'a\xcc\x81'",
                                                 "''",
                                                 "'7'",
                                                 "'007'",
                                                 "'1.50'",
                                                 "'-0'",
                                                 "'1e2'",
                                                 "'t'",
                                                 "'true'",
                                                 "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
                                                 "'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12}'",
                                                 "'2024-01-05'",
                                                 "'2024-1-6'",
                                                 "'10:20:30.50'",
                                                 "'2024-01-05T10:20:30.50'",
                                                 "'2024-01-05 10:20:30+02'",
                                                 "'{\"b\": 1.0, \"a\": 2}'",
                                                 "'x''y\\z'",
                                                 "NULL"};
  return texts;
}

std::vector<ColumnType> AllTypes() {
  std::vector<ColumnType> types;
  for (int type = 1; type <= static_cast<int>(ColumnType::kDynamic); ++type) {
    types.push_back(static_cast<ColumnType>(type));
  }
  return types;
}

// Encodes all rows of a scan.
class Encoded final : public RowSink {
 public:
  explicit Encoded(const merkle::Schema& schema)
      : encoder_(schema, {}, merkle::DigestKey::Unkeyed()), hasher_(merkle::DigestKey::Unkeyed()) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t) override {
    RETURN_IF_ERROR(encoder_.EncodeHashed(row));
    const std::string key(encoder_.key());
    if (!records.emplace(key, hasher_.Hash(encoder_.key(), encoder_.value())).second) {
      doubles.insert(key);
    }
    return absl::OkStatus();
  }
  std::map<std::string, merkle::Digest> records;
  std::set<std::string> doubles;  // two spellings of one key: an audit would refuse them

 private:
  RowEncoder encoder_;
  merkle::RecordHasher hasher_;
};

// Returns how many records it asked for.
size_t ExpectEachRecordIsFound(Store& store, const std::string& column,
                               const merkle::ValueType& type) {
  SCOPED_TRACE(column + " read as " + merkle::TypeText(type));
  merkle::Agreement agreement;
  agreement.schema = {{{"k", type.type, type.opaque, type.element}}, {{"v", ColumnType::kText}}};
  agreement.key_id = merkle::DigestKey::Unkeyed().KeyId();
  Encoded encoded(agreement.schema);
  auto scan = store.StartScan(ScanColumns(agreement.schema));
  EXPECT_TRUE(scan.ok()) << scan.status();
  if (!scan.ok()) return 0;
  for (;;) {
    auto batch = (*scan)->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || *batch == nullptr) break;
    EXPECT_TRUE((*batch)->Decode(encoded).ok());
  }
  scan->reset();
  // By kind: among those that can't be looked up, one that can would be scanned for too.
  std::map<merkle::Tag, std::vector<std::string>> keys;
  for (const auto& [key, digest] : encoded.records) {
    if (encoded.doubles.contains(key)) continue;
    keys[merkle::DecodeKey(key, 1)->at(0).tag].push_back(key);
  }
  size_t asked = 0;
  for (const auto& [tag, wanted] : keys) {
    asked += wanted.size();
    const auto found = ReadRecords(store, agreement, merkle::DigestKey::Unkeyed(), wanted, false);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok()) continue;
    std::map<std::string, merkle::Digest> digests;
    for (const FoundRecord& record : *found) digests[record.key] = record.digest;
    for (const std::string& key : wanted) {
      const std::string shown = merkle::DecodeKey(key, 1)->at(0).ToDisplay();
      EXPECT_TRUE(digests.contains(key)) << shown << " is there, and was not found";
      EXPECT_EQ(digests[key], encoded.records[key]) << shown;
    }
  }
  return asked;
}

// `run` runs SQL, `url` names a table.
void ExpectAllFound(bool live, const std::vector<KeyColumn>& columns,
                    const std::function<void(const std::string& sql)>& run,
                    const std::function<std::string(const std::string& table)>& url) {
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string table = "lookup" + std::to_string(i);
    std::string rows;
    for (size_t row = 0; row < columns[i].values.size(); ++row) {
      rows += (row == 0 ? "(" : ", (") + columns[i].values[row] + ", 'row " + std::to_string(row) +
              "')";
    }
    run("CREATE TABLE " + table + " (k " + columns[i].type + ", v varchar(20));" + "INSERT INTO " +
        table + " VALUES " + rows);
    const auto store = OpenStore(StoreUrl::Parse(url(table)).value());
    ASSERT_TRUE(store.ok()) << store.status();
    const auto description = (*store)->Describe();
    ASSERT_TRUE(description.ok()) << description.status();
    EXPECT_EQ(description->live, live);
    const SourceColumn& described = description->columns.at(0);
    ASSERT_EQ(described.name, "k");
    // As what it is declared to be, and the first column also as what --types may say; columns of
    // characters, as many as the table has spellings, as everything.
    const bool characters = columns[i].values.size() >= Texts().size();
    size_t asked = 0;
    if (described.knowledge == TypeKnowledge::kTyped) {
      asked += ExpectEachRecordIsFound(**store, columns[i].type, described.value_type());
    }
    for (const ColumnType type : AllTypes()) {
      const bool other = i == 0 && (type == ColumnType::kText || type == ColumnType::kDecimal);
      if (!characters && !other) continue;
      asked += ExpectEachRecordIsFound(**store, columns[i].type, type);
    }
    EXPECT_GT(asked, 0u) << columns[i].type;
  }
}

TEST(LookupContractTest, SqliteFindsWhatItScans) {
  testing::TempDir folder;
  sqlite3* database = nullptr;
  DRIFTWOOD_CHECK(sqlite3_open((folder / "d.db").c_str(), &database) == SQLITE_OK);
  std::vector<std::string> mixed = Texts();
  for (const char* more : {"5", "-3", "9223372036854775807", "1.5", "1e300", "x'00ff'", "X''"}) {
    mixed.push_back(more);
  }
  ExpectAllFound(
      false,
      {{"INTEGER PRIMARY KEY", {"1", "-5", "9223372036854775807", "0"}},
       {"INTEGER", mixed},
       {"TEXT COLLATE NOCASE", mixed},
       {"NUMERIC", mixed},
       {"UUID", mixed},
       {"BLOB", mixed}},
      [&](const std::string& sql) {
        ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
      },
      [&](const std::string& table) {
        return "sqlite:" + (folder / "d.db").string() + "?table=" + table;
      });
  sqlite3_close(database);
}

TEST(LookupContractTest, PostgresqlFindsWhatItScans) {
  testing::PostgresServer* const server = testing::PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
      "CREATE TYPE mood AS ENUM ('sad', 'Happy'); CREATE DOMAIN name AS varchar(30)");
  ExpectAllFound(
      true,
      {{"smallint", {"1", "-32768", "NULL"}},
       {"integer", {"1", "-2147483648", "NULL"}},
       {"bigint", {"1", "9223372036854775807", "-9223372036854775808"}},
       {"numeric", {"1", "1.50", "-0.000", "1e30", "'NaN'", "'Infinity'", "NULL"}},
       {"numeric(12,4)", {"1", "1.50", "-0.0001"}},
       {"real", {"0.1", "-0.0", "'NaN'", "1e30", "3"}},
       {"double precision", {"0.1", "0", "'NaN'", "'-Infinity'", "1e300", "3"}},
       {"text", {"'a'", "'A'", "'7'", "'007'"}},
       {"varchar(60)", Texts()},
       {"name", {"'a'", "'A'", "'7'"}},
       {"char(10)", {"'a'", "'A '", "''", "'7'", "NULL"}},
       {"mood", {"'sad'", "'Happy'", "NULL"}},
       {"boolean", {"true", "false", "NULL"}},
       {"bytea", {"'\\x00ff'", "''", "'abc'", "NULL"}},
       {"uuid", {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "NULL"}},
       {"date",
        {"'2024-02-29'", "'0044-03-15 BC'", "'infinity'", "'-infinity'", "'5000000-01-01'"}},
       {"time", {"'00:00'", "'24:00'", "'10:20:30.123456'"}},
       {"timestamp",
        {"'2024-02-29 10:20:30.123456'", "'0044-03-15 01:02:03 BC'", "'infinity'", "'1582-10-10'",
         "'290000-01-01'"}},
       {"timestamptz",
        {"'2024-02-29 10:20:30.123456+02'", "'0044-03-15 01:02:03+00 BC'", "'-infinity'",
         "'1890-01-01 00:00:00.5+00'"}},
       {"jsonb", {"'{\"b\": 1.0, \"a\": 2}'", "'1.50'", "'\"x\"'", "NULL"}},
       {"interval", {"'1 day'", "'24:00'", "'-1 mon'"}},
       {"inet", {"'10.0.0.1'", "'10.0.0.0/8'", "'::1'"}}},
      [&](const std::string& sql) { server->Sql(sql); },
      [&](const std::string& table) { return server->Url(table); });
}

TEST(LookupContractTest, MariadbFindsWhatItScans) {
  testing::MariadbServer* const server = testing::MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql("DROP DATABASE test; CREATE DATABASE test CHARACTER SET utf8mb4");
  ExpectAllFound(
      true,
      {{"tinyint(1)", {"0", "1", "7", "NULL"}},
       {"int", {"1", "-2147483648", "NULL"}},
       {"bigint unsigned", {"1", "18446744073709551615", "9223372036854775808"}},
       {"decimal(12,4)", {"1", "1.50", "-0.0001", "NULL"}},
       {"float", {"0.1", "0", "1e30", "3"}},
       {"double", {"0.1", "0", "1e300", "3"}},
       {"varchar(60) COLLATE utf8mb4_general_ci", Texts()},
       {"varchar(60) COLLATE utf8mb4_bin", Texts()},
       {"varchar(60) COLLATE utf8mb4_nopad_bin", Texts()},
       {"text", {"'a'", "'A'", "'7'", "'007'"}},
       {"varchar(60) CHARACTER SET latin1", {"'a'", "'A'", "'\xc3\xa1'", "'7'", "'007'", "''"}},
       {"char(10)", {"'a'", "'A '", "''", "'7'", "NULL"}},
       {"enum('sad','Happy','')", {"'sad'", "'Happy'", "''", "NULL"}},
       {"set('a','b')", {"'a'", "'a,b'", "''"}},
       {"varbinary(60)", Texts()},
       {"binary(16)", {"X'00'", "X'a0eebc999c0b4ef8bb6d6bb9bd380a11'", "'abc'", "NULL"}},
       {"uuid", {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "NULL"}},
       {"date", {"'2024-02-29'", "'1000-01-01'", "NULL"}},
       {"time(3)", {"'00:00'", "'-10:20:30.123'", "'838:59:59'"}},
       {"datetime(6)", {"'2024-02-29 10:20:30.123456'", "'1582-10-10'", "NULL"}},
       {"timestamp(6) NULL", {"'2024-02-29 10:20:30.123456'", "NULL"}},
       {"year", {"2024", "0", "NULL"}},
       {"bit(8)", {"b'0'", "b'11111111'", "NULL"}},
       {"json", {"'{\"b\": 1.0, \"a\": 2}'", "'1.50'", "NULL"}}},
      [&](const std::string& sql) { server->Sql(sql); },
      [&](const std::string& table) { return server->Url(table); });
}

}  // namespace
}  // namespace driftwood::agent
