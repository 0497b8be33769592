// Values in SQL. Only this directory's files include it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "agent/source/source_value.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_table.h"

namespace driftwood::agent {

// A literal that `column` = LITERAL finds all rows with, whose value encodes to the key that
// `value` was decoded from. Unimplemented where there is none: look for the row by a scan.
absl::StatusOr<std::string> PgLiteral(const PgConnection& connection, const PgColumn& column,
                                      const SourceValue& value);

}  // namespace driftwood::agent
