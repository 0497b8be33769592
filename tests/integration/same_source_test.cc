// A source that is given twice is known by what its store says that it is, under whatever names,
// and gives no verdict. Covers agent/stores/postgresql/pg_identity.cc and
// agent/stores/mysql/mysql_identity.cc too.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

class SameSourceTest : public DiffTest {
 protected:
  void ExpectSame(const std::string& left, const std::string& right,
                  const std::vector<std::string>& more = {}, const ProcessOptions& options = {}) {
    SCOPED_TRACE(left + " " + right);
    std::vector<std::string> words = {"diff", left, right};
    words.insert(words.end(), more.begin(), more.end());
    const ProcessResult result = Driftwood(words, options);
    EXPECT_EQ(result.exit_code, 2) << result.out << result.err;
    EXPECT_NE(result.err.find("left and right are the same source"), std::string::npos)
        << result.err;
    EXPECT_NE(result.err.find("--allow-same"), std::string::npos) << result.err;
    EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos) << result.out;
    words.insert(words.end(), {"--allow-same", "--recheck", "0"});
    EXPECT_EQ(Driftwood(words, options).exit_code, 0);
  }
  void ExpectOthers(const std::string& left, const std::string& right) {
    SCOPED_TRACE(left + " " + right);
    const ProcessResult result = Driftwood({"diff", left, right, "--recheck", "0"});
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  }
};

TEST_F(SameSourceTest, APostgresqlTableUnderTwoNames) {
  PostgresServer* const server = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "DROP TABLE IF EXISTS same; CREATE TABLE same(id int PRIMARY KEY); INSERT INTO same "
      "VALUES (1); DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other; "
      "CREATE TABLE other.same(id int PRIMARY KEY); INSERT INTO other.same VALUES (1);"
      "DO $$BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$; "
      "GRANT SELECT ON same TO plain;"
      "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public");
  std::filesystem::create_symlink(server->folder(), Path("by_link"));
  const std::string by_link = "postgresql://test@/postgres?host=" + Path("by_link");
  ExpectSame(server->Url("same"), server->Url("public.same"));
  ExpectSame(server->Url("same"), by_link + "&table=same");
  ExpectSame(server->Url("other.same"), server->Url("same", "&options=-csearch_path%3Dother"));
  // Who may not see the cluster's identifier.
  ExpectSame(server->Url("same"), server->Url("public.same", "", "plain"));
  ExpectSame(server->Url("same", "", "plain"), server->Url("public.same", "", "plain"));
  ExpectOthers(server->Url("same"), server->Url("other.same"));
  ExpectOthers(server->Url("same"), server->Url("same", "&where=id%3D1"));
  server->Sql("GRANT EXECUTE ON FUNCTION pg_control_system() TO public");
}

TEST_F(SameSourceTest, ACopyOfAWholeClusterIsAnother) {
  const std::unique_ptr<PostgresServer> one = PostgresServer::StartAnother();
  DRIFTWOOD_NEEDS_POSTGRES(one);
  const std::unique_ptr<PostgresServer> other = PostgresServer::StartAnother();
  DRIFTWOOD_NEEDS_POSTGRES(other);
  for (PostgresServer* const server : {one.get(), other.get()}) {
    server->Sql("CREATE TABLE same(id int PRIMARY KEY); INSERT INTO same VALUES (1)");
  }
  EXPECT_EQ(one->Value("SELECT 'same'::regclass::oid"),
            other->Value("SELECT 'same'::regclass::oid"));
  ExpectOthers(one->Url("same"), other->Url("same"));
}

TEST_F(SameSourceTest, AMariadbTableByTwoSockets) {
  MariadbServer* const server = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql(
      "DROP TABLE IF EXISTS same; CREATE TABLE same(id int PRIMARY KEY); INSERT INTO same VALUES "
      "(1); DROP TABLE IF EXISTS other; CREATE TABLE other(id int PRIMARY KEY); INSERT INTO other "
      "VALUES (1); CREATE USER IF NOT EXISTS plain; GRANT SELECT ON test.same TO plain");
  std::filesystem::create_symlink(server->socket(), Path("link"));
  ExpectSame(server->Url("same"),
             "mysql://root@localhost/test?socket=" + Path("link") + "&table=same");
  ExpectSame(server->Url("same"), server->Url("same", "", "plain"));
  ExpectOthers(server->Url("same"), server->Url("other"));
  ExpectOthers(server->Url("same"), server->Url("same", "&where=id%3D1"));
  const std::unique_ptr<MariadbServer> another = MariadbServer::Start();
  another->Sql("CREATE TABLE same(id int PRIMARY KEY); INSERT INTO same VALUES (1)");
  ExpectOthers(server->Url("same"), another->Url("same"));
}

TEST_F(SameSourceTest, AllTablesOfOneDatabase) {
  PostgresServer* const postgres = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(postgres);
  MariadbServer* const mariadb = MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(mariadb);
  postgres->Sql("DROP DATABASE IF EXISTS twice WITH (FORCE)");
  postgres->Sql("CREATE DATABASE twice");
  postgres->Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t VALUES (1);", "twice");
  postgres->Sql(
      "CREATE SCHEMA copy; CREATE TABLE copy.t(id int PRIMARY KEY); INSERT INTO copy.t VALUES (1)",
      "twice");
  mariadb->Sql(
      "CREATE OR REPLACE DATABASE twice; CREATE TABLE twice.t(id int PRIMARY KEY); "
      "INSERT INTO twice.t VALUES (1)");
  std::filesystem::create_symlink(postgres->folder(), Path("postgres"));
  std::filesystem::create_symlink(mariadb->socket(), Path("mariadb"));
  const auto of_postgres = [](const std::string& folder, const std::string& more = "") {
    return "postgresql://test@/twice?host=" + folder + more;
  };
  ExpectSame(of_postgres(postgres->folder().string()), of_postgres(Path("postgres")), {"--all"});
  ExpectSame(of_postgres(postgres->folder().string(), "&schema=copy"),
             of_postgres(Path("postgres"), "&schema=copy"), {"--all"});
  ExpectSame("mysql://root@localhost/twice?socket=" + mariadb->socket(),
             "mysql://root@localhost/twice?socket=" + Path("mariadb"), {"--all"});
  const ProcessResult schemas =
      Driftwood({"diff", "--all", of_postgres(postgres->folder().string(), "&schema=copy"),
                 of_postgres(Path("postgres"), "&schema=public"), "--recheck", "0"});
  EXPECT_EQ(schemas.exit_code, 0) << schemas.out << schemas.err;
  Sql("a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
  std::filesystem::create_hard_link(Path("a.db"), Path("hard.db"));
  ExpectSame("sqlite:a.db", "sqlite:hard.db", {"--all"});
}

TEST_F(SameSourceTest, AFileUnderTwoNames) {
  WriteFile("a.csv", "id\n1\n");
  WriteFile("copy.csv", "id\n1\n");
  std::filesystem::create_hard_link(Path("a.csv"), Path("hard.csv"));
  ProcessOptions options;
  options.in_file = Path("a.csv");
  ExpectSame("csv:-", "csv:a.csv", {"--key", "id"}, options);
  ExpectSame("csv:hard.csv", "csv:-", {"--key", "id"}, options);
  const ProcessResult copy = Driftwood({"diff", "csv:-", "csv:copy.csv", "--key", "id"}, options);
  EXPECT_EQ(copy.exit_code, 0) << copy.err;
  ExpectSame("csv:a.csv", "tsv:hard.csv", {"--key", "id"});

  WriteFile("a.jsonl", "{\"id\":1}\n");
  std::filesystem::create_hard_link(Path("a.jsonl"), Path("hard.jsonl"));
  ExpectSame("jsonl:a.jsonl", "jsonl:hard.jsonl", {"--key", "id"});

  Sql("s.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
  std::filesystem::create_directory(Path("d"));
  std::filesystem::create_symlink("../s.db", Path("d/link.db"));
  ExpectSame("sqlite:s.db?table=t", "sqlite:d/link.db?table=T");

  Lmdb("environment", {{"a", "b"}});
  ExpectSame("lmdb:environment", "lmdb:environment/data.mdb");
}

}  // namespace
}  // namespace driftwood::testing
