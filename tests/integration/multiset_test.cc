// Tables without any key, compared as multisets (--key '*'), with the real programs.
#include "agent/stores/open_store.h"
#include "coordinator/audit/audit.h"
#include "tests/integration/diff_fixture.h"
#include "tests/integration/service_peer.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

class MultisetDiffTest : public DiffTest {
 protected:
  // "a|1 2:3": the record with these values (joined by '|', in the order of the names), of which
  // there are 2 copies in the first replica and 3 in the second.
  static std::set<std::string> Copies(const Json& document) {
    std::set<std::string> found;
    for (const Json& record : document.value("records", Json::array())) {
      std::string text;
      for (const Json& values : record.at("values")) {
        if (values.is_null() || !text.empty()) continue;
        for (const Json& value : values) {
          text += (text.empty() ? "" : "|") +
                  (value.is_string() ? value.get<std::string>() : value.dump());
        }
      }
      const std::string first = document.at("replicas").at(0).at("name");
      const std::string second = document.at("replicas").at(1).at("name");
      const Json& copies = record.at("copies");
      EXPECT_EQ(copies.at(first) == 0, record.at("states").at(first).is_null());
      EXPECT_EQ(copies.at(second) == 0, record.at("states").at(second).is_null());
      EXPECT_NE(copies.at(first), copies.at(second)) << record;
      found.insert(text + " " + copies.at(first).dump() + ":" + copies.at(second).dump());
    }
    return found;
  }
  // What is proven, divergent and in flight are all distinct records that there are.
  static void ExpectItAddsUp(const Json& document) {
    const Json& divergences = document.at("divergences");
    for (const Json& replica : document.at("replicas")) {
      uint64_t distinct = document.at("coverage").at("records_proven_equal").get<uint64_t>() +
                          divergences.at("total").get<uint64_t>() +
                          divergences.at("in_flight").get<uint64_t>();
      distinct -=
          divergences.at("missing").at(replica.at("name").get<std::string>()).get<uint64_t>();
      EXPECT_EQ(replica.at("distinct"), distinct) << replica;
    }
  }
  Json DiffRows(std::vector<std::string> words) {
    words.insert(words.end(), {"--key", "*", "--max-divergences", "1000000"});
    const Json document = DiffJson(words);
    if (document.value("verdict", "") != "ERROR") ExpectItAddsUp(document);
    return document;
  }
  ProcessResult Table(std::vector<std::string> words) {
    words.insert(words.end(), {"--key", "*"});
    return Diff(words);
  }
};

TEST_F(MultisetDiffTest, FilesOfEveryKindCompareByTheCopiesOfTheirRecords) {
  WriteFile("a.csv", "n,t\n1,x\n1,x\n2,\n2,\n,\n,\n3,\"\"\n");
  WriteFile("b.jsonl",
            "{\"t\": null, \"n\": null}\n{\"n\": 2, \"t\": null}\n{\"n\": 1, \"t\": \"x\"}\n"
            "{\"n\": 3, \"t\": \"\"}\n{\"n\": 1, \"t\": \"x\"}\n{\"n\": null, \"t\": null}\n"
            "{\"n\": 2, \"t\": null}\n");
  Sql("c.db",
      "CREATE TABLE c(t TEXT, n INTEGER); INSERT INTO c VALUES ('x', 1), (NULL, NULL), ('', 3), "
      "('x', 1), (NULL, 2), (NULL, NULL), (NULL, 2)");
  for (const std::string one : {"csv:a.csv", "jsonl:b.jsonl", "sqlite:c.db?table=c"}) {
    for (const std::string other : {"csv:a.csv", "jsonl:b.jsonl", "sqlite:c.db?table=c"}) {
      const Json document = DiffRows({one, other});
      EXPECT_EQ(document.value("verdict", ""), "IDENTICAL") << one << " " << other << document;
      EXPECT_EQ(document.at("replicas").at(0).at("records"), 7);
      EXPECT_EQ(document.at("coverage").at("records_proven_equal"), 4);
    }
  }
  Sql("c.db",
      "DELETE FROM c WHERE rowid = (SELECT min(rowid) FROM c WHERE n IS NULL); "
      "INSERT INTO c VALUES ('x', 1), ('new', 9), (NULL, 3)");
  for (const std::string one : {"csv:a.csv", "jsonl:b.jsonl"}) {
    EXPECT_EQ(Copies(DiffRows({one, "sqlite:c.db?table=c"})),
              (std::set<std::string>{"1|x 2:3", "9|new 0:1", "3|null 0:1", "null|null 2:1"}));
  }
  EXPECT_EQ(Verdict({"csv:a.csv?key=*", "sqlite:c.db?table=c"}), "DIVERGENT");
  EXPECT_EQ(Verdict({"csv:a.csv", "sqlite:c.db?table=c&key=*", "--ignore", "n,t"}), "ERROR");
}

TEST_F(MultisetDiffTest, WhoeverReadsTheReportSeesCopiesAndTheRecordItself) {
  WriteFile("a.csv", "n,t\n1,x\n1,x\n7,gone\n");
  WriteFile("b.csv", "n,t\n1,x\n1,x\n1,x\n");
  const ProcessResult table = Table({"csv:a.csv", "csv:b.csv"});
  EXPECT_EQ(table.exit_code, 1);
  EXPECT_NE(table.out.find("copies of each row: left → right\n"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("\n2 → 3  n 1 | t x\n"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("\n1 → 0  n 7 | t gone\n"), std::string::npos) << table.out;
  // What was not re-read is known from the indexes.
  const Json document = DiffJson({"csv:a.csv", "csv:b.csv", "--key", "*", "--no-recheck"});
  EXPECT_EQ(document.at("divergences").at("unconfirmed"), 2);
  std::set<std::string> copies;
  for (const Json& record : document.at("records")) copies.insert(record.at("copies").dump());
  EXPECT_EQ(copies,
            (std::set<std::string>{"{\"left\":1,\"right\":0}", "{\"left\":2,\"right\":3}"}));
}

TEST_F(MultisetDiffTest, ColumnsIgnoredAndRulesMakeRecordsEqual) {
  WriteFile("a.csv", "n,t,at\n1,x ,5\n1,x,6\n2,y,7\n");
  WriteFile("b.csv", "n,t,at\n1,x,1\n1,x,2\n2,y,3\n");
  EXPECT_EQ(Verdict({"csv:a.csv", "csv:b.csv", "--key", "*"}), "DIVERGENT");
  EXPECT_EQ(Verdict({"csv:a.csv", "csv:b.csv", "--key", "*", "--ignore", "at"}), "DIVERGENT");
  EXPECT_EQ(Verdict({"csv:a.csv", "csv:b.csv", "--key", "*", "--columns", "n"}), "IDENTICAL");
  EXPECT_EQ(
      Verdict({"csv:a.csv", "csv:b.csv", "--key", "*", "--ignore", "at", "--rule", "t:rtrim"}),
      "IDENTICAL");
  WriteFile("c.csv", "m,t,at\n1,x,1\n1,x,2\n2,y,3\n");
  EXPECT_EQ(Verdict({"csv:b.csv", "csv:c.csv", "--key", "*", "--rename", "right:m=n"}),
            "IDENTICAL");
}

TEST_F(MultisetDiffTest, NothingAgainstNothingIsRefusedUnlessAllowed) {
  WriteFile("a.csv", "n,t\n");
  WriteFile("b.csv", "n,t\n");
  Json document = DiffRows({"csv:a.csv", "csv:b.csv"});
  EXPECT_EQ(document.value("verdict", ""), "ERROR");
  EXPECT_NE(document.at("error").dump().find("--allow-empty"), std::string::npos);
  document = DiffRows({"csv:a.csv", "csv:b.csv", "--allow-empty"});
  EXPECT_EQ(document.value("verdict", ""), "IDENTICAL");
  EXPECT_NE(document.at("warnings").dump().find("zero records"), std::string::npos);
  WriteFile("b.csv", "n,t\n,\n");
  EXPECT_EQ(Copies(DiffRows({"csv:a.csv", "csv:b.csv"})), (std::set<std::string>{"null|null 0:1"}));
}

TEST_F(MultisetDiffTest, WithoutKeyOrWithKeysThatDifferItIsRefusedWithAHint) {
  WriteFile("a.csv", "n,t\n1,x\n");
  ExpectError({"csv:a.csv", "csv:a.csv"}, {"no key", "--key '*'"});
  ExpectError({"csv:a.csv?key=*", "csv:a.csv?key=n"}, {"the keys differ", "(*)", "(n)"});
  ExpectError({"csv:a.csv", "csv:a.csv", "--key", "*,n"}, {"stands alone"});
  Lmdb("l", {{"k", "v"}});
  ExpectError({"lmdb:l", "lmdb:l", "--key", "*"}, {"always have one", "--key"});
  WriteFile("twice.csv", "n,t\n1,x\n1,x\n");
  ExpectError({"csv:twice.csv", "csv:a.csv", "--key", "n"}, {"two records", "--key '*'"});
  const ProcessResult plan = Table({"csv:a.csv", "csv:a.csv", "--explain"});
  EXPECT_EQ(plan.exit_code, 4);
  EXPECT_NE(plan.out.find("as multisets"), std::string::npos) << plan.out;
}

TEST_F(MultisetDiffTest, AKeptIndexOfOneKindNeverServesTheOther) {
  WriteFile("a.csv", "n,t\n1,x\n2,y\n");
  WriteFile("b.csv", "n,t\n2,y\n1,x\n");
  for (const std::string key : {"n", "*", "n", "*", "*"}) {
    const Json document =
        DiffJson({"csv:a.csv", "csv:b.csv", "--key", key, "--state-dir", Path("state")});
    EXPECT_EQ(document.value("verdict", ""), "IDENTICAL") << document;
    EXPECT_EQ(document.at("compared").contains("multiset"), key == "*");
  }
}

// ---- database servers ----

class MultisetServerTest : public MultisetDiffTest {
 protected:
  void SetUp() override {
    postgres_ = PostgresServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(postgres_);
    maria_ = MariadbServer::Get();
    DRIFTWOOD_NEEDS_MARIADB(maria_);
  }
  // The same statements in both.
  void Both(const std::string& sql) {
    postgres_->Sql(sql);
    maria_->Sql(sql);
  }

  PostgresServer* postgres_ = nullptr;
  MariadbServer* maria_ = nullptr;
};

TEST_F(MultisetServerTest, RandomTablesGiveExactlyWhatExceptAllFinds) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(seed);
  postgres_->Sql(
      "DROP TABLE IF EXISTS bag_a, bag_b; SELECT setseed(" + std::to_string(seed % 1000) +
      " / 1000.0);"
      "CREATE TABLE bag_a AS SELECT nullif((random() * 40)::int, 7) AS n, "
      "CASE (random() * 30)::int WHEN 0 THEN NULL WHEN 1 THEN '' ELSE "
      "'t' || (random() * random() * 60)::int END AS t, (random() * 3)::int / 2.0 AS price "
      "FROM generate_series(1, 100000);"
      "CREATE TABLE bag_b AS TABLE bag_a ORDER BY random();"
      "DELETE FROM bag_a WHERE random() < 0.001; DELETE FROM bag_b WHERE random() < 0.001;"
      "INSERT INTO bag_b SELECT * FROM bag_b WHERE random() < 0.001;"
      "UPDATE bag_b SET t = 'other' WHERE random() < 0.001;"
      "UPDATE bag_b SET price = price + 0.00 WHERE random() < 0.1");
  const Json document = DiffRows(
      {postgres_->Url("bag_a", "&connections=3"), postgres_->Url("bag_b", "&connections=2")});
  const std::string sql = postgres_->Value(
      "SELECT string_agg(coalesce(n::text, 'null') || '|' || trim_scale(price) || '|' || "
      "coalesce(t, 'null') || ' ' || a || ':' || b, E'\\n') FROM (SELECT n, t, price, sum(a) AS a, "
      "sum(b) AS b FROM (SELECT *, 1 AS a, 0 AS b FROM bag_a UNION ALL SELECT *, 0, 1 FROM bag_b) "
      "x "
      "GROUP BY n, t, price HAVING sum(a) <> sum(b)) y");
  const std::vector<std::string> lines = Lines(sql);
  const std::set<std::string> expected(lines.begin(), lines.end());
  EXPECT_GT(expected.size(), 100u);
  EXPECT_EQ(Copies(document), expected);
  // The rows that one side has more of, as EXCEPT ALL counts them.
  uint64_t surplus_a = 0, surplus_b = 0;
  for (const Json& record : document.at("records")) {
    const auto a = record.at("copies").at("left").get<uint64_t>();
    const auto b = record.at("copies").at("right").get<uint64_t>();
    (a > b ? surplus_a : surplus_b) += a > b ? a - b : b - a;
  }
  const auto except = [&](const std::string& left, const std::string& right) {
    return std::stoull(postgres_->Value("SELECT count(*) FROM (TABLE " + left +
                                        " EXCEPT ALL TABLE " + right + ") x"));
  };
  EXPECT_EQ(surplus_a, except("bag_a", "bag_b"));
  EXPECT_EQ(surplus_b, except("bag_b", "bag_a"));
  EXPECT_EQ(document.at("replicas").at(0).at("records"),
            std::stoull(postgres_->Value("SELECT count(*) FROM bag_a")));
}

TEST_F(MultisetServerTest, TablesWithoutKeyCompareAcrossEngines) {
  postgres_->Sql(
      "DROP TABLE IF EXISTS bag; CREATE TABLE bag(n bigint, price numeric, t text, ok boolean, "
      "at timestamp); INSERT INTO bag SELECT nullif(i % 50, 7), i % 20 / 8.0, "
      "CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'n\xc3\xa4me' || i % 30 END, i % 2 = 0, "
      "timestamp '2024-01-01' + i % 5 * interval '1 hour' FROM generate_series(1, 20000) i;"
      "INSERT INTO bag SELECT FROM generate_series(1, 3)");
  maria_->Sql(
      "CREATE OR REPLACE TABLE bag(at datetime(3), t varchar(50), ok tinyint(1), n int, "
      "price decimal(12,5)) CHARACTER SET utf8mb4; INSERT INTO bag SELECT timestamp '2024-01-01 "
      "00:00:00' + "
      "interval i % 5 hour, CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE "
      "concat('n\xc3\xa4me', i % 30) END, i % 2 = 0, nullif(i % 50, 7), i % 20 / 8.0 FROM "
      "(SELECT seq AS i FROM seq_1_to_20000 ORDER BY rand()) x;"
      "INSERT INTO bag VALUES (), (), ()");
  const Json same = DiffRows({postgres_->Url("bag"), maria_->Url("bag")});
  EXPECT_EQ(same.value("verdict", ""), "IDENTICAL") << same.dump(1).substr(0, 2000);
  EXPECT_EQ(same.at("replicas").at(0).at("records"), 20003);
  maria_->Sql(
      "DELETE FROM bag WHERE n IS NULL AND t IS NULL AND at IS NULL LIMIT 1;"
      "INSERT INTO bag SELECT * FROM bag WHERE n = 3 AND price = 0.375 LIMIT 1;"
      "INSERT INTO bag(n) VALUES (99)");
  const Json other = DiffRows({postgres_->Url("bag"), maria_->Url("bag")});
  EXPECT_EQ(other.at("divergences").at("total"), 3) << other.dump(1).substr(0, 2000);
  const std::set<std::string> copies = Copies(other);
  EXPECT_TRUE(copies.contains("null|null|null|null|null 3:2")) << other.dump(1);
  EXPECT_TRUE(copies.contains("null|99|null|null|null 0:1")) << other.dump(1);
}

TEST_F(MultisetServerTest, AHundredThousandCopiesAreOneMoreThanOneLess) {
  postgres_->Sql(
      "DROP TABLE IF EXISTS same; CREATE TABLE same(n int, t text);"
      "INSERT INTO same SELECT 7, 'x' FROM generate_series(1, 100000)");
  maria_->Sql(
      "CREATE OR REPLACE TABLE same(n int, t varchar(5));"
      "INSERT INTO same SELECT 7, 'x' FROM seq_1_to_99999");
  EXPECT_EQ(Copies(DiffRows({postgres_->Url("same"), maria_->Url("same")})),
            (std::set<std::string>{"7|x 100000:99999"}));
  maria_->Sql("INSERT INTO same VALUES (7, 'x')");
  const ProcessResult table = Table({postgres_->Url("same"), maria_->Url("same")});
  EXPECT_EQ(table.exit_code, 0) << table.out << table.err;
  EXPECT_EQ(table.out.rfind("IDENTICAL: 100,000 rows (1 distinct) in left and right agree", 0), 0u)
      << table.out;
}

TEST_F(MultisetServerTest, ATableThatHasAKeyMayBeComparedWithoutIt) {
  Both("DROP TABLE IF EXISTS keyed");
  Both("CREATE TABLE keyed(id int PRIMARY KEY, t varchar(9))");
  postgres_->Sql("INSERT INTO keyed SELECT i, 't' || i % 3 FROM generate_series(1, 9000) i");
  maria_->Sql("INSERT INTO keyed SELECT seq + 50000, concat('t', seq % 3) FROM seq_1_to_9000");
  const Json document = DiffRows({postgres_->Url("keyed", "&connections=2"),
                                  maria_->Url("keyed", "&connections=2"), "--ignore", "id"});
  EXPECT_EQ(document.value("verdict", ""), "IDENTICAL") << document.dump(1).substr(0, 2000);
  EXPECT_EQ(document.at("coverage").at("records_proven_equal"), 3);
  maria_->Sql("UPDATE keyed SET t = 't1' WHERE id = 50003");
  EXPECT_EQ(Copies(DiffRows({postgres_->Url("keyed"), maria_->Url("keyed"), "--ignore", "id"})),
            (std::set<std::string>{"t0 3000:2999", "t1 3000:3001"}));
}

TEST_F(MultisetServerTest, AFilterHoldsForWhatIsReadAgainToo) {
  Both("DROP TABLE IF EXISTS part");
  Both("CREATE TABLE part(region varchar(9), n int)");
  Both("INSERT INTO part VALUES ('eu', 1), ('eu', 1), ('us', 1), ('us', 2), ('eu', 3)");
  const std::string where = "&where=region%20%3D%20%27eu%27";
  EXPECT_EQ(Verdict({postgres_->Url("part", where), maria_->Url("part", where), "--key", "*"}),
            "IDENTICAL");
  // Without the region: the 'us' row would make up for the copy that is missing in 'eu'.
  maria_->Sql("DELETE FROM part WHERE region = 'eu' AND n = 1 LIMIT 1");
  const std::set<std::string> expected{"1 2:1"};
  EXPECT_EQ(Copies(DiffRows(
                {postgres_->Url("part", where), maria_->Url("part", where), "--ignore", "region"})),
            expected);
}

// ---- with writers in between ----

class MultisetConfirmationTest : public MultisetServerTest {
 protected:
  coordinator::Report Audit(const std::string& left, const std::string& right,
                            const std::function<void()>& before_reading) {
    agent::ServiceOptions options;
    options.key = *merkle::DigestKey::FromBytes(std::string(32, 'k'));
    options.state_dir = dir_ / "state";
    options.version = "1";
    options.threads = 1;
    agent::Service service(options);
    for (const auto& [name, url] : {std::pair{"left", left}, std::pair{"right", right}}) {
      auto store = agent::OpenStore(*StoreUrl::Parse(url));
      EXPECT_TRUE(store.ok()) << store.status();
      EXPECT_TRUE(service.AddDataset(name, url, *std::move(store)).ok());
    }
    ServicePeer left_peer(&service, "left");
    ServicePeer right_peer(&service, "right");
    coordinator::Interrupt interrupt;
    coordinator::AuditPlan plan{.replicas = {{"left", {left}}, {"right", {right}}}};
    coordinator::AuditOptions audit;
    plan.reconcile.key = {"*"};
    audit.salt = std::string(16, 's');
    audit.now_seconds = [] { return 0.0; };
    plan.recheck.seconds = 1;
    bool waited = false;
    audit.wait_seconds = [&](double) {
      if (!std::exchange(waited, true)) before_reading();
    };
    return RunAudit(plan, {&left_peer, &right_peer}, audit, nullptr, &interrupt);
  }
};

TEST_F(MultisetConfirmationTest, CopiesThatArriveLateAreInFlightAndOthersStayDivergent) {
  Both("DROP TABLE IF EXISTS late");
  Both("CREATE TABLE late(n int, t varchar(9))");
  postgres_->Sql("INSERT INTO late VALUES (1, 'x'), (1, 'x'), (2, 'y'), (3, 'z')");
  maria_->Sql("INSERT INTO late VALUES (1, 'x'), (2, 'y'), (2, 'y')");
  const coordinator::Report report = Audit(postgres_->Url("late"), maria_->Url("late"), [&] {
    maria_->Sql("INSERT INTO late VALUES (1, 'x'), (3, 'z')");
  });
  EXPECT_EQ(report.verdict, coordinator::Verdict::kDivergent);
  EXPECT_EQ(report.statuses.in_flight, 2u);
  EXPECT_EQ(report.statuses.confirmed, 1u);
  ASSERT_EQ(report.records.size(), 1u);
  EXPECT_EQ(report.records[0].copies, (std::vector<std::optional<uint64_t>>{1, 2}));
}

TEST_F(MultisetConfirmationTest, AScanThatFailsLeavesDivergencesUnconfirmedAndNeverInFlight) {
  Both("DROP TABLE IF EXISTS late");
  Both("CREATE TABLE late(n int, t varchar(9))");
  postgres_->Sql("INSERT INTO late VALUES (1, 'x'), (1, 'x'), (2, 'y')");
  maria_->Sql("INSERT INTO late VALUES (1, 'x'), (2, 'y')");
  const coordinator::Report report =
      Audit(postgres_->Url("late"), maria_->Url("late"), [&] { maria_->Sql("DROP TABLE late"); });
  EXPECT_EQ(report.verdict, coordinator::Verdict::kDivergent);
  EXPECT_EQ(report.statuses.unconfirmed, 1u);
  EXPECT_EQ(report.statuses.in_flight, 0u);
  // The indexes still know what was compared.
  ASSERT_EQ(report.records.size(), 1u);
  EXPECT_EQ(report.records[0].copies, (std::vector<std::optional<uint64_t>>{2, 1}));
}

}  // namespace
}  // namespace driftwood::testing
