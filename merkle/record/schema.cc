#include "merkle/record/schema.h"

#include <algorithm>
#include <array>

namespace driftwood::merkle {
namespace {

constexpr std::array<std::string_view, 17> kTypeNames = {
    "bool",        "integer", "decimal", "float64", "text",   "bytes", "date", "time", "timestamp",
    "timestamptz", "uuid",    "json",    "dynamic", "opaque", "bits",  "list", "set"};

}  // namespace

bool IsColumnType(ColumnType type) {
  const size_t number = static_cast<size_t>(type);
  return number >= 1 && number <= kTypeNames.size();
}

bool IsSelectable(ColumnType type) { return IsColumnType(type) && type <= ColumnType::kDynamic; }

std::string_view ColumnTypeName(ColumnType type) {
  return IsColumnType(type) ? kTypeNames[static_cast<size_t>(type) - 1] : "unknown";
}

std::optional<ColumnType> ColumnTypeFromName(std::string_view name) {
  const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), name);
  if (found == kTypeNames.end()) return std::nullopt;
  return static_cast<ColumnType>(found - kTypeNames.begin() + 1);
}

}  // namespace driftwood::merkle
