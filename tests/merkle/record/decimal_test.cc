#include "merkle/record/decimal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace driftwood::merkle {
namespace {

std::string Canonical(std::string_view text) {
  const std::optional<Decimal> decimal = ParseDecimal(text);
  if (!decimal) return "refused";
  std::string canonical;
  AppendCanonicalDecimal(*decimal, &canonical);
  return canonical;
}

std::string Body(std::string_view text) {
  const std::optional<Decimal> decimal = ParseDecimal(text);
  EXPECT_TRUE(decimal.has_value()) << text;
  if (!decimal) return "";
  std::string body(DecimalBodyBytes(*decimal), '\0');
  WriteDecimalBody(*decimal, body.data());
  return body;
}

TEST(DecimalTest, EqualNumbersHaveOneCanonicalText) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"0", {"0", "-0", "+0", "0.000", ".0", "0.", "0e5", "-0e-999999999999999999999999"}},
      {"3000", {"3000", "3000.00", "3000.0", "3e3", "+3E+3", "0003000", "30000e-1"}},
      {"0.14", {".14", "0.14", "0.140", "14e-2", "+.14"}},
      {"-12.5", {"-12.5", "-12.50", "-0.125e2", "-125E-1"}},
      {"100000000000000000000", {"1e20"}},
      {"1e+21", {"1e21", "1000000000000000000000"}},
      {"1.5e-8", {"0.000000015"}},
      {"0.00000015", {"1.5e-7"}},
      {"1e+999999999", {"1e999999999", "0.01e1000000001"}},
      {"12345678901234567890123456789.5", {"12345678901234567890123456789.50"}},
      {"NaN", {"NaN", "nan", "NAN"}},
      {"Infinity", {"Infinity", "inf", "+INF", "infinity"}},
      {"-Infinity", {"-Infinity", "-inf"}},
  };
  for (const auto& [canonical, spellings] : cases) {
    for (const std::string& spelling : spellings) EXPECT_EQ(Canonical(spelling), canonical);
    EXPECT_EQ(Canonical(canonical), canonical);
  }
}

TEST(DecimalTest, WhatIsNoNumberDoesNotParse) {
  for (const char* text : {"",
                           "-",
                           "+",
                           ".",
                           "-.",
                           "e5",
                           ".e5",
                           "1e",
                           "1e+",
                           "1.2.3",
                           " 1",
                           "1 ",
                           "1,5",
                           "0x10",
                           "--1",
                           "+-1",
                           "1e5.5",
                           "-NaN",
                           "+nan",
                           "Inf inity",
                           "in",
                           "infinit",
                           "1_000",
                           "1e1000000000000000000",
                           "1e-1000000000000000000",
                           "1e99999999999999999999999999"}) {
    EXPECT_EQ(Canonical(text), "refused") << '"' << text << '"';
  }
  EXPECT_EQ(Canonical(std::string_view("1\0", 2)), "refused");
}

TEST(DecimalTest, TheLimitOfTheExponentIsThatOfTheNumberNotOfItsSpelling) {
  EXPECT_EQ(Canonical("1e999999999999999999"), "1e+999999999999999999");
  EXPECT_EQ(Canonical("0.001e1000000000000000002"), "1e+999999999999999999");
  EXPECT_EQ(Canonical("10e999999999999999999"), "refused");
  EXPECT_EQ(Canonical("1e-999999999999999999"), "1e-999999999999999999");
  EXPECT_EQ(Canonical("1000e-1000000000000000002"), "1e-999999999999999999");
}

TEST(DecimalTest, BodiesAreOrderedAsTheNumbers) {
  const std::vector<std::string> ascending = {"-Infinity",
                                              "-1e999999999999999999",
                                              "-1e300",
                                              "-1e256",
                                              "-1e255",
                                              "-101",
                                              "-100.5",
                                              "-100",
                                              "-99.9",
                                              "-12.34",
                                              "-12.3",
                                              "-12",
                                              "-10",
                                              "-9",
                                              "-1.01",
                                              "-1",
                                              "-0.9",
                                              "-0.1",
                                              "-0.01",
                                              "-1e-255",
                                              "-1e-256",
                                              "-1e-999999999999999999",
                                              "0",
                                              "1e-999999999999999999",
                                              "1e-256",
                                              "1e-255",
                                              "0.01",
                                              "0.0999",
                                              "0.1",
                                              "0.11",
                                              "0.9",
                                              "1",
                                              "1.01",
                                              "9",
                                              "10",
                                              "12",
                                              "12.3",
                                              "12.34",
                                              "12.340001",
                                              "99.9",
                                              "100",
                                              "100.5",
                                              "101",
                                              "1e19",
                                              "12345678901234567890",
                                              "1e255",
                                              "1e256",
                                              "1e300",
                                              "1e999999999999999999",
                                              "Infinity",
                                              "NaN"};
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_LT(Body(ascending[j]), Body(ascending[i])) << ascending[j] << " < " << ascending[i];
    }
  }
}

TEST(DecimalTest, ABodyDelimitsItself) {
  for (const char* text : {"0", "NaN", "-Infinity", "1", "-1", "12", "-12", "123.456", "-1e300"}) {
    const std::string bytes = Body(text) + "rest";
    std::string_view rest = bytes;
    EXPECT_EQ(ReadDecimalBody(&rest), Canonical(text));
    EXPECT_EQ(rest, "rest");
  }
}

TEST(DecimalTest, MalformedBodiesAreRefused) {
  const std::vector<std::string> bodies = {
      "",
      "\x90",                             // no digits
      "\x90\x15",                         // more digits announced
      "\x90\xC8",                         // a pair of 100
      "\x90\x02",                         // a leading zero
      "\x90\x15" + std::string(1, '\0'),  // trailing zeros
      std::string("\x91\x00\x14", 3),     // a padded exponent
      std::string("\x99\x01\x01\x01\x01\x01\x01\x01\x01\x01\x14", 11),
      std::string("\x98\x0d\xe0\xb6\xb3\xa7\x64\x00\x00\x14", 10),  // 10^18
      "\x02\x14",
      "\x6F\x14",  // negative, digits not complemented: reads on past the end
  };
  for (const std::string& body : bodies) {
    std::string_view rest = body;
    EXPECT_FALSE(ReadDecimalBody(&rest).has_value()) << testing::PrintToString(body);
  }
}

std::string ShortBody(std::string_view text) {
  char bytes[kShortDecimalBytes];
  return std::string(bytes, WriteShortDecimalBody(text, bytes));
}

TEST(DecimalTest, ShortNumbersHaveTheBodyOfAllOthers) {
  for (const char* text : {"1", "9", "10", "99", "100", "-1", "0.1", ".5", "5.", "-0.50",
                           "00012.500", "999999999999999999", "-999999999999999999",
                           "0.00000000000000001", "123456789.12345678", "100000000000000000"}) {
    EXPECT_EQ(ShortBody(text), Body(text)) << text;
  }
  for (const char* text :
       {"", "-", ".", "0", "-0.00", "+1", "1e3", "NaN", "1.2.3", "1 ", "--1", "1000000000000000000",
        "9999999999999999999", "99999999999999999999", "0.0000000000000000001"}) {
    EXPECT_EQ(ShortBody(text), "") << text;
  }
}

TEST(DecimalTest, RandomShortNumbersHaveTheBodyOfAllOthers) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100'000; ++round) {
    std::string text = std::to_string(random() >> (4 + random() % 60));
    text.append(random() % 3, '0');
    text.insert(random() % (text.size() + 1), ".");
    if (random() % 2 == 0) text.insert(0, "-");
    const std::string body = ShortBody(text);
    if (!body.empty()) {
      ASSERT_EQ(body, Body(text)) << text;
    }
    if (text.size() <= 18 && text.find_first_of("123456789") != std::string::npos) {
      ASSERT_NE(body, "") << text;
    }
  }
}

struct Grouped {
  bool negative;
  int weight;
  std::vector<int> groups;
};

std::string WireGroups(const std::vector<int>& groups) {
  std::string wire;
  for (const int group : groups) {
    wire += static_cast<char>(group >> 8);
    wire += static_cast<char>(group & 0xFF);
  }
  return wire;
}

// All digits as they stand, and an exponent.
std::string NaiveText(const Grouped& number) {
  std::string text = number.negative ? "-0" : "0";
  for (const int group : number.groups) {
    const std::string digits = std::to_string(group);
    text += std::string(4 - digits.size(), '0') + digits;
  }
  return text + "e" + std::to_string(4 * (number.weight + 1 - int(number.groups.size())));
}

std::string GroupedBody(const Grouped& number) {
  const std::string wire = WireGroups(number.groups);
  const GroupedDecimal decimal{number.negative, static_cast<int16_t>(number.weight), wire};
  std::string body(DecimalBodyBytes(decimal), '\0');
  WriteDecimalBody(decimal, body.data());
  char bytes[kShortDecimalBytes];
  const size_t size = WriteShortDecimalBody(decimal, bytes);
  if (size != 0) {
    EXPECT_EQ(std::string(bytes, size), body) << NaiveText(number);
  }
  return body;
}

std::string PlainText(const Grouped& number) {
  const std::string wire = WireGroups(number.groups);
  std::string text;
  AppendPlainDecimal({number.negative, static_cast<int16_t>(number.weight), wire}, &text);
  return text;
}

TEST(DecimalTest, GroupsOfFourDigitsAreTheNumberThatTheirTextIs) {
  const std::vector<std::pair<std::string, Grouped>> cases = {
      {"0", {false, 0, {}}},
      {"0", {true, 0, {}}},
      {"0", {true, -7, {0, 0}}},
      {"1", {false, 0, {1}}},
      {"-10", {true, 0, {10}}},
      {"10000", {false, 1, {1}}},
      {"100000000", {false, 2, {1, 0, 0}}},
      {"-12.345", {true, 0, {12, 3450}}},
      {"120000.0001", {false, 1, {12, 0, 1}}},
      {"0.001", {false, -1, {10}}},
      {"0.000000000001", {false, -3, {1}}},
      {"12.5", {false, 2, {0, 0, 12, 5000}}},
      {"9999999999999999", {false, 3, {9999, 9999, 9999, 9999}}},
      {"-99999999999999999999.9999", {true, 4, {9999, 9999, 9999, 9999, 9999, 9999}}},
      {"1" + std::string(131'068, '0'), {false, 32'767, {1}}},
      {"0." + std::string(131'071, '0') + "1", {false, -32'768, {1}}},
      {"-9999" + std::string(131'068, '0'), {true, 32'767, {9999, 0, 0, 0, 0}}},
  };
  for (const auto& [text, number] : cases) {
    const std::string name = text.substr(0, 50);
    EXPECT_EQ(PlainText(number), text) << name;
    EXPECT_EQ(GroupedBody(number), Body(text)) << name;
  }
}

TEST(DecimalTest, RandomGroupsAreTheNumberThatTheirTextIs) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100'000; ++round) {
    Grouped number{random() % 2 == 0, static_cast<int>(random() % 40) - 20, {}};
    if (random() % 8 == 0) number.weight = static_cast<int>(random() % 65'536) - 32'768;
    const size_t count = random() % 16 == 0 ? random() % 100 : random() % 7;
    for (size_t i = 0; i < count; ++i) {
      static constexpr int kUnits[] = {0, 1, 10, 100, 1000, 10'000};
      const int digit = static_cast<int>(1 + random() % 9) * kUnits[random() % 5];
      number.groups.push_back(random() % 2 == 0 ? digit : static_cast<int>(random() % 10'000));
    }
    const std::string text = NaiveText(number);
    ASSERT_EQ(GroupedBody(number), Body(text)) << text;
    if (number.weight > 1000 || number.weight < -1000) continue;  // those are long
    ASSERT_EQ(Canonical(PlainText(number)), Canonical(text)) << text;
    ASSERT_EQ(PlainText(number).find('e'), std::string::npos);
  }
}

// sign × digits × 10^exponent, written in one of many ways.
std::string Spelling(bool negative, const std::string& digits, int exponent, size_t point,
                     size_t zeros) {
  point = point % (digits.size() + 1);
  const int64_t shifted = exponent + static_cast<int64_t>(digits.size() - point);
  return std::string(negative ? "-" : "") + std::string(zeros, '0') + digits.substr(0, point) +
         "." + digits.substr(point) + std::string(zeros, '0') + "e" + std::to_string(shifted);
}

RC_GTEST_PROP(DecimalProperty, EverySpellingHasOneBodyThatReadsBack, ()) {
  const std::string digits =
      *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange<char>('0', '9' + 1)));
  const bool negative = *rc::gen::arbitrary<bool>();
  const int exponent = *rc::gen::inRange(-400, 400);
  const std::string one = Spelling(negative, digits, exponent, *rc::gen::inRange<size_t>(0, 50), 0);
  const std::string other = Spelling(negative, digits, exponent, *rc::gen::inRange<size_t>(0, 50),
                                     static_cast<size_t>(*rc::gen::inRange(0, 4)));
  RC_ASSERT(Canonical(one) == Canonical(other));
  RC_ASSERT(Canonical(Canonical(one)) == Canonical(one));
  const std::string body = Body(one);
  RC_ASSERT(Body(other) == body);
  std::string_view rest = body;
  RC_ASSERT(ReadDecimalBody(&rest) == Canonical(one));
  RC_ASSERT(rest.empty());
}

// Against a naive twin: both numbers as digits of one exponent.
RC_GTEST_PROP(DecimalProperty, TheOrderOfBodiesIsTheOrderOfNumbers, ()) {
  const auto generate = rc::gen::inRange<int64_t>(-100'000, 100'000);
  const int64_t a = *generate;
  const int64_t b = *rc::gen::oneOf(generate, rc::gen::just(a), rc::gen::just(a + 1));
  const int shift_a = *rc::gen::inRange(0, 6);
  const int shift_b = *rc::gen::inRange(0, 6);
  const auto scaled = [](int64_t number, int shift) {
    for (; shift > 0; --shift) number *= 10;
    return number;
  };
  const int base = *rc::gen::inRange(-300, 300);
  const std::string body_a = Body(std::to_string(a) + "e" + std::to_string(base + shift_a));
  const std::string body_b = Body(std::to_string(b) + "e" + std::to_string(base + shift_b));
  const int64_t left = scaled(a, shift_a);
  const int64_t right = scaled(b, shift_b);
  RC_ASSERT((body_a < body_b) == (left < right));
  RC_ASSERT((body_a == body_b) == (left == right));
}

}  // namespace
}  // namespace driftwood::merkle
