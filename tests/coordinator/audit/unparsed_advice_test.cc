#include "coordinator/audit/unparsed_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Word(Setting setting, std::string_view value) {
  return "--" + PlanSettingText(setting, value);
}

class UnparsedAdviceTest : public ::testing::Test {
 protected:
  UnparsedAdviceTest() {
    pg_.name = "pg";
    pg_.description.source = "postgresql://db/shop?table=t";
    csv_.name = "csv";
    csv_.description.source = "csv:t.csv";
    csv_.description.columns = {{"c", TypeKnowledge::kTextual, ColumnType::kText, ""}};
  }

  // What would read a value of the file in a column that the database declares.
  std::string Advice(ColumnType type, const std::string& example) {
    pg_.description.columns = {{"c", TypeKnowledge::kTyped, type, ""}};
    return HowToRead(example, {"c", type}, csv_, {pg_, csv_}, Word);
  }

  DescribedSource pg_;
  DescribedSource csv_;
};

TEST_F(UnparsedAdviceTest, TheSettingIsNamedThatWouldReadTheValue) {
  EXPECT_THAT(Advice(ColumnType::kTimestampTz, "2024-03-01 10:20:30"),
              HasSubstr("--zone csv:c=UTC+N"));
  EXPECT_THAT(Advice(ColumnType::kTimestamp, "2024-03-01 10:20:30Z"),
              HasSubstr("--zone pg:c=UTC+N"));
  for (const ColumnType type : {ColumnType::kTimestamp, ColumnType::kTimestampTz}) {
    const std::string zone = type == ColumnType::kTimestamp ? "" : "Z";
    EXPECT_THAT(Advice(type, "2024-03-01 10:20:30.1234567" + zone),
                HasSubstr("--rules c:precision=us"));
    EXPECT_THAT(Advice(type, "1709210096"), HasSubstr("c=timestamp"));
    EXPECT_THAT(Advice(type, "1709210096"), HasSubstr(":unix"));
    EXPECT_THAT(Advice(type, "1709210096000"), HasSubstr(":unix_ms"));
  }
  EXPECT_THAT(Advice(ColumnType::kTime, "10:20:30.1234567"), HasSubstr("--rules c:precision=us"));
  EXPECT_THAT(Advice(ColumnType::kDecimal, "1234,50"), HasSubstr("decimal=,"));
  EXPECT_THAT(Advice(ColumnType::kDecimal, "1.234,50"), HasSubstr("add thousands=.&decimal=, to"));
  EXPECT_THAT(Advice(ColumnType::kDecimal, "1,234,567"), HasSubstr("add thousands=, to"));
  EXPECT_THAT(Advice(ColumnType::kFloat64, "1\u00A0234"), HasSubstr("add thousands=space to"));
  EXPECT_THAT(Advice(ColumnType::kInteger, "1'234"), HasSubstr("add thousands=apostrophe to"));
  EXPECT_THAT(Advice(ColumnType::kBool, "ja"), HasSubstr("true="));
  EXPECT_THAT(Advice(ColumnType::kInteger, ""), HasSubstr("--rules c:empty=null"));
}

TEST_F(UnparsedAdviceTest, WhereSeveralWouldOrNoneThereIsNoAdvice) {
  EXPECT_EQ(Advice(ColumnType::kTimestamp, "01/02/2024"), "");
  EXPECT_EQ(Advice(ColumnType::kDate, "01/02/2024"), "");
  EXPECT_EQ(Advice(ColumnType::kDate, "2024-03-01 10:20:30"), "");
  EXPECT_EQ(Advice(ColumnType::kTimestamp, "170921009"), "");
  EXPECT_EQ(Advice(ColumnType::kDecimal, "1,234"), "") << "a thousand, or one and a bit";
  EXPECT_EQ(Advice(ColumnType::kInteger, "12a"), "");
  EXPECT_EQ(Advice(ColumnType::kUuid, "x"), "");
  csv_.description.source = "sqlite:t.db";
  EXPECT_EQ(Advice(ColumnType::kDecimal, "1234,50"), "");
}

TEST_F(UnparsedAdviceTest, TheWarningNamesColumnsNumbersAndExamples) {
  pg_.description.columns = {{"c", TypeKnowledge::kTyped, ColumnType::kTimestampTz, ""}};
  const merkle::Schema schema{{{"id", ColumnType::kInteger}},
                              {{"c", ColumnType::kTimestampTz}, {"d", ColumnType::kDate}}};
  const std::string text =
      UnparsedWarning(1203, {{"id", 1, "x\n"}, {"c", 1200, "2024-03-01 10:20:30"}, {"d", 2, {}}},
                      schema, csv_, {pg_, csv_}, Word);
  EXPECT_THAT(
      text,
      AllOf(
          HasSubstr("csv: 1,203 type mismatches: values"),
          HasSubstr("1,200 of 'c' do not parse as timestamptz, such as '2024-03-01 10:20:30' (if"),
          HasSubstr(
              "2 of 'd' do not parse as date; 1 of 'id' does not parse as integer, such as 'x"),
          Not(HasSubstr("\n"))));
  EXPECT_THAT(UnparsedWarning(1, {}, schema, csv_, {pg_, csv_}, Word),
              HasSubstr("csv: 1 type mismatch: a value that can't be read"));
}

}  // namespace
}  // namespace driftwood::coordinator
