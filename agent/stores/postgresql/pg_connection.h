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

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/idle_connections.h"
#include "agent/stores/postgresql/pg_line.h"
#include "agent/stores/postgresql/pg_result.h"
#include "agent/stores/sql/server_line.h"

namespace driftwood::agent {

// libpq's keywords and their values, as PQconnectdbParams() takes them.
using PgParameters = std::vector<std::pair<std::string, std::string>>;

// Returns once the server has sent something, which was taken in; or why not.
using PgWait = absl::FunctionRef<absl::Status()>;

// A connection whose transactions only read. Nothing is set outside of them, so that a pooler may
// stand between.
//
// But where none does, the server's process prepares what is asked again and again: to plan a
// question about the catalogue takes ten times as long as to answer it. None does if the process
// that was reached when connecting is the one that the transaction runs in: a pooler tells its
// clients another number, since it has no process for each. So nothing is left with a process that
// is lent to others, and none is asked for what another one has prepared.
//
// Nor is a statement used that somebody else has put into the place of ours: a function that a
// query or its planning calls may do that. It can do so by SQL only, and ours are prepared by the
// protocol; so they are all there if as many as ours were not prepared by SQL. From when such code
// may have run (Doubt()) until that was read back nothing prepared is used, and the connection is
// not kept for another if it never was.
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

  PGconn* get() const { return line_->connection; }
  // Whether the server keeps texts as UTF-8, or as the bytes that they are, and so converts none.
  bool has_utf8_texts() const;
  int server_version() const { return PQserverVersion(get()); }  // 150004

  // Begins every transaction that there is, ending the one before: read-only, of one snapshot,
  // under a search path that is ours, set up so that each value has one text form and row-level
  // security is an error instead of a filter that nobody sees. Reads back that it is so, and where:
  // FailedPrecondition, with what to do, if it is not.
  absl::Status Begin(const PgBeginning& beginning = {});
  absl::Status Begin(const PgBeginning& beginning, PgWait wait);
  // Reads the same back later in the transaction, under the usual search path and plans.
  // FailedPrecondition if it is not the same session any more, or not as it was set.
  absl::Status ReadBack(PgWait wait);
  absl::Status ReadBack();
  const PgSession& session() const { return session_; }

  absl::Status Run(const std::string& sql);
  // One statement under another search path (as SET takes it), with its rows. What it says must
  // name all that is of pg_catalog as such.
  absl::StatusOr<PgResult> QueryUnder(const std::string& path, const std::string& sql);
  // Asks the server to end what runs, once; best effort, within a second.
  void Cancel();
  absl::StatusOr<PgResult> Query(const std::string& sql,
                                 const std::vector<std::string>& parameters = {});
  // The same for a question that is asked for each table, in the same words: it is prepared, where
  // that is safe.
  absl::StatusOr<PgResult> Ask(const std::string& sql, const std::vector<std::string>& parameters,
                               PgWait wait);
  absl::StatusOr<PgResult> Ask(const std::string& sql,
                               const std::vector<std::string>& parameters = {});
  // Said before code of others may run: what plans or reads tables of users.
  void Doubt() { line_->is_doubtful = true; }
  // The error of a failed result, or of the connection if null.
  absl::Status Error(const PGresult* result) const;
  absl::StatusOr<std::string> Literal(const std::string& text) const;

 private:
  PgConnection(std::unique_ptr<PgLine> line, std::chrono::milliseconds statement_timeout,
               std::stop_token stop)
      : line_(std::move(line)),
        statement_timeout_(statement_timeout),
        stop_(std::move(stop)),
        cut_(stop_) {}
  absl::Status CheckServer() const;
  bool IsReusable();
  bool UsesPrepared() const;
  absl::StatusOr<std::string> Prepare(const std::string& sql, PgWait wait);
  absl::Status WaitForInput();
  // Until all of what was sent is answered, which it is if nothing failed on the way. The last rows
  // of it, if there are any.
  absl::Status Finish(PgWait wait, PgResult* rows);
  absl::StatusOr<PgResult> Answer(PgWait wait);  // that must have rows

  std::unique_ptr<PgLine> line_;  // until it goes to idle_
  const std::chrono::milliseconds statement_timeout_;
  const std::stop_token stop_;
  std::shared_ptr<PGcancel> cancel_;  // null once it was used
  std::string mark_;                  // of the current transaction
  PgSession session_;
  ServerLine cut_;
  std::shared_ptr<IdleConnections> idle_;  // null: the connection is closed in the end
  std::string kind_;                       // in idle_
};

// "\"na\"\"me\""
std::string PgQuoted(std::string_view name);

// libpq's message as one line, without "ERROR:" and white space at its ends.
std::string PgMessage(std::string_view message);

}  // namespace driftwood::agent
