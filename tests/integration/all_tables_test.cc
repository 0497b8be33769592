// `driftwood diff --all` over two databases: a schema like that of the employees sample, in
// PostgreSQL and in MariaDB. DRIFTWOOD_TEST_ROWS makes it larger. Covers
// agent/stores/mysql/mysql_list.cc and agent/stores/postgresql/pg_list.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>

#include <cstdlib>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

// Of all six tables together, roughly.
int64_t Rows() {
  const char* rows = std::getenv("DRIFTWOOD_TEST_ROWS");
  return rows == nullptr ? 12'000 : std::stoll(rows);
}

constexpr char kPostgresSchema[] =
    "CREATE TYPE sex AS ENUM ('M', 'F');"
    "CREATE TABLE departments(dept_no char(4) PRIMARY KEY, dept_name varchar(40) NOT NULL UNIQUE);"
    "CREATE TABLE employees(emp_no int PRIMARY KEY, birth_date date NOT NULL, "
    "first_name varchar(14) NOT NULL, last_name varchar(16) NOT NULL, gender sex NOT NULL, "
    "hire_date date NOT NULL);"
    "CREATE TABLE dept_manager(emp_no int REFERENCES employees, dept_no char(4) REFERENCES "
    "departments, from_date date NOT NULL, to_date date NOT NULL, PRIMARY KEY (emp_no, dept_no));"
    "CREATE TABLE dept_emp(emp_no int, dept_no char(4), from_date date NOT NULL, "
    "to_date date NOT NULL, PRIMARY KEY (emp_no, dept_no)) PARTITION BY HASH (emp_no);"
    "CREATE TABLE dept_emp_0 PARTITION OF dept_emp FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
    "CREATE TABLE dept_emp_1 PARTITION OF dept_emp FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
    "CREATE TABLE titles(emp_no int, title varchar(50), from_date date, to_date date, "
    "PRIMARY KEY (emp_no, title, from_date));"
    "CREATE TABLE salaries(emp_no int, salary int NOT NULL, bonus numeric(9,2), from_date date, "
    "to_date date NOT NULL, PRIMARY KEY (emp_no, from_date));"
    "CREATE VIEW dept_emp_latest AS SELECT emp_no, max(from_date) AS from_date FROM dept_emp "
    "GROUP BY emp_no;";

constexpr char kMariadbSchema[] =
    "SET foreign_key_checks = 0;"
    "CREATE TABLE departments(dept_no char(4) PRIMARY KEY, dept_name varchar(40) NOT NULL UNIQUE);"
    "CREATE TABLE employees(emp_no int PRIMARY KEY, birth_date date NOT NULL, "
    "first_name varchar(14) NOT NULL, last_name varchar(16) NOT NULL, gender enum('M', 'F') NOT "
    "NULL, hire_date date NOT NULL);"
    "CREATE TABLE dept_manager(emp_no int, dept_no char(4), from_date date NOT NULL, "
    "to_date date NOT NULL, PRIMARY KEY (emp_no, dept_no), FOREIGN KEY (emp_no) REFERENCES "
    "employees(emp_no));"
    "CREATE TABLE dept_emp(emp_no int, dept_no char(4), from_date date NOT NULL, "
    "to_date date NOT NULL, PRIMARY KEY (emp_no, dept_no));"
    "CREATE TABLE titles(emp_no int, title varchar(50), from_date date, to_date date, "
    "PRIMARY KEY (emp_no, title, from_date));"
    "CREATE TABLE salaries(emp_no int, salary int NOT NULL, bonus decimal(12,4), from_date date, "
    "to_date date NOT NULL, PRIMARY KEY (emp_no, from_date)) "
    "PARTITION BY HASH (emp_no) PARTITIONS 3;"
    "CREATE VIEW dept_emp_latest AS SELECT emp_no, max(from_date) AS from_date FROM dept_emp "
    "GROUP BY emp_no;";

// The same rows by each engine's arithmetic; $N is the number of employees.
constexpr char kPostgresRows[] =
    "INSERT INTO departments SELECT 'd' || lpad(i::text, 3, '0'), 'D"
    "\xc3\xa9"
    "partement ' || i "
    "FROM generate_series(1, 9) i;"
    "INSERT INTO employees SELECT 10000 + i, date '1950-01-01' + (i * 7919 % 15000)::int, "
    "'First' || i % 1000, 'L"
    "\xc3\xa4"
    "st ' || i % 5003, CASE WHEN i % 5 < 3 THEN 'M' ELSE 'F' "
    "END::sex, date '1985-01-01' + (i * 31 % 6000)::int FROM generate_series(1::bigint, $N) i;"
    "INSERT INTO dept_manager SELECT 10000 + i, 'd' || lpad((1 + i % 9)::text, 3, '0'), "
    "date '1990-01-01' + i, date '9999-01-01' FROM generate_series(1, 24) i;"
    "INSERT INTO dept_emp SELECT 10000 + i, 'd' || lpad((1 + (i + k) % 9)::text, 3, '0'), "
    "date '1986-06-26' + (i % 4000)::int, date '9999-01-01' FROM generate_series(1::bigint, $N) i, "
    "generate_series(0, 1) k WHERE k = 0 OR i % 10 = 0;"
    "INSERT INTO titles SELECT 10000 + i, CASE k WHEN 0 THEN 'Engineer' ELSE 'Senior Engineer' "
    "END, "
    "date '1986-01-01' + (i % 3000)::int + k, CASE WHEN k = 0 AND i % 2 = 0 THEN "
    "date '1986-01-01' + (i % 3000)::int + 1 END "
    "FROM generate_series(1::bigint, $N) i, generate_series(0, 1) k WHERE k = 0 OR i % 2 = 0;"
    "INSERT INTO salaries SELECT 10000 + i, 40000 + (i * 37 + k * 1000) % 60000, "
    "CASE WHEN (i + k) % 3 > 0 THEN (i % 1000) / 4.0 + k END, "
    "date '1985-01-01' + (i % 365)::int + k * 365, "
    "CASE WHEN k = 9 THEN date '9999-01-01' ELSE date '1985-01-01' + (i % 365)::int + (k + 1) * "
    "365 "
    "END FROM generate_series(1::bigint, $N) i, generate_series(0, 9) k;";

constexpr char kMariadbRows[] =
    "INSERT INTO departments SELECT concat('d', lpad(seq, 3, '0')), concat('D"
    "\xc3\xa9"
    "partement ', seq) FROM seq_1_to_9;"
    "INSERT INTO employees SELECT 10000 + seq, date '1950-01-01' + INTERVAL seq * 7919 % 15000 "
    "DAY, "
    "concat('First', seq % 1000), concat('L"
    "\xc3\xa4"
    "st ', seq % 5003), if(seq % 5 < 3, 'M', "
    "'F'), date '1985-01-01' + INTERVAL seq * 31 % 6000 DAY FROM seq_1_to_$N;"
    "INSERT INTO dept_manager SELECT 10000 + seq, concat('d', lpad(1 + seq % 9, 3, '0')), "
    "date '1990-01-01' + INTERVAL seq DAY, date '9999-01-01' FROM seq_1_to_24;"
    "INSERT INTO dept_emp SELECT 10000 + i.seq, concat('d', lpad(1 + (i.seq + k.seq) % 9, 3, "
    "'0')), "
    "date '1986-06-26' + INTERVAL i.seq % 4000 DAY, date '9999-01-01' FROM seq_1_to_$N i, "
    "seq_0_to_1 k WHERE k.seq = 0 OR i.seq % 10 = 0;"
    "INSERT INTO titles SELECT 10000 + i.seq, if(k.seq = 0, 'Engineer', 'Senior Engineer'), "
    "date '1986-01-01' + INTERVAL i.seq % 3000 + k.seq DAY, if(k.seq = 0 AND i.seq % 2 = 0, "
    "date '1986-01-01' + INTERVAL i.seq % 3000 + 1 DAY, NULL) "
    "FROM seq_1_to_$N i, seq_0_to_1 k WHERE k.seq = 0 OR i.seq % 2 = 0;"
    "INSERT INTO salaries SELECT 10000 + i.seq, 40000 + (i.seq * 37 + k.seq * 1000) % 60000, "
    "if((i.seq + k.seq) % 3 > 0, (i.seq % 1000) / 4.0 + k.seq, NULL), "
    "date '1985-01-01' + INTERVAL i.seq % 365 + k.seq * 365 DAY, "
    "if(k.seq = 9, date '9999-01-01', date '1985-01-01' + INTERVAL i.seq % 365 + (k.seq + 1) * 365 "
    "DAY) FROM seq_1_to_$N i, seq_0_to_9 k;";

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

class AllTablesTest : public DiffTest {
 protected:
  void SetUp() override {
    postgres_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(postgres_);
    mariadb_ = MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(mariadb_);
    postgres_->Sql("DROP DATABASE IF EXISTS company WITH (FORCE)");
    postgres_->Sql("CREATE DATABASE company");
    mariadb_->Sql("CREATE OR REPLACE DATABASE company CHARACTER SET utf8mb4");
  }

  void Postgres(const std::string& sql) { postgres_->Sql(sql, "company"); }
  void Mariadb(const std::string& sql) { mariadb_->Sql("USE company; " + sql); }
  void Both(const std::string& sql) {
    Postgres(sql);
    Mariadb(sql);
  }
  std::string PostgresUrl(const std::string& user = "test", const std::string& more = "") const {
    return "postgresql://" + user + "@/company?host=" + postgres_->folder().string() + more;
  }
  std::string MariadbUrl(const std::string& user = "root") const {
    return "mysql://" + user + "@localhost/company?socket=" + mariadb_->socket();
  }

  // Compares both databases; the document, or the text of another format.
  Json All(std::vector<std::string> words, int exit_code, const std::string& left = "",
           const std::string& right = "") {
    words.insert(words.begin(),
                 {"diff", "--all", "--allow-same", left.empty() ? PostgresUrl() : left,
                  right.empty() ? MariadbUrl() : right, "--name", "pg,maria", "--recheck", "0"});
    words.insert(words.end(), {"--format", "json"});
    ProcessOptions options;
    options.limit = std::chrono::minutes(20);
    result_ = Driftwood(words, options);
    EXPECT_EQ(result_.exit_code, exit_code) << result_.out.substr(0, 4000) << result_.err;
    Json document = Json::parse(result_.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << result_.out << result_.err;
    return document.is_discarded() ? Json::object() : document;
  }
  static std::set<std::string> Results(const Json& document) {
    std::set<std::string> results;
    for (const Json& table : document.value("tables", Json::array())) {
      std::string text =
          table.at("table").get<std::string>() + ": " + table.at("result").get<std::string>();
      for (const Json& name : table.at("missing_in")) text += " in " + name.get<std::string>();
      results.insert(text);
    }
    return results;
  }
  static Json Table(const Json& document, const std::string& name) {
    for (const Json& table : document.value("tables", Json::array())) {
      if (table.at("table") == name) return table;
    }
    ADD_FAILURE() << "no table " << name;
    return Json::object();
  }
  static std::string ErrorOf(const Json& document, const std::string& table) {
    const Json error = Table(document, table).value("error", Json());
    return error.is_null() ? "" : error.at("message").get<std::string>();
  }

  PostgresServer* postgres_ = nullptr;
  MariadbServer* mariadb_ = nullptr;
  ProcessResult result_;
};

TEST_F(AllTablesTest, AWholeSchemaIsIdenticalAndPlantedDriftOfEveryKindIsFoundExactly) {
  const std::string employees = std::to_string(std::max<int64_t>(Rows() / 14, 100));
  Postgres(kPostgresSchema + Replaced(kPostgresRows, "$N", employees));
  Mariadb(kMariadbSchema + Replaced(kMariadbRows, "$N", employees));
  const int64_t n = std::stoll(employees);
  const std::set<std::string> identical = {"departments: identical",  "dept_emp: identical",
                                           "dept_manager: identical", "employees: identical",
                                           "salaries: identical",     "titles: identical"};
  Json document = All({"--stats"}, 0);
  EXPECT_EQ(document.value("verdict", ""), "IDENTICAL");
  EXPECT_EQ(Results(document), identical);
  EXPECT_EQ(document["totals"]["records_proven_equal"].get<int64_t>(), 33 + n * 13 + n / 10 + n / 2)
      << employees;
  EXPECT_EQ(document["skipped"],
            Json::parse("[{\"table\":\"dept_emp_latest\",\"why\":\"view in pg and maria\"}]"));
  RecordProperty("seconds", document["totals"]["seconds"].dump());
  std::cout << employees << " employees: " << document["totals"].dump() << "\n" << result_.err;

  Both("UPDATE employees SET last_name = concat(last_name, '!') WHERE emp_no = 10001");
  Postgres(
      "UPDATE employees SET gender = 'F' WHERE emp_no = 10005;"
      "DELETE FROM employees WHERE emp_no = 10031;"
      "UPDATE dept_emp SET to_date = '2000-01-01' WHERE emp_no = 10010 AND dept_no = 'd002';"
      "INSERT INTO departments VALUES ('d010', 'New');"
      "CREATE TABLE only_pg(id int PRIMARY KEY);"
      "CREATE TABLE shape(id int PRIMARY KEY, p point);"
      "ALTER TABLE dept_manager ADD note text");
  Mariadb(
      "SET foreign_key_checks = 0; DELETE FROM employees WHERE emp_no = 10032;"
      "UPDATE salaries SET bonus = bonus + 0.0001 WHERE emp_no = 10042 AND salary % 1000 = "
      "(SELECT (40000 + 42 * 37) % 1000) AND bonus IS NOT NULL ORDER BY from_date LIMIT 1;"
      "INSERT INTO salaries VALUES (1, 1, NULL, '1970-01-01', '1970-01-01');"
      "DROP TABLE titles; CREATE TABLE only_maria(id int PRIMARY KEY);"
      "CREATE TABLE shape(id int PRIMARY KEY, p point)");
  Both("CREATE TABLE log(line varchar(20)); INSERT INTO log VALUES ('x')");
  document = All({}, 3);
  EXPECT_EQ(document.value("verdict", ""), "INCOMPLETE");
  EXPECT_EQ(
      Results(document),
      (std::set<std::string>{"departments: divergent", "dept_emp: divergent", "dept_manager: error",
                             "employees: divergent", "log: no_key", "only_maria: missing in pg",
                             "only_pg: missing in maria", "salaries: divergent", "shape: error",
                             "titles: missing in maria"}));
  EXPECT_EQ(
      Found(Table(document, "employees")),
      (std::set<std::string>{"10005 changed", "10031 missing in pg", "10032 missing in maria"}));
  EXPECT_EQ(Found(Table(document, "dept_emp")), std::set<std::string>{"d002/10010 changed"});
  EXPECT_EQ(Found(Table(document, "departments")), std::set<std::string>{"d010 missing in maria"});
  EXPECT_EQ(Found(Table(document, "salaries")),
            (std::set<std::string>{"10042/1986-02-12 changed", "1/1970-01-01 missing in pg"}));
  EXPECT_NE(ErrorOf(document, "dept_manager").find("'note' (only in pg)"), std::string::npos)
      << ErrorOf(document, "dept_manager");
  EXPECT_NE(ErrorOf(document, "shape").find("--ignore shape.p"), std::string::npos)
      << ErrorOf(document, "shape");

  document = All({"--skip-tables", "log", "--ignore", "note,p", "--max-divergences", "1"}, 1);
  EXPECT_EQ(document.value("verdict", ""), "DIVERGENT");
  EXPECT_EQ(document["totals"]["divergences"], 7);
  EXPECT_EQ(Table(document, "shape").value("result", ""), "identical");
  EXPECT_EQ(Table(document, "employees")["differences"].size(), 1u);
  document = All({"--key", "*", "--tables", "log,dept_emp"}, 1);
  EXPECT_EQ(Results(document), (std::set<std::string>{"dept_emp: divergent", "log: identical"}));
  EXPECT_EQ(Found(Table(document, "dept_emp")), std::set<std::string>{"d002/10010 changed"});
  document = All({"--tables", "dept_manager", "--ignore", "note"}, 0);
  EXPECT_EQ(Results(document), std::set<std::string>{"dept_manager: identical"});
  EXPECT_EQ(document["skipped"].size(), 10u) << document["skipped"].dump();
}

TEST_F(AllTablesTest, WhatMayNotBeReadIsAnErrorAndWhatMayNotBeSeenIsSaid) {
  Both(
      "CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY);"
      "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)");
  Postgres(
      "DROP ROLE IF EXISTS all_reader; CREATE ROLE all_reader LOGIN; GRANT SELECT ON a TO "
      "all_reader");
  Mariadb("CREATE OR REPLACE USER all_reader@localhost; GRANT SELECT ON a TO all_reader@localhost");
  Json document = All({}, 3, PostgresUrl("all_reader"));
  EXPECT_EQ(Results(document), (std::set<std::string>{"a: identical", "b: error"}));
  EXPECT_NE(ErrorOf(document, "b").find("permission denied"), std::string::npos);
  document = All({}, 1, "", MariadbUrl("all_reader"));
  EXPECT_EQ(Results(document), (std::set<std::string>{"a: identical", "b: missing in maria"}));
  EXPECT_NE(result_.err.find("may not read the whole database"), std::string::npos) << result_.err;
  // Whatever narrows what was compared stands beside the verdict, also where all agrees.
  const ProcessResult narrowed = Driftwood(
      {"diff", "--all", MariadbUrl("all_reader"), MariadbUrl("all_reader"), "--allow-same"});
  EXPECT_EQ(narrowed.exit_code, 0) << narrowed.err;
  EXPECT_THAT(narrowed.out, ::testing::HasSubstr("only what its user may see"));
  Mariadb("GRANT SELECT ON company.* TO all_reader@localhost");
  document = All({}, 0, "", MariadbUrl("all_reader"));
  EXPECT_EQ(result_.err, "");
  Postgres("DROP OWNED BY all_reader; DROP ROLE all_reader");
}

TEST_F(AllTablesTest, NamesSchemasAndKindsAreTakenAsTheyAre) {
  Postgres(
      "CREATE TABLE \"Orders\"(id int PRIMARY KEY); CREATE TABLE \"a.b,c%\"(id int PRIMARY KEY);"
      "CREATE TABLE orders(id int PRIMARY KEY); INSERT INTO \"Orders\" VALUES (1);"
      "CREATE TABLE parent(id int PRIMARY KEY); CREATE TABLE child(id int PRIMARY KEY, extra int) "
      "INHERITS (parent); CREATE MATERIALIZED VIEW mv AS SELECT 1 AS id;"
      "CREATE SCHEMA other; CREATE TABLE other.t(id int PRIMARY KEY); INSERT INTO other.t VALUES "
      "(1); CREATE TABLE pg_temp.u(id int); CREATE SEQUENCE s;"
      "CREATE TABLE root(id int PRIMARY KEY) PARTITION BY LIST (id);"
      "CREATE TABLE other.stray PARTITION OF root FOR VALUES IN (1)");
  Mariadb(
      "CREATE TABLE orders(id int PRIMARY KEY); CREATE TABLE `a.b,c%`(id int PRIMARY KEY);"
      "CREATE TABLE Orders(id int PRIMARY KEY); INSERT INTO Orders VALUES (1); CREATE SEQUENCE s");
  Json document = All({}, 1);
  EXPECT_EQ(
      Results(document),
      (std::set<std::string>{"Orders: identical", "orders: identical", "\"a.b,c%\": identical",
                             "parent: missing in maria", "child: missing in maria",
                             "root: missing in maria", "other.t: missing in maria"}));
  EXPECT_FALSE(document["replicas"][0].contains("scope")) << document["replicas"].dump();
  EXPECT_NE(document["skipped"].dump().find("materialised view in pg"), std::string::npos);
  document = All({}, 0, PostgresUrl("test", "&schema=other"), PostgresUrl("test", "&schema=other"));
  EXPECT_EQ(Results(document), (std::set<std::string>{"stray: identical", "t: identical"}));
  EXPECT_EQ(document["replicas"][0]["scope"], "the schema other");
  document = All({}, 0, PostgresUrl("test"), PostgresUrl("test"));
  EXPECT_TRUE(Results(document).contains("other.t: identical"));
  document = All({}, 2, PostgresUrl("test", "&schema=oter"));
  EXPECT_NE(result_.err.find("no schema \"oter\""), std::string::npos) << result_.err;
  document = All({}, 2, PostgresUrl("test", "&table=orders"));
  EXPECT_NE(result_.err.find("table= belongs to one table"), std::string::npos) << result_.err;
  document = All({}, 2, "csv:x.csv?key=id");
  document = All({}, 2, "", "mysql://root@localhost/nosuch?socket=" + mariadb_->socket());
  EXPECT_NE(result_.err.find("maria: "), std::string::npos) << result_.err;
}

TEST_F(AllTablesTest, ADatabaseFileIsAllOfItsTablesToo) {
  Sql("shop.db",
      "CREATE TABLE a(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO a VALUES (1, 'x');"
      "CREATE TABLE \"b?&=,%\"(id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT * FROM a");
  Postgres(
      "CREATE TABLE a(id int PRIMARY KEY, name text); INSERT INTO a VALUES (1, 'x');"
      "CREATE TABLE \"b?&=,%\"(id int PRIMARY KEY)");
  const Json document = All({}, 0, "", "sqlite:shop.db");
  EXPECT_EQ(Results(document), (std::set<std::string>{"a: identical", "b?&=,%: identical"}));
  All({}, 2, "", "sqlite:nosuch.db");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "nosuch.db"));
}

// Once, and not by each table that it would have been for.
TEST_F(DiffTest, AWrongOptionForTheAgentsEndsAnAuditOfAllTablesBeforeItBegins) {
  Sql("shop.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(id INTEGER PRIMARY KEY)");
  const std::pair<std::string, std::string> wrong[] = {
      {"--max-rate", "no rate"},
      {"--retries", "no number of retries"},
      {"--max-load", "no limit of load"},
      {"--connections", "no number of connections"},
      {"--statement-timeout", "no time"}};
  for (const auto& [option, word] : wrong) {
    SCOPED_TRACE(option);
    ExpectError({"--all", "sqlite:shop.db", "sqlite:shop.db", option, "fast"}, {word, "fast"});
  }
}

TEST_F(AllTablesTest, APasswordIsUsedForEachTableAndNeverShown) {
  Both("CREATE TABLE a(id int PRIMARY KEY); INSERT INTO a VALUES (1)");
  Mariadb(
      "CREATE OR REPLACE USER all_reader@localhost IDENTIFIED BY 'hunter2'; GRANT SELECT ON "
      "company.* TO all_reader@localhost");
  const Json document = All({"--stats"}, 0, "", MariadbUrl("all_reader:hunter2"));
  EXPECT_EQ((result_.out + result_.err).find("hunter2"), std::string::npos);
  All({}, 2, "", MariadbUrl("all_reader:wrong-one"));
  EXPECT_EQ((result_.out + result_.err).find("wrong-one"), std::string::npos);
}

// Two schemas of one server, the scan of whose second table of three stands still for as long as
// the test holds the advisory lock 42.
class AllTablesMidwayTest : public DiffTest {
 protected:
  void SetUp() override {
    server_ = PostgresServer::StartAnother();
    DRIFTWOOD_NEEDS_POSTGRES(server_);
    server_->Sql(
        "CREATE SCHEMA other; CREATE TABLE a(id int PRIMARY KEY, t text);"
        "INSERT INTO a SELECT i, i::text FROM generate_series(1, 100) i;"
        "CREATE TABLE b AS TABLE a; ALTER TABLE b ADD PRIMARY KEY (id);"
        "CREATE TABLE c AS TABLE a; ALTER TABLE c ADD PRIMARY KEY (id);"
        "CREATE TABLE other.a AS TABLE a; CREATE TABLE other.c AS TABLE a;"
        // A view that calls what is volatile would leave no consistent snapshot.
        "CREATE FUNCTION held(id int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "$$BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN ''; END$$;"
        "CREATE VIEW other.b AS SELECT id, t || CASE WHEN id = 50 THEN held(id) ELSE '' END AS t "
        "FROM a");
    holder_ =
        PQconnectdb(("host=" + server_->folder().string() + " user=test dbname=postgres").c_str());
    ASSERT_EQ(PQstatus(holder_), CONNECTION_OK) << PQerrorMessage(holder_);
    PQclear(PQexec(holder_, "SELECT pg_advisory_lock(42)"));
    std::filesystem::create_directory(dir_ / "tmp");
    ProcessOptions options;
    options.folder = dir_.path();
    options.environment = {"TMPDIR=" + Path("tmp")};
    const std::string url = "postgresql://test@/postgres?host=" + server_->folder().string();
    const auto [left, right] = Stores(url + "&schema=public", url + "&schema=other");
    std::vector<std::string> command = {
        Program("driftwood"), "diff", "--all",    left,  right,
        "--recheck",          "0",    "--format", "csv", "--verdict-row"};
    // With a limit of the rate there is one table after the other.
    if (!SideBySide()) command.insert(command.end(), {"--max-rate", "1000000rows"});
    diff_ = std::make_unique<Process>(command, options);
    ASSERT_TRUE(server_->WaitUntilAScanIsBlocked());
  }
  void TearDown() override { PQfinish(holder_); }
  virtual bool SideBySide() const { return false; }
  // What is compared of the two schemas.
  virtual std::pair<std::string, std::string> Stores(const std::string& left,
                                                     const std::string& right) {
    return {left, right};
  }
  void GoOn() { PQclear(PQexec(holder_, "SELECT pg_advisory_unlock(42)")); }

  // The first words of the csv's rows, as regular expressions.
  void ExpectResults(int exit_code, const std::vector<std::string>& rows) {
    const ProcessResult result = diff_->Wait();
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    const std::vector<std::string> lines = Lines(result.out);
    ASSERT_EQ(lines.size(), rows.size() + 1) << result.out;
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_THAT(lines[i + 1], ::testing::MatchesRegex(rows[i] + ",.*"));
    }
    EXPECT_TRUE(std::filesystem::is_empty(dir_ / "tmp"));
  }

  std::unique_ptr<PostgresServer> server_;
  PGconn* holder_ = nullptr;
  std::unique_ptr<Process> diff_;
};

TEST_F(AllTablesMidwayTest, OneThatGoesOnIsIdentical) {
  GoOn();
  ExpectResults(0, {"a,identical", "b,identical", "c,identical", ",IDENTICAL"});
}

TEST_F(AllTablesMidwayTest, CtrlCKeepsWhatIsKnown) {
  diff_->Signal(SIGINT);
  ExpectResults(130, {"a,identical", "b,incomplete", "c,incomplete", ",INCOMPLETE"});
}

TEST_F(AllTablesMidwayTest, AServerThatCrashesLeavesNothingIdenticalButWhatWasCompared) {
  server_->Crash();
  ExpectResults(3, {"a,identical", "b,incomplete", "c,error", ",INCOMPLETE"});
}

TEST_F(AllTablesMidwayTest, TablesThatComeAndGoMeanwhileAreNotPassedOver) {
  server_->Sql(
      "DROP TABLE c; CREATE TABLE aa(id int PRIMARY KEY); CREATE TABLE other.aa(id int PRIMARY "
      "KEY); DROP TABLE other.a");
  GoOn();
  ExpectResults(3, {"a,incomplete", "aa,incomplete", "b,identical", "c,incomplete", ",INCOMPLETE"});
}

// Which of the others have ended by then is not known.
class SideBySideMidwayTest : public AllTablesMidwayTest {
 protected:
  bool SideBySide() const override { return true; }
};

TEST_F(SideBySideMidwayTest, OneThatGoesOnIsIdentical) {
  GoOn();
  ExpectResults(0, {"a,identical", "b,identical", "c,identical", ",IDENTICAL"});
}

TEST_F(SideBySideMidwayTest, CtrlCKeepsWhatIsKnownAndEndsAllOfThem) {
  diff_->Signal(SIGINT);
  ExpectResults(
      130, {"a,(identical|incomplete)", "b,incomplete", "c,(identical|incomplete)", ",INCOMPLETE"});
}

TEST_F(SideBySideMidwayTest, AServerThatCrashesLeavesNothingIdenticalButWhatWasCompared) {
  server_->Crash();
  ExpectResults(3, {"a,(identical|incomplete|error)", "b,incomplete",
                    "c,(identical|incomplete|error)", ",INCOMPLETE"});
}

// The same by a running agent, which lists its databases when it is asked to.
class ServedMidwayTest : public SideBySideMidwayTest {
 protected:
  std::pair<std::string, std::string> Stores(const std::string& left,
                                             const std::string& right) override {
    ProcessOptions options;
    options.folder = dir_.path();
    agent_ = std::make_unique<Process>(
        std::vector<std::string>{Program("driftwood-agent"), "--listen", "unix:a.sock",
                                 "--database", "left=" + left, "--database", "right=" + right,
                                 "--allow-values"},  // a view offers no key
        options);
    EXPECT_TRUE(agent_->WaitForOutput("listening on "));
    return {"agent:unix:a.sock/left", "agent:unix:a.sock/right"};
  }

  std::unique_ptr<Process> agent_;
};

TEST_F(ServedMidwayTest, OneThatGoesOnIsIdentical) {
  GoOn();
  ExpectResults(0, {"a,identical", "b,identical", "c,identical", ",IDENTICAL"});
}

TEST_F(ServedMidwayTest, TablesThatComeAndGoMeanwhileAreNotPassedOver) {
  server_->Sql(
      "DROP TABLE c; CREATE TABLE aa(id int PRIMARY KEY); CREATE TABLE other.aa(id int PRIMARY "
      "KEY); DROP TABLE other.a");
  GoOn();
  ExpectResults(3, {"a,incomplete", "aa,incomplete", "b,identical", "c,incomplete", ",INCOMPLETE"});
}

TEST_F(ServedMidwayTest, AnAgentThatDiesLeavesNothingIdenticalButWhatWasCompared) {
  agent_->Signal(SIGKILL);
  (void)agent_->Wait();
  ExpectResults(3, {"a,(identical|incomplete|error)", "b,incomplete",
                    "c,(identical|incomplete|error)", ",INCOMPLETE"});
}

// What differs from run to run.
void EraseTimes(Json* json) {
  if (json->is_object()) {
    for (const char* name : {"started_at", "finished_at", "options", "states"}) json->erase(name);
    for (auto it = json->begin(); it != json->end();) {
      it = it.key().ends_with("seconds") ? json->erase(it) : std::next(it);
    }
  }
  if (json->is_structured()) {
    for (Json& item : *json) EraseTimes(&item);
  }
}

TEST_F(DiffTest, ManyTablesSideBySideHaveTheReportThatTheyHaveOneAfterTheOther) {
  for (const std::string side : {"left.db", "right.db"}) {
    std::string sql = "BEGIN;";
    for (int t = 0; t < 60; ++t) {
      const std::string table = "t" + std::to_string(t);
      if (t == 21 && side == "right.db") continue;
      sql += "CREATE TABLE " + table + "(id integer PRIMARY KEY, name text);";
      for (int id = 1; id <= 10; ++id) {
        const bool differs = side == "right.db" && t % 6 == 0 && id % 4 == 0;
        sql += "INSERT INTO " + table + " VALUES (" + std::to_string(id) + ", 'name " +
               std::to_string(id * t) + (differs ? "?" : "") + "');";
      }
    }
    // One can't be read to its end.
    sql += "ALTER TABLE t33 ADD COLUMN total AS (abs(-9223372036854775807 - id));";
    Sql(side, sql + "COMMIT");
  }
  const auto compare = [this](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"--all", "left.db", "right.db"};
    words.insert(words.end(), more.begin(), more.end());
    Json report = DiffJson(words);
    EraseTimes(&report);
    return report;
  };
  const Json side_by_side = compare({});
  EXPECT_EQ(side_by_side["totals"]["divergences"], 20);
  EXPECT_EQ(side_by_side["totals"]["identical"], 48);
  EXPECT_EQ(side_by_side["totals"]["missing"], 1);
  EXPECT_EQ(side_by_side, compare({"--max-rate", "1000000rows"}));
  EXPECT_EQ(side_by_side, compare({}));
  // The same from indexes that are kept, and then used.
  EXPECT_EQ(side_by_side, compare({"--state-dir", "state"}));
  EXPECT_EQ(side_by_side, compare({"--state-dir", "state"}));
}

}  // namespace
}  // namespace driftwood::testing
