// How each PostgreSQL type is read: the canonical type, and whether its binary form is decoded or
// the server is asked for its text. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "merkle/record/schema.h"

namespace driftwood::agent {

// The binary form of a value.
enum class PgForm : uint8_t {
  kUnmapped,  // none: the column can't be compared
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kOid,
  kFloat4,
  kFloat8,
  kNumeric,
  kText,
  kPaddedText,  // char(n)
  kBytes,
  kDate,
  kTime,
  kTimestamp,
  kTimestampTz,
  kUuid,
  kJsonb,
  kOpaque,  // what the server writes for a type of its own
  kBits,    // digits, equally many in all rows
};

// A row of pg_type.
struct PgType {
  std::string name;
  bool is_system = false;  // of pg_catalog
  // By which a type that has no other mapping is known, the same on all servers: pg_catalog's and
  // those of extensions by their name alone, others with their schema. Never of an array.
  std::string opaque{};
  std::string output{};  // its output function, to be called as it stands here
  char kind = 'b';       // typtype: base, composite, domain, enum, pseudo, range, multirange
  // A domain's base type, an array's element, a range's subtype, the types of a composite's fields.
  std::vector<uint32_t> parts{};
  bool is_array = false;
  char delimiter = ',';  // between elements of arrays of it

  uint32_t base() const { return parts.empty() ? 0 : parts.front(); }
};

using PgTypes = std::map<uint32_t, PgType>;

struct PgMapping {
  PgForm form = PgForm::kUnmapped;
  merkle::ValueType type = merkle::ColumnType::kText;
  std::string
      cast;  // what follows the column's name in the query: "::pg_catalog.text"; may be empty
  std::string function;   // what is called with the column: "pg_catalog.inet_out"; may be empty
  std::string reading{};  // SourceColumn::reading
};

// `types`: that type and all that it is made of.
PgMapping MapPgType(const PgTypes& types, uint32_t oid);

// Whether its name and `is_system` are all that decides how it is read. It must be a base type if
// it is of the system.
bool IsPlainPgType(const PgType& type);

}  // namespace driftwood::agent
