// libpq behind absl::Status: connections, results, errors as one line. Only this directory's files
// include it. One thread at a time for each connection.
//
// libpq waits for the server wherever it is asked something. A stop cuts the line, which ends any
// wait at once, and what has failed by then is Cancelled.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/idle_connections.h"
#include "agent/stores/postgresql/pg_result.h"
#include "agent/stores/sql/server_line.h"

namespace driftwood::agent {

// libpq's keywords and their values, as PQconnectdbParams() takes them.
using PgParameters = std::vector<std::pair<std::string, std::string>>;

// A connection whose transactions only read. Nothing is set outside of them, so that a pooler may
// stand between.
class PgConnection {
 public:
  // PermissionDenied (password, role, pg_hba.conf), NotFound (no such database), Unavailable.
  // Once `stop` is requested, by any thread, this and all that is asked later ends with Cancelled
  // (but for the lookup of a host's name). The server's query ends when the connection does.
  // If there is `idle`, one that was used before may be taken from there, and goes there in the
  // end: nothing of a transaction outlives it.
  static absl::StatusOr<std::unique_ptr<PgConnection>> Open(
      const PgParameters& parameters, std::chrono::milliseconds statement_timeout = {},
      std::stop_token stop = {}, std::shared_ptr<IdleConnections> idle = nullptr);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  PGconn* get() const { return connection_; }
  // Whether the server keeps texts as UTF-8, or as the bytes that they are, and so converts none.
  bool has_utf8_texts() const;
  int server_version() const { return PQserverVersion(connection_); }  // 150004

  // Begins every transaction that there is, ending the one before: read-only, of one snapshot,
  // under a search path that is ours, set up so that each value has one text form and row-level
  // security is an error instead of a filter that nobody sees. Reads back that it is so, and where:
  // FailedPrecondition, with what to do, if it is not.
  absl::Status Begin(const PgBeginning& beginning = {});
  // For who sends statements himself: SQL that begins anew like Begin(), and what reads it back.
  std::string AnotherBegin();
  absl::Status TakeReadBack(const PgResult& row);
  // The same later in the transaction. FailedPrecondition if it is not the same session any more,
  // or not as it was set.
  absl::Status CheckReadBack(const PgResult& row) const;
  const PgSession& session() const { return session_; }

  absl::Status Run(const std::string& sql);
  // One statement under another search path (as SET takes it), with its rows. What it says must
  // name all that is of pg_catalog as such.
  absl::StatusOr<PgResult> QueryUnder(const std::string& path, const std::string& sql);
  // Asks the server to end what runs, once; best effort, within a second.
  void Cancel();
  absl::StatusOr<PgResult> Query(const std::string& sql,
                                 const std::vector<std::string>& parameters = {});
  // The error of a failed result, or of the connection if null.
  absl::Status Error(const PGresult* result) const;
  absl::StatusOr<std::string> Literal(const std::string& text) const;

 private:
  PgConnection(PGconn* connection, std::chrono::milliseconds statement_timeout,
               std::stop_token stop)
      : connection_(connection),
        statement_timeout_(statement_timeout),
        stop_(std::move(stop)),
        line_(stop_) {}
  absl::Status CheckServer() const;
  bool IsReusable();

  PGconn* const connection_;
  const std::chrono::milliseconds statement_timeout_;
  const std::stop_token stop_;
  std::shared_ptr<PGcancel> cancel_;  // null once it was used
  std::string mark_;                  // of the current transaction
  PgSession session_;
  ServerLine line_;
  std::shared_ptr<IdleConnections> idle_;  // null: the connection is closed in the end
  std::string kind_;                       // in idle_
};

// "\"na\"\"me\""
std::string PgQuoted(std::string_view name);

// libpq's message as one line, without "ERROR:" and white space at its ends.
std::string PgMessage(std::string_view message);

}  // namespace driftwood::agent
