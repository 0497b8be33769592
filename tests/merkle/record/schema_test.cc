#include "merkle/record/schema.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
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
    EXPECT_FALSE(IsElementType(static_cast<ColumnType>(number)));
    EXPECT_EQ(ColumnTypeName(static_cast<ColumnType>(number)), "unknown");
  }
  for (const std::string_view name : {"", "Bool", "unknown", "int"}) {
    EXPECT_FALSE(ColumnTypeFromName(name).has_value()) << name;
  }
}

TEST(SchemaTest, TypesWithWhatBelongsToThemHaveTexts) {
  for (const char* text : {"integer", "dynamic", "bits", "list", "list:integer", "list:interval",
                           "list:bits", "set", "interval"}) {
    const auto type = ValueTypeFromText(text);
    ASSERT_TRUE(type.has_value()) << text;
    EXPECT_TRUE(IsWellFormed(*type)) << text;
    EXPECT_EQ(TypeText(*type), text);
  }
  EXPECT_EQ(TypeText(ValueType::ListOf(ValueType::Opaque("public.pair"))),
            "list:opaque \"public.pair\"");
  for (const char* text : {"", "opaque", "list:", "list:json", "list:list", "list:set",
                           "list:opaque", "set:text", "tsrange"}) {
    EXPECT_EQ(ValueTypeFromText(text), std::nullopt) << text;
  }
}

TEST(SchemaTest, ATypeHasWhatBelongsToItAndNothingElse) {
  const auto well_formed = [](ColumnType type, const char* opaque, ColumnType element) {
    return IsWellFormed({type, opaque, element});
  };
  constexpr ColumnType kNone = ColumnType::kDynamic;
  EXPECT_TRUE(well_formed(ColumnType::kOpaque, "hstore", kNone));
  EXPECT_FALSE(well_formed(ColumnType::kOpaque, "", kNone));
  EXPECT_FALSE(well_formed(ColumnType::kText, "hstore", kNone));
  EXPECT_FALSE(well_formed(ColumnType::kText, "", ColumnType::kText));
  EXPECT_TRUE(well_formed(ColumnType::kList, "hstore", ColumnType::kOpaque));
  EXPECT_FALSE(well_formed(ColumnType::kList, "", ColumnType::kOpaque));
  EXPECT_FALSE(well_formed(ColumnType::kList, "hstore", ColumnType::kText));
  EXPECT_FALSE(IsWellFormed({ColumnType::kOpaque, std::string("a\0b", 3)}));
}

TEST(SchemaTest, AMultisetsKeyIsOneColumn) {
  Schema schema{{}, {{"a", ColumnType::kText}, {"b", ColumnType::kText}}, true};
  EXPECT_EQ(schema.key_columns(), 1u);
  schema = {{{"a", ColumnType::kText}, {"b", ColumnType::kText}}, {}};
  EXPECT_EQ(schema.key_columns(), 2u);
}

}  // namespace
}  // namespace driftwood::merkle
