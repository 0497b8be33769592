#include "agent/stores/sql/sql_table.h"

#include <gtest/gtest.h>

#include <optional>

namespace driftwood::agent {
namespace {

StoreUrl Url(const std::string& parameters) {
  return StoreUrl::Parse("postgresql://server/shop" + parameters).value();
}

SqlTable Table() {
  SqlTable table{"shop.areas", {}, {}, {"id"}, 7};
  table.columns = {{"id", TypeKnowledge::kTyped, merkle::ColumnType::kInteger, "bigint"},
                   {"area", TypeKnowledge::kTyped, merkle::ColumnType::kText, "geometry"}};
  table.unmapped["area"] = "ST_AsText(area)";
  return table;
}

constexpr char kUnmapped[] =
    "column area of shop.areas has the type geometry, which has no mapping: leave it out with "
    "--ignore area, or compare a view that casts it, as in ST_AsText(area)";

TEST(SqlTableTest, TheUrlNamesTheTable) {
  EXPECT_EQ(*SqlTableName(Url("?table=a%2Cb")), "a,b");
  EXPECT_EQ(SqlTableName(Url("")).status(),
            absl::InvalidArgumentError("postgresql://server/shop names no table: add ?table=NAME"));
}

TEST(SqlTableTest, ATableIsDescribedAsItIs) {
  const absl::StatusOr<SourceDescription> description =
      DescribeSqlTable(Url("?table=areas"), SqlFilter(), Table());
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->source, "postgresql://server/shop?table=areas");
  EXPECT_EQ(description->columns, Table().columns);
  EXPECT_EQ(description->key, std::vector<std::string>{"id"});
  EXPECT_EQ(description->records_estimate, 7u);
  EXPECT_EQ(description->filter, "");
  EXPECT_TRUE(description->live);
  EXPECT_EQ(description->warnings, std::vector<std::string>{kUnmapped});
}

TEST(SqlTableTest, WhatIsFilteredHasNoEstimate) {
  const absl::StatusOr<SourceDescription> description =
      DescribeSqlTable(Url("?table=areas"), SqlFilter{"id > 3"}, Table());
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->filter, "id > 3");
  EXPECT_EQ(description->records_estimate, std::nullopt);
}

TEST(SqlTableTest, TheKeyIsTheUrlsIfItNamesColumns) {
  EXPECT_EQ(DescribeSqlTable(Url("?table=areas&key=area,id"), SqlFilter(), Table())->key,
            (std::vector<std::string>{"area", "id"}));
  EXPECT_TRUE(absl::IsInvalidArgument(
      DescribeSqlTable(Url("?table=areas&key=ids"), SqlFilter(), Table()).status()));
}

TEST(SqlTableTest, OnlyColumnsWithAMappingAreSelected) {
  EXPECT_TRUE(CheckSqlColumns(Table(), {"id"}).ok());
  EXPECT_TRUE(CheckSqlColumns(Table(), {}).ok());
  EXPECT_EQ(CheckSqlColumns(Table(), {"id", "name"}),
            absl::InvalidArgumentError("shop.areas has no column \"name\""));
  EXPECT_EQ(CheckSqlColumns(Table(), {"area"}), absl::FailedPreconditionError(kUnmapped));
}

TEST(SqlTableTest, ATableThatIsNotThereIsAnsweredWithWhatIs) {
  EXPECT_EQ(NoSuchSqlTable("the database", "order", {"areas", "orders"}),
            absl::NotFoundError("the database has no table \"order\"; did you mean \"orders\"? "
                                "(it has: areas, orders)"));
  EXPECT_EQ(NoSuchSqlTable("database \"shop\"", "zzzzzzzz", {"areas"}, " that this user may see"),
            absl::NotFoundError("database \"shop\" has no table \"zzzzzzzz\" that this user may "
                                "see (it has: areas)"));
}

}  // namespace
}  // namespace driftwood::agent
