#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merkle/record/encoding.h"

namespace driftwood::merkle {
namespace {

std::string Canonical(std::string_view json) {
  const auto canonical = CanonicalJson(json);
  return canonical.ok() ? *canonical : "no JSON";
}

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonTest, KnownTextsHaveTheirCanonicalForm) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"null", "null"},
      {" \t\r\n true \n", "true"},
      {"[]", "[]"},
      {"{ }", "{}"},
      {"[1, 2 ,3]", "[1,2,3]"},
      {R"({"b":1,"a":2})", R"({"a":2,"b":1})"},
      {R"({"b":{"d":1,"c":[{"f":0,"e":0}]},"a":2})", R"({"a":2,"b":{"c":[{"e":0,"f":0}],"d":1}})"},
      {R"({"a":3,"b":1,"a":2,"a":1})", R"({"a":3,"a":2,"a":1,"b":1})"},
      {R"({"":1,"aa":2,"a":3,"\u0000":4})", R"({"":1,"\u0000":4,"a":3,"aa":2})"},
      {R"({"é":1,"z":2,"\"":3})", R"({"\"":3,"z":2,"é":1})"},
      {"[1.0,1e0,10E-1,-0,-0.0,0e9,1.50]", "[1,1,1,0,0,0,1.5]"},
      {"1e400", "1e+400"},
      {"12345678901234567890.123456789", "12345678901234567890.123456789"},
      {R"("\b\f\n\r\t\"\\\/")", R"("\b\f\n\r\t\"\\/")"},
      {R"("\u0041\u00e9\u20AC\ud83c\udf0A")", "\"Aé€🌊\""},
      {R"("\u0001\u001F\u007f")", "\"\\u0001\\u001f\x7f\""},
      {R"("\uFFFF")", "\"\xEF\xBF\xBF\""},
  };
  for (const auto& [json, canonical] : cases) {
    EXPECT_EQ(Canonical(json), canonical);
    EXPECT_EQ(Canonical(canonical), canonical);
  }
}

TEST(JsonTest, WhatIsNoJsonIsRefused) {
  for (const char* json : {"",
                           " ",
                           "nul",
                           "nulll",
                           "True",
                           "[",
                           "]",
                           "[1",
                           "[1,",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{",
                           R"({"a")",
                           R"({"a":)",
                           R"({"a":1)",
                           R"({"a":1,)",
                           R"({"a":1,})",
                           R"({a:1})",
                           R"({1:1})",
                           R"({"a" 1})",
                           "1 2",
                           "01",
                           "-01",
                           "+1",
                           ".5",
                           "5.",
                           "1e",
                           "1e+",
                           "--1",
                           "-",
                           "0x1",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "1_0",
                           "'a'",
                           "\"",
                           "\"a",
                           "\"\\",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u123",
                           "\"\\u123g\"",
                           "\"\n\"",
                           "\"\t\"",
                           "\"\xFF\"",
                           "\"\xED\xA0\x80\"",
                           "\xEF\xBB\xBF"
                           "1",
                           "// 1",
                           "[1] x",
                           R"("\ud83c")",
                           R"("\udf0a")",
                           R"("\ud83c\ud83c")",
                           R"("\ud83cx")",
                           R"("\ud83c\n")",
                           R"("\ud83c\u0041")",
                           "1e1000000000000000000"}) {
    EXPECT_EQ(Canonical(json), "no JSON") << json;
  }
  EXPECT_EQ(Canonical(std::string_view("1\0", 2)), "no JSON");
  EXPECT_EQ(Canonical(std::string_view("\"\0\"", 3)), "no JSON");
}

TEST(JsonTest, NestingIsBounded) {
  EXPECT_EQ(Canonical(Nested(512)), Nested(512));
  EXPECT_EQ(Canonical(Nested(513)), "no JSON");
  EXPECT_EQ(Canonical(std::string(10'000'000, '[')), "no JSON");
  std::string objects;
  for (int i = 0; i < 600; ++i) objects += R"({"a":)";
  EXPECT_EQ(Canonical(objects), "no JSON");
}

TEST(JsonTest, ARefusalSaysWhereAndWhy) {
  EXPECT_EQ(CanonicalJson("[1,]").status().message(), "not JSON at byte 3: a value is expected");
  EXPECT_EQ(CanonicalJson("\"\\ud800\"").status().message(),
            "not JSON at byte 7: a lone surrogate");
}

}  // namespace
}  // namespace driftwood::merkle
