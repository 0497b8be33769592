#include "coordinator/audit/described_source.h"

#include <set>

namespace driftwood::coordinator {

ColumnsByName::ColumnsByName(const std::vector<DescribedSource>& replicas) : replicas_(replicas) {
  for (const DescribedSource& replica : replicas) {
    auto& columns = columns_[&replica];
    for (const SourceColumn& column : replica.description.columns) {
      columns.emplace(column.name, &column);
    }
  }
}

const SourceColumn* ColumnsByName::Find(const DescribedSource& replica,
                                        const std::string& name) const {
  const auto& columns = columns_.at(&replica);
  const auto found = columns.find(name);
  return found == columns.end() ? nullptr : found->second;
}

std::vector<std::string> ColumnsByName::All() const {
  std::set<std::string> names;
  for (const DescribedSource& replica : replicas_) {
    for (const SourceColumn& column : replica.description.columns) names.insert(column.name);
  }
  return {names.begin(), names.end()};
}

bool HasType(const SourceColumn& column) {
  return column.knowledge == TypeKnowledge::kTyped || column.knowledge == TypeKnowledge::kObserved;
}

}  // namespace driftwood::coordinator
