// Nothing is set outside of transactions. A pooler that hands out its servers transaction by
// transaction would leave a SET on the server that happened to run it: the scan would go on under
// somebody else's settings (row_security on, and a policy's few rows pass for the table), and
// somebody else under ours. What SET LOCAL has set lasts as long as the transaction, on whichever
// server it runs; and so that no pooler, no setting of a role or database and no function that a
// query calls can change it unseen, it is read back in the transaction: when it begins and after
// the last rows.
//
// The search path is set for another reason too: who may create in a schema of the default path
// (everybody in "public", up to PostgreSQL 14) can put a function or operator there that fits our
// arguments better than pg_catalog's, and it would run with our role's rights (CVE-2018-1058). All
// that is ours runs under pg_catalog alone; temporary objects, which a pooler's servers may keep of
// others, come last.
#include "agent/stores/postgresql/pg_session.h"

#include <string_view>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

struct PgSetting {
  std::string_view name;
  std::string_view value;  // as it is read back
};

constexpr PgSetting kSettings[] = {
    // A policy is an error, never a filter.
    {"row_security", "off"},
    // One text for each value.
    {"client_encoding", "UTF8"},
    {"DateStyle", "ISO, YMD"},
    {"IntervalStyle", "iso_8601"},
    {"TimeZone", "UTC"},
    {"extra_float_digits", "3"},
    {"bytea_output", "hex"},
    {"xmlbinary", "base64"},
    {"xmloption", "content"},
    {"lc_numeric", "C"},
    {"lc_time", "C"},
    {"quote_all_identifiers", "off"},
    // What a literal or a comparison means, in `where` too.
    {"standard_conforming_strings", "on"},
    {"array_nulls", "on"},
    {"transform_null_equals", "off"},
    // Indexes that leave out rows at random.
    {"gin_fuzzy_search_limit", "0"},
};

// What BEGIN says, and what only a superuser may set: with the last two on, damaged rows are left
// out or made up with no more than a warning.
constexpr PgSetting kDemanded[] = {
    {"transaction_isolation", "repeatable read"},
    {"transaction_read_only", "on"},
    {"zero_damaged_pages", "off"},
    {"ignore_checksum_failure", "off"},
};

constexpr std::string_view kOwnPath = "pg_catalog, pg_temp";
constexpr char kMark[] = "driftwood.transaction";

absl::Status NotAsSet(std::string_view name, const std::string& is, std::string_view wanted) {
  return absl::FailedPreconditionError(
      "PostgreSQL: " + std::string(name) + " is \"" + Printable(is) +
      "\" in the transaction that set it to \"" + std::string(wanted) +
      "\": a connection pooler has given the transaction another server, or code that the query "
      "runs has changed it; connect to PostgreSQL itself, or to a pool with pool_mode = session or "
      "transaction");
}

}  // namespace

std::string PgBeginSql(const PgBeginning& beginning, const std::string& mark,
                       std::chrono::milliseconds statement_timeout, int server_version) {
  constexpr int kJit = 110000;  // the server version that has it
  std::string sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  if (!beginning.snapshot.empty()) sql += "; SET TRANSACTION SNAPSHOT " + beginning.snapshot;
  for (const PgSetting& setting : kSettings) {
    sql += "; SET LOCAL " + std::string(setting.name) + " = '" + std::string(setting.value) + "'";
  }
  // After quote_all_identifiers, by which its text would be another.
  sql += std::string("; ") + kPgOwnPath;
  sql += std::string("; SET LOCAL ") + kMark + " = '" + mark + "'";
  // A role's or database's own; and patience, which changes no value.
  sql += "; SET LOCAL lc_monetary TO DEFAULT; SET LOCAL default_text_search_config TO DEFAULT";
  sql += "; SET LOCAL timezone_abbreviations TO DEFAULT";
  sql += "; SET LOCAL idle_in_transaction_session_timeout = 0";
  sql += "; SET LOCAL lock_timeout = '30s'";
  // What is prepared is planned once, for any parameters. Who runs queries of users resets it.
  sql += "; SET LOCAL plan_cache_mode = force_generic_plan";
  // It takes a tenth of a second for each question about the catalogue, which is hard to estimate.
  if (server_version >= kJit) sql += "; SET LOCAL jit = off";
  if (statement_timeout.count() > 0) {
    sql += "; SET LOCAL statement_timeout = " + std::to_string(statement_timeout.count());
  }
  if (!beginning.lock.empty()) sql += "; LOCK TABLE " + beginning.lock + " IN ACCESS SHARE MODE";
  return sql;
}

std::string PgReadBackSql(bool with_prepared) {
  std::string sql =
      "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_postmaster_start_time(), "
      "pg_catalog.current_setting('" +
      std::string(kMark) + "', true), pg_catalog.current_setting('search_path')";
  const auto add = [&sql](const PgSetting& setting) {
    sql += ", pg_catalog.current_setting('" + std::string(setting.name) + "')";
  };
  for (const PgSetting& setting : kSettings) add(setting);
  for (const PgSetting& setting : kDemanded) add(setting);
  if (with_prepared) {
    sql +=
        ", (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statements WHERE NOT from_sql)";
  }
  return sql;
}

absl::StatusOr<PgSession> CheckPgReadBack(const PgResult& row, const std::string& mark) {
  if (row.rows() != 1) return absl::InternalError("PostgreSQL gave no settings");
  if (row.Text(0, 2) != mark) return NotAsSet(kMark, row.Text(0, 2), mark);
  if (row.Text(0, 3) != kOwnPath) return NotAsSet("search_path", row.Text(0, 3), kOwnPath);
  int column = 4;
  for (const PgSetting& setting : kSettings) {
    const std::string is = row.Text(0, column++);
    if (is != setting.value) return NotAsSet(setting.name, is, setting.value);
  }
  for (const PgSetting& setting : kDemanded) {
    const std::string is = row.Text(0, column++);
    if (is == setting.value) continue;
    if (setting.name.starts_with("transaction_")) return NotAsSet(setting.name, is, setting.value);
    return absl::FailedPreconditionError(
        "PostgreSQL: " + std::string(setting.name) + " is " + Printable(is) +
        ", so that damaged rows would be read as if they were none: have it switched off (a "
        "superuser may), for this role, database and server");
  }
  return PgSession{row.Text(0, 1), row.Text(0, 0)};
}

absl::Status CheckSamePgSession(const PgSession& before, const PgSession& now) {
  RETURN_IF_ERROR(CheckSamePgServer(before, now));
  if (before.pid == now.pid) return absl::OkStatus();
  return NotAsSet("the server's process", now.pid, before.pid);
}

absl::Status CheckSamePgServer(const PgSession& first, const PgSession& other) {
  if (first.server == other.server) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "PostgreSQL: two connections lead to two servers (started at " + Printable(first.server) +
      " and at " + Printable(other.server) +
      "), which have no snapshot in common: a pooler or a load balancer stands between; connect to "
      "one server, or read with connections=1");
}

}  // namespace driftwood::agent
