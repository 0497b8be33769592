#include "agent/stores/mysql/mysql_lookup.h"

#include <algorithm>

#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;

std::string HexLiteral(std::string_view bytes) { return "X'" + Hex(bytes) + "'"; }

// A number without an exponent, of no more digits than a DECIMAL has.
bool IsPlainNumber(std::string_view text) {
  constexpr size_t kSizeMax = 60;
  return !text.empty() && text.size() <= kSizeMax &&
         text.find_first_not_of("0123456789.-") == std::string_view::npos;
}

std::optional<std::string> NumberLiteral(const SourceValue& value) {
  switch (value.kind) {
    case Kind::kBool:
      return std::string(value.boolean ? "1" : "0");
    case Kind::kInt64:
      return std::to_string(value.int64);
    case Kind::kUint64:
      return std::to_string(value.uint64);
    case Kind::kNumber:
      if (IsPlainNumber(value.text)) return std::string(value.text);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

// Compared under the column's own collation, under which every text equals itself. A character that
// its character set has not finds nothing that is asked for; but ascii columns may hold other
// bytes, which are read as what they are and can't be written so.
std::optional<std::string> TextLiteral(const MysqlColumn& column, const SourceValue& value) {
  if (value.kind != Kind::kText || column.character_set.empty() || column.collation.empty() ||
      column.mapping.type != merkle::ColumnType::kText) {
    return std::nullopt;
  }
  if (column.character_set == "ascii" && !merkle::IsAscii(value.text)) return std::nullopt;
  std::string literal = "_utf8mb4 " + HexLiteral(value.text);
  if (column.character_set != "utf8mb4") {
    literal = "CONVERT(" + literal + " USING " + column.character_set + ")";
  }
  return literal + " COLLATE " + column.collation;
}

std::optional<std::string> BytesLiteral(const SourceValue& value) {
  if (value.kind != Kind::kBytes && value.kind != Kind::kUuid) return std::nullopt;
  return HexLiteral(value.text);
}

std::optional<std::string> KeyLiteral(const MysqlColumn& column, const SourceValue& value) {
  switch (column.mapping.form) {
    case MysqlForm::kInteger:
    case MysqlForm::kUnsigned:
    case MysqlForm::kDecimal:
      return NumberLiteral(value);
    case MysqlForm::kText:
    case MysqlForm::kConvertedText:
      return TextLiteral(column, value);
    case MysqlForm::kBytes:
      return BytesLiteral(value);
    case MysqlForm::kUuidText:
      if (value.kind != Kind::kUuid) return std::nullopt;
      return "'" + DisplayText(value) + "'";
    default:
      return std::nullopt;
  }
}

// "column IN (…)"; nothing if one of the values has no literal.
std::optional<std::string> ColumnCondition(const MysqlColumn& column, size_t index,
                                           std::span<const std::vector<SourceValue>> keys) {
  std::vector<std::string> literals;
  for (const std::vector<SourceValue>& key : keys) {
    std::optional<std::string> literal = KeyLiteral(column, key[index]);
    if (!literal) return std::nullopt;
    literals.push_back(*std::move(literal));
  }
  std::sort(literals.begin(), literals.end());
  literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
  std::string condition = MysqlQuoted(column.name) + " IN (";
  for (const std::string& literal : literals) {
    if (&literal != &literals.front()) condition += ", ";
    condition += literal;
  }
  return condition + ")";
}

}  // namespace

std::optional<std::string> MysqlLookupCondition(const MysqlTable& table,
                                                const std::vector<std::string>& key,
                                                std::span<const std::vector<SourceValue>> keys) {
  if (keys.empty()) return "FALSE";
  std::string condition;
  for (size_t i = 0; i < key.size(); ++i) {
    const MysqlColumn* const column = table.Find(key[i]);
    if (column == nullptr) return std::nullopt;
    const std::optional<std::string> part = ColumnCondition(*column, i, keys);
    if (part) condition += (condition.empty() ? "" : " AND ") + *part;
  }
  if (condition.empty()) return std::nullopt;
  return condition;
}

}  // namespace driftwood::agent
