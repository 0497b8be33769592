#include "agent/stores/mysql/mysql_result.h"

#include <algorithm>

namespace driftwood::agent {

std::optional<size_t> MysqlResult::Find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<size_t>(found - names_.begin());
}

}  // namespace driftwood::agent
