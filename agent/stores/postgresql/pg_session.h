// How each transaction begins, and the proof that it runs in the session that it began in. Texts of
// SQL and what their results mean; PgConnection::Begin() sends them. Only this directory's files
// include it.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_result.h"

namespace driftwood::agent {

// The search path under which all that this directory asks is resolved: nobody but a superuser can
// put anything there.
inline constexpr char kPgOwnPath[] = "SET LOCAL search_path = pg_catalog, pg_temp";

// Sets, for this transaction, how rows are to be found whose keys are given: in the indexes, one
// after the other, by one process, however large the planner takes the list of keys for. Where
// there is no index the table is read from end to end all the same. And as it is planned usually.
inline constexpr char kPgLookupPlans[] =
    "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_seqscan = off; "
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
inline constexpr char kPgUsualPlans[] =
    "SET LOCAL enable_seqscan = DEFAULT; SET LOCAL enable_hashjoin = DEFAULT; "
    "SET LOCAL enable_mergejoin = DEFAULT";

// One message: the transaction, all that it depends on, and the lock. `mark` is what only this
// transaction has.
std::string PgBeginSql(const PgBeginning& beginning, const std::string& mark,
                       std::chrono::milliseconds statement_timeout, int server_version);

// One row: which session this is, how it is set, and in the end how many statements were prepared
// in it, but by SQL.
std::string PgReadBackSql(bool with_prepared = false);

// FailedPrecondition, with what to do, if `row` (of PgReadBackSql()) is not of the transaction of
// that mark, or something is not as PgBeginSql() has set it. Who may set it is asked to, where we
// may not.
absl::StatusOr<PgSession> CheckPgReadBack(const PgResult& row, const std::string& mark);

// FailedPrecondition if that is another session.
absl::Status CheckSamePgSession(const PgSession& before, const PgSession& now);

// Of the transactions that read one snapshot. FailedPrecondition if they are on two servers.
absl::Status CheckSamePgServer(const PgSession& first, const PgSession& other);

}  // namespace driftwood::agent
