#include "agent/stores/mysql/mysql_types.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

struct KnownType {
  std::string_view name;
  MysqlForm form;
  ColumnType type;
};

constexpr KnownType kKnown[] = {
    {"tinyint", MysqlForm::kInteger, ColumnType::kInteger},
    {"smallint", MysqlForm::kInteger, ColumnType::kInteger},
    {"mediumint", MysqlForm::kInteger, ColumnType::kInteger},
    {"int", MysqlForm::kInteger, ColumnType::kInteger},
    {"bigint", MysqlForm::kInteger, ColumnType::kInteger},
    {"year", MysqlForm::kYear, ColumnType::kInteger},
    {"bit", MysqlForm::kBit, ColumnType::kBits},
    {"float", MysqlForm::kFloat, ColumnType::kFloat64},
    {"double", MysqlForm::kDouble, ColumnType::kFloat64},
    {"decimal", MysqlForm::kDecimal, ColumnType::kDecimal},
    {"char", MysqlForm::kText, ColumnType::kText},
    {"varchar", MysqlForm::kText, ColumnType::kText},
    {"tinytext", MysqlForm::kText, ColumnType::kText},
    {"text", MysqlForm::kText, ColumnType::kText},
    {"mediumtext", MysqlForm::kText, ColumnType::kText},
    {"longtext", MysqlForm::kText, ColumnType::kText},
    {"enum", MysqlForm::kText, ColumnType::kText},
    {"set", MysqlForm::kStored, ColumnType::kSet},
    {"inet4", MysqlForm::kText, ColumnType::kText},
    {"inet6", MysqlForm::kText, ColumnType::kText},
    {"json", MysqlForm::kStored, ColumnType::kJson},  // of MySQL
    {"uuid", MysqlForm::kUuidText, ColumnType::kUuid},
    {"binary", MysqlForm::kBytes, ColumnType::kBytes},
    {"varbinary", MysqlForm::kBytes, ColumnType::kBytes},
    {"tinyblob", MysqlForm::kBytes, ColumnType::kBytes},
    {"blob", MysqlForm::kBytes, ColumnType::kBytes},
    {"mediumblob", MysqlForm::kBytes, ColumnType::kBytes},
    {"longblob", MysqlForm::kBytes, ColumnType::kBytes},
    {"date", MysqlForm::kDate, ColumnType::kDate},
    {"time", MysqlForm::kTime, ColumnType::kTime},
    {"datetime", MysqlForm::kTimestamp, ColumnType::kTimestamp},
    {"timestamp", MysqlForm::kTimestampTz, ColumnType::kTimestampTz},
};

// Stored as UTF-8 (or as something that would be no UTF-8, and is told from it): nothing converts.
bool IsUtf8(std::string_view character_set) {
  constexpr std::string_view kUtf8[] = {"", "utf8mb4", "utf8mb3", "utf8", "ascii"};
  return std::find(std::begin(kUtf8), std::end(kUtf8), character_set) != std::end(kUtf8);
}

}  // namespace

MysqlMapping MapMysqlType(const MysqlType& type) {
  const auto* const known =
      std::find_if(std::begin(kKnown), std::end(kKnown),
                   [&](const KnownType& k) { return k.name == type.data_type; });
  if (known == std::end(kKnown)) return {};
  MysqlMapping mapping{known->form, known->type};
  if (mapping.form == MysqlForm::kFloat) mapping.reading = "single";
  if (type.data_type == "char") mapping.reading = "padded";
  if (mapping.form == MysqlForm::kInteger &&
      type.column_type.find("unsigned") != std::string::npos) {
    mapping.form = MysqlForm::kUnsigned;
  }
  // latin1 has a character for each byte and each of those is another: converting loses nothing.
  if (!IsUtf8(type.character_set) && type.character_set != "latin1") {
    if (mapping.form == MysqlForm::kText) mapping.form = MysqlForm::kConvertedText;
    if (mapping.form == MysqlForm::kStored) mapping.form = MysqlForm::kConvertedStored;
  }
  return mapping;
}

MysqlForm StoredForm(MysqlForm form) {
  if (form == MysqlForm::kText) return MysqlForm::kStored;
  return form == MysqlForm::kConvertedText ? MysqlForm::kConvertedStored : form;
}

std::string MysqlSelectItem(MysqlForm form, const std::string& character_set,
                            const std::string& quoted) {
  const bool is_text = form == MysqlForm::kText || form == MysqlForm::kStored;
  if (!is_text && !IsConverted(form)) return quoted;
  if (IsUtf8(character_set)) return quoted;
  const std::string converted = "CONVERT(" + quoted + " USING utf8mb4)";
  if (is_text) return converted;
  // A character that UTF-8 has not becomes a '?', which is another when it is converted back.
  return converted + ", IF(CAST(CONVERT(" + converted + " USING " + character_set +
         ") AS BINARY) <=> CAST(" + quoted + " AS BINARY), NULL, CAST(" + quoted + " AS BINARY))";
}

}  // namespace driftwood::agent
