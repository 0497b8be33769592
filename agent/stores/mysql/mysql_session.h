// How each transaction's session is set, and the proof that it is so. Texts of SQL and what their
// results mean; MysqlConnection::Begin() sends them. Only this directory's files include it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/mysql/mysql_result.h"

namespace driftwood::agent {

// Of the variables that not every server has, those that are set where they are.
std::string MysqlOptionalVariablesSql();

// One statement: all that a transaction depends on. `mark` is what only this session has; `has`
// are names of MysqlOptionalVariablesSql().
std::string MysqlSetSql(const std::string& mark, const std::set<std::string>& has, bool is_mariadb,
                        const std::optional<uint64_t>& statement_timeout_s);

// One row: which session this is, and how it is set.
std::string MysqlReadBackSql(const std::set<std::string>& has, bool is_mariadb);

// The session's number. FailedPrecondition, with what to do, if `row` (of MysqlReadBackSql()) has
// not that mark, or something is not as MysqlSetSql() has set it.
absl::StatusOr<std::string> CheckMysqlReadBack(const MysqlResult& row, const std::string& mark,
                                               const std::set<std::string>& has, bool is_mariadb);

// Aborted if one of the warnings (of SHOW WARNINGS) says that rows were left out or values cut.
absl::Status CheckMysqlWarnings(const MysqlResult& warnings);

}  // namespace driftwood::agent
