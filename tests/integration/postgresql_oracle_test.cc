// What driftwood finds in random tables of 100,000 rows, against what SQL itself says: EXCEPT both
// ways and FULL OUTER JOIN.
#include <gtest/gtest.h>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

class PostgresqlOracleTest : public DiffTest {
 protected:
  void SetUp() override {
    server_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql("DROP TABLE IF EXISTS oracle_a, oracle_b");
  }

  // Two tables with the same random rows, the second then changed at random.
  void MakeTables(const std::string& key, int seed) {
    server_->Sql(
        "SELECT setseed(" + std::to_string(seed % 1000) +
        " / 1000.0);"
        "CREATE TABLE oracle_a AS SELECT i AS id, 'k' || (i * 7919 % 100003) AS code, "
        "CASE WHEN random() < 0.1 THEN NULL ELSE (random() * 100)::int END AS n, "
        "round((random() * 1e6)::numeric, (random() * 6)::int) AS price, "
        "CASE (random() * 4)::int WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' ELSE random() END::float8 AS "
        "f, "
        "CASE (random() * 3)::int WHEN 0 THEN NULL WHEN 1 THEN '' ELSE md5(random()::text) END "
        "AS t, timestamp '1900-01-01' + random() * interval '200 years' AS at, "
        "random() < 0.5 AS flag, decode(md5(random()::text), 'hex') AS raw, "
        "jsonb_build_object('a', (random() * 3)::int, 'b', NULL) AS doc, "
        "ARRAY[(random() * 3)::int, NULL] AS list "
        "FROM generate_series(1, 100000) i;"
        "CREATE TABLE oracle_b AS TABLE oracle_a;"
        "DELETE FROM oracle_a WHERE random() < 0.002;"
        "DELETE FROM oracle_b WHERE random() < 0.002;"
        "DELETE FROM oracle_b WHERE id BETWEEN 50000 AND 50100;"
        "UPDATE oracle_b SET n = (random() * 100)::int WHERE random() < 0.001;"
        "UPDATE oracle_b SET price = price * 1.00 WHERE random() < 0.01;"  // another scale only
        "UPDATE oracle_b SET price = price + 0.000001 WHERE random() < 0.001;"
        "UPDATE oracle_b SET f = 0 WHERE f = 0;"                 // -0
        "UPDATE oracle_b SET f = f + 1 WHERE random() < 0.001;"  // not of NaN
        "UPDATE oracle_b SET t = coalesce(nullif(t, ''), '') WHERE random() < 0.002;"
        "UPDATE oracle_b SET at = at + interval '1 microsecond' WHERE random() < 0.001;"
        "UPDATE oracle_b SET doc = doc || '{\"b\": 1}' WHERE random() < 0.001;"
        "UPDATE oracle_b SET list = list || 7 WHERE random() < 0.001;"
        "UPDATE oracle_b SET flag = NOT flag, raw = raw || '\\x00' WHERE random() < 0.0005;"
        "INSERT INTO oracle_b SELECT 100000 + i, 'new' || i FROM generate_series(1, 137) i;"
        "ALTER TABLE oracle_a ADD PRIMARY KEY (" +
        key +
        ");"
        "ALTER TABLE oracle_b ADD PRIMARY KEY (" +
        key + ")");
  }

  // "7 changed", "8 missing in a".
  std::set<std::string> FullOuterJoin(const std::string& key, const std::string& shown_key) {
    const std::string text =
        server_->Value("SELECT string_agg(" + shown_key +
                       " || CASE WHEN a IS NULL THEN ' missing in a' "
                       "WHEN b IS NULL THEN ' missing in b' ELSE ' changed' END, E'\\n') "
                       "FROM oracle_a a FULL OUTER JOIN oracle_b b USING (" +
                       key +
                       ") "
                       "WHERE a IS DISTINCT FROM b");
    const std::vector<std::string> lines = Lines(text);
    return {lines.begin(), lines.end()};
  }
  uint64_t Except(const std::string& left, const std::string& right) {
    return std::stoull(
        server_->Value("SELECT count(*) FROM (TABLE " + left + " EXCEPT TABLE " + right + ") x"));
  }

  void ExpectWhatSqlSays(const std::string& key, const std::string& shown_key) {
    const Json document =
        DiffJson({server_->Url("oracle_a"), server_->Url("oracle_b", "&connections=3"), "--name",
                  "a,b", "--max-divergences", "1000000"});
    ASSERT_EQ(document.value("verdict", ""), "DIVERGENT") << document.dump(1).substr(0, 2000);
    const std::set<std::string> found = Found(document);
    const std::set<std::string> expected = FullOuterJoin(key, shown_key);
    EXPECT_GT(expected.size(), 1000u);
    EXPECT_EQ(found, expected);
    const auto count = [&](const std::string& word) {
      return static_cast<uint64_t>(std::count_if(found.begin(), found.end(), [&](const auto& text) {
        return text.find(word) == std::string::npos;
      }));
    };
    EXPECT_EQ(count("missing in a"), Except("oracle_a", "oracle_b"));
    EXPECT_EQ(count("missing in b"), Except("oracle_b", "oracle_a"));
  }

  PostgresServer* server_ = nullptr;
};

TEST_F(PostgresqlOracleTest, AnIntegerKeyGivesExactlyWhatSqlFinds) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(seed);
  MakeTables("id", seed);
  ExpectWhatSqlSays("id", "id::text");
}

TEST_F(PostgresqlOracleTest, ATextAndIntegerKeyGivesExactlyWhatSqlFinds) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  SCOPED_TRACE(seed);
  MakeTables("code, id", seed);
  ExpectWhatSqlSays("code, id", "code || '/' || id");
}

}  // namespace
}  // namespace driftwood::testing
