#include "agent/stores/http/json_tree.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

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
        "18446744073709551615", "-9223372036854775808", "1E+2"}) {
    EXPECT_EQ(Written(number), number);
  }
}

TEST(JsonTreeTest, WhatIsNoJsonIsRefused) {
  for (const char* const text : {"", "[1,", "{\"a\"}", "NaN", "[1] 2", "\"\xff\"", "01"}) {
    EXPECT_FALSE(ParseJsonTree(text).ok()) << text;
  }
  EXPECT_THAT(std::string(ParseJsonTree("{\"a\":1,\"b\":2,\"a\":3}").status().message()),
              HasSubstr("twice in one object"));
  EXPECT_THAT(std::string(ParseJsonTree("1e400").status().message()), HasSubstr("beyond a double"));
  EXPECT_TRUE(ParseJsonTree(std::string(1000, '[') + std::string(1000, ']')).ok());
  EXPECT_THAT(std::string(ParseJsonTree(std::string(100'000, '[')).status().message()),
              HasSubstr("over 1,000 deep"));
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
