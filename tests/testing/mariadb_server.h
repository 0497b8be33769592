// A MariaDB server of the tests' own: in a temporary directory, reached through a unix socket
// there, run by a user that is not root, gone at the end of the test program.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/process.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::testing {

class MariadbServer {
 public:
  // The test program's one server, started at first use; null where MariaDB is not installed.
  static MariadbServer* Get();
  // Another one, which a test may stop; null where MariaDB is not installed. `options` come after
  // our own ("--max-connections=5").
  static std::unique_ptr<MariadbServer> Start(const std::vector<std::string>& options = {});
  ~MariadbServer();
  MariadbServer(const MariadbServer&) = delete;
  MariadbServer& operator=(const MariadbServer&) = delete;

  // Runs statements as root in the database "test"; a failure fails the test.
  void Sql(const std::string& statements);
  // The first value of the query's result.
  std::string Value(const std::string& query);
  // "mysql://USER@localhost/test?socket=DIRECTORY/socket&table=TABLE" and what follows.
  std::string Url(const std::string& table, const std::string& more = "",
                  const std::string& user = "root") const;
  std::string socket() const { return (folder_ / "socket").string(); }
  // Ends it at once, as a crash does.
  void Kill();

 private:
  MariadbServer() = default;
  bool Launch(const std::vector<std::string>& more);

  TempDir folder_;
  std::unique_ptr<Process> process_;
};

// The reason why a test that needs MariaDB can't run, said loudly. In CI that is a failure.
#define DRIFTWOOD_NEEDS_MARIADB(server)                                                  \
  if ((server) == nullptr) {                                                             \
    if (std::getenv("CI") != nullptr) FAIL() << "MariaDB is not installed (./dev deps)"; \
    GTEST_SKIP() << "NOT TESTED: MariaDB is not installed (./dev deps)";                 \
  }

}  // namespace driftwood::testing
