// What becomes of a row that a database lacks: with the real servers.
#include "gmock/gmock.h"
#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;

// Row 1 is the same; 2 is deleted, 3 has moved, 4 is filtered, 5 is not there.
constexpr char kTable[] =
    "CREATE TABLE presences(id int PRIMARY KEY, region varchar(9), status varchar(9), deleted_at "
    "timestamp NULL, merged_into int);"
    "INSERT INTO presences VALUES (1, 'eu', 'sent', NULL, NULL), (2, 'eu', 'sent', '2026-11-01', "
    "NULL), (3, 'eu', 'sent', NULL, 1), (4, 'us', 'sent', NULL, NULL)";
constexpr char kFilter[] =
    "&where=region%3D'eu'&moved=merged_into IS NOT NULL&deleted=deleted_at IS NOT NULL";

class PresenceOfRowsTest : public DiffTest {
 protected:
  Json Compare(const std::string& url, const std::string& rows) {
    WriteFile("provider.csv", "id,status\n" + rows);
    return DiffJson({"provider.csv", url, "--key", "id", "--name", "provider,database", "--columns",
                     "status", "--common-columns", "--recheck", "0"});
  }

  void AllAreFound(const std::string& url) {
    const Json report = Compare(url, "1,sent\n2,sent\n3,sent\n4,sent\n5,sent\n");
    ASSERT_EQ(report["verdict"], "DIVERGENT") << report.dump();
    EXPECT_EQ(report["summary"]["confirmed"], 4);
    std::map<std::string, std::string> states;
    for (const Json& difference : report["differences"]) {
      states[difference["key"]["id"].dump()] = difference["presence"]["database"]["state"];
    }
    EXPECT_EQ(states,
              (std::map<std::string, std::string>{
                  {"2", "soft-deleted"}, {"3", "moved"}, {"4", "filtered"}, {"5", "gone"}}));
    EXPECT_EQ(report["summary"]["presence"]["database"],
              (Json{{"soft-deleted", 1}, {"moved", 1}, {"filtered", 1}, {"gone", 1}}));
    EXPECT_THAT(report["replicas"][1]["filter"].get<std::string>(),
                HasSubstr("(region='eu') AND NOT (merged_into IS NOT NULL)"));
    EXPECT_EQ(Compare(url, "1,sent\n")["verdict"], "IDENTICAL");
  }
};

TEST_F(PresenceOfRowsTest, PostgresqlSaysWhatBecameOfEach) {
  auto* const server = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql("DROP TABLE IF EXISTS presences; " + std::string(kTable));
  AllAreFound(server->Url("presences", kFilter));
}

TEST_F(PresenceOfRowsTest, MariadbSaysWhatBecameOfEach) {
  auto* const server = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql("DROP TABLE IF EXISTS presences; " + std::string(kTable));
  AllAreFound(server->Url("presences", kFilter));
}

}  // namespace
}  // namespace driftwood::testing
