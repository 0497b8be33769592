// The canonical schema of a dataset: what the coordinator and all its agents must agree on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "merkle/hash/level.h"

namespace driftwood::merkle {

// Raised by any change of the bytes that a record becomes (merkle/README.md; golden
// vectors in tests/testdata/).
inline constexpr uint32_t kEncodingVersion = 1;

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
};

// "bool", "integer", "decimal", "float64", "text", "bytes", "date", "time", "timestamp",
// "timestamptz", "uuid", "json", "dynamic": the names of --types and of reports.
std::string_view ColumnTypeName(ColumnType type);
std::optional<ColumnType> ColumnTypeFromName(std::string_view name);

struct Column {
  std::string name;
  ColumnType type = ColumnType::kDynamic;
  friend bool operator==(const Column&, const Column&) = default;
};

// Key columns in key order, value columns sorted by name (bytewise).
struct Schema {
  std::vector<Column> key;
  std::vector<Column> values;
  // Records have no key and are compared with their numbers of copies (merkle/tree/multiset.h):
  // `key` is empty, and `values` are all columns.
  bool multiset = false;

  // Of an encoded key: that of a multiset is the record's digest, one column of bytes.
  size_t key_columns() const { return multiset ? 1 : key.size(); }
  friend bool operator==(const Schema&, const Schema&) = default;
};

// All on which the agents of a dataset must agree before their digests can be compared.
struct Agreement {
  uint32_t encoding_version = kEncodingVersion;
  Schema schema;
  std::vector<std::string> rules;  // "column:rule" (merkle/record/rule.h), sorted
  std::string key_id;              // DigestKey::KeyId()
  TreeParams params;

  // InvalidArgument: no key column (a multiset: one, or no value column), a name twice, value
  // columns not sorted, bad rules or parameters.
  absl::Status Validate() const;
  // 32 bytes over an injective serialisation of everything above.
  std::string Fingerprint() const;
  friend bool operator==(const Agreement&, const Agreement&) = default;
};

// Empty if equal; else one sentence that says which part differs and how, naming both sides.
std::string DescribeDifference(std::string_view left_name, const Agreement& left,
                               std::string_view right_name, const Agreement& right);

}  // namespace driftwood::merkle
