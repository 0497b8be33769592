// A PostgreSQL server of the tests' own: in a temporary directory, reached through a unix socket
// there, run by a user that is not root, gone at the end of the test program.
// All roles are trusted, but for "scram_reader", who has to give a password.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/temp_dir.h"

namespace driftwood::testing {

class PostgresServer {
 public:
  // The test program's one server, started at first use; null where PostgreSQL is not installed.
  static PostgresServer* Get();
  // One of the test's own, to be ended in the middle; null as above. `settings` as in "-c
  // shared_buffers=1GB".
  static std::unique_ptr<PostgresServer> StartAnother(const std::string& settings = "");
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Runs statements as the superuser "test"; a failure fails the test.
  void Sql(const std::string& statements, const std::string& database = "postgres");
  // The first value of the last statement's result.
  std::string Value(const std::string& query, const std::string& database = "postgres");
  // "postgresql://USER@/DATABASE?host=DIRECTORY&table=TABLE" and what follows.
  std::string Url(const std::string& table, const std::string& more = "",
                  const std::string& user = "test", const std::string& database = "postgres") const;
  // Ends it as a crash would: no transaction, no connection is ended in good order.
  void Crash();
  // Whether a scan waits for the advisory lock 42, asking until it does (or the query ends).
  bool WaitUntilAScanIsBlocked();
  // The socket that it listens on.
  std::filesystem::path socket() const { return folder_ / ".s.PGSQL.5432"; }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  explicit PostgresServer(std::filesystem::path programs) : programs_(std::move(programs)) {}
  bool Start(const std::string& more_settings);
  std::vector<std::string> Command(const std::string& program,
                                   const std::vector<std::string>& arguments) const;

  const std::filesystem::path programs_;
  bool crashed_ = false;
  TempDir folder_;
};

// The reason why a test that needs PostgreSQL can't run, said loudly. In CI that is a failure.
#define DRIFTWOOD_NEEDS_POSTGRES(server)                                                    \
  if ((server) == nullptr) {                                                                \
    if (std::getenv("CI") != nullptr) FAIL() << "PostgreSQL is not installed (./dev deps)"; \
    GTEST_SKIP() << "NOT TESTED: PostgreSQL is not installed (./dev deps)";                 \
  }

}  // namespace driftwood::testing
