// MariaDB has no SET that ends with the transaction. A proxy that gives statements or transactions
// of one client to several sessions may leave a SET behind on another than the one that reads, and
// a server or its user may have any default. So all that changes what a statement means, leaves out
// rows or cuts values is set before each transaction, and read back in it, when it begins and after
// the last rows; with a variable of our own, which no other session has.
//
// group_concat_max_len and max_recursive_iterations end a value or a view's rows with a warning
// only: they are set so high that they don't, and the warnings are looked for (a result that is
// longer than max_allowed_packet becomes NULL with one).
#include "agent/stores/mysql/mysql_session.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "agent/source/messages.h"

namespace driftwood::agent {
namespace {

struct MysqlSetting {
  std::string_view name;
  std::string_view value;  // in SQL
  std::string_view reads;  // read back
};

constexpr MysqlSetting kSettings[] = {
    // Texts come in the character set that they are stored in. Set by SET NAMES, but for the last.
    {"character_set_client", "", "utf8mb4"},
    {"character_set_connection", "", "utf8mb4"},
    {"character_set_results", "NULL", ""},
    // What the SQL means, in `where` too; among its modes are those that pad CHARs.
    {"sql_mode", "''", ""},
    {"time_zone", "'+00:00'", "+00:00"},
    {"sql_auto_is_null", "0", "0"},
    {"div_precision_increment", "4", "4"},
    {"default_week_format", "0", "0"},
    {"lc_time_names", "'en_US'", "en_US"},
    // Which rows come, and how much of a value.
    {"sql_select_limit", "18446744073709551615", "18446744073709551615"},
    {"sql_big_selects", "1", "1"},
    {"sql_safe_updates", "0", "0"},
    {"group_concat_max_len", "1073741824", "1073741824"},
    {"autocommit", "1", "1"},
    {"completion_type", "'NO_CHAIN'", "NO_CHAIN"},
    {"max_error_count", "65535", "65535"},
};

// Where the server has them. What expressions give: whether `utf8` has three bytes, what REGEXP
// looks over, what PASSWORD() makes, how much of a text is sorted by. Then the first turns long
// lists of keys into tables of types that the server makes up, and the next shows tables as they
// were in the past. The last two would end a scan that waits.
constexpr MysqlSetting kOptional[] = {
    {"old_mode", "''", ""},
    {"default_regex_flags", "''", ""},
    {"old_passwords", "0", "0"},
    {"max_sort_length", "1024", "1024"},
    {"in_predicate_conversion_threshold", "0", "0"},
    {"system_versioning_asof", "", "DEFAULT"},
    {"max_recursive_iterations", "4294967295", "4294967295"},
    {"idle_transaction_timeout", "0", "0"},
    {"idle_readonly_transaction_timeout", "0", "0"},
};

constexpr char kMark[] = "@driftwood_transaction";

// All that is read back, in the order of the row behind the session's number and mark.
std::vector<MysqlSetting> ReadBack(const std::set<std::string>& has, bool is_mariadb) {
  std::vector<MysqlSetting> settings(std::begin(kSettings), std::end(kSettings));
  for (const MysqlSetting& setting : kOptional) {
    if (has.contains(std::string(setting.name))) settings.push_back(setting);
  }
  settings.push_back(
      {is_mariadb ? "tx_isolation" : "transaction_isolation", "", "REPEATABLE-READ"});
  settings.push_back({is_mariadb ? "tx_read_only" : "transaction_read_only", "", "1"});
  return settings;
}

absl::Status NotAsSet(std::string_view name, const std::string& is, std::string_view wanted) {
  return absl::FailedPreconditionError(
      std::string(name) + " is \"" + Printable(is) +
      "\" in the transaction that needs it to be \"" + std::string(wanted) +
      "\": a proxy or pooler between here and the server seems to give our statements to several "
      "sessions; connect to the server itself, or have the proxy keep one session for one client");
}

}  // namespace

std::string MysqlOptionalVariablesSql() {
  std::string names;
  for (const MysqlSetting& setting : kOptional) {
    names += (names.empty() ? "'" : ", '") + std::string(setting.name) + "'";
  }
  return "SHOW SESSION VARIABLES WHERE Variable_name IN (" + names + ")";
}

std::string MysqlSetSql(const std::string& mark, const std::set<std::string>& has, bool is_mariadb,
                        const std::optional<uint64_t>& statement_timeout_s) {
  // The rest is patience; and a clock that was set.
  std::string sql =
      "SET NAMES utf8mb4, timestamp = DEFAULT, lock_wait_timeout = 30, "
      "net_write_timeout = 3600, wait_timeout = 86400";
  const auto set = [&sql](const MysqlSetting& setting) {
    if (setting.value.empty()) return;
    sql += ", " + std::string(setting.name) + " = " + std::string(setting.value);
  };
  for (const MysqlSetting& setting : kSettings) set(setting);
  for (const MysqlSetting& setting : kOptional) {
    if (has.contains(std::string(setting.name))) set(setting);
  }
  if (statement_timeout_s) {
    sql += is_mariadb ? ", max_statement_time = " + std::to_string(*statement_timeout_s)
                      : ", max_execution_time = " + std::to_string(*statement_timeout_s * 1000);
  }
  return sql + ", " + kMark + " = '" + mark + "'";
}

std::string MysqlReadBackSql(const std::set<std::string>& has, bool is_mariadb) {
  std::string sql = std::string("SELECT CONNECTION_ID(), ") + kMark;
  for (const MysqlSetting& setting : ReadBack(has, is_mariadb)) {
    sql += ", @@SESSION." + std::string(setting.name);
  }
  return sql;
}

absl::StatusOr<std::string> CheckMysqlReadBack(const MysqlResult& row, const std::string& mark,
                                               const std::set<std::string>& has, bool is_mariadb) {
  if (row.rows() != 1) return absl::InternalError("the server gave no settings");
  if (row.Text(0, 1) != mark) return NotAsSet(kMark, row.Text(0, 1), mark);
  size_t column = 2;
  for (const MysqlSetting& setting : ReadBack(has, is_mariadb)) {
    const std::string is = row.Text(0, column++);
    if (is == setting.reads) continue;
    if (setting.name == "system_versioning_asof") {
      return absl::FailedPreconditionError(
          "the server's system_versioning_asof shows tables as they were in the past");
    }
    return NotAsSet(setting.name, is, setting.reads);
  }
  return row.Text(0, 0);
}

absl::Status CheckMysqlWarnings(const MysqlResult& warnings) {
  // ER_QUERY_RESULT_INCOMPLETE, ER_CUT_VALUE_GROUP_CONCAT, ER_WARN_ALLOWED_PACKET_OVERFLOWED.
  constexpr std::string_view kCut[] = {"1931", "1260", "1301"};
  for (size_t i = 0; i < warnings.rows(); ++i) {
    const std::string code = warnings.Text(i, 1);
    if (std::find(std::begin(kCut), std::end(kCut), code) == std::end(kCut)) continue;
    return absl::AbortedError("the server has left something out of what was read: " +
                              Printable(warnings.Text(i, 2)));
  }
  return absl::OkStatus();
}

}  // namespace driftwood::agent
