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
    return PgConnection::Open(
        {{"host", server_->folder().string()}, {"user", user}, {"dbname", "postgres"}}, {},
        std::move(stop), idle_);
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
