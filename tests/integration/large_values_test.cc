// Values too large for comfort: rows as wide and fields as large as the engines have, in memory
// that is bounded by the largest row, whatever the number of rows.
//
// DRIFTWOOD_LARGE_FIELD_MB says how large the field is; 950 is about the most that PostgreSQL has.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/sanitizers.h"

namespace driftwood::testing {
namespace {

constexpr size_t kBesideRows = kAddressSanitizer ? size_t{1} << 30 : size_t{64} << 20;

size_t FieldBytes() {
  constexpr size_t kMegabytes = 48;
  const char* const said = std::getenv("DRIFTWOOD_LARGE_FIELD_MB");
  return (said == nullptr ? kMegabytes : std::strtoul(said, nullptr, 10)) << 20;
}

class LargeValuesTest : public DiffTest {
 protected:
  // A comparison's whole programs: the agents take most.
  ProcessResult DiffWithPeak(std::vector<std::string> words) {
    words.insert(words.begin(), {"diff", "--allow-same"});
    words.insert(words.end(), {"--recheck", "0"});
    ProcessOptions options;
    options.limit = std::chrono::seconds(600);
    return Driftwood(words, options);
  }

  // docs/agent.md states it: rows held at once, and what there is without large rows.
  void ExpectBounded(const ProcessResult& result, size_t rows, const std::string& what) {
    const size_t bound = rows * FieldBytes() + kBesideRows;
    EXPECT_LE(result.peak_bytes, bound) << what;
    std::cout << what << ": " << (result.peak_bytes >> 20) << " MiB, rows of "
              << (FieldBytes() >> 20) << " MiB\n";
  }
};

TEST_F(LargeValuesTest, FieldsOfHundredsOfMegabytesInPostgresqlStreamInBoundedMemory) {
  PostgresServer* const server = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  const std::string size = std::to_string(FieldBytes());
  server->Sql(
      "DROP TABLE IF EXISTS large, large2; CREATE TABLE large(id int PRIMARY KEY, raw bytea);"
      "ALTER TABLE large ALTER raw SET STORAGE EXTERNAL;"
      "INSERT INTO large SELECT i, convert_to(repeat(chr(64 + i), " +
      size +
      "), 'UTF8') "
      "FROM generate_series(1, 2) i");
  const ProcessResult two = DiffWithPeak({server->Url("large"), server->Url("large")});
  EXPECT_EQ(two.exit_code, 0) << two.out << two.err;
  ExpectBounded(two, 2, "PostgreSQL, two rows");
  server->Sql("INSERT INTO large SELECT i, convert_to(repeat(chr(64 + i), " + size +
              "), 'UTF8') "
              "FROM generate_series(3, 5) i");
  const ProcessResult five = DiffWithPeak({server->Url("large"), server->Url("large")});
  EXPECT_EQ(five.exit_code, 0) << five.out << five.err;
  ExpectBounded(five, 2, "PostgreSQL, five rows");
  // One byte of one of them. Values so long are never sent.
  server->Sql(
      "CREATE TABLE large2(id int PRIMARY KEY, raw bytea);"
      "INSERT INTO large2 SELECT id, CASE WHEN id = 4 THEN set_byte(raw, 1000000, 0) "
      "ELSE raw END FROM large");
  const ProcessResult changed =
      DiffWithPeak({server->Url("large"), server->Url("large2"), "--format", "json"});
  EXPECT_EQ(changed.exit_code, 1) << changed.err;
  EXPECT_EQ(Found(Json::parse(changed.out)), (std::set<std::string>{"4 changed"}));
  ExpectBounded(changed, 2, "PostgreSQL, one row read again");
  server->Sql("DROP TABLE large, large2");
}

TEST_F(LargeValuesTest, FieldsOfHundredsOfMegabytesInMariadbStreamInBoundedMemory) {
  MariadbServer* const server = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql("SET GLOBAL max_allowed_packet = 1073741824");
  const std::string size = std::to_string(FieldBytes());
  server->Sql(
      "DROP TABLE IF EXISTS large; CREATE TABLE large(id int PRIMARY KEY, raw longblob);"
      "INSERT INTO large SELECT seq, repeat(char(64 + seq), " +
      size + ") FROM seq_1_to_2");
  const ProcessResult two = DiffWithPeak({server->Url("large"), server->Url("large")});
  EXPECT_EQ(two.exit_code, 0) << two.out << two.err;
  ExpectBounded(two, 2, "MariaDB, two rows");
  server->Sql("INSERT INTO large SELECT seq, repeat(char(64 + seq), " + size + ") FROM seq_3_to_5");
  const ProcessResult five = DiffWithPeak({server->Url("large"), server->Url("large")});
  EXPECT_EQ(five.exit_code, 0) << five.out << five.err;
  ExpectBounded(five, 2, "MariaDB, five rows");
  server->Sql("DROP TABLE large; SET GLOBAL max_allowed_packet = 268435456");
}

// One value in every store: the same, and then another in its last byte.
TEST_F(LargeValuesTest, OneLargeFieldComparesAcrossServersAndFiles) {
  PostgresServer* const postgres = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(postgres);
  MariadbServer* const maria = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(maria);
  maria->Sql("SET GLOBAL max_allowed_packet = 1073741824");
  const std::string tens = std::to_string(FieldBytes() / 10);
  const std::string text = "repeat('0123456789', " + tens + ")";
  postgres->Sql(
      "DROP TABLE IF EXISTS large; CREATE TABLE large(id int PRIMARY KEY, t text);"
      "ALTER TABLE large ALTER t SET STORAGE EXTERNAL; INSERT INTO large VALUES (1, " +
      text + ")");
  maria->Sql(
      "DROP TABLE IF EXISTS large; CREATE TABLE large(id int PRIMARY KEY, t longtext);"
      "INSERT INTO large VALUES (1, " +
      text + ")");
  std::string value;
  value.reserve(FieldBytes());
  while (value.size() < FieldBytes() / 10 * 10) value += "0123456789";
  WriteFile("large.csv", "id,t\n1," + value + "\n");
  WriteFile("large.jsonl", "{\"id\":1,\"t\":\"" + value + "\"}\n");

  const std::string from = postgres->Url("large"), to = maria->Url("large");
  const std::pair<std::string, std::string> pairs[] = {
      {from, to}, {from, "csv:large.csv?key=id"}, {"jsonl:large.jsonl?key=id", to}};
  for (const auto& [left, right] : pairs) {
    const ProcessResult same = DiffWithPeak({left, right});
    EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
    EXPECT_NE(same.out.find("IDENTICAL"), std::string::npos) << same.out;
    ExpectBounded(same, 2, left.substr(0, 5) + " and " + right.substr(0, 5));
  }
  maria->Sql("UPDATE large SET t = concat(left(t, length(t) - 1), 'X')");
  value.back() = 'X';
  WriteFile("large.csv", "id,t\n1," + value + "\n");
  for (const auto& [left, right] : pairs) {
    const ProcessResult changed = DiffWithPeak({left, right, "--format", "json"});
    EXPECT_EQ(changed.exit_code, 1) << changed.err;
    const Json document = Json::parse(changed.out, nullptr, false);
    EXPECT_EQ(document.value("verdict", ""), "DIVERGENT");
    EXPECT_EQ(Found(document), (std::set<std::string>{"1 changed"}));
    EXPECT_LT(changed.out.size(), size_t{64} << 10) << "the value itself is in the report";
    ExpectBounded(changed, 2, "the same, changed");
  }
  postgres->Sql("DROP TABLE large");
  maria->Sql("DROP TABLE large; SET GLOBAL max_allowed_packet = 268435456");
}

// PostgreSQL's most columns, and MariaDB's (of InnoDB; each has one for the key).
TEST_F(LargeValuesTest, TablesOfAsManyColumnsAsTheEnginesHaveCompareColumnByColumn) {
  PostgresServer* const postgres = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(postgres);
  MariadbServer* const maria = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(maria);
  const auto wide = [&](size_t columns) {
    std::string create = "(id int PRIMARY KEY", header = "id", values, fields;
    for (size_t i = 1; i < columns; ++i) {
      const std::string name = "c" + std::to_string(i);
      create += ", " + name + " smallint";
      header += "," + name;
      const std::string value = i % 10 == 0 ? "" : std::to_string(i % 300);
      values += "," + (value.empty() ? "NULL" : value);
      fields += "," + value;
    }
    std::string inserts, csv = header + "\n";
    for (int id = 1; id <= 50; ++id) {
      inserts += "INSERT INTO wide VALUES (" + std::to_string(id) + values + ");";
      csv += std::to_string(id) + fields + "\n";
    }
    WriteFile("wide.csv", csv);
    return "DROP TABLE IF EXISTS wide; CREATE TABLE wide" + create + ");" + inserts;
  };
  postgres->Sql(wide(1600));
  EXPECT_EQ(Verdict({postgres->Url("wide"), "csv:wide.csv?key=id"}), "IDENTICAL");
  postgres->Sql("UPDATE wide SET c1599 = 7 WHERE id = 50; UPDATE wide SET c10 = 0 WHERE id = 1");
  const Json document = DiffJson({postgres->Url("wide"), "csv:wide.csv?key=id"});
  EXPECT_EQ(Found(document), (std::set<std::string>{"1 changed", "50 changed"}));
  EXPECT_EQ(document["differences"][0]["columns"], Json({"c10"}));
  EXPECT_EQ(document["differences"][1]["columns"], Json({"c1599"}));
  postgres->Sql("DROP TABLE wide");

  maria->Sql(wide(1017));
  EXPECT_EQ(Verdict({maria->Url("wide"), "csv:wide.csv?key=id"}), "IDENTICAL");
  maria->Sql("UPDATE wide SET c1016 = NULL WHERE id = 50");
  EXPECT_EQ(Found(DiffJson({maria->Url("wide"), "csv:wide.csv?key=id"})),
            (std::set<std::string>{"50 changed"}));
  maria->Sql("DROP TABLE wide");
}

// Ten bytes each in the server, and a hundred thousand digits as a number in full.
TEST_F(LargeValuesTest, NumbersOfManyZerosTakeNoMemoryEach) {
  PostgresServer* const server = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "DROP TABLE IF EXISTS zeros; CREATE TABLE zeros(id int PRIMARY KEY, n numeric);"
      "INSERT INTO zeros SELECT i, '1e100000'::numeric FROM generate_series(1, 8000) i");
  std::string csv = "id,n\n";
  for (int i = 1; i <= 8000; ++i) csv += std::to_string(i) + ",1e100000\n";
  WriteFile("zeros.csv", csv);
  const ProcessResult result = DiffWithPeak({server->Url("zeros"), "csv:zeros.csv?key=id"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_LE(result.peak_bytes, size_t{128} << 20);
  server->Sql("DROP TABLE zeros");
}

}  // namespace
}  // namespace driftwood::testing
