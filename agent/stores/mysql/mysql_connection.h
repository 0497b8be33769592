// libmariadb behind absl::Status: connections, results, errors as one line. Only this directory's
// files include it. One thread at a time for each connection, but for Interrupt().
#pragma once

#include <mysql.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/mysql/mysql_result.h"
#include "agent/stores/sql/server_line.h"

namespace driftwood::agent {

// What is not set comes from the option files' groups [client] and [driftwood], else from the
// library's defaults.
struct MysqlOptions {
  std::optional<std::string> host;
  std::optional<unsigned> port;
  std::optional<std::string> socket;
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::string database;
  std::optional<uint64_t> statement_timeout_s;
  // For connecting, and then for each answer. Absent: 10 seconds, and no end.
  std::optional<unsigned> patience_s;
  bool require_tls = false;
  bool verify_server = false;
  std::optional<std::string> tls_ca;  // path
};

// When a transaction's snapshot is taken: when it first reads rows, or when it begins.
enum class MysqlSnapshot { kAtFirstRows, kAtOnce };

// A session whose transactions only read.
class MysqlConnection {
 public:
  // PermissionDenied, NotFound (no such database), ResourceExhausted (too many connections),
  // Unavailable. Once `stop` is requested, by any thread, this and all that is asked later ends
  // with Cancelled (but for the lookup of a host's name).
  static absl::StatusOr<std::unique_ptr<MysqlConnection>> Open(const MysqlOptions& options,
                                                               std::stop_token stop = {});
  ~MysqlConnection();
  MysqlConnection(const MysqlConnection&) = delete;
  MysqlConnection& operator=(const MysqlConnection&) = delete;

  MYSQL* get() const { return connection_; }
  bool is_mariadb() const { return is_mariadb_; }
  // Its number in the server's process list. Any thread.
  unsigned long session() const { return session_; }

  // Begins every transaction that there is: read-only, set up so that nothing leaves out rows or
  // changes values on their way (texts come in the character set that they are stored in, times in
  // UTC), read back in it. FailedPrecondition, with what to do, if it is not as it was set.
  absl::Status Begin(MysqlSnapshot snapshot = MysqlSnapshot::kAtFirstRows);
  // Its three steps, for who begins several at once.
  absl::Status Prepare();
  absl::Status Start(MysqlSnapshot snapshot);
  absl::Status CheckBegun();
  // Later in the transaction. FailedPrecondition if it is not the same session any more, or not as
  // it was set.
  absl::Status CheckSession();

  absl::Status Run(const std::string& sql);
  absl::StatusOr<MysqlResult> Query(const std::string& sql);
  // The names of the JSON columns of `select`'s result, which MariaDB calls texts.
  absl::StatusOr<std::vector<std::string>> JsonColumns(const std::string& select);
  // "'te\\'xt'"
  std::string Literal(const std::string& text) const;

  // What went wrong last, on the connection or in a statement.
  absl::Status Error() const;
  absl::Status Error(MYSQL_STMT* statement) const;

  // Makes what another thread waits for on this connection fail at once. The connection is of no
  // use afterwards.
  void Interrupt();

 private:
  MysqlConnection(MYSQL* connection, std::optional<uint64_t> statement_timeout_s,
                  std::stop_token stop)
      : connection_(connection),
        statement_timeout_s_(statement_timeout_s),
        stop_(std::move(stop)),
        line_(stop_) {}
  absl::Status Connect(const MysqlOptions& options);
  absl::Status SetUp();
  absl::StatusOr<std::string> ReadBack();
  absl::Status MakeError(unsigned code, const char* message) const;

  MYSQL* const connection_;
  const std::optional<uint64_t> statement_timeout_s_;
  const std::stop_token stop_;
  unsigned long session_ = 0;
  bool is_open_ = false;
  bool is_mariadb_ = false;
  std::set<std::string> optional_;  // variables that this server has
  std::string mark_;                // of the current transaction
  std::string begun_in_;            // the session's number, as the server has it
  ServerLine line_;
};

// "`na``me`"
std::string MysqlQuoted(std::string_view name);

}  // namespace driftwood::agent
