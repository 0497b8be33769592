// The explainer without values: on tags it says of rules what it says on values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "coordinator/audit/diagnostics/explain.h"
#include "merkle/hash/digest.h"
#include "merkle/record/encoding.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const merkle::Schema kSchema{{{"id", ColumnType::kText}},
                             {{"a", ColumnType::kText},
                              {"b", ColumnType::kDecimal},
                              {"c", ColumnType::kFloat64},
                              {"d", ColumnType::kTimestamp},
                              {"e", ColumnType::kJson},
                              {"f", ColumnType::kDynamic},
                              {"g", ColumnType::kInteger}}};

Value Parsed(bool (*append)(std::string_view, merkle::Place, std::string*),
             const std::string& text) {
  std::string bytes;
  EXPECT_TRUE(append(text, merkle::Place::kValue, &bytes)) << text;
  return merkle::DecodeValues(bytes, 1).value()[0];
}

const std::vector<ExplainedReplica> kTwo = {{"left"}, {"right"}};
const std::vector<ExplainedReplica> kThree = {{"a"}, {"b"}, {"c"}};

Value Text(const std::string& text) {
  Value value;
  value.tag = Tag::kText;
  value.text = text;
  return value;
}

// Values that are alike in many ways: what one rule or another makes equal.
Value RandomValue(ColumnType type, std::mt19937& random) {
  const auto one_of = [&](std::vector<std::string> texts) {
    return texts[random() % texts.size()];
  };
  if (random() % 8 == 0) return Value();
  switch (type) {
    case ColumnType::kText:
      return Text(one_of({"", "x", "X", "x ", " x", "X  ", "e\xCC\x81", "\xC3\xA9", "\xC3\x89"}));
    case ColumnType::kDecimal:
      return Parsed(merkle::AppendDecimalText, one_of({"1", "1.5", "1.50001", "1.4999", "1.55"}));
    case ColumnType::kFloat64:
      return Parsed(merkle::AppendFloat64Text, one_of({"0.1", "0.10000000149011612", "0.1000001",
                                                       "-0.0", "0", "nan", "1e300"}));
    case ColumnType::kTimestamp:
      return Parsed(merkle::AppendTimestampText,
                    one_of({"2026-01-01 00:00:00", "2026-01-01 00:00:00.5", "infinity",
                            "2026-01-01 00:00:00.5001", "2026-01-01 00:00:00.500"}));
    case ColumnType::kJson:
      return Parsed(merkle::AppendJsonText, one_of({"[0.1]", "[0.2]", "[1]"}));
    case ColumnType::kInteger:
      return Parsed(merkle::AppendIntegerText, one_of({"1", "2", "3"}));
    default:
      return RandomValue(one_of({"t", "d"}) == "t" ? ColumnType::kText : ColumnType::kDecimal,
                         random);
  }
}

std::string Encoded(const Value& value) {
  std::string encoding;
  merkle::AppendValue(value, merkle::Place::kValue, &encoding);
  return encoding;
}

// What agents would say of a sampled record.
TaggedRecord TagsOf(const SampledRecord& record, const std::vector<RuleTest>& tests) {
  merkle::ColumnHasher hasher(*merkle::DigestKey::FromBytes(std::string(32, 'k')));
  TaggedRecord tagged;
  tagged.key = record.key;
  for (const auto& values : record.values) {
    auto& tags = tagged.tags.emplace_back();
    if (!values) continue;
    tags.emplace();
    for (size_t c = 0; c < values->size(); ++c) {
      hasher.AppendTag(record.key.encoded, kSchema.values[c].name, Encoded((*values)[c]),
                       &tags->columns);
    }
    for (const RuleTest& test : tests) {
      Value value = (*values)[test.column];
      merkle::ApplyRule(test.rule, &value);
      hasher.AppendTag(record.key.encoded, kSchema.values[test.column].name, Encoded(value),
                       &tags->rules);
    }
  }
  return tagged;
}

std::vector<size_t> AllColumns() {
  std::vector<size_t> columns(kSchema.values.size());
  for (size_t c = 0; c < columns.size(); ++c) columns[c] = c;
  return columns;
}

// All that an explanation says, in lines.
std::vector<std::string> Lines(const Explanation& why) {
  std::vector<std::string> lines = {std::to_string(why.changed_sampled) + " changed, " +
                                    std::to_string(why.missing_sampled) + " missing"};
  for (const ExplainedColumn& column : why.columns) {
    lines.push_back(column.column + " differs in " + std::to_string(column.differing));
    for (const Hypothesis& hypothesis : column.hypotheses) {
      lines.push_back("  " + hypothesis.text + " " + hypothesis.rule + " " +
                      std::to_string(hypothesis.explains));
    }
  }
  lines.push_back("keys " + std::to_string(why.keys.pairs) + why.keys.text + why.keys.rule);
  return lines;
}

// Of each column mostly two values, so that many records differ by the same.
std::vector<SampledRecord> RandomSample(size_t replicas, std::mt19937& random) {
  std::vector<SampledRecord> sample;
  std::vector<std::array<Value, 2>> usual;
  for (const merkle::Column& column : kSchema.values) {
    usual.push_back({RandomValue(column.type, random), RandomValue(column.type, random)});
  }
  for (size_t i = 0; i < 1 + random() % 100; ++i) {
    SampledRecord& record = sample.emplace_back();
    record.key.encoded = std::to_string(i);
    record.key.columns = {Text(std::string(random() % 2 == 0 ? "k" : "K") + std::to_string(i / 2))};
    for (size_t r = 0; r < replicas; ++r) {
      auto& values = record.values.emplace_back();
      if (random() % 5 == 0) continue;
      values.emplace();
      for (size_t c = 0; c < kSchema.values.size(); ++c) {
        values->push_back(r > 0 && record.values[0] && random() % 2 == 0 ? (*record.values[0])[c]
                          : random() % 16 != 0                           ? usual[c][random() % 2]
                                               : RandomValue(kSchema.values[c].type, random));
      }
    }
  }
  return sample;
}

bool TellsRulesOnly(const ExplainedColumn& column) {
  return std::none_of(column.hypotheses.begin(), column.hypotheses.end(),
                      [](const Hypothesis& one) { return one.rule.empty(); });
}

// Of three replicas, so that no hypothesis about a pair of values (an offset, a cut) is among them;
// others that take values stand in place of a rule now and then.
TEST(ExplainTagsTest, TagsSayWhatValuesSay) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<RuleTest> tests = RuleTests(kSchema, AllColumns(), 1000);
  size_t hypotheses = 0;
  for (int round = 0; round < 1000; ++round) {
    const std::vector<SampledRecord> sample = RandomSample(3, random);
    std::vector<TaggedRecord> tagged;
    for (const SampledRecord& record : sample) tagged.push_back(TagsOf(record, tests));
    Explanation by_values = Explain(kSchema, kThree, sample);
    Explanation by_tags = ExplainTagged(kSchema, kThree, tests, tagged);
    for (size_t c = by_values.columns.size(); c-- > 0;) {
      if (TellsRulesOnly(by_values.columns[c])) continue;
      ASSERT_EQ(by_tags.columns.at(c).column, by_values.columns[c].column);
      by_tags.columns.erase(by_tags.columns.begin() + static_cast<ptrdiff_t>(c));
      by_values.columns.erase(by_values.columns.begin() + static_cast<ptrdiff_t>(c));
    }
    ASSERT_EQ(Lines(by_tags), Lines(by_values)) << "round " << round;
    for (const ExplainedColumn& column : by_values.columns) hypotheses += column.hypotheses.size();
  }
  EXPECT_GT(hypotheses, 300u) << "hardly anything was explained: the values are not alike enough";
}

TEST(ExplainTagsTest, OffsetsAndCutsTakeValues) {
  SampledRecord record, other;
  record.key.encoded = other.key.encoded = "7";
  for (const char* time : {"00:00:00", "02:00:00"}) {
    std::vector<Value> values(kSchema.values.size());
    values[3] = Parsed(merkle::AppendTimestampText, std::string("2026-01-01 ") + time);
    record.values.emplace_back(values);
    values[3] = Parsed(merkle::AppendTimestampText, std::string("2026-01-02 ") + time);
    other.values.emplace_back(values);
  }
  const std::vector<RuleTest> tests = RuleTests(kSchema, {3}, 1000);
  EXPECT_THAT(Explain(kSchema, kTwo, {record, other}).columns.at(0).hypotheses, SizeIs(1));
  const Explanation by_tags =
      ExplainTagged(kSchema, kTwo, tests, {TagsOf(record, tests), TagsOf(other, tests)});
  ASSERT_THAT(by_tags.columns, SizeIs(1));
  EXPECT_EQ(by_tags.columns[0].differing, 2u);
  EXPECT_THAT(by_tags.columns[0].hypotheses, IsEmpty());
}

// Equal tags under the rule may be those of numbers that differ.
TEST(ExplainTagsTest, NumbersInJsonTakeValues) {
  SampledRecord record;
  record.key.encoded = "7";
  for (const char* json : {"[0.1]", "[0.10000000000000000001]"}) {
    std::vector<Value> values(kSchema.values.size());
    values[4] = Parsed(merkle::AppendJsonText, json);
    record.values.emplace_back(values);
  }
  const std::vector<RuleTest> tests = RuleTests(kSchema, {4}, 1000);
  EXPECT_THAT(Explain(kSchema, kTwo, {record}).columns.at(0).hypotheses, SizeIs(1));
  const Explanation by_tags = ExplainTagged(kSchema, kTwo, tests, {TagsOf(record, tests)});
  ASSERT_THAT(by_tags.columns, SizeIs(1));
  EXPECT_THAT(by_tags.columns[0].hypotheses, IsEmpty());
}

// Else the report would say of them that nothing explains them.
TEST(ExplainTagsTest, ColumnsThatNoRuleWasTestedOnAreLeftOut) {
  const std::vector<RuleTest> all = RuleTests(kSchema, {0, 1}, 1000);
  const std::vector<RuleTest> tests = RuleTests(kSchema, {0, 1}, all.size() - 1);
  ASSERT_FALSE(tests.empty());
  for (const RuleTest& test : tests) EXPECT_EQ(test.column, 0u);
  SampledRecord record;
  record.key.encoded = "7";
  std::vector<Value> values(kSchema.values.size(), Text("x"));
  record.values.emplace_back(values);
  values[0] = values[1] = Text("y");
  record.values.emplace_back(values);
  const Explanation why = ExplainTagged(kSchema, kTwo, tests, {TagsOf(record, tests)});
  ASSERT_THAT(why.columns, SizeIs(1));
  EXPECT_EQ(why.columns[0].column, "a");
}

TEST(ExplainTagsTest, TestsAreWrittenAsRules) {
  std::vector<std::string> texts;
  for (const RuleTest& test : RuleTests(kSchema, {0}, 1000)) {
    texts.push_back(RuleTestText(kSchema, test));
  }
  EXPECT_THAT(texts, ElementsAre("a:rtrim", "a:empty=null", "a:nfc", "a:casefold", "a:trim"));
}

}  // namespace
}  // namespace driftwood::coordinator
