// The canonical schema of a dataset: its columns and their types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace driftwood::merkle {

enum class ColumnType : uint8_t {
  kBool = 1,
  kInteger = 2,
  kDecimal = 3,
  kFloat64 = 4,
  kText = 5,
  kBytes = 6,
  kDate = 7,
  kTime = 8,
  kTimestamp = 9,     // without zone: local microseconds
  kTimestampTz = 10,  // with zone: microseconds UTC
  kUuid = 11,
  kJson = 12,
  kDynamic = 13,  // no declared type on any side: each value keeps the type that it has
  kOpaque = 14,   // text of a type that is only known by its name
  kBits = 15,
  kList = 16,  // of elements of one type
  kSet = 17,   // of texts, or of what a JSON array holds
};

// Whether it is one of those.
bool IsColumnType(ColumnType type);

// Whether its elements can be of that type: scalars, whose text shows their value. kDynamic: each
// as a JSON array has it.
bool IsElementType(ColumnType type);

// "bool", "integer", "decimal", "float64", "text", "bytes", "date", "time", "timestamp",
// "timestamptz", "uuid", "json", "dynamic", "opaque", "bits", "list", "set": the names of --types
// and of reports.
std::string_view ColumnTypeName(ColumnType type);
std::optional<ColumnType> ColumnTypeFromName(std::string_view name);
// The same, and the names of databases and languages: "int", "string", "datetime", "boolean", …
std::optional<ColumnType> ColumnTypeFromAnyName(std::string_view name);

// The type whose texts are read as intervals, in each of PostgreSQL's styles (interval.h).
inline constexpr std::string_view kIntervalType = "interval";

// What values are read as: a type, and what belongs to it. Any ColumnType is one.
struct ValueType {
  ColumnType type = ColumnType::kDynamic;
  std::string opaque{};  // of kOpaque, and lists of that: the declared type's name, no zero byte
  ColumnType element = ColumnType::kDynamic;  // of kList

  ValueType() = default;
  ValueType(ColumnType only) : type(only) {}
  ValueType(ColumnType what, std::string name, ColumnType of = ColumnType::kDynamic)
      : type(what), opaque(std::move(name)), element(of) {}
  static ValueType Opaque(std::string name) { return {ColumnType::kOpaque, std::move(name)}; }
  // `of` is an element's type.
  static ValueType ListOf(const ValueType& of) { return {ColumnType::kList, of.opaque, of.type}; }
  // Of a list.
  ValueType Element() const { return {element, opaque}; }
  friend bool operator==(const ValueType&, const ValueType&) = default;
};

// Whether it has what belongs to its type and nothing else.
bool IsWellFormed(const ValueType& type);

// "integer", "list:text", "opaque \"public.pair\"", "interval": for messages and reports.
std::string TypeText(const ValueType& type);
// The same that --types takes: "integer", "list", "list:text", "interval". Nothing for other names.
std::optional<ValueType> ValueTypeFromText(std::string_view text);

struct Column {
  std::string name;
  ColumnType type = ColumnType::kDynamic;
  std::string opaque{};  // as in ValueType
  ColumnType element = ColumnType::kDynamic;
  std::string reading{};  // how texts are read, beyond what the type says (merkle/record/reading.h)

  ValueType value_type() const { return {type, opaque, element}; }
  friend bool operator==(const Column&, const Column&) = default;
};

// Key columns in key order, value columns sorted by name (bytewise).
struct Schema {
  std::vector<Column> key;
  std::vector<Column> values;
  // Records have no key and are compared with their copy counts (merkle/tree/multiset.h):
  // `key` is empty, and `values` are all columns.
  bool multiset = false;

  // Of an encoded key: that of a multiset is the record's digest, one column of bytes.
  size_t key_columns() const { return multiset ? 1 : key.size(); }
  friend bool operator==(const Schema&, const Schema&) = default;
};

}  // namespace driftwood::merkle
