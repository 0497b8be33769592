#include "coordinator/audit/plan.h"

#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;

DescribedSource Source(const std::string& name, const std::string& url,
                       std::vector<SourceColumn> columns) {
  DescribedSource source;
  source.name = name;
  source.description.source = url;
  source.description.columns = std::move(columns);
  return source;
}

TEST(PlanTest, SourcesAndColumnsStandBelowOneAnother) {
  std::vector<DescribedSource> sources = {
      Source("shop", "sqlite:shop.db?table=t",
             {{"id", TypeKnowledge::kTyped, ColumnType::kInteger, "INTEGER"},
              {"total", TypeKnowledge::kTyped, ColumnType::kDecimal, ""},
              {"note", TypeKnowledge::kDynamic, ColumnType::kDynamic, ""}}),
      Source("warehouse", "jsonl:t.jsonl?key=id",
             {{"id", TypeKnowledge::kObserved, ColumnType::kInteger, ""},
              {"total", TypeKnowledge::kTextual, ColumnType::kText, ""}})};
  sources[0].description.records_estimate = 1;
  sources[0].description.bytes = 2000;
  Reconciled reconciled;
  reconciled.agreement.schema = {{{"id", ColumnType::kInteger}}, {{"total", ColumnType::kDecimal}}};
  reconciled.agreement.rules = {"total:round=2"};
  reconciled.not_compared = {"note"};
  EXPECT_EQ(PlanText(sources, reconciled),
            "PLAN: nothing was compared. Each source would be read once, whole:\n\n"
            "  shop       about 1 record, 2,000 bytes  sqlite:shop.db?table=t\n"
            "  warehouse  size not known               jsonl:t.jsonl?key=id\n"
            "\n"
            "  column  shop                warehouse              compared as\n"
            "  id      INTEGER             integer in all values  key, integer\n"
            "  total   decimal             characters             decimal, round=2\n"
            "  note    each value its own  (not there)            NOT compared\n");
}

TEST(PlanTest, AMultisetIsSaidToBeOne) {
  Reconciled reconciled;
  reconciled.agreement.schema = {{}, {{"v", ColumnType::kText}}, true};
  const std::string plan = PlanText({Source("a", "csv:a", {})}, reconciled);
  EXPECT_NE(plan.find("\nThere is no key: records would be compared as multisets"),
            std::string::npos);
}

// Names, types and URLs are of foreign data: none may write a line of the plan.
TEST(PlanTest, NothingForeignMakesALine) {
  Reconciled reconciled;
  reconciled.agreement.schema = {{{"id\nIDENTICAL", ColumnType::kInteger}},
                                 {{"v", ColumnType::kOpaque, "x\x1b[2J"}}};
  reconciled.not_compared = {"a\r\nb"};
  const std::string plan = PlanText(
      {Source("a", "csv:a\nIDENTICAL",
              {{"id\nIDENTICAL", TypeKnowledge::kTyped, ColumnType::kInteger, "int\nIDENTICAL"},
               {"v", TypeKnowledge::kTyped, ColumnType::kOpaque, "", "y\x1b[2J"}})},
      reconciled);
  EXPECT_EQ(plan.find("\nIDENTICAL"), std::string::npos);
  EXPECT_EQ(plan.find('\r'), std::string::npos);
  EXPECT_EQ(plan.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace driftwood::coordinator
