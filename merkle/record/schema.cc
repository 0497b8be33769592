#include "merkle/record/schema.h"

#include <algorithm>
#include <array>

namespace driftwood::merkle {
namespace {

constexpr std::array<std::string_view, 17> kTypeNames = {
    "bool",        "integer", "decimal", "float64", "text",   "bytes", "date", "time", "timestamp",
    "timestamptz", "uuid",    "json",    "dynamic", "opaque", "bits",  "list", "set"};

struct OtherName {
  std::string_view name;
  ColumnType type;
};
constexpr OtherName kOtherNames[] = {
    {"int", ColumnType::kInteger},
    {"bigint", ColumnType::kInteger},
    {"smallint", ColumnType::kInteger},
    {"tinyint", ColumnType::kInteger},
    {"string", ColumnType::kText},
    {"varchar", ColumnType::kText},
    {"datetime", ColumnType::kTimestamp},
    {"boolean", ColumnType::kBool},
    {"numeric", ColumnType::kDecimal},
    {"double", ColumnType::kFloat64},
    {"double precision", ColumnType::kFloat64},
    {"blob", ColumnType::kBytes},
    {"bytea", ColumnType::kBytes},
    {"jsonb", ColumnType::kJson},
};

}  // namespace

bool IsColumnType(ColumnType type) {
  const size_t number = static_cast<size_t>(type);
  return number >= 1 && number <= kTypeNames.size();
}

bool IsElementType(ColumnType type) {
  return IsColumnType(type) && type != ColumnType::kJson && type != ColumnType::kList &&
         type != ColumnType::kSet;
}

std::string_view ColumnTypeName(ColumnType type) {
  return IsColumnType(type) ? kTypeNames[static_cast<size_t>(type) - 1] : "unknown";
}

std::optional<ColumnType> ColumnTypeFromName(std::string_view name) {
  const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), name);
  if (found == kTypeNames.end()) return std::nullopt;
  return static_cast<ColumnType>(found - kTypeNames.begin() + 1);
}

bool IsWellFormed(const ValueType& type) {
  const bool is_list = type.type == ColumnType::kList;
  if (!is_list && type.element != ColumnType::kDynamic) return false;
  if (is_list && !IsElementType(type.element)) return false;
  const ColumnType named = is_list ? type.element : type.type;
  return (named == ColumnType::kOpaque) != type.opaque.empty() &&
         type.opaque.find('\0') == std::string::npos;
}

std::string TypeText(const ValueType& type) {
  if (type.type == ColumnType::kOpaque) {
    return type.opaque == kIntervalType ? type.opaque : "opaque \"" + type.opaque + "\"";
  }
  std::string text(ColumnTypeName(type.type));
  if (type.type == ColumnType::kList && type.element != ColumnType::kDynamic) {
    text += ":" + TypeText(type.Element());
  }
  return text;
}

std::optional<ValueType> ValueTypeFromText(std::string_view text) {
  constexpr std::string_view kListOf = "list:";
  if (text == kIntervalType) return ValueType::Opaque(std::string(text));
  if (text.starts_with(kListOf)) {
    const std::optional<ValueType> element = ValueTypeFromText(text.substr(kListOf.size()));
    if (!element || !IsElementType(element->type)) return std::nullopt;
    return ValueType::ListOf(*element);
  }
  const std::optional<ColumnType> type = ColumnTypeFromName(text);
  if (!type || *type == ColumnType::kOpaque) return std::nullopt;
  return ValueType(*type);
}

std::optional<ColumnType> ColumnTypeFromAnyName(std::string_view name) {
  for (const OtherName& other : kOtherNames) {
    if (other.name == name) return other.type;
  }
  return ColumnTypeFromName(name);
}

}  // namespace driftwood::merkle
