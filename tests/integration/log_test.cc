// Logs of events (log:), end to end: what the log says, a database and a provider's list.
#include <random>

#include "gmock/gmock.h"
#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class LogTest : public DiffTest {
 protected:
  static constexpr int kRecords = 200;

  static std::string Record(int id, const std::string& status) {
    return "\"id\": " + std::to_string(id) + ", \"status\": \"" + status + "\"";
  }
  static std::string Event(const std::string& op, const std::string& record) {
    return "{\"op\": \"" + op + "\", " + record + ", \"at\": \"2026-03-01 08:00:00\"}\n";
  }

  // Payments that were pending, and of which each that is not deleted is paid.
  void SetUp() override {
    DiffTest::SetUp();
    for (int id = 1; id <= kRecords; ++id) log_ += Event("insert", Record(id, "pending"));
    for (int id = 1; id <= kRecords; ++id) {
      if (id % 10 == 0) {
        log_ += Event("DELETE", "\"id\": " + std::to_string(id));
      } else {
        log_ += Event("update", Record(id, "paid"));
        state_[id] = "paid";
      }
    }
  }

  void Write(const std::map<int, std::string>& database, const std::map<int, std::string>& list) {
    WriteFile("payments.log", log_);
    std::string sql = "BEGIN; CREATE TABLE payments(id INTEGER PRIMARY KEY, status TEXT);";
    for (const auto& [id, status] : database)
      sql += "INSERT INTO payments VALUES (" + std::to_string(id) + ", '" + status + "');";
    Sql("shop.db", sql + "COMMIT;");
    std::string jsonl;
    for (const auto& [id, status] : list) jsonl += "{" + Record(id, status) + "}\n";
    WriteFile("provider.jsonl", jsonl);
  }

  std::vector<std::string> All() const {
    return {"log:payments.log?key=id&op=op",
            "sqlite:shop.db?table=payments",
            "jsonl:provider.jsonl?key=id",
            "--name",
            "log,database,provider",
            "--ignore",
            "at",
            "--recheck",
            "0"};
  }

  std::string log_;
  std::map<int, std::string> state_;
};

TEST_F(LogTest, ALogIsTheSameAsWhatItComesTo) {
  Write(state_, state_);
  EXPECT_EQ(Verdict(All()), "IDENTICAL");
  // Packed, and from stdin.
  const ProcessResult packed = RunProcess({"gzip", "-k", Path("payments.log")}, {});
  EXPECT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_EQ(Verdict({"log:payments.log.gz?key=id&op=op", "provider.jsonl", "--ignore", "at"}),
            "IDENTICAL");
}

TEST_F(LogTest, EachReplicaThatDiffersIsNamed) {
  std::map<int, std::string> database = state_;
  std::map<int, std::string> provider = state_;
  database[42] = "pending";  // the log says paid, the provider nothing
  provider.erase(42);
  database[100] = "pending";  // deleted, and only the database does not know
  database.erase(7);
  provider[8] = "failed";
  log_ += Event("update", Record(9, "refunded"));
  Write(database, provider);
  for (const bool values : {true, false}) {
    std::vector<std::string> words = All();
    if (!values) words.push_back("--no-values");
    const Json report = DiffJson(words);
    EXPECT_THAT(Found(report),
                UnorderedElementsAre("42 missing in provider", "100 missing in log provider",
                                     "7 missing in database", "8 changed", "9 changed"));
    EXPECT_EQ(report["summary"]["confirmed"], 5);
  }
}

TEST_F(LogTest, ASpellingThatTheComparisonHoldsToBeTheKeyDeletesIt) {
  log_ += Event("delete", "\"id\": 11.0") + Event("delete", "\"id\": \"12\"");
  state_.erase(11);
  state_.erase(12);
  Write(state_, state_);
  std::vector<std::string> words = All();
  words.insert(words.end(), {"--types", "id=integer"});
  EXPECT_EQ(Verdict(words), "IDENTICAL");
}

TEST_F(LogTest, AnyChangedLineIsSeen) {
  std::mt19937 random(static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed()));
  SCOPED_TRACE("seed " + std::to_string(::testing::UnitTest::GetInstance()->random_seed()));
  Write(state_, state_);
  const std::vector<std::string> events = Lines(log_);
  const size_t changed = kRecords + random() % kRecords;  // the last event of its key
  const int id = static_cast<int>(changed) - kRecords + 1;
  std::string log;
  for (size_t i = 0; i < events.size(); ++i) {
    const bool deletes = events[i].find("DELETE") != std::string::npos;
    log += i != changed ? events[i] + "\n"
           : deletes    ? Event("update", Record(id, "paid"))
                        : Event("update", Record(id, "open"));
  }
  WriteFile("payments.log", log);
  EXPECT_EQ(Found(DiffJson(All())).size(), 1u) << id;
  WriteFile("payments.log", log_ + Event("delete", "\"id\": 1"));
  EXPECT_THAT(Found(DiffJson(All())), UnorderedElementsAre("1 missing in log"));
}

TEST_F(LogTest, AKeptIndexIsOfTheLogAsItIs) {
  Write(state_, state_);
  std::vector<std::string> kept = All();
  kept.insert(kept.end(), {"--state-dir", Path("state")});
  EXPECT_EQ(Verdict(kept), "IDENTICAL");
  EXPECT_EQ(Verdict(kept), "IDENTICAL");
  WriteFile("payments.log", log_ + Event("update", Record(3, "open")));
  EXPECT_THAT(Found(DiffJson(kept)), UnorderedElementsAre("3 changed"));
  kept[0] = "log:payments.log?key=id&op=op&deletes=update&upserts=delete,insert";
  EXPECT_NE(Verdict(kept), "IDENTICAL");
}

TEST_F(LogTest, WhatIsWrongIsOneLineWithItsPlace) {
  Write(state_, state_);
  WriteFile("payments.log", log_ + Event("archive", Record(1, "paid")));
  ExpectError({"log:payments.log?key=id&op=op", "provider.jsonl"},
              {"payments.log, line 401, column 2: the word archive of member op", "deletes=archive",
               "upserts=archive"});
  WriteFile("payments.log", log_ + "{\"op\": \"update\", \"id\": 1}\n");
  ExpectError({"log:payments.log?key=id&op=op", "provider.jsonl", "--ignore", "at"},
              {"payments.log, line 401, column 1: the event has no member status, which the record "
               "of its key in line 201 has",
               "absent=null"});
  ExpectError({"log:payments.log?op=op", "provider.jsonl"}, {"a log needs key="});
  ExpectError(
      {"log:payments.log?key=id&op=op", "provider.jsonl", "--key", "status", "--ignore", "at,id"},
      {"column id is needed to tell keys apart"});
}

TEST_F(LogTest, ManyDifferencesAreReadBack) {
  Write(state_, state_);
  std::string log;
  for (int id = 1; id <= 7000; ++id) log += Event("insert", Record(id, "pending"));
  for (int id = 1; id <= 7000; ++id) log += Event("update", Record(id, "new"));
  WriteFile("payments.log", log);
  const Json report = DiffJson({"log:payments.log?key=id&op=op", "provider.jsonl", "--ignore", "at",
                                "--max-divergences", "10000"});
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["differences"].size(), 7000u);
  EXPECT_EQ(report["summary"]["confirmed"], 7000);
}

}  // namespace
}  // namespace driftwood::testing
