#include "agent/stores/postgresql/pg_types.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

struct BinaryType {
  std::string_view name;
  PgForm form;
  ColumnType type;
};

// Of pg_catalog.
constexpr BinaryType kBinary[] = {
    {"bool", PgForm::kBool, ColumnType::kBool},
    {"int2", PgForm::kInt2, ColumnType::kInteger},
    {"int4", PgForm::kInt4, ColumnType::kInteger},
    {"int8", PgForm::kInt8, ColumnType::kInteger},
    {"oid", PgForm::kOid, ColumnType::kInteger},
    {"float4", PgForm::kFloat4, ColumnType::kFloat64},
    {"float8", PgForm::kFloat8, ColumnType::kFloat64},
    {"numeric", PgForm::kNumeric, ColumnType::kDecimal},
    {"text", PgForm::kText, ColumnType::kText},
    {"varchar", PgForm::kText, ColumnType::kText},
    {"name", PgForm::kText, ColumnType::kText},
    {"bpchar", PgForm::kPaddedText, ColumnType::kText},
    {"bytea", PgForm::kBytes, ColumnType::kBytes},
    {"date", PgForm::kDate, ColumnType::kDate},
    {"time", PgForm::kTime, ColumnType::kTime},
    {"timestamp", PgForm::kTimestamp, ColumnType::kTimestamp},
    {"timestamptz", PgForm::kTimestampTz, ColumnType::kTimestampTz},
    {"uuid", PgForm::kUuid, ColumnType::kUuid},
    {"json", PgForm::kText, ColumnType::kJson},
    {"jsonb", PgForm::kJsonb, ColumnType::kJson},
};

// Types of pg_catalog with one text for each value, given the session's settings. Not among them:
// money (lc_monetary), reg* (search_path, and names that change).
constexpr std::string_view kAsText[] = {
    "char",          "timetz",      "interval", "inet",       "cidr",     "macaddr",
    "macaddr8",      "bit",         "varbit",   "xml",        "tsvector", "tsquery",
    "point",         "line",        "lseg",     "box",        "path",     "polygon",
    "circle",        "pg_lsn",      "xid",      "xid8",       "cid",      "tid",
    "txid_snapshot", "pg_snapshot", "jsonpath", "int2vector", "oidvector"};

// The same for types of extensions that come with PostgreSQL.
constexpr std::string_view kExtensionAsText[] = {"citext", "hstore", "ltree", "isbn",
                                                 "isbn13", "ean13",  "cube",  "seg"};

bool Among(const auto& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

const BinaryType* FindBinary(const PgType& type) {
  if (!type.is_system) return nullptr;
  for (const BinaryType& candidate : kBinary) {
    if (candidate.name == type.name) return &candidate;
  }
  return nullptr;
}

// Whether ::text gives one text for each value.
bool HasText(const PgTypes& types, uint32_t oid, int depth = 0) {
  constexpr int kDepthMax = 32;
  const auto found = types.find(oid);
  if (found == types.end() || depth > kDepthMax) return false;
  const PgType& type = found->second;
  if (type.kind == 'd' || type.kind == 'r' || type.kind == 'm' || type.is_array) {
    return HasText(types, type.base, depth + 1);
  }
  if (type.kind == 'e') return true;
  if (type.kind != 'b') return false;
  return FindBinary(type) != nullptr ||
         (type.is_system ? Among(kAsText, type.name) : Among(kExtensionAsText, type.name));
}

}  // namespace

PgMapping MapPgType(const PgTypes& types, uint32_t oid) {
  auto found = types.find(oid);
  for (size_t i = 0; i <= types.size() && found != types.end() && found->second.kind == 'd'; ++i) {
    found = types.find(found->second.base);
  }
  if (found == types.end()) return {};
  const PgType& type = found->second;
  if (type.kind == 'e') return {PgForm::kText, ColumnType::kText, "", ""};
  if (const BinaryType* const binary = FindBinary(type); binary != nullptr && !type.is_array) {
    return {binary->form, binary->type, "", ""};
  }
  if (type.is_system && type.name == "money") {
    return {PgForm::kNumeric, ColumnType::kDecimal, "::pg_catalog.numeric", ""};
  }
  if (type.is_system && type.name == "inet") {
    // Its cast to text appends "/32", which its own text form, and so every export, has not.
    return {PgForm::kText, ColumnType::kText, "::pg_catalog.text", "pg_catalog.inet_out"};
  }
  if (HasText(types, oid)) return {PgForm::kText, ColumnType::kText, "::pg_catalog.text", ""};
  return {};
}

}  // namespace driftwood::agent
