#include "agent/stores/jsonl/column_names.h"

namespace driftwood::agent {

ColumnNames::ColumnNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) Add(name);
}

size_t ColumnNames::Find(std::string_view name, size_t guess) const {
  if (guess < names_.size() && names_[guess] == name) return guess;
  const auto found = places_.find(name);
  return found == places_.end() ? kNone : found->second;
}

size_t ColumnNames::Add(std::string_view name) {
  const auto [place, added] = places_.emplace(std::string(name), names_.size());
  if (added) names_.emplace_back(name);
  return place->second;
}

}  // namespace driftwood::agent
