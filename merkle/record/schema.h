// The canonical schema of a dataset: its columns and their types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
  // These are prepared: no store has them yet, and nobody can choose them (IsSelectable()).
  kOpaque = 14,  // text of a type that is only known by its name
  kBits = 15,
  kList = 16,
  kSet = 17,
};

// Whether it is one of those.
bool IsColumnType(ColumnType type);

// Whether a column can be read as that type today.
bool IsSelectable(ColumnType type);

// "bool", "integer", "decimal", "float64", "text", "bytes", "date", "time", "timestamp",
// "timestamptz", "uuid", "json", "dynamic", "opaque", "bits", "list", "set": the names of --types
// and of reports.
std::string_view ColumnTypeName(ColumnType type);
std::optional<ColumnType> ColumnTypeFromName(std::string_view name);

struct Column {
  std::string name;
  ColumnType type = ColumnType::kDynamic;
  std::string opaque{};  // of kOpaque alone: the declared type's name, without a zero byte
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
