// Connections that are kept for the next; pg_session_test.cc has how a transaction begins.
#include "agent/stores/postgresql/pg_connection.h"

#include <stop_token>

#include "tests/agent/stores/postgresql/pg_store_fixture.h"
#include "tests/testing/wait.h"

namespace driftwood::agent {
namespace {

class PgConnectionTest : public PgStoreTest {
 protected:
  absl::StatusOr<std::unique_ptr<PgConnection>> Open(const std::string& user = "test",
                                                     std::stop_token stop = {}) {
    const auto& folder = relay_ == nullptr ? server_->folder() : relay_folder_->path();
    return PgConnection::Open({{"host", folder.string()}, {"user", user}, {"dbname", "postgres"}},
                              {}, std::move(stop), idle_);
  }
  // In a transaction.
  static std::string Value(PgConnection& connection, const std::string& sql) {
    const auto result = connection.Query(sql);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->Text(0, 0) : "";
  }
  static std::string Pid(PgConnection& connection) {
    const absl::Status begun = connection.Begin();
    EXPECT_TRUE(begun.ok()) << begun;
    return Value(connection, "SELECT pg_catalog.pg_backend_pid()");
  }
  void ExpectGone(const std::string& pid) {
    EXPECT_TRUE(testing::Becomes([&] {
      return server_->Value("SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid) == "0";
    }));
  }

  std::shared_ptr<IdleConnections> idle_ = std::make_shared<IdleConnections>();
};

TEST_F(PgConnectionTest, IsUsedAgainWithNothingOfTheTransactionBefore) {
  auto first = Open().value();
  const std::string pid = Pid(*first);
  ASSERT_TRUE(first
                  ->Run("SET LOCAL search_path = public; SET extra_float_digits = 0; "
                        "SET driftwood.kept = 'something'")
                  .ok());
  first.reset();
  auto second = Open().value();
  EXPECT_EQ(Pid(*second), pid);
  EXPECT_EQ(
      Value(*second, "SELECT coalesce(pg_catalog.current_setting('driftwood.kept', true), '')"),
      "");
  EXPECT_EQ(Value(*second, "SELECT pg_catalog.current_setting('search_path')"),
            "pg_catalog, pg_temp");
  ASSERT_TRUE(second->Run("ROLLBACK").ok());
  ASSERT_TRUE(second->Run("BEGIN").ok());
  EXPECT_EQ(Value(*second, "SELECT pg_catalog.current_setting('extra_float_digits')"), "1");
}

TEST_F(PgConnectionTest, IsUsedAgainAfterAFailedQuery) {
  auto first = Open().value();
  const std::string pid = Pid(*first);
  EXPECT_FALSE(first->Query("SELECT 1 / 0").ok());
  first.reset();
  EXPECT_EQ(Pid(*Open().value()), pid);
}

// What it was asked before it is asked again without its text.
TEST_F(PgConnectionTest, IsAskedInFullOnce) {
  std::vector<std::string> heard;
  RelayBy({Relay::Pooling::kNever, "", [&](const std::string& sql) { heard.push_back(sql); }});
  for (int i = 0; i < 3; ++i) {
    heard.clear();
    auto connection = Open().value();
    ASSERT_TRUE(connection->Begin().ok());
    const auto answer = connection->Ask("SELECT $1::pg_catalog.int4", {std::to_string(i)});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->Text(0, 0), std::to_string(i));
    const bool was_heard =
        std::find(heard.begin(), heard.end(), "SELECT $1::pg_catalog.int4") != heard.end();
    EXPECT_EQ(was_heard, i == 0);
  }
}

// Others would find it there, and we what is theirs.
TEST_F(PgConnectionTest, LeavesNothingPreparedWithAPooler) {
  RelayBy({Relay::Pooling::kAfterTransactions, "PREPARE driftwood_1 AS SELECT 'theirs'", nullptr});
  auto connection = Open().value();
  for (int i = 0; i < 4; ++i) {
    const absl::Status begun = connection->Begin();
    ASSERT_TRUE(begun.ok()) << begun;
    const auto answer = connection->Ask("SELECT $1::pg_catalog.text", {"ours"});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->Text(0, 0), "ours");
    EXPECT_EQ(Value(*connection, "SELECT count(*) FROM pg_catalog.pg_prepared_statements"), "1");
    ASSERT_TRUE(connection->ReadBack().ok());
    ASSERT_TRUE(connection->Run("COMMIT").ok());
  }
}

TEST_F(PgConnectionTest, TakesNothingOfOthersForItsOwnWhereAPoolerTellsItOfAProcess) {
  RelayBy({Relay::Pooling::kAfterTransactions, "", nullptr, /*tells_process=*/true});
  auto connection = Open().value();
  for (int i = 0; i < 6; ++i) {
    const absl::Status begun = connection->Begin();
    ASSERT_TRUE(begun.ok()) << begun;
    const auto answer = connection->Ask("SELECT $1::pg_catalog.text", {"ours"});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->Text(0, 0), "ours");
    ASSERT_TRUE(connection->Run("COMMIT").ok());
  }
}

TEST_F(PgConnectionTest, UsesNoStatementThatAFunctionHasPutIntoThePlaceOfItsOwn) {
  server_->Sql(
      "CREATE FUNCTION swap(forge bool) RETURNS void LANGUAGE plpgsql AS $$ DECLARE s record; "
      "BEGIN FOR s IN SELECT * FROM pg_prepared_statements LOOP "
      "EXECUTE 'DEALLOCATE ' || s.name; IF forge THEN "
      "EXECUTE 'PREPARE ' || s.name || '(int4) AS SELECT ''forged'''; END IF; END LOOP; END $$");
  const auto ask = [&](PgConnection& connection) {
    const auto answer = connection.Ask("SELECT 'true' || $1::pg_catalog.int4", {"1"});
    return answer.ok() ? answer->Text(0, 0) : std::string(answer.status().message());
  };
  for (const char* forge : {"false", "true"}) {
    SCOPED_TRACE(forge);
    auto first = Open().value();
    const std::string pid = Pid(*first);
    EXPECT_EQ(ask(*first), "true1");
    first->Doubt();
    ASSERT_TRUE(first->Query(std::string("SELECT public.swap(") + forge + ")").ok());
    EXPECT_EQ(ask(*first), "true1");
    ASSERT_TRUE(first->ReadBack().ok());
    EXPECT_EQ(ask(*first), "true1");
    ASSERT_TRUE(first->Begin().ok());
    EXPECT_EQ(ask(*first), "true1");
    first.reset();
    auto second = Open().value();
    EXPECT_NE(Pid(*second), pid);
    EXPECT_EQ(ask(*second), "true1");
  }
}

TEST_F(PgConnectionTest, IsTrustedAgainOnceItWasReadBackThatAllIsItsOwn) {
  auto first = Open().value();
  const std::string pid = Pid(*first);
  ASSERT_TRUE(first->Ask("SELECT 1").ok());
  first->Doubt();
  ASSERT_TRUE(first->Run("PREPARE of_a_function AS SELECT 1").ok());
  ASSERT_TRUE(first->ReadBack().ok());
  first.reset();
  EXPECT_EQ(Pid(*Open().value()), pid);
}

TEST_F(PgConnectionTest, AsksInFullWhereWhatItHadPreparedIsGone) {
  std::string pid;
  for (int i = 0; i < 2; ++i) {
    auto first = Open().value();
    pid = Pid(*first);
    ASSERT_TRUE(first->Ask("SELECT 1").ok());
    if (i == 0) continue;
    ASSERT_TRUE(first->Run("DEALLOCATE ALL").ok());
  }
  auto second = Open().value();
  EXPECT_EQ(Pid(*second), pid);
  EXPECT_EQ(second->Ask("SELECT 1").value().Text(0, 0), "1");
}

TEST_F(PgConnectionTest, IsOfItsUserOnly) {
  server_->Sql("DROP ROLE IF EXISTS other; CREATE ROLE other LOGIN");
  const std::string pid = Pid(*Open().value());
  auto other = Open("other").value();
  EXPECT_NE(Pid(*other), pid);
  EXPECT_EQ(Value(*other, "SELECT current_user"), "other");
  other.reset();
  idle_->Clear();
  server_->Sql("DROP ROLE other");
}

TEST_F(PgConnectionTest, IsNotUsedAgainOnceTheServerHasEndedIt) {
  const std::string pid = Pid(*Open().value());
  server_->Value("SELECT pg_terminate_backend(" + pid + ")");
  ExpectGone(pid);
  EXPECT_NE(Pid(*Open().value()), pid);
}

TEST_F(PgConnectionTest, IsNotKeptInTheMiddleOfAnAnswerNorOnceItWasStopped) {
  auto busy = Open().value();
  const std::string pid = Pid(*busy);
  ASSERT_EQ(PQsendQuery(busy->get(), "COPY (SELECT pg_catalog.generate_series(1, 9)) TO STDOUT"),
            1);
  busy.reset();
  ExpectGone(pid);

  std::stop_source stop;
  auto stopped = Open("test", stop.get_token()).value();
  const std::string other = Pid(*stopped);
  stop.request_stop();
  stopped.reset();
  ExpectGone(other);
  EXPECT_TRUE(absl::IsCancelled(Open("test", stop.get_token()).status()));
}

}  // namespace
}  // namespace driftwood::agent
