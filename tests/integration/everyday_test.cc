// The programs as their users run them: copies that agree, copies that drifted, every format.
// Covers coordinator/main.cc too.
#include <cstdlib>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

// The scenario at a size that suits a test run; DRIFTWOOD_TEST_ROWS makes it larger.
int Rows() {
  const char* rows = std::getenv("DRIFTWOOD_TEST_ROWS");
  return rows != nullptr ? std::atoi(rows) : 100'000;
}

class OrdersTest : public DiffTest {
 protected:
  static std::string Csv(int id, const std::string& status) {
    char line[160];
    std::snprintf(line, sizeof line,
                  "%d,\"customer, %d\",%d.%02d,%d,2026-%02d-%02d %02d:%02d:00,%s,%s\n", id,
                  id % 5003, id % 900, id % 100, id % 7, id % 12 + 1, id % 28 + 1, id % 24, id % 60,
                  status.c_str(), id % 5 == 0 ? "" : "note");
    return line;
  }

  void SetUp() override {
    rows_ = Rows();
    std::ofstream csv(dir_ / "orders.csv", std::ios::binary);
    csv << "id,customer,total,items,placed,status,note\n";
    sqlite3* db = nullptr;
    DRIFTWOOD_CHECK(sqlite3_open(Path("shop.db").c_str(), &db) == SQLITE_OK);
    Exec(db,
         "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, total DECIMAL(10,2),"
         " items INTEGER, placed TIMESTAMP, status TEXT, note TEXT); BEGIN");
    sqlite3_stmt* insert = nullptr;
    DRIFTWOOD_CHECK(sqlite3_prepare_v2(db, "INSERT INTO orders VALUES(?,?,?,?,?,?,?)", -1, &insert,
                                       nullptr) == SQLITE_OK);
    for (int id = 1; id <= rows_; ++id) {
      csv << Csv(id, id % 3 == 0 ? "open" : "paid");
      char text[64];
      sqlite3_bind_int(insert, 1, id);
      std::snprintf(text, sizeof text, "customer, %d", id % 5003);
      sqlite3_bind_text(insert, 2, text, -1, SQLITE_TRANSIENT);
      std::snprintf(text, sizeof text, "%d.%02d", id % 900, id % 100);
      sqlite3_bind_text(insert, 3, text, -1, SQLITE_TRANSIENT);
      sqlite3_bind_int(insert, 4, id % 7);
      std::snprintf(text, sizeof text, "2026-%02d-%02d %02d:%02d:00", id % 12 + 1, id % 28 + 1,
                    id % 24, id % 60);
      sqlite3_bind_text(insert, 5, text, -1, SQLITE_TRANSIENT);
      sqlite3_bind_text(insert, 6, id % 3 == 0 ? "open" : "paid", -1, SQLITE_STATIC);
      if (id % 5 == 0) {
        sqlite3_bind_null(insert, 7);
      } else {
        sqlite3_bind_text(insert, 7, "note", -1, SQLITE_STATIC);
      }
      DRIFTWOOD_CHECK(sqlite3_step(insert) == SQLITE_DONE);
      sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    Exec(db, "COMMIT");
    sqlite3_close(db);
  }

  // 7 updates, 5 deletes and 3 inserts in the database alone.
  void Drift() {
    Sql("shop.db",
        "UPDATE orders SET status='void' WHERE id IN (1, 100, 1000, 5000);"
        "UPDATE orders SET total = total + 0.01 WHERE id = 2000;"
        "UPDATE orders SET note = '' WHERE id = 2005;"
        "UPDATE orders SET placed = '2026-01-01 00:00:01' WHERE id = 3000;"
        "DELETE FROM orders WHERE id IN (2, 3, 4, 40000, " +
            std::to_string(rows_) +
            ");"
            "INSERT INTO orders(id, customer) VALUES (-7, 'x'), (0, 'y'), (" +
            std::to_string(rows_ + 10) + ", NULL);");
  }

  std::set<std::string> DriftedKeys() const {
    std::set<std::string> keys;
    for (int id : {1, 100, 1000, 5000, 2000, 2005, 3000}) {
      keys.insert(std::to_string(id) + " changed");
    }
    for (int id : {2, 3, 4, 40000, rows_}) keys.insert(std::to_string(id) + " missing in shop");
    for (int id : {-7, 0, rows_ + 10}) keys.insert(std::to_string(id) + " missing in export");
    return keys;
  }

  std::vector<std::string> Copies(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"sqlite:shop.db?table=orders",
                                      "csv:orders.csv?key=id",
                                      "--name",
                                      "shop",
                                      "--name",
                                      "export"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  static void Exec(sqlite3* db, const char* sql) {
    DRIFTWOOD_CHECK(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }

  int rows_ = 0;
};

TEST_F(OrdersTest, ATableAndItsExportAreIdentical) {
  const ProcessResult table = Diff(Copies());
  EXPECT_EQ(table.exit_code, 0) << table.out << table.err;
  EXPECT_TRUE(Lines(table.out).at(0).starts_with("IDENTICAL")) << table.out;
  EXPECT_EQ(table.err, "");

  const Json document = DiffJson(Copies());
  EXPECT_EQ(document.at("verdict"), "IDENTICAL");
  EXPECT_EQ(document.at("schema_version"), 3);
  EXPECT_EQ(document.at("summary").at("total"), 0);
  EXPECT_EQ(document.at("summary").at("exact"), true);
  EXPECT_EQ(document.at("coverage").at("complete"), true);
  EXPECT_EQ(document.at("coverage").at("records_proven_equal"), rows_);
  EXPECT_EQ(document.at("walk").at("round_trips"), 1);
  EXPECT_EQ(document.at("unparsed"), (Json{{"shop", 0}, {"export", 0}}));
  for (const Json& replica : document.at("replicas")) EXPECT_EQ(replica.at("records"), rows_);
}

TEST_F(OrdersTest, ExactlyTheDriftedKeysComeOutInEveryFormat) {
  Drift();
  const Json document = DiffJson(Copies());
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(Found(document), DriftedKeys());
  EXPECT_EQ(document.at("summary").at("total"), 15);
  EXPECT_EQ(document.at("summary").at("changed"), 7);
  EXPECT_EQ(document.at("summary").at("missing").at("shop"), 5);
  EXPECT_EQ(document.at("summary").at("missing").at("export"), 3);
  EXPECT_EQ(document.at("coverage").at("records_proven_equal"), rows_ - 12);

  const ProcessResult jsonl = Diff(Copies({"--format", "jsonl"}));
  EXPECT_EQ(jsonl.exit_code, 1) << jsonl.err;
  std::vector<std::string> lines = Lines(jsonl.out);
  ASSERT_EQ(lines.size(), 16u) << jsonl.out;
  EXPECT_EQ(Json::parse(lines.back()).at("verdict"), "DIVERGENT");
  lines.pop_back();
  Json records = Json::array();
  for (const std::string& line : lines) records.push_back(Json::parse(line));
  EXPECT_EQ(Found({{"differences", records}}), DriftedKeys());

  const ProcessResult csv = Diff(Copies({"--format", "csv", "--verdict-row"}));
  EXPECT_EQ(csv.exit_code, 1) << csv.err;
  lines = Lines(csv.out);
  ASSERT_EQ(lines.size(), 17u) << csv.out;
  EXPECT_TRUE(lines.front().starts_with("id,kind,")) << lines.front();
  EXPECT_NE(lines.back().find("DIVERGENT"), std::string::npos);
  std::set<std::string> ids, expected;
  for (size_t i = 1; i <= 15; ++i) ids.insert(lines[i].substr(0, lines[i].find(',')));
  for (const std::string& key : DriftedKeys()) expected.insert(key.substr(0, key.find(' ')));
  EXPECT_EQ(ids, expected);

  const ProcessResult table = Diff(Copies());
  EXPECT_EQ(table.exit_code, 1) << table.err;
  EXPECT_TRUE(Lines(table.out).at(0).starts_with("DIVERGENT: 15 ")) << table.out;
  for (const std::string& id : expected) {
    EXPECT_NE(table.out.find(id), std::string::npos) << id << " in " << table.out;
  }
}

TEST_F(OrdersTest, ACapOnTheListLeavesTheTotalsExact) {
  Drift();
  const Json document = DiffJson(Copies({"--max-divergences", "4"}));
  EXPECT_EQ(document.at("summary").at("total"), 15);
  EXPECT_EQ(document.at("summary").at("exact"), true);
  EXPECT_EQ(document.at("differences").size(), 4u);
}

TEST_F(OrdersTest, ALongRunThatOneSideLacksIsCountedExactly) {
  Sql("shop.db", "DELETE FROM orders WHERE id BETWEEN 20001 AND 60000");
  const Json document = DiffJson(Copies());
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(document.at("summary").at("total"), 40'000);
  EXPECT_EQ(document.at("summary").at("missing").at("shop"), 40'000);
  EXPECT_EQ(document.at("coverage").at("records_proven_equal"), rows_ - 40'000);
  EXPECT_FALSE(document.at("runs").empty());
  EXPECT_EQ(document.at("differences").size(), 40'000u);
  const Json few = DiffJson(Copies({"--recheck-max", "5000"}));
  EXPECT_EQ(few.at("summary").at("total"), 40'000);
  uint64_t in_runs = 0;
  for (const Json& run : few.at("runs")) {
    for (const auto& [name, count] : run.at("counts").items()) in_runs += count.get<uint64_t>();
  }
  // Of the keys in runs so many, and all others.
  EXPECT_EQ(few.at("summary").at("listed"), 5000 + (40'000 - in_runs));
}

TEST_F(OrdersTest, ShowValuesMarksTheColumnsThatDiffer) {
  Drift();
  const ProcessResult result = Diff(Copies({"--format", "jsonl"}));
  bool seen = false;
  for (const std::string& line : Lines(result.out)) {
    const Json record = Json::parse(line);
    if (!record.contains("key") || record.at("key").at("id") != 2000) continue;
    seen = true;
    EXPECT_EQ(record.at("columns"), Json::array({"total"})) << line;
    EXPECT_EQ(record.at("values").at("export").at("total"), "200") << line;
    EXPECT_EQ(record.at("values").at("shop").at("total"), "200.01") << line;
  }
  EXPECT_TRUE(seen) << result.out << result.err;
}

TEST_F(OrdersTest, AKeptIndexIsUsedAgainOnlyWhileTheSourceIsUnchanged) {
  const auto kept = Copies({"--state-dir", Path("state")});
  EXPECT_EQ(Verdict(kept), "IDENTICAL");
  EXPECT_EQ(Verdict(kept), "IDENTICAL");
  Drift();
  EXPECT_EQ(Found(DiffJson(kept)), DriftedKeys());
  EXPECT_EQ(Found(DiffJson(kept)), DriftedKeys());
}

class ThreeCopiesTest : public DiffTest {};

TEST_F(ThreeCopiesTest, EachIsComparedWithEach) {
  WriteFile("a.csv", "id,v\n1,x\n2,x\n3,x\n4,x\n");
  WriteFile("b.csv", "id,v\n1,x\n2,y\n3,x\n4,x\n");
  WriteFile("c.csv", "id,v\n1,x\n2,z\n3,x\n5,x\n");
  const Json document = DiffJson({"csv:a.csv?key=id", "csv:b.csv?key=id", "csv:c.csv?key=id",
                                  "--name", "a", "--name", "b", "--name", "c"});
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(Found(document),
            (std::set<std::string>{"2 changed", "4 missing in c", "5 missing in a b"}));
}

class StoresTest : public DiffTest {};

TEST_F(StoresTest, JsonLinesAgainstSqlite) {
  WriteFile("t.jsonl",
            "{\"id\":1,\"name\":\"Zo\\u00eb\",\"price\":1.50,\"ok\":true}\n"
            "{\"ok\":false,\"id\":2,\"name\":null,\"price\":2}\n"
            "{\"id\":3,\"price\":1e2}\n");
  Sql("t.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, price DECIMAL(8,2), ok BOOLEAN);"
      "INSERT INTO t VALUES (1,'Zoë',1.5,1),(2,NULL,2.00,0),(3,NULL,100,NULL)");
  EXPECT_EQ(Verdict({"jsonl:t.jsonl?key=id", "sqlite:t.db?table=t"}), "IDENTICAL");
  Sql("t.db", "UPDATE t SET ok = 0 WHERE id = 1");
  EXPECT_EQ(Found(DiffJson({"jsonl:t.jsonl?key=id", "sqlite:t.db?table=t"})),
            std::set<std::string>{"1 changed"});
}

TEST_F(StoresTest, LmdbAgainstLmdb) {
  std::map<std::string, std::string> pairs;
  for (int i = 0; i < 5000; ++i) pairs["key" + std::to_string(i)] = "value" + std::to_string(i);
  Lmdb("a", pairs);
  Lmdb("b", pairs, "orders");
  EXPECT_EQ(Verdict({"lmdb:a", "lmdb:b?db=orders"}), "IDENTICAL");
  pairs = {{"key17", "other"}, {std::string("z\0z", 3), "new"}};
  Lmdb("b", pairs, "orders");
  const Json document = DiffJson({"lmdb:a", "lmdb:b?db=orders"});
  EXPECT_EQ(document.at("summary").at("total"), 2);
  EXPECT_EQ(document.at("summary").at("changed"), 1);
}

TEST_F(StoresTest, ACompositeKeyWithEveryAwkwardText) {
  WriteFile("a.csv", "a,b,v\n\"x,1\",\"line\nbreak\",1\n\"\",q,2\n,q,3\n\"say \"\"hi\"\"\",é,4\n");
  WriteFile("b.csv",
            "v,b,a\r\n4,é,\"say \"\"hi\"\"\"\r\n3,q,\r\n2,q,\"\"\r\n1,\"line\nbreak\",\"x,1\"\r\n");
  EXPECT_EQ(Verdict({"csv:a.csv?key=a,b", "csv:b.csv?key=a,b"}), "IDENTICAL");
}

}  // namespace
}  // namespace driftwood::testing
