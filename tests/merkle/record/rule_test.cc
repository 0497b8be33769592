#include "merkle/record/rule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "merkle/record/encoding.h"
#include "merkle/text/unicode.h"

namespace driftwood::merkle {
namespace {

Value TextValue(const std::string& text) {
  Value value;
  value.tag = Tag::kText;
  value.text = text;
  return value;
}

Value DecimalValue(const std::string& text) {
  std::string bytes;
  EXPECT_TRUE(AppendDecimalText(text, Place::kValue, &bytes)) << text;
  return DecodeValues(bytes, 1).value()[0];
}

Value FloatValue(double real) {
  Value value;
  value.tag = Tag::kFloat64;
  value.real = real;
  return value;
}

Value JsonValue(const std::string& json) {
  Value value;
  value.tag = Tag::kJson;
  value.text = CanonicalJson(json).value();
  return value;
}

Value Under(const std::string& rule, Value value) {
  const auto parsed = ParseRule(rule);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  if (parsed.ok()) ApplyRule(*parsed, &value);
  return value;
}

std::string RoundedText(const std::string& number, int places) {
  return Under("round=" + std::to_string(places), DecimalValue(number)).text;
}

TEST(RuleTest, EveryRuleHasOneSpelling) {
  for (const char* text : {"casefold", "nfc", "trim", "rtrim", "empty=null", "float=32", "float=1",
                           "float=17", "round=0", "round=100", "precision=s", "precision=ms",
                           "precision=us", "json=number-as-double"}) {
    const auto rule = ParseRule(text);
    ASSERT_TRUE(rule.ok()) << text;
    EXPECT_EQ(RuleText(*rule), text);
  }
  for (const char* text : {"", "round", "round=", "round=-1", "round=+1", "round=02", "round=101",
                           "round=2x", "float=0", "float=18", "float=33", "precision=m", "RTRIM",
                           "ignore", "trim=2", "round=99999999999"}) {
    const auto rule = ParseRule(text);
    EXPECT_EQ(rule.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(RuleTest, AColumnsNameMayHaveColons) {
  const auto rule = ParseColumnRule("a:b:round=2");
  ASSERT_TRUE(rule.ok());
  EXPECT_EQ(rule->column, "a:b");
  EXPECT_EQ(rule->rule, (Rule{RuleKind::kRound, 2}));
  EXPECT_FALSE(ParseColumnRule("round=2").ok());
  EXPECT_FALSE(ParseColumnRule(":round=2").ok());
  EXPECT_FALSE(ParseColumnRule("a:").ok());
}

TEST(RuleTest, DecimalsAreRoundedHalvesAwayFromZero) {
  EXPECT_EQ(RoundedText("1.005", 2), "1.01");  // a double could not do that
  EXPECT_EQ(RoundedText("1.004999", 2), "1");
  EXPECT_EQ(RoundedText("-1.005", 2), "-1.01");
  EXPECT_EQ(RoundedText("0.5", 0), "1");
  EXPECT_EQ(RoundedText("-0.5", 0), "-1");
  EXPECT_EQ(RoundedText("0.49", 0), "0");
  EXPECT_EQ(RoundedText("-0.49", 0), "0") << "zero has no sign";
  EXPECT_EQ(RoundedText("0.05", 0), "0");
  EXPECT_EQ(RoundedText("99.995", 2), "100");
  EXPECT_EQ(RoundedText("999.5", 0), "1000");
  EXPECT_EQ(RoundedText("0.005", 2), "0.01");
  EXPECT_EQ(RoundedText("0.0049", 2), "0");
  EXPECT_EQ(RoundedText("12345678901234567890.129", 2), "12345678901234567890.13");
  EXPECT_EQ(RoundedText("1200", 2), "1200");
  EXPECT_EQ(RoundedText("1e999999999", 2), DecimalValue("1e999999999").text);
  EXPECT_EQ(RoundedText("1e-999999999", 2), "0");
  EXPECT_EQ(RoundedText("NaN", 2), "NaN");
  EXPECT_EQ(RoundedText("-Infinity", 2), "-Infinity");
}

// Against arithmetic on scaled integers.
TEST(RuleTest, RoundingIsThatOfScaledIntegers) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const auto number = static_cast<int64_t>(random() % 2'000'000'001) - 1'000'000'000;
    const int scale = static_cast<int>(random() % 10);
    const int places = static_cast<int>(random() % 10);
    int64_t unit = 1;
    for (int k = places; k < scale; ++k) unit *= 10;
    const int64_t magnitude = (std::abs(number) + unit / 2) / unit;
    const std::string expected = std::string(number < 0 ? "-" : "") + std::to_string(magnitude) +
                                 "e-" + std::to_string(std::min(places, scale));
    const std::string text = std::to_string(number) + "e-" + std::to_string(scale);
    ASSERT_EQ(RoundedText(text, places), DecimalValue(expected).text) << text << " to " << places;
  }
}

TEST(RuleTest, DoublesAreRoundedByTheirShortestText) {
  EXPECT_EQ(Under("round=2", FloatValue(1.005)).real, 1.01);
  EXPECT_EQ(Under("round=1", FloatValue(0.1 + 0.2)).real, 0.3);
  EXPECT_EQ(Under("round=0", FloatValue(1e300)).real, 1e300);
  EXPECT_EQ(Under("round=3", FloatValue(1e-300)).real, 0.0);
  EXPECT_TRUE(std::isnan(Under("round=0", FloatValue(std::nan(""))).real));
  EXPECT_EQ(Under("float=15", FloatValue(0.1 + 0.2)).real, 0.3);
  EXPECT_EQ(Under("float=17", FloatValue(0.1 + 0.2)).real, 0.1 + 0.2);
  EXPECT_EQ(Under("float=1", FloatValue(-123.0)).real, -100.0);
  const double largest = std::numeric_limits<double>::max();
  EXPECT_EQ(Under("float=1", FloatValue(largest)).real, largest) << "rounded up it is no double";
  EXPECT_EQ(Under("float=32", FloatValue(0.1)).real, static_cast<double>(0.1f));
  EXPECT_EQ(Under("float=32", FloatValue(1e300)).real, std::numeric_limits<double>::infinity());
  EXPECT_EQ(Under("float=32", FloatValue(-1e300)).real, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(Under("float=32", FloatValue(std::numeric_limits<float>::max())).real,
            static_cast<double>(std::numeric_limits<float>::max()));
}

TEST(RuleTest, TimesLoseWhatIsFinerTowardsThePast) {
  Value value;
  value.tag = Tag::kTimestamp;
  value.number = 1'999'999;
  EXPECT_EQ(Under("precision=s", value).number, 1'000'000);
  EXPECT_EQ(Under("precision=ms", value).number, 1'999'000);
  EXPECT_EQ(Under("precision=us", value).number, 1'999'999);
  value.number = -1;
  EXPECT_EQ(Under("precision=s", value).number, -1'000'000) << "before 1970 too";
  value.number = std::numeric_limits<int64_t>::max();
  EXPECT_LE(Under("precision=s", value).number, value.number);
  value.number = 0;
  value.special = Value::Special::kPlusInfinity;
  EXPECT_EQ(Under("precision=s", value), value);
}

TEST(RuleTest, TextsAreTrimmedOfSpacesOnly) {
  EXPECT_EQ(Under("rtrim", TextValue(" a \t  ")).text, " a \t");
  EXPECT_EQ(Under("trim", TextValue("  a b  ")).text, "a b");
  EXPECT_EQ(Under("rtrim", TextValue("   ")).text, "");
  EXPECT_EQ(Under("trim", TextValue("   ")).text, "");
  EXPECT_EQ(Under("trim", TextValue("")).text, "");
  EXPECT_EQ(Under("trim", TextValue("\xC2\xA0x")).text, "\xC2\xA0x") << "no-break space stays";
}

TEST(RuleTest, UnicodeFormsAndCase) {
  EXPECT_EQ(Under("nfc", TextValue("e\xCC\x81")).text, "\xC3\xA9");
  EXPECT_EQ(Under("nfc", TextValue("\xC3\xA9")).text, "\xC3\xA9");
  EXPECT_EQ(Under("nfc", TextValue(std::string("a\0b", 3))).text, std::string("a\0b", 3));
  EXPECT_EQ(Under("casefold", TextValue("Stra\xC3\x9F"
                                        "E"))
                .text,
            "strasse");
  EXPECT_EQ(Under("casefold", TextValue("\xCE\xA3\xCF\x82\xCF\x83")).text,
            "\xCF\x83\xCF\x83\xCF\x83")
      << "all sigmas are one";
  EXPECT_EQ(Under("casefold", TextValue("e\xCC\x81")).text, "e\xCC\x81") << "and not normalised";
  EXPECT_FALSE(NormaliseNfc("\xFF").has_value());
  EXPECT_FALSE(FoldCase("\xC3").has_value());
}

TEST(RuleTest, AnEmptyTextIsNullOnlyWhereTheRuleSaysSo) {
  EXPECT_EQ(Under("empty=null", TextValue("")).tag, Tag::kNull);
  EXPECT_EQ(Under("empty=null", TextValue(" ")).tag, Tag::kText);
  EXPECT_EQ(Under("trim", TextValue("")).tag, Tag::kText);
  Value unparsed = TextValue("");
  unparsed.tag = Tag::kUnparsedText;
  EXPECT_EQ(Under("empty=null", unparsed).tag, Tag::kNull);
  unparsed.tag = Tag::kBytes;
  EXPECT_EQ(Under("empty=null", unparsed).tag, Tag::kBytes);
}

TEST(RuleTest, NumbersInJsonAsDoubles) {
  const auto json = [](const std::string& text) {
    return Under("json=number-as-double", JsonValue(text)).text;
  };
  EXPECT_EQ(json(R"({"a":0.1000000000000000055511151231257827,"b":[1,-2.50]})"),
            JsonValue(R"({"a":0.1,"b":[1,-2.5]})").text);
  EXPECT_EQ(json("12345678901234567890"), JsonValue("12345678901234567000").text);
  EXPECT_EQ(json(R"("1.10")"), R"("1.10")") << "strings stay";
  EXPECT_EQ(json(R"({"1e5\"7":"x\\"})"), JsonValue(R"({"1e5\"7":"x\\"})").text);
  EXPECT_EQ(json("1e999999"), JsonValue("1e999999").text) << "no double: as it is";
  EXPECT_EQ(json("null"), "null");
}

TEST(RuleTest, WhatARuleDoesNotActOnStays) {
  std::vector<Value> values = {Value(), TextValue("a"), DecimalValue("1.55"), FloatValue(1.5),
                               JsonValue("[1]")};
  Value unparsed = TextValue("  x  ");
  unparsed.tag = Tag::kUnparsedText;
  values.push_back(unparsed);
  for (const Value& value : values) {
    for (const char* rule : {"casefold", "nfc", "trim", "rtrim", "empty=null", "float=32",
                             "float=6", "precision=s", "json=number-as-double"}) {
      EXPECT_EQ(Under(rule, value), value) << rule << " of " << value.ToDisplay();
    }
  }
}

TEST(RuleTest, EveryRuleAppliedTwiceIsAppliedOnce) {
  const std::vector<Value> values = {TextValue("  Stra\xC3\x9F"
                                               "E e\xCC\x81 "),
                                     DecimalValue("99.995"), FloatValue(1.0 / 3),
                                     JsonValue("[0.10000000000000000555]"), TextValue("")};
  for (const char* rule : {"casefold", "nfc", "trim", "rtrim", "empty=null", "float=32", "float=6",
                           "round=2", "precision=s", "json=number-as-double"}) {
    for (const Value& value : values) {
      const Value once = Under(rule, value);
      EXPECT_EQ(Under(rule, once), once) << rule << " of " << value.ToDisplay();
    }
  }
}

TEST(RuleTest, TheRulesOfAColumnHaveOneOrder) {
  const std::vector<std::string> rules = {"a:casefold", "a:empty=null", "a:rtrim", "b:nfc"};
  const std::vector<Rule> of_a = RulesOf(rules, "a");
  ASSERT_EQ(of_a.size(), 3u);
  EXPECT_EQ(of_a[0].kind, RuleKind::kCaseFold);
  EXPECT_EQ(of_a[1].kind, RuleKind::kTrimEnd);
  EXPECT_EQ(of_a[2].kind, RuleKind::kEmptyIsNull);
  EXPECT_TRUE(RulesOf(rules, "c").empty());
}

TEST(RuleTest, RulesThatDoNothingAreRefused) {
  const Schema schema{{{"id", ColumnType::kInteger}},
                      {{"note", ColumnType::kText}, {"total", ColumnType::kDecimal}}};
  EXPECT_TRUE(ValidateRules({"note:nfc", "note:rtrim", "total:round=2"}, schema).ok());
  for (const char* rule : {"id:round=2", "note:round=2", "total:rtrim", "absent:rtrim",
                           "total:float=6", "note:precision=s", "note:sparkle"}) {
    EXPECT_EQ(ValidateRules({rule}, schema).code(), absl::StatusCode::kInvalidArgument) << rule;
  }
  EXPECT_FALSE(ValidateRules({"total:round=2", "total:round=3"}, schema).ok());
}

}  // namespace
}  // namespace driftwood::merkle
