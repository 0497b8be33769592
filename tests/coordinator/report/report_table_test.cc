#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "merkle/text/display.h"
#include "tests/coordinator/report/sample_reports.h"

namespace driftwood::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ReportTableTest, PartlyKnownColumnsOfASpanSayOfHowMany) {
  Report report = Columns();
  report.spans[0].column = SpanColumn{1, 30, 40};
  EXPECT_THAT(Render(report, ReportFormat::kTable),
              HasSubstr("98 changed (name in 75 % of 40 re-read)"));
}

TEST(ReportTableTest, ManyColumnsAreNotAllShownInTheTable) {
  Report report = Columns();
  report.schema->values.clear();
  report.columns->differing.clear();
  for (size_t c = 0; c < 1600; ++c) {
    report.schema->values.push_back({"column " + std::to_string(c), ColumnType::kText});
    report.columns->differing.push_back({c, 2, 0});
  }
  const std::string table = Render(report, ReportFormat::kTable);
  EXPECT_THAT(table, HasSubstr(" and 1,595 more columns.\n"));
  EXPECT_EQ(table.find("column 5 "), std::string::npos);
  EXPECT_THAT(ColumnsLine(report), EndsWith(" and 1,595 more columns"));
  const auto document = nlohmann::json::parse(Render(report, ReportFormat::kJson));
  EXPECT_EQ(document["columns"]["differing"].size(), 1600u);
}

TEST(ReportTableTest, OnNarrowTerminalsWhatDiffersStandsBelowItsKey) {
  EXPECT_THAT(
      Render(Columns(), ReportFormat::kTable, 80),
      HasSubstr("id\n0   differs in amount, name\n1   differs in name\n2   only in left\n"));
  EXPECT_THAT(Render(Columns(), ReportFormat::kTable, 20),
              HasSubstr("id\nid=0\n  differs in amount,\n    name\nid=1\n"));
}

// What is longer is a key or a name, which stays whole.
TEST(ReportTableTest, NothingIsWiderThanTheTerminal) {
  Report orders = Orders();
  Report long_values = orders;
  for (ReportRecord& record : long_values.records) {
    for (auto& values : record.values) {
      if (values) (*values)[1].text += std::string(3000, 'x') + (*values)[1].text;
    }
  }
  for (const Report& report : {orders, long_values, Multiset(), MultisetWithValues(), Columns(),
                               Incomplete(), Sharded()}) {
    for (const size_t columns : {40u, 80u, 100u}) {
      std::stringstream lines(Render(report, ReportFormat::kTable, columns));
      std::string line;
      while (std::getline(lines, line)) EXPECT_LE(DisplayWidth(line), columns) << line;
    }
  }
}

// Names come from files that anybody may have made.
TEST(ReportTableTest, ARuleThatIsAdvisedIsOneWordOfAShell) {
  Report report = Orders();
  Explanation why;
  why.columns = {{"x$(touch pwn)", 9, {{"trailing spaces", "x$(touch pwn):rtrim", 9}}}};
  report.explanation = why;
  EXPECT_THAT(Render(report, ReportFormat::kTable), HasSubstr("(--rule 'x$(touch pwn):rtrim')."));
}

TEST(ReportTableTest, InAFileASentenceIsOneLine) {
  std::string text;
  TableStyle style;
  style.columns = 40;
  style.whole_sentences = true;
  ASSERT_TRUE(WriteTable(Orders(), style, [&](std::string_view bytes) {
                text += bytes;
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(text, StartsWith("DIVERGENT: 3 of 501 rows differ between left and right: 1 changed, "
                               "1 only in left, 1 only in right\n"));
}

TEST(ReportTableTest, TheFileOfADayStandsBelowItsReplica) {
  Report report = Orders();
  const ReportFile file{"2026-11-28", "/in/a-2026-11-28.csv", std::string(64, 'c')};
  report.replicas[0].file = file;
  EXPECT_THAT(Render(report, ReportFormat::kTable, 100),
              HasSubstr("  left   500 rows  csv:/data/orders.csv?key=id\n"
                        "    file of 2026-11-28: /in/a-2026-11-28.csv, SHA-256 cccccccccccccccc…\n"
                        "  right  500 rows  "));
  report = Sharded();
  report.replicas[1].sources[0].file = file;
  EXPECT_THAT(Render(report, ReportFormat::kTable, 200),
              HasSubstr("csv:/data/a.csv, file of 2026-11-28: /in/a-2026-11-28.csv, SHA-256 cccc"));
}

TEST(ReportTableTest, ThreeDifferencesTakeADozenLines) {
  EXPECT_EQ(Render(Orders(), ReportFormat::kTable, 100),
            "DIVERGENT: 3 of 501 rows differ between left and right: 1 changed, 1 only in left, 1 "
            "only in right\n"
            "\n"
            "  left   500 rows  csv:/data/orders.csv?key=id\n"
            "  right  500 rows  sqlite:/data/shop.db?table=orders\n"
            "  key id; 2 other columns compared\n"
            "\n"
            "name differs in 1 row.\n"
            "\n"
            "id   left → right\n"
            "3    name  open → paid\n"
            "9    only in left   amount 13.5 | name open\n"
            "501  only in right  amount 1 | name y\n");
}

TEST(ReportTableTest, HashesAreShownWhereAskedFor) {
  std::string text;
  TableStyle style;
  style.hashes = true;
  const auto write = [&](const Report& report) {
    text.clear();
    ASSERT_TRUE(WriteTable(report, style, [&](std::string_view bytes) {
                  text += bytes;
                  return absl::OkStatus();
                }).ok());
  };
  write(Orders());
  EXPECT_THAT(text, HasSubstr("     hash  00000000000000aa → 00000000000000bb\n"));
  EXPECT_THAT(text, HasSubstr("9    only in left   amount 13.5 | name open\n     hash  "
                              "00000000000000cc\n"));
  write(Sharded());
  EXPECT_THAT(text, HasSubstr("right: in its sources east (00000000000000bb) and west "
                              "(00000000000000cc)"));
  EXPECT_THAT(Render(Orders(), ReportFormat::kTable), Not(HasSubstr("00000000")));
}

TEST(ReportTableTest, ValuesThatAgentsKeepToThemselvesAreSaidInOneLine) {
  Report report = Columns();
  report.values_withheld = {1};
  EXPECT_THAT(
      Render(report, ReportFormat::kTable),
      HasSubstr("\nNo values are shown: the agent of right gives none away (--allow-values).\n"));
  report.values_withheld = {0, 1};
  EXPECT_THAT(Render(report, ReportFormat::kTable), HasSubstr("the agents of left and right give"));
}

TEST(ReportTableTest, ValuesThatLookTheSameAreToldApart) {
  Report report = Orders();
  const auto shown = [&](const Value& left, const Value& right) {
    (*report.records[0].values[0])[1] = left;
    (*report.records[0].values[1])[1] = right;
    const std::string table = Render(report, ReportFormat::kTable);
    const size_t begin = table.find("name  ") + 6;
    return table.substr(begin, table.find('\n', begin) - begin);
  };
  const auto text = [](const char* of) { return OfText(Tag::kText, of); };
  EXPECT_EQ(shown(text("open"), text("open ")), "open → 'open '");
  EXPECT_EQ(shown(text("pay"), text("p\u0430y")), "pay → p<U+0430>y");
  EXPECT_EQ(shown(text("a b"), text("a\u00A0b")), "a b → a<U+00A0>b");
  EXPECT_EQ(shown(text("a\nb"), text("a\\nb")), "a\\nb (bytes 610a62) → a\\nb (bytes 615c6e62)");
  EXPECT_EQ(shown(text("NULL"), Value()), "'NULL' → NULL");
  EXPECT_EQ(shown(text("1"), Integer(1)), "1 (text) → 1 (integer)");
}

TEST(ReportTableTest, KeysThatLookTheSameAreToldApart) {
  Report report = Orders();
  report.schema->key[0].type = ColumnType::kDynamic;
  const auto told = [&](const Value& left, const Value& right) {
    Explanation why;
    why.keys = {1, "the form of integers", "", {Key({left}), Key({right})}, "--types id=integer"};
    report.explanation = why;
    const std::string table = Render(report, ReportFormat::kTable, 250);
    const size_t begin = table.find("such as ") + 8;
    return table.substr(begin, table.find(" (--types", begin) - begin);
  };
  const auto text = [](const char* of) { return OfText(Tag::kText, of); };
  EXPECT_EQ(told(text("7"), Integer(7)), "id=7 (text) and id=7 (integer)");
  EXPECT_EQ(told(text("007"), Integer(7)), "id=007 and id=7");
  EXPECT_EQ(told(OfText(Tag::kUnparsedText, "7"), Integer(7)), "id=7 (type mismatch) and id=7");
  EXPECT_EQ(told(text("a b"), text("a\u00A0b")), "id=a b and id=a<U+00A0>b");
  report.records[1].key = Key({text("9")});
  EXPECT_THAT(Render(report, ReportFormat::kTable),
              AllOf(HasSubstr("\n9 (text)  only in left "), HasSubstr("\n501       only in")));
}

TEST(ReportTableTest, WhatExplainsFewOfManyIsNotShown) {
  Report report = Orders();
  Explanation why;
  why.columns = {{"name", 20, {{"trailing spaces", "name:rtrim", 20}, {"letter case", "", 4}}},
                 {"amount", 9, {{"digits behind the point", "amount:round=0", 5}}},
                 {"id", 3, {}}};
  report.explanation = why;
  const std::string table = Render(report, ReportFormat::kTable);
  EXPECT_THAT(table,
              HasSubstr("\nWhy name differs: trailing spaces, in all 20 differences looked "
                        "at (--rule name:rtrim).\nWhy amount differs: digits behind the "
                        "point, in 5 of 9 differences looked at (--rule amount:round=0).\n"));
  EXPECT_THAT(table, Not(AnyOf(HasSubstr("letter case"), HasSubstr("Why id"))));
}

TEST(ReportTableTest, ColourComesOnlyWhereAskedFor) {
  std::string text;
  TableStyle style;
  style.colour = true;
  ASSERT_TRUE(WriteTable(Identical(), style, [&](std::string_view bytes) {
                text += bytes;
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(text, StartsWith("\x1b[32mIDENTICAL\x1b[0m: 1,000 rows"));
  EXPECT_THAT(Render(Identical(), ReportFormat::kTable), StartsWith("IDENTICAL: "));
}

}  // namespace
}  // namespace driftwood::coordinator
