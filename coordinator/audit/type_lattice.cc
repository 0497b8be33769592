#include "coordinator/audit/type_lattice.h"

#include <algorithm>
#include <initializer_list>

namespace driftwood::coordinator {

using merkle::ColumnType;
using merkle::ValueType;

std::optional<ColumnType> MergeTypes(ColumnType a, ColumnType b) {
  if (a == b) return a;
  const auto are = [&](ColumnType x, ColumnType y) {
    return (a == x && b == y) || (a == y && b == x);
  };
  if (are(ColumnType::kInteger, ColumnType::kDecimal)) return ColumnType::kDecimal;
  if (are(ColumnType::kBool, ColumnType::kInteger)) return ColumnType::kBool;
  if (are(ColumnType::kText, ColumnType::kUuid)) return ColumnType::kUuid;
  if (are(ColumnType::kText, ColumnType::kBool)) return ColumnType::kBool;
  if (are(ColumnType::kText, ColumnType::kJson)) return ColumnType::kJson;
  if (are(ColumnType::kBits, ColumnType::kBool)) return ColumnType::kBool;
  if (are(ColumnType::kList, ColumnType::kJson)) return ColumnType::kList;
  return std::nullopt;
}

std::optional<ValueType> MergeTypes(const ValueType& a, const ValueType& b) {
  if (a == b) return a;
  if (a.type == ColumnType::kList && b.type == ColumnType::kList) {
    const std::optional<ValueType> element = MergeTypes(a.Element(), b.Element());
    return element ? std::optional(ValueType::ListOf(*element)) : std::nullopt;
  }
  if (a.type == b.type) return std::nullopt;  // of two names
  const std::optional<ColumnType> merged = MergeTypes(a.type, b.type);
  if (!merged) return std::nullopt;
  return *merged == a.type ? a : *merged == b.type ? b : ValueType(*merged);
}

bool IsOwnKind(ColumnType type) {
  return type == ColumnType::kOpaque || type == ColumnType::kBits || type == ColumnType::kList ||
         type == ColumnType::kSet;
}

bool IsReadAs(const SourceColumn& source, const ValueType& wanted) {
  const ColumnType type = source.type;
  const auto among = [type](std::initializer_list<ColumnType> types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  switch (wanted.type) {
    case ColumnType::kOpaque:
      return source.value_type() == wanted || type == ColumnType::kText;
    case ColumnType::kBits:
      return among({ColumnType::kBits, ColumnType::kText});
    case ColumnType::kList:
      return among({ColumnType::kList, ColumnType::kJson, ColumnType::kText});
    case ColumnType::kSet:
      return among({ColumnType::kSet, ColumnType::kList, ColumnType::kJson, ColumnType::kText});
    case ColumnType::kBool:
    case ColumnType::kInteger:
    case ColumnType::kDecimal:
      return !among({ColumnType::kOpaque, ColumnType::kList, ColumnType::kSet});
    case ColumnType::kText:
      return true;
    default:
      return !IsOwnKind(type);
  }
}

bool IsMeantAs(const SourceColumn& column, const ValueType& as) {
  if (as.type == ColumnType::kInteger) {
    return column.type == ColumnType::kBits || column.type == ColumnType::kInteger;
  }
  if (as.type != ColumnType::kText) return true;
  // What JSON Lines have as numbers, bools, objects or arrays is no text; nor is a number.
  if (column.knowledge == TypeKnowledge::kObserved) return column.type == ColumnType::kText;
  return column.type == ColumnType::kText || column.type == ColumnType::kJson ||
         column.type == ColumnType::kUuid || IsOwnKind(column.type);
}

}  // namespace driftwood::coordinator
