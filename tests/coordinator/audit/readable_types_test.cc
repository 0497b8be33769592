#include "coordinator/audit/readable_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordinator/audit/type_lattice.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Types(const std::vector<SourceColumn>& columns) {
  std::vector<const SourceColumn*> pointers;
  for (const SourceColumn& column : columns) pointers.push_back(&column);
  return ReadableTypes(pointers);
}

SourceColumn Typed(ColumnType type) { return {"c", TypeKnowledge::kTyped, type, ""}; }
const SourceColumn kCsv = {"c", TypeKnowledge::kTextual, ColumnType::kText, ""};

TEST(ReadableTypesTest, OnlyTypesAreNamedThatAllSidesCanBeReadAs) {
  EXPECT_THAT(Types({Typed(ColumnType::kText), Typed(ColumnType::kDecimal)}),
              ElementsAre("decimal"));
  EXPECT_THAT(Types({Typed(ColumnType::kDate), Typed(ColumnType::kTimestamp)}),
              ElementsAre("date", "timestamp"));
  EXPECT_THAT(Types({Typed(ColumnType::kBytes), Typed(ColumnType::kUuid)}), ElementsAre("uuid"));
  EXPECT_THAT(Types({Typed(ColumnType::kDecimal), Typed(ColumnType::kFloat64)}),
              ElementsAre("decimal", "float64"));
  EXPECT_THAT(Types({Typed(ColumnType::kInteger), Typed(ColumnType::kTimestampTz)}),
              ElementsAre("timestamptz:unix", "timestamptz:unix_ms"));
  EXPECT_THAT(Types({Typed(ColumnType::kInteger), Typed(ColumnType::kDate)}), IsEmpty());
  EXPECT_THAT(Types({Typed(ColumnType::kTimestamp), Typed(ColumnType::kTimestampTz)}), IsEmpty());
  EXPECT_THAT(Types({Typed(ColumnType::kBytes), Typed(ColumnType::kText)}), IsEmpty());
}

TEST(ReadableTypesTest, CharactersCanBeReadAsAnything) {
  EXPECT_THAT(Types({Typed(ColumnType::kText), kCsv, Typed(ColumnType::kDecimal)}),
              ElementsAre("decimal"));
}

// A way out that is refused in its turn would be none: what merges is readable too.
TEST(ReadableTypesTest, WhatMergesCanBeReadAsWhatItMergesInto) {
  for (int a = 1; a <= static_cast<int>(ColumnType::kJson); ++a) {
    for (int b = 1; b <= static_cast<int>(ColumnType::kJson); ++b) {
      const auto merged = MergeTypes(static_cast<ColumnType>(a), static_cast<ColumnType>(b));
      if (!merged) continue;
      EXPECT_TRUE(CanBeReadAs(static_cast<ColumnType>(a), *merged)) << a << " " << b;
      EXPECT_TRUE(CanBeReadAs(static_cast<ColumnType>(b), *merged)) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace driftwood::coordinator
