#include "coordinator/audit/readable_types.h"

#include <algorithm>
#include <set>

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;

bool HasType(const SourceColumn& column) {
  return column.knowledge == TypeKnowledge::kTyped || column.knowledge == TypeKnowledge::kObserved;
}

bool IsNumber(ColumnType type) {
  return type == ColumnType::kInteger || type == ColumnType::kDecimal ||
         type == ColumnType::kFloat64;
}

bool IsTimestamp(ColumnType type) {
  return type == ColumnType::kTimestamp || type == ColumnType::kTimestampTz;
}

bool AllFit(const std::vector<const SourceColumn*>& columns, const auto& fits) {
  return std::all_of(columns.begin(), columns.end(), [&](const SourceColumn* column) {
    return !HasType(*column) || fits(column->type);
  });
}

}  // namespace

bool CanBeReadAs(ColumnType from, ColumnType to) {
  if (from == to) return true;
  switch (from) {
    case ColumnType::kBool:
      return false;
    case ColumnType::kInteger:
      return to == ColumnType::kBool || IsNumber(to) || to == ColumnType::kJson;
    case ColumnType::kDecimal:
    case ColumnType::kFloat64:
      return IsNumber(to) || to == ColumnType::kJson;
    case ColumnType::kText:
      return to != ColumnType::kBytes;
    case ColumnType::kBytes:
      return to == ColumnType::kUuid;
    case ColumnType::kDate:
      return to == ColumnType::kTimestamp || to == ColumnType::kText;
    case ColumnType::kTimestamp:
      return to == ColumnType::kDate || to == ColumnType::kText;
    case ColumnType::kTime:
    case ColumnType::kTimestampTz:
    case ColumnType::kUuid:
      return to == ColumnType::kText;
    default:
      return false;
  }
}

std::vector<std::string> ReadableTypes(const std::vector<const SourceColumn*>& columns) {
  std::set<ColumnType> own;
  for (const SourceColumn* column : columns) {
    if (HasType(*column)) own.insert(column->type);
  }
  std::vector<std::string> types;
  for (const ColumnType type : own) {
    const std::string name(merkle::ColumnTypeName(type));
    if (AllFit(columns, [&](ColumnType from) { return CanBeReadAs(from, type); })) {
      types.push_back(name);
      continue;
    }
    if (!IsTimestamp(type) ||
        !AllFit(columns, [&](ColumnType from) { return from == type || IsNumber(from); })) {
      continue;
    }
    types.push_back(name + ":unix");
    types.push_back(name + ":unix_ms");
  }
  return types;
}

}  // namespace driftwood::coordinator
