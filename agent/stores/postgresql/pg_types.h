// How each PostgreSQL type is read: the canonical type, and whether its binary form is decoded or
// the server is asked for its text. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

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
};

// A row of pg_type.
struct PgType {
  std::string name;
  bool is_system = false;  // of pg_catalog
  char kind = 'b';         // typtype: base, composite, domain, enum, pseudo, range, multirange
  uint32_t base = 0;       // a domain's base type, an array's element or a range's subtype
  bool is_array = false;
};

using PgTypes = std::map<uint32_t, PgType>;

struct PgMapping {
  PgForm form = PgForm::kUnmapped;
  merkle::ColumnType type = merkle::ColumnType::kText;
  std::string
      cast;  // what follows the column's name in the query: "::pg_catalog.text"; may be empty
  std::string function;  // what is called with the column: "pg_catalog.inet_out"; may be empty
};

PgMapping MapPgType(const PgTypes& types, uint32_t oid);

}  // namespace driftwood::agent
