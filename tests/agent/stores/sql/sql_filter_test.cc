#include "agent/stores/sql/sql_filter.h"

#include <gtest/gtest.h>

namespace driftwood::agent {
namespace {

SqlFilter FilterOf(const std::string& parameters) {
  return SqlFilter::Of(*StoreUrl::Parse("postgresql://h/d?table=t" + parameters));
}

TEST(SqlFilterTest, WhereAloneIsTakenAsItIs) {
  EXPECT_EQ(FilterOf("").Condition(), std::nullopt);
  EXPECT_EQ(FilterOf("").Shown(), "");
  EXPECT_EQ(FilterOf("&where=a OR b").Condition(), "a OR b");
  EXPECT_EQ(FilterOf("&where=a OR b").Shown(), "a OR b");
}

// A condition that is NULL for a row doesn't make it one that is deleted.
TEST(SqlFilterTest, WhatHasMovedOrIsDeletedIsLeftOut) {
  const SqlFilter deleted = FilterOf("&deleted=d -- x");
  EXPECT_EQ(deleted.Condition(), "(d -- x\n) IS NOT TRUE");
  EXPECT_EQ(deleted.Shown(), "NOT (d -- x)");
  const SqlFilter all = FilterOf("&where=a OR b&moved=m&deleted=d");
  EXPECT_EQ(all.Condition(), "(a OR b\n) AND (m\n) IS NOT TRUE AND (d\n) IS NOT TRUE");
  EXPECT_EQ(all.Shown(), "(a OR b) AND NOT (m) AND NOT (d)");
}

TEST(SqlFilterTest, OneKindAloneHasNoOtherFilter) {
  const SqlFilter all = FilterOf("&where=a&moved=m&deleted=d");
  EXPECT_EQ(all.Only(Presence::kMoved)->Condition(), "m");
  EXPECT_EQ(all.Only(Presence::kSoftDeleted)->Condition(), "d");
  EXPECT_FALSE(all.Only(Presence::kFiltered));
  EXPECT_FALSE(FilterOf("&where=a").Only(Presence::kSoftDeleted));
}

}  // namespace
}  // namespace driftwood::agent
