#include "coordinator/audit/column_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;

merkle::Value Text(const char* text) {
  merkle::Value value;
  value.tag = merkle::Tag::kText;
  value.text = text;
  return value;
}

std::vector<SourceColumn> Columns(const std::vector<std::string>& names) {
  std::vector<SourceColumn> columns;
  for (const std::string& name : names) columns.push_back({.name = name, .declared = ""});
  return columns;
}

// Sorted by name, as a comparison leaves it: a, b, c.
Report Sorted() {
  Report report;
  report.schema = merkle::Schema{{{"id"}}, {{"a"}, {"b"}, {"c"}}};
  ReportRecord& record = report.records.emplace_back();
  record.values = {{{Text("1"), Text("2"), Text("3")}}, std::nullopt};
  record.differs = {true, false, false};
  report.records.emplace_back();  // of which nothing is known
  report.spans.emplace_back().column = SpanColumn{2, 1, 1};
  report.columns = ReportColumns{5, {{1, 4, 4}, {0, 1, 0}, {2, 1, 0}}};
  return report;
}

TEST(ColumnOrderTest, AllThatIsSaidOfAColumnMovesWithIt) {
  Report report = Sorted();
  OrderColumns(Columns({"c", "id", "b", "a"}), &report);
  std::vector<std::string> names;
  for (const merkle::Column& column : report.schema->values) names.push_back(column.name);
  EXPECT_THAT(names, ElementsAre("c", "b", "a"));
  EXPECT_THAT(*report.records[0].values[0], ElementsAre(Text("3"), Text("2"), Text("1")));
  EXPECT_FALSE(report.records[0].values[1]);
  EXPECT_THAT(report.records[0].differs, ElementsAre(false, false, true));
  EXPECT_TRUE(report.records[1].differs.empty());
  EXPECT_EQ(report.spans[0].column->column, 0u);
  std::vector<size_t> differing;
  for (const ColumnCount& count : report.columns->differing) differing.push_back(count.column);
  EXPECT_THAT(differing, ElementsAre(1, 0, 2));
}

TEST(ColumnOrderTest, WhatTheSourceDoesNotNameComesLastByName) {
  Report report = Sorted();
  OrderColumns(Columns({"c"}), &report);
  std::vector<std::string> names;
  for (const merkle::Column& column : report.schema->values) names.push_back(column.name);
  EXPECT_THAT(names, ElementsAre("c", "a", "b"));
  Report none;
  OrderColumns(Columns({"c"}), &none);
  EXPECT_FALSE(none.schema);
}

}  // namespace
}  // namespace driftwood::coordinator
