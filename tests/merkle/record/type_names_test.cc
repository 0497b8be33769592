#include "merkle/record/type_names.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace driftwood::merkle {
namespace {

using ::testing::HasSubstr;

TEST(TypeNamesTest, EachTypeAndWhatOthersCallIt) {
  EXPECT_EQ(ValueTypeFromAnyName("integer"), ValueType(ColumnType::kInteger));
  EXPECT_EQ(ValueTypeFromAnyName("varchar"), ValueType(ColumnType::kText));
  EXPECT_EQ(ValueTypeFromAnyName("interval"), ValueType::Opaque("interval"));
  EXPECT_EQ(ValueTypeFromAnyName("list:int"), ValueType::ListOf(ColumnType::kInteger));
  EXPECT_EQ(ValueTypeFromAnyName("list:json"), std::nullopt);
  EXPECT_EQ(ValueTypeFromAnyName("timestamp:unix"), std::nullopt) << "that is a reading";
}

TEST(TypeNamesTest, WhatIsNoTypeIsAnsweredWithTheNearest) {
  EXPECT_THAT(NoSuchType("integre"), HasSubstr("unknown type 'integre' (did you mean 'integer'?)"));
  EXPECT_THAT(NoSuchType("float"), HasSubstr("say float32 or float64"));
  EXPECT_THAT(NoSuchType("number"), HasSubstr("say integer or decimal"));
}

}  // namespace
}  // namespace driftwood::merkle
