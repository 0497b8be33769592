// Covers pg_result.cc too.
#include "agent/stores/postgresql/pg_session.h"

#include <cctype>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/agent/stores/postgresql/pg_store_fixture.h"

namespace driftwood::agent {
namespace {

using Pooling = testing::PgRelay::Pooling;

// Settings under which the same values have other texts, fewer rows come, names mean other things.
constexpr char kHostile[] =
    "SET row_security = on; SET DateStyle = 'German'; SET IntervalStyle = 'sql_standard'; "
    "SET TimeZone = 'Asia/Kolkata'; SET extra_float_digits = -5; SET bytea_output = 'escape'; "
    "SET xmlbinary = 'hex'; SET client_encoding = 'LATIN1'; SET quote_all_identifiers = on; "
    "SET default_transaction_isolation = 'read committed'; SET gin_fuzzy_search_limit = 1; "
    "SET transform_null_equals = on; SET search_path = app; "
    "CREATE TEMP TABLE IF NOT EXISTS t(id int, x text)";

class PgSessionTest : public PgStoreTest {
 protected:
  void SetUp() override {
    PgStoreTest::SetUp();
    if (server_ == nullptr) return;
    server_->Sql(
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; CREATE SCHEMA app;"
        "GRANT USAGE ON SCHEMA app TO reader; "
        "CREATE TABLE t(id int PRIMARY KEY, at timestamptz, d date, i interval, f float8, b bytea, "
        "ts timestamptz[], fs float8[], x text);"
        "INSERT INTO t SELECT n, '2024-02-29 12:00+00', '2024-03-01', '1 day 02:03:04', 0.1, "
        "'\\xff00', '{2024-02-29 12:00+00}', '{0.1,0.30000000000000004}', U&'\\00e4' "
        "FROM generate_series(1, 10) n; GRANT SELECT ON t TO reader");
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Sql("DROP OWNED BY reader; DROP ROLE reader");
  }
  const std::vector<std::string> columns_ = {"id", "at", "d", "i", "f", "b", "ts", "fs", "x"};
};

TEST_F(PgSessionTest, BehindAPoolerThatChangesServersAPolicyIsAnErrorToo) {
  server_->Sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)");
  RelayBy({Pooling::kAfterTransactions, "SET row_security = on", nullptr});
  for (const char* connections : {"&connections=1", "&connections=2"}) {
    const ScanOutcome outcome = Scan("t", {"id"}, connections, "reader");
    EXPECT_TRUE(absl::IsPermissionDenied(outcome.status)) << outcome.status;
    EXPECT_TRUE(Says(outcome.status, "row-level security")) << outcome.status;
  }
}

TEST_F(PgSessionTest, BehindAPoolerTheSettingsOfOthersChangeNoValue) {
  const ScanOutcome expected = Scan("t", columns_, "", "reader");
  ASSERT_EQ(expected.rows.size(), 10u);
  RelayBy({Pooling::kAfterTransactions, kHostile, nullptr});
  const auto store = Open("t", "&connections=2", "reader");
  EXPECT_EQ(store->Describe().value().columns.size(), columns_.size());
  const ScanOutcome outcome = Sorted(ReadAll(*store, columns_));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows, expected.rows);
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(7)}};
  auto found = store->Lookup({"id"}, {"id"}, keys);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(ReadScan(**found).rows, (Rows{{"int 7"}}));
}

TEST_F(PgSessionTest, SettingsOfTheRoleAndTheDatabaseChangeNoValue) {
  const ScanOutcome expected = Scan("t", columns_, "", "reader");
  for (const char* whose : {"ROLE reader", "DATABASE postgres"}) {
    std::istringstream hostile(kHostile);
    for (std::string setting; std::getline(hostile, setting, ';');) {
      const size_t set = setting.find("SET ");
      if (set == std::string::npos || setting.find("client_encoding") != std::string::npos)
        continue;
      if (setting.find("search_path") != std::string::npos) continue;
      server_->Sql(std::string("ALTER ") + whose + " " + setting.substr(set));
    }
    const ScanOutcome outcome = Scan("public.t", columns_, "", "reader");
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.rows, expected.rows) << whose;
    server_->Sql(std::string("ALTER ") + whose + " RESET ALL");
  }
}

TEST_F(PgSessionTest, APoolerThatChangesServersWithinATransactionIsNamed) {
  RelayBy({Pooling::kAfterStatements, "", nullptr});
  const auto store = Open("t");
  for (const absl::Status& status : {store->Describe().status(), store->StartScan({"id"}).status(),
                                     store->MeasureLoad({true, true}).value()->Read().status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_TRUE(Says(status, "pool_mode")) << status;
  }
}

TEST_F(PgSessionTest, WhatCodeOfAQueryHasSwitchedIsNoticed) {
  server_->Sql(
      "CREATE FUNCTION f() RETURNS text LANGUAGE sql VOLATILE AS "
      "$$SELECT set_config('row_security', 'on', false)$$;"
      "CREATE VIEW v AS SELECT f() AS x");
  const ScanOutcome outcome = Scan("v", {"x"});
  EXPECT_TRUE(IsSourcesFault(outcome.status)) << outcome.status;
  EXPECT_TRUE(Says(outcome.status, "row_security is \"on\"")) << outcome.status;
}

TEST_F(PgSessionTest, AServerThatLeavesOutDamagedRowsIsNotRead) {
  server_->Sql("ALTER ROLE reader SET zero_damaged_pages = on");
  const ScanOutcome outcome = Scan("t", {"id"}, "", "reader");
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.status)) << outcome.status;
  EXPECT_TRUE(Says(outcome.status, "zero_damaged_pages")) << outcome.status;
}

TEST_F(PgSessionTest, TheTableAndTheConditionMeanWhatTheyMeanUnderTheUsersPath) {
  server_->Sql(
      "CREATE TABLE app.t(id int PRIMARY KEY); INSERT INTO app.t VALUES (1), (2), (3);"
      "CREATE TABLE app.chosen(id int); INSERT INTO app.chosen VALUES (2), (3);"
      "CREATE FUNCTION app.is_odd(int) RETURNS bool LANGUAGE sql AS 'SELECT $1 % 2 = 1';"
      "GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader;"
      "ALTER ROLE reader SET search_path = nowhere, app, public");
  const std::string where = "&where=is_odd(id)%20and%20id%20in%20(select%20id%20from%20chosen)";
  for (const Pooling pooling : {Pooling::kNever, Pooling::kAfterTransactions}) {
    RelayBy({pooling,
             "SET search_path = public; CREATE TEMP TABLE t(id int); "
             "CREATE TEMP TABLE chosen(id int)",
             nullptr});
    EXPECT_EQ(Scan("t", {"id"}, "", "reader").rows, (Rows{{"int 1"}, {"int 2"}, {"int 3"}}));
    const ScanOutcome outcome = Scan("t", {"id"}, where, "reader");
    EXPECT_EQ(outcome.rows, (Rows{{"int 3"}})) << outcome.status;
    const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(2)},
                                                        {SourceValue::Int64(3)}};
    const auto store = Open("t", where, "reader");
    auto found = store->Lookup({"id"}, {"id"}, keys);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(ReadScan(**found).rows, (Rows{{"int 3"}}));
  }
  const ScanOutcome by_url = Scan("t", {"id"}, "&options=-c%20search_path%3Dpublic");
  EXPECT_EQ(by_url.rows.size(), 10u) << by_url.status;
}

// CVE-2018-1058: each of them fits better than what pg_catalog has.
TEST_F(PgSessionTest, NoCodeThatOthersHavePutIntoThePathRuns) {
  server_->Sql(
      "CREATE TABLE app.ran(what text); GRANT INSERT ON app.ran TO public;"
      "CREATE SEQUENCE app.runs; GRANT ALL ON SEQUENCE app.runs TO public;"
      "CREATE FUNCTION app.trap(anyelement, anyelement) RETURNS bool LANGUAGE plpgsql AS "
      "'BEGIN RAISE EXCEPTION ''trap''; END';"
      "DO $$ DECLARE o record; BEGIN FOR o IN SELECT DISTINCT oprname, l.typname AS l, r.typname "
      "AS "
      "r FROM pg_operator JOIN pg_type l ON l.oid = oprleft CROSS JOIN pg_type r WHERE oprname IN "
      "('=', '<>', '<', '>', '>=', '<=', '||') AND l.typname IN ('oid', 'name', 'text', 'char', "
      "'int2', 'int4', 'int8', 'tid', 'timestamptz') AND r.typname IN ('oid', 'name', 'text', "
      "'char', 'int2', 'int4', 'int8', 'tid') LOOP BEGIN "
      "EXECUTE format('CREATE FUNCTION public.trap(%I, %I) RETURNS bool LANGUAGE plpgsql AS "
      "''BEGIN RAISE EXCEPTION ''''trap''''; END''', o.l, o.r); EXCEPTION WHEN duplicate_function "
      "THEN NULL; END; BEGIN EXECUTE format('CREATE OPERATOR public.%s (leftarg = %I, rightarg = "
      "%I, procedure = public.trap)', o.oprname, o.l, o.r); EXCEPTION WHEN OTHERS THEN NULL; END; "
      "END LOOP; END $$;"
      "ALTER ROLE reader SET search_path = public, pg_catalog");
  const auto store = Open("public.t", "&connections=2", "reader");
  EXPECT_TRUE(store->Describe().ok());
  EXPECT_EQ(ReadAll(*store, {"id"}).rows.size(), 10u);
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(7)}};
  for (const char* where : {"", "&where=x%20is%20not%20null"}) {
    auto found = Open("public.t", where, "reader")->Lookup({"id"}, {"id"}, keys);
    ASSERT_TRUE(found.ok()) << found.status();
    const ScanOutcome outcome = ReadScan(**found);
    EXPECT_EQ(outcome.rows, (Rows{{"int 7"}})) << outcome.status;
  }
  EXPECT_TRUE(ListPostgresqlTables(StoreUrl::Parse("postgresql://reader@/postgres?host=" +
                                                   server_->folder().string())
                                       .value())
                  .ok());
}

// The statements of all that the store does, as the server has heard them.
class PgStatementsTest : public ::testing::Test {
 protected:
  struct Word {
    std::string text;
    std::string before;  // the text that precedes it, without white space at its end
    bool is_call = false;
    bool is_type = false;
  };
  static std::vector<Word> WordsOf(const std::string& sql) {
    std::vector<Word> words;
    for (size_t i = 0; i < sql.size();) {
      const char c = sql[i];
      if (c == '\'' || c == '"') {
        i = sql.find(c, i + 1) + 1;
        if (i == 0) break;
        continue;
      }
      if (std::isalpha(static_cast<unsigned char>(c)) == 0 && c != '_') {
        ++i;
        continue;
      }
      size_t end = i;
      while (end < sql.size() &&
             (std::isalnum(static_cast<unsigned char>(sql[end])) != 0 || sql[end] == '_')) {
        ++end;
      }
      Word word;
      word.text = sql.substr(i, end - i);
      word.before = sql.substr(0, i);
      while (word.before.ends_with(' ')) word.before.pop_back();
      word.is_call = end < sql.size() && sql[end] == '(';
      word.is_type = word.before.ends_with("::");
      words.push_back(std::move(word));
      i = end;
    }
    return words;
  }
};

TEST_F(PgStatementsTest, EachNameOfTheCatalogueIsQualifiedAndNothingIsSetOutsideOfTransactions) {
  const auto server = testing::PostgresServer::StartAnother(
      "-c log_statement=all -c log_line_prefix='@%a@' -c log_error_verbosity=terse");
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t(id int, k date, x text, u uuid, n numeric, "
      "ts timestamp, b bool, m mood, ip inet, mo money, iv interval[], "
      "PRIMARY KEY (id, k, x, u, n, ts, b)); "
      "INSERT INTO t SELECT i, '2024-02-29', 'x', gen_random_uuid(), 1.5, now(), true "
      "FROM generate_series(1, 1000) i; CREATE VIEW v AS SELECT id, x FROM t;"
      "CREATE TABLE part(id int) PARTITION BY RANGE (id); "
      "CREATE TABLE p1 PARTITION OF part FOR VALUES FROM (0) TO (10000); "
      "INSERT INTO part SELECT generate_series(1, 5000)");
  using Kind = SourceValue::Kind;
  const std::string uuid(16, '\x11');
  const std::vector<std::vector<SourceValue>> keys = {
      {SourceValue::Int64(1), SourceValue::Moment(Kind::kDate, 19782), SourceValue::Text("x"),
       SourceValue::OfText(Kind::kUuid, uuid), SourceValue::OfText(Kind::kNumber, "1.5"),
       SourceValue::Moment(Kind::kTimestamp, 0), SourceValue::Bool(true)}};
  for (const char* table : {"t", "v", "part", "T"}) {
    for (const char* more : {"", "&where=id%20>%205"}) {
      const auto store =
          OpenPostgresqlStore(
              StoreUrl::Parse(server->Url(table, std::string("&connections=2") + more)).value())
              .value();
      const auto description = store->Describe();
      ASSERT_TRUE(description.ok()) << description.status();
      std::vector<std::string> columns;
      for (const SourceColumn& column : description->columns) columns.push_back(column.name);
      const ScanOutcome outcome = ReadAll(*store, columns);
      EXPECT_TRUE(outcome.status.ok()) << outcome.status;
      if (std::string(table) == "t") {
        auto found = store->Lookup({"id"}, {"id", "k", "x", "u", "n", "ts", "b"}, keys);
        ASSERT_TRUE(found.ok()) << found.status();
        EXPECT_TRUE(ReadScan(**found).status.ok());
      }
      const std::vector<std::vector<SourceValue>> ids = {{SourceValue::Int64(1)}};
      auto found = store->Lookup({"id"}, {"id"}, ids);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_TRUE(ReadScan(**found).status.ok());
      EXPECT_TRUE(store->MeasureLoad({true, true}).value()->Read().ok());
    }
  }
  const std::string base = "postgresql://test@/postgres?host=" + server->folder().string();
  EXPECT_TRUE(ListPostgresqlTables(StoreUrl::Parse(base).value()).ok());
  EXPECT_TRUE(absl::IsNotFound(
      ListPostgresqlTables(StoreUrl::Parse(base + "&schema=none").value()).status()));
  EXPECT_TRUE(absl::IsNotFound(OpenPostgresqlStore(StoreUrl::Parse(server->Url("none")).value())
                                   .value()
                                   ->Describe()
                                   .status()));

  const auto names = [&](const std::string& sql) {
    std::istringstream text(server->Value(sql));
    std::set<std::string> all;
    for (std::string name; text >> name;) all.insert(name);
    return all;
  };
  const std::set<std::string> relations = names(
      "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = "
      "'pg_catalog'::regnamespace");
  const std::set<std::string> functions = names(
      "SELECT string_agg(proname, ' ') FROM pg_proc WHERE pronamespace = "
      "'pg_catalog'::regnamespace");
  std::ifstream log(server->folder() / "log");
  int statements = 0;
  for (std::string line; std::getline(log, line);) {
    const size_t begin = line.find(": ", line.find("LOG:  ") + 6);
    if (!line.starts_with("@driftwood@LOG:  ") || begin == std::string::npos) continue;
    const bool is_statement = line.find("LOG:  statement: ") != std::string::npos ||
                              line.find("LOG:  execute ") != std::string::npos;
    if (!is_statement) continue;
    ++statements;
    const std::string sql = line.substr(begin + 2);
    EXPECT_FALSE(sql.starts_with("SET ") && !sql.starts_with("SET LOCAL ")) << sql;
    for (const Word& word : WordsOf(sql)) {
      const bool is_ours = word.before.ends_with(" driftwood.") || word.text == "pg_catalog" ||
                           word.text == "pg_temp" || word.before.ends_with("SET LOCAL");
      const bool needs = relations.contains(word.text) || word.is_type ||
                         (word.is_call && functions.contains(word.text));
      if (is_ours || !needs || word.before.ends_with("pg_catalog.")) continue;
      // EXTRACT is grammar.
      EXPECT_EQ(word.text, "extract") << "not qualified: " << word.text << " in " << sql;
    }
  }
  EXPECT_GT(statements, 100);
}

}  // namespace
}  // namespace driftwood::agent
