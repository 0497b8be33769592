// Covers explain_evidence.cc too.
#include "coordinator/audit/diagnostics/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "merkle/record/encoding.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<ExplainedReplica> kTwo = {{"left", ExplainedReplica::Store::kCsv},
                                            {"right", ExplainedReplica::Store::kCsv}};
const std::vector<ExplainedReplica> kThree = {{"a"}, {"b"}, {"c"}};

Value Text(const std::string& text) {
  Value value;
  value.tag = Tag::kText;
  value.text = text;
  return value;
}

Value Parsed(bool (*append)(std::string_view, merkle::Place, std::string*),
             const std::string& text) {
  std::string bytes;
  EXPECT_TRUE(append(text, merkle::Place::kValue, &bytes)) << text;
  return merkle::DecodeValues(bytes, 1).value()[0];
}
Value Decimal(const std::string& text) { return Parsed(merkle::AppendDecimalText, text); }
Value Time(const std::string& text) { return Parsed(merkle::AppendTimestampText, text); }

SampledRecord Changed(const Value& left, const Value& right) {
  SampledRecord record;
  record.values = {std::vector{left}, std::vector{right}};
  return record;
}

// A line for each hypothesis about the one value column: "10 rule" or "10 text".
std::vector<std::string> Hypotheses(ColumnType type, const std::vector<SampledRecord>& sample) {
  const merkle::Schema schema{{{"id", ColumnType::kInteger}}, {{"v", type}}};
  const Explanation explanation = Explain(schema, kTwo, sample);
  EXPECT_EQ(explanation.columns.size(), 1u);
  std::vector<std::string> lines;
  if (explanation.columns.empty()) return lines;
  for (const Hypothesis& hypothesis : explanation.columns[0].hypotheses) {
    lines.push_back(std::to_string(hypothesis.explains) + " " +
                    (hypothesis.rule.empty() ? hypothesis.text : hypothesis.rule) +
                    (hypothesis.option.starts_with("null") ? ": " + hypothesis.option : ""));
  }
  return lines;
}

TEST(ExplainTest, EachHypothesisIsToldFromTheOthers) {
  EXPECT_THAT(Hypotheses(ColumnType::kText, {Changed(Text("a "), Text("a"))}),
              ElementsAre("1 v:rtrim"));
  EXPECT_THAT(Hypotheses(ColumnType::kText, {Changed(Text(" a"), Text("a"))}),
              ElementsAre("1 v:trim"));
  EXPECT_THAT(Hypotheses(ColumnType::kText, {Changed(Text("A"), Text("a"))}),
              ElementsAre("1 v:casefold"));
  EXPECT_THAT(Hypotheses(ColumnType::kText, {Changed(Text("e\xCC\x81"), Text("\xC3\xA9"))}),
              ElementsAre("1 v:nfc"));
  EXPECT_THAT(Hypotheses(ColumnType::kText, {Changed(Text(""), Value())}),
              ElementsAre("1 v:empty=null"));
  EXPECT_THAT(Hypotheses(ColumnType::kTimestamp, {Changed(Time("2026-01-01 00:00:00.123"),
                                                          Time("2026-01-01 00:00:00.123456"))}),
              ElementsAre("1 v:precision=ms"));
  EXPECT_THAT(Hypotheses(ColumnType::kText, {Changed(Text("a"), Text("b"))}), IsEmpty());
}

TEST(ExplainTest, NumbersNearbyAreNotExplainedByTheirDigits) {
  EXPECT_THAT(Hypotheses(ColumnType::kDecimal, {Changed(Decimal("712.34"), Decimal("712.35"))}),
              IsEmpty());
  EXPECT_THAT(Hypotheses(ColumnType::kTimestamp,
                         {Changed(Time("2026-01-01 00:00:00.1"), Time("2026-01-01 00:00:00.2"))}),
              IsEmpty());
}

TEST(ExplainTest, TheRuleThatTakesLeastAwayIsProposed) {
  EXPECT_THAT(Hypotheses(ColumnType::kDecimal, {Changed(Decimal("1.23456"), Decimal("1.23")),
                                                Changed(Decimal("9.87001"), Decimal("9.87"))}),
              ElementsAre("2 v:round=2"));
  std::vector<SampledRecord> sample(6, Changed(Text("A "), Text("A")));
  sample.resize(11, Changed(Text("b"), Text("B")));
  EXPECT_THAT(Hypotheses(ColumnType::kText, sample), ElementsAre("6 v:rtrim", "5 v:casefold"));
}

TEST(ExplainTest, WhatExplainsFewerThanFiveAndNotAllIsNotTold) {
  std::vector<SampledRecord> sample(4, Changed(Text("A "), Text("A")));
  EXPECT_THAT(Hypotheses(ColumnType::kText, sample), ElementsAre("4 v:rtrim"));
  sample.push_back(Changed(Text("b"), Text("c")));
  EXPECT_THAT(Hypotheses(ColumnType::kText, sample), IsEmpty());
  sample.push_back(Changed(Text("A "), Text("A")));
  EXPECT_THAT(Hypotheses(ColumnType::kText, sample), ElementsAre("5 v:rtrim"));
}

TEST(ExplainTest, NumbersThatAreOffByAConstantWereNotRounded) {
  EXPECT_THAT(Hypotheses(ColumnType::kDecimal, {Changed(Decimal("7.1"), Decimal("7.11"))}),
              IsEmpty());
  EXPECT_THAT(Hypotheses(ColumnType::kDecimal, {Changed(Decimal("7.1"), Decimal("7.11")),
                                                Changed(Decimal("8.2"), Decimal("8.21"))}),
              ElementsAre("2 right is at a constant offset of +0.01 from left"));
  EXPECT_THAT(Hypotheses(ColumnType::kDecimal, {Changed(Decimal("7.1"), Decimal("7.11")),
                                                Changed(Decimal("8.2"), Decimal("8.18")),
                                                Changed(Decimal("8.23"), Decimal("8.2"))}),
              IsEmpty())
      << "neither side has so few digits only";
}

TEST(ExplainTest, AConstantOffsetIsNamedWithItsSize) {
  const std::vector<SampledRecord> sample = {
      Changed(Time("2026-01-01 00:00:00"), Time("2026-01-01 02:00:00")),
      Changed(Time("2026-03-01 12:30:00.5"), Time("2026-03-01 14:30:00.5")),
      Changed(Time("2026-03-02 00:30:00"), Time("2026-03-02 02:30:00")),
      Changed(Time("2026-03-03 00:30:00"), Time("2026-03-03 02:30:00")),
      Changed(Time("2026-03-04 00:30:00"), Time("2026-03-04 02:30:00")),
      Changed(Time("2026-03-01 12:30:00.5"), Time("2026-03-05 14:31:00.5"))};
  EXPECT_THAT(Hypotheses(ColumnType::kTimestamp, sample),
              ElementsAre("5 right is at a constant offset of +02:00:00 from left"));
  const SampledRecord late =
      Changed(Time("2026-01-01 00:00:01.0005"), Time("2026-01-01 00:00:00.999"));
  const SampledRecord later =
      Changed(Time("2026-01-01 00:00:03.0005"), Time("2026-01-01 00:00:02.999"));
  EXPECT_THAT(Hypotheses(ColumnType::kTimestamp, {late, later}),
              ElementsAre("2 right is at a constant offset of -00:00:00.0015 from left"));
  EXPECT_THAT(Hypotheses(ColumnType::kTimestamp, {sample.back()}), IsEmpty())
      << "one alone is no constant";
}

TEST(ExplainTest, ACutAtAConstantLengthIsNamedInCharacters) {
  const std::string umlaut = "\xC3\xBC";
  EXPECT_THAT(Hypotheses(ColumnType::kText, {Changed(Text("abcdef"), Text("abcd")),
                                             Changed(Text(umlaut + umlaut + umlaut + umlaut + "x"),
                                                     Text(umlaut + umlaut + umlaut + umlaut))}),
              ElementsAre("2 right is cut at 4 characters"));
  std::vector<SampledRecord> sample = {
      Changed(Text("abcdef"), Text("abcd")), Changed(Text("bcdefg"), Text("bcde")),
      Changed(Text("cdefgh"), Text("cdef")), Changed(Text("defghi"), Text("defg")),
      Changed(Text("efghij"), Text("efgh")), Changed(Text("ab"), Text("abc"))};
  EXPECT_THAT(Hypotheses(ColumnType::kText, sample), ElementsAre("5 right is cut at 4 characters"));
  sample.push_back(Changed(Text("x"), Text("longer")));
  EXPECT_THAT(Hypotheses(ColumnType::kText, sample), IsEmpty())
      << "what holds six characters cuts nothing at four";
}

TEST(ExplainTest, ColumnsAreCountedAndSortedByHowOftenTheyDiffer) {
  const merkle::Schema schema{{{"id", ColumnType::kInteger}},
                              {{"a", ColumnType::kText}, {"b", ColumnType::kText}}};
  SampledRecord both, one, missing;
  both.values = {std::vector{Text("x"), Text("y")}, std::vector{Text("X"), Text("z")}};
  one.values = {std::vector{Text("x"), Text("y")}, std::vector{Text("x"), Text("z")}};
  missing.values = {std::vector{Text("x"), Text("y")}, std::nullopt};
  const Explanation explanation = Explain(schema, kTwo, {both, one, missing});
  EXPECT_EQ(explanation.changed_sampled, 2u);
  EXPECT_EQ(explanation.missing_sampled, 1u);
  ASSERT_EQ(explanation.columns.size(), 2u);
  EXPECT_EQ(explanation.columns[0].column, "b");
  EXPECT_EQ(explanation.columns[0].differing, 2u);
  EXPECT_THAT(explanation.columns[0].hypotheses, IsEmpty());
  EXPECT_EQ(explanation.columns[1].column, "a");
  EXPECT_EQ(explanation.columns[1].hypotheses[0].rule, "a:casefold");
}

TEST(ExplainTest, OfThreeReplicasAllMustAgreeUnderARule) {
  const merkle::Schema schema{{{"id", ColumnType::kInteger}}, {{"v", ColumnType::kText}}};
  SampledRecord record;
  record.values = {std::vector{Text("a")}, std::vector{Text("A")}, std::vector{Text("b")}};
  EXPECT_THAT(Explain(schema, kThree, {record}).columns[0].hypotheses, IsEmpty());
  record.values[2] = std::vector{Text("a")};
  EXPECT_EQ(Explain(schema, kThree, {record}).columns[0].hypotheses[0].rule, "v:casefold");
}

TEST(ExplainTest, KeysUnderAnotherSpellingArePairedAcrossReplicasOnly) {
  const merkle::Schema schema{{{"k", ColumnType::kText}}, {{"v", ColumnType::kText}}};
  const auto missing = [](const std::string& key, size_t has) {
    SampledRecord record;
    record.key.encoded = key;
    record.key.columns = {Text(key)};
    record.values.resize(2);
    record.values[has] = std::vector{Text("x")};
    return record;
  };
  const Explanation explanation =
      Explain(schema, kTwo, {missing("Anna", 0), missing("anna", 1), missing("Bert", 0)});
  EXPECT_EQ(explanation.keys.pairs, 1u);
  EXPECT_EQ(explanation.keys.rule, "k:casefold");
  EXPECT_EQ(explanation.keys.example.first.encoded, "Anna");
  EXPECT_EQ(explanation.keys.example.second.encoded, "anna");
  EXPECT_EQ(Explain(schema, kTwo, {missing("Anna", 0), missing("anna", 0)}).keys.pairs, 0u)
      << "one replica has both: they are two records";
}

TEST(ExplainTest, OtherSpellingsOfKeysAreToldWithWhatReadsThem) {
  const merkle::Schema schema{{{"k", ColumnType::kText}}, {{"v", ColumnType::kText}}};
  const struct {
    std::vector<std::string> left, right;
    const char* text;
    const char* rule;
    const char* option = "";
  } cases[] = {
      {{" S1", " S2"}, {"S1", "S2"}, "spaces around", "k:trim"},
      {{"S1 "}, {"S1", "S3"}, "trailing spaces", "k:rtrim"},
      {{"S1 ", "S2"}, {"S1", "S3"}, "", ""},
      {{"001", "000"}, {"1", "0"}, "leading zeros", "", "--types k=integer"},
      {{"{00112233-4455-6677-8899-aabbccddeeff}"},
       {"00112233445566778899AABBCCDDEEFF"},
       "the form of UUIDs",
       "",
       "--types k=uuid"},
      {{"0a", "1"}, {"a", "10"}, "", ""},
  };
  for (const auto& c : cases) {
    std::vector<SampledRecord> sample;
    for (const auto& [keys, has] : {std::pair{&c.left, 0}, std::pair{&c.right, 1}}) {
      for (const std::string& key : *keys) {
        SampledRecord& record = sample.emplace_back();
        record.key.columns = {Text(key)};
        record.values.resize(2);
        record.values[static_cast<size_t>(has)] = std::vector{Text("x")};
      }
    }
    const Explanation explanation = Explain(schema, kTwo, sample);
    EXPECT_EQ(explanation.keys.text, c.text);
    EXPECT_EQ(explanation.keys.rule, c.rule);
    EXPECT_EQ(explanation.keys.option, c.option);
  }
}

TEST(ExplainTest, AWordForNullIsNamedWithTheParameterThatReadsIt) {
  const SampledRecord null = Changed(Value(), Text("NULL"));
  EXPECT_THAT(Hypotheses(ColumnType::kText, {null, null}),
              ElementsAre("2 NULL is the text NULL in right: null=NULL in the URL of right"));
  Value unparsed = Text("\\N");
  unparsed.tag = Tag::kUnparsedText;
  const SampledRecord escaped = Changed(unparsed, Value());
  EXPECT_THAT(Hypotheses(ColumnType::kInteger, {escaped, escaped}),
              ElementsAre(::testing::HasSubstr("in left: null=%5CN in the URL of left")));
  EXPECT_THAT(Hypotheses(ColumnType::kText, {null}), IsEmpty()) << "one alone is no constant";
}

TEST(ExplainTest, NotANumberIsOneValue) {
  Value nan;
  nan.tag = Tag::kFloat64;
  nan.real = std::numeric_limits<double>::quiet_NaN();
  const merkle::Schema schema{{{"id", ColumnType::kInteger}}, {{"v", ColumnType::kFloat64}}};
  EXPECT_THAT(Explain(schema, kTwo, {Changed(nan, nan)}).columns, IsEmpty());
}

TEST(ExplainTest, NothingSampledIsNothingExplained) {
  const merkle::Schema schema{{{"id", ColumnType::kInteger}}, {{"v", ColumnType::kText}}};
  const Explanation explanation = Explain(schema, kTwo, {});
  EXPECT_THAT(explanation.columns, IsEmpty());
  EXPECT_EQ(explanation.keys.pairs, 0u);
}

}  // namespace
}  // namespace driftwood::coordinator
