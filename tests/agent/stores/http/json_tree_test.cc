#include "agent/stores/http/json_tree.h"

#include <nlohmann/json.hpp>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

std::string Written(std::string_view text) {
  const absl::StatusOr<JsonTree> tree = ParseJsonTree(text);
  EXPECT_TRUE(tree.ok()) << text << tree.status();
  std::string out;
  if (tree.ok()) tree->AppendTo(&out);
  return out;
}

TEST(JsonTreeTest, WhatIsReadIsWrittenAsItWas) {
  for (const char* const text :
       {"null", "true", "false", "0", "\"\"", "[]", "{}", "[1,[2,{\"a\":null}],\"b\"]",
        "{\"b\":1,\"a\":{\"c\":[true]}}", "\"\xc3\xa4 \\\" \\\\ \\u000a\""}) {
    EXPECT_EQ(Written(text), text);
  }
}

TEST(JsonTreeTest, NumbersKeepEachDigit) {
  for (const char* const number :
       {"0.1000000000000000055511151231257827", "1.10", "1e300", "-0.0", "12345678901234567890123",
        "18446744073709551615", "-9223372036854775808", "1E+2", "-0", "1e400", "-1e-5000"}) {
    EXPECT_EQ(Written(number), number);
  }
}

TEST(JsonTreeTest, WhatIsNoJsonIsRefused) {
  for (const char* const text : {"", "[1,", "{\"a\"}", "NaN", "[1] 2", "\"\xff\"", "01"}) {
    EXPECT_FALSE(ParseJsonTree(text).ok()) << text;
  }
  EXPECT_THAT(std::string(ParseJsonTree("{\"a\":1,\"b\":2,\"a\":3}").status().message()),
              HasSubstr("twice in one object"));
  EXPECT_EQ(ParseJsonTree("[1, x]").status().message(), "no JSON from its byte 5 on");
  EXPECT_TRUE(ParseJsonTree(std::string(1000, '[') + std::string(1000, ']')).ok());
  EXPECT_THAT(std::string(ParseJsonTree(std::string(100'000, '[')).status().message()),
              HasSubstr("over 1,000 deep"));
}

TEST(JsonTreeTest, AMarkInFrontIsNoPartOfIt) { EXPECT_EQ(Written("\xEF\xBB\xBF [1]"), "[1]"); }

// Pieces of JSON in any order, most of which is none.
std::string SomeText(std::mt19937_64* random) {
  constexpr const char* kPieces[] = {"{",
                                     "}",
                                     "[",
                                     "]",
                                     ",",
                                     ":",
                                     "\"a\"",
                                     "\"b\"",
                                     "1",
                                     "-0.5E-3",
                                     "true",
                                     "null",
                                     "\"\\u00e4\\n\"",
                                     "\"\\ud83d\\ude00\"",
                                     "\"\\ud83d\"",
                                     "\"\xc3\xa4\"",
                                     "\"\xc3\"",
                                     " ",
                                     "\n",
                                     "01",
                                     "1.",
                                     "\"\t\"",
                                     "nul",
                                     "\"c\":1"};
  std::string text;
  for (uint64_t count = (*random)() % 12; count > 0; --count) {
    text += kPieces[(*random)() % std::size(kPieces)];
  }
  const char ends[] = {'{', '[', ' '};
  const char end = ends[(*random)() % 3];
  return end == '[' ? "[" + text + "]" : end == '{' ? "{\"x\":" + text + "}" : text;
}

TEST(JsonTreeTest, TakesAndMeansWhatAnotherParserDoes) {
  const testing::Seed given;
  std::mt19937_64 random(given.value());
  int taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    const std::string text = SomeText(&random);
    const absl::StatusOr<JsonTree> tree = ParseJsonTree(text);
    const nlohmann::json twin = nlohmann::json::parse(text, nullptr, false);
    const bool has_twice = tree.status().message().find("twice") != std::string_view::npos;
    if (has_twice) continue;
    ASSERT_EQ(tree.ok(), !twin.is_discarded()) << text;
    if (!tree.ok()) continue;
    ++taken;
    ASSERT_EQ(nlohmann::json::parse(Written(text)), twin) << text;
  }
  EXPECT_GT(taken, 5'000);
}

std::string At(const std::string& pointer, const JsonTree& tree) {
  const absl::StatusOr<JsonPointer> parsed = JsonPointer::Parse(pointer);
  if (!parsed.ok()) return "?";
  const JsonTree* const found = parsed->In(tree);
  std::string out = "nothing";
  if (found != nullptr) {
    out.clear();
    found->AppendTo(&out);
  }
  return out;
}

// The examples of RFC 6901, section 5.
TEST(JsonPointerTest, PointsWhereTheRfcSays) {
  const JsonTree tree = *ParseJsonTree(
      "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"k\\\"l\":6,\" \":7,\"m~n\":8}");
  EXPECT_THAT(At("", tree), HasSubstr("\"foo\""));
  EXPECT_EQ(At("/foo", tree), "[\"bar\",\"baz\"]");
  EXPECT_EQ(At("/foo/0", tree), "\"bar\"");
  EXPECT_EQ(At("/", tree), "0");
  EXPECT_EQ(At("/a~1b", tree), "1");
  EXPECT_EQ(At("/c%d", tree), "2");
  EXPECT_EQ(At("/k\"l", tree), "6");
  EXPECT_EQ(At("/ ", tree), "7");
  EXPECT_EQ(At("/m~0n", tree), "8");
  for (const char* const nothing : {"/foo/2", "/foo/01", "/foo/-", "/bar", "/foo/0/x", "/foo/ 0"}) {
    EXPECT_EQ(At(nothing, tree), "nothing") << nothing;
  }
  for (const char* const wrong : {"foo", "/~", "/~2", "foo/bar"}) EXPECT_EQ(At(wrong, tree), "?");
}

}  // namespace
}  // namespace driftwood::agent
