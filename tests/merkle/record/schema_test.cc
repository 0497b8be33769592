#include "merkle/record/schema.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace driftwood::merkle {
namespace {

TEST(SchemaTest, EachTypeHasANameOfItsOwnThatLeadsBackToIt) {
  std::set<std::string_view> names;
  for (int number = 1; number <= 17; ++number) {
    const auto type = static_cast<ColumnType>(number);
    EXPECT_TRUE(IsColumnType(type));
    EXPECT_EQ(ColumnTypeFromName(ColumnTypeName(type)), type);
    EXPECT_TRUE(names.insert(ColumnTypeName(type)).second) << ColumnTypeName(type);
  }
  for (const int number : {0, 18, 255}) {
    EXPECT_FALSE(IsColumnType(static_cast<ColumnType>(number)));
    EXPECT_FALSE(IsSelectable(static_cast<ColumnType>(number)));
    EXPECT_EQ(ColumnTypeName(static_cast<ColumnType>(number)), "unknown");
  }
  for (const std::string_view name : {"", "Bool", "unknown", "int"}) {
    EXPECT_FALSE(ColumnTypeFromName(name).has_value()) << name;
  }
}

TEST(SchemaTest, TheTypesThatArePreparedCantBeChosen) {
  EXPECT_TRUE(IsSelectable(ColumnType::kBool));
  EXPECT_TRUE(IsSelectable(ColumnType::kDynamic));
  for (const ColumnType type :
       {ColumnType::kOpaque, ColumnType::kBits, ColumnType::kList, ColumnType::kSet}) {
    EXPECT_FALSE(IsSelectable(type)) << ColumnTypeName(type);
  }
}

TEST(SchemaTest, AMultisetsKeyIsOneColumn) {
  Schema schema{{}, {{"a", ColumnType::kText}, {"b", ColumnType::kText}}, true};
  EXPECT_EQ(schema.key_columns(), 1u);
  schema = {{{"a", ColumnType::kText}, {"b", ColumnType::kText}}, {}};
  EXPECT_EQ(schema.key_columns(), 2u);
}

}  // namespace
}  // namespace driftwood::merkle
