// Conditions that find rows by their keys. Pure but for the type of column.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/source/source_value.h"
#include "agent/stores/mysql/mysql_table.h"

namespace driftwood::agent {

// A condition that all rows meet whose columns `key` are one of `keys`: perhaps others too, since
// each column is looked up for itself, and 'a' finds 'A' where the collation says so. Nothing if
// no column can be looked up.
std::optional<std::string> MysqlLookupCondition(const MysqlTable& table,
                                                const std::vector<std::string>& key,
                                                std::span<const std::vector<SourceValue>> keys);

}  // namespace driftwood::agent
