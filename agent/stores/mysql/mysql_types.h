// How each type of MariaDB and MySQL is read: the canonical type, the form in which a value comes,
// and what the query asks for. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "merkle/record/schema.h"

namespace driftwood::agent {

enum class MysqlForm : uint8_t {
  kUnmapped,  // none: the column can't be compared
  kInteger,
  kUnsigned,
  kYear,
  kBit,  // big-endian bytes
  kFloat,
  kDouble,
  kDecimal,
  kText,           // comes in UTF-8
  kConvertedText,  // comes twice: converted to UTF-8, and as it is stored where that loses
                   // something
  // The same of what is never an array's text, whatever it spells: JSON and sets.
  kStored,
  kConvertedStored,
  kBytes,
  kDate,
  kTime,
  kTimestamp,
  kTimestampTz,
  kUuidText,
};

// A row of information_schema.COLUMNS.
struct MysqlType {
  std::string data_type;      // "int"
  std::string column_type;    // "int(10) unsigned"
  std::string character_set;  // empty if it has none
};

struct MysqlMapping {
  MysqlForm form = MysqlForm::kUnmapped;
  merkle::ColumnType type = merkle::ColumnType::kText;
  std::string reading{};  // SourceColumn::reading
};

// Whether a value comes twice.
inline bool IsConverted(MysqlForm form) {
  return form == MysqlForm::kConvertedText || form == MysqlForm::kConvertedStored;
}

// That of a column of such text that holds JSON.
MysqlForm StoredForm(MysqlForm form);

MysqlMapping MapMysqlType(const MysqlType& type);

// What a query asks for to get the column `quoted` in that form: one expression, or two joined by a
// comma (IsConverted()).
std::string MysqlSelectItem(MysqlForm form, const std::string& character_set,
                            const std::string& quoted);

}  // namespace driftwood::agent
