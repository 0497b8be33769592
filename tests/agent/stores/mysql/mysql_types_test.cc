#include "agent/stores/mysql/mysql_types.h"

#include <gtest/gtest.h>

#include <tuple>

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

TEST(MysqlTypesTest, EachTypeIsReadAsWhatItMeans) {
  for (const auto& [type, column_type, form, as, reading] : std::initializer_list<
           std::tuple<const char*, const char*, MysqlForm, ColumnType, const char*>>{
           {"tinyint", "tinyint(1)", MysqlForm::kInteger, ColumnType::kInteger, ""},
           {"bigint", "bigint(20)", MysqlForm::kInteger, ColumnType::kInteger, ""},
           {"bigint", "bigint(20) unsigned", MysqlForm::kUnsigned, ColumnType::kInteger, ""},
           {"int", "int(10) unsigned zerofill", MysqlForm::kUnsigned, ColumnType::kInteger, ""},
           {"year", "year(4)", MysqlForm::kYear, ColumnType::kInteger, ""},
           {"bit", "bit(5)", MysqlForm::kBit, ColumnType::kBits, ""},
           {"float", "float unsigned", MysqlForm::kFloat, ColumnType::kFloat64, "single"},
           {"double", "double unsigned", MysqlForm::kDouble, ColumnType::kFloat64, ""},
           {"decimal", "decimal(5,2) unsigned", MysqlForm::kDecimal, ColumnType::kDecimal, ""},
           {"varbinary", "varbinary(9)", MysqlForm::kBytes, ColumnType::kBytes, ""},
           {"datetime", "datetime(6)", MysqlForm::kTimestamp, ColumnType::kTimestamp, ""},
           {"timestamp", "timestamp", MysqlForm::kTimestampTz, ColumnType::kTimestampTz, ""},
           {"uuid", "uuid", MysqlForm::kUuidText, ColumnType::kUuid, ""},
           {"json", "json", MysqlForm::kStored, ColumnType::kJson, ""},
           {"inet6", "inet6", MysqlForm::kText, ColumnType::kText, ""}}) {
    const MysqlMapping mapping = MapMysqlType({type, column_type, ""});
    EXPECT_EQ(mapping.form, form) << column_type;
    EXPECT_EQ(mapping.type, as) << column_type;
    EXPECT_EQ(mapping.reading, reading) << column_type;
  }
}

TEST(MysqlTypesTest, WhatIsNotKnownHasNoMapping) {
  for (const char* const type : {"geometry", "point", "vector", "", "INT", "int ", "unsigned"}) {
    EXPECT_EQ(MapMysqlType({type, type, ""}).form, MysqlForm::kUnmapped) << type;
  }
}

// A label may be any word.
TEST(MysqlTypesTest, LabelsMakeNoNumberOfAnEnum) {
  const MysqlMapping mapping = MapMysqlType({"enum", "enum('unsigned','int')", "utf8mb4"});
  EXPECT_EQ(mapping.form, MysqlForm::kText);
  EXPECT_EQ(mapping.type, ColumnType::kText);
  EXPECT_EQ(MapMysqlType({"set", "set('unsigned')", "utf8mb4"}).form, MysqlForm::kStored);
}

TEST(MysqlTypesTest, TextsThatConvertingMayChangeComeTwice) {
  for (const char* const as_it_is : {"", "utf8mb4", "utf8mb3", "utf8", "ascii", "latin1"}) {
    EXPECT_EQ(MapMysqlType({"varchar", "varchar(9)", as_it_is}).form, MysqlForm::kText) << as_it_is;
    EXPECT_EQ(MapMysqlType({"set", "set('a')", as_it_is}).form, MysqlForm::kStored) << as_it_is;
  }
  for (const char* const converted : {"latin2", "utf16", "ucs2", "sjis", "gbk", "cp1251"}) {
    EXPECT_EQ(MapMysqlType({"text", "text", converted}).form, MysqlForm::kConvertedText);
    EXPECT_EQ(MapMysqlType({"enum", "enum('a')", converted}).form, MysqlForm::kConvertedText);
    EXPECT_EQ(MapMysqlType({"set", "set('a')", converted}).form, MysqlForm::kConvertedStored);
    EXPECT_EQ(MapMysqlType({"blob", "blob", converted}).form, MysqlForm::kBytes);
  }
}

TEST(MysqlTypesTest, PaddingIsOfCharAlone) {
  EXPECT_EQ(MapMysqlType({"char", "char(9)", "utf8mb4"}).reading, "padded");
  for (const char* const type : {"varchar", "text", "binary", "enum"}) {
    EXPECT_EQ(MapMysqlType({type, type, "utf8mb4"}).reading, "") << type;
  }
}

TEST(MysqlTypesTest, AQueryAsksForUtf8AndForWhatIsLostInIt) {
  const auto item = [](MysqlForm form, const std::string& character_set) {
    return MysqlSelectItem(form, character_set, "`a``b`");
  };
  EXPECT_EQ(item(MysqlForm::kInteger, ""), "`a``b`");
  EXPECT_EQ(item(MysqlForm::kBytes, "latin1"), "`a``b`");
  EXPECT_EQ(item(MysqlForm::kText, "utf8mb4"), "`a``b`");
  EXPECT_EQ(item(MysqlForm::kStored, "ascii"), "`a``b`");
  EXPECT_EQ(item(MysqlForm::kText, "latin1"), "CONVERT(`a``b` USING utf8mb4)");
  EXPECT_EQ(item(MysqlForm::kConvertedText, "sjis"),
            "CONVERT(`a``b` USING utf8mb4), "
            "IF(CAST(CONVERT(CONVERT(`a``b` USING utf8mb4) USING sjis) AS BINARY) <=> "
            "CAST(`a``b` AS BINARY), NULL, CAST(`a``b` AS BINARY))");
  EXPECT_EQ(item(MysqlForm::kConvertedStored, "sjis"), item(MysqlForm::kConvertedText, "sjis"));
}

// A row has as many values as the query has items: one form more would shift all behind it.
TEST(MysqlTypesTest, EachFormThatComesTwiceAsksForTwo) {
  for (int form = 0; form <= static_cast<int>(MysqlForm::kUuidText); ++form) {
    const auto which = static_cast<MysqlForm>(form);
    const bool asks_for_two =
        MysqlSelectItem(which, "sjis", "`c`").find(", IF(") != std::string::npos;
    EXPECT_EQ(asks_for_two, IsConverted(which)) << form;
    EXPECT_EQ(IsConverted(StoredForm(which)), IsConverted(which)) << form;
  }
  EXPECT_EQ(StoredForm(MysqlForm::kText), MysqlForm::kStored);
  EXPECT_EQ(StoredForm(MysqlForm::kConvertedText), MysqlForm::kConvertedStored);
  EXPECT_EQ(StoredForm(MysqlForm::kBytes), MysqlForm::kBytes);
}

}  // namespace
}  // namespace driftwood::agent
