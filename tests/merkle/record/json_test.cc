#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merkle/record/encoding.h"
#include "tests/testing/seed.h"

// What this program has allocated, and the most that it had since the last reset.
namespace {
std::atomic<size_t> allocated{0};
std::atomic<size_t> allocated_max{0};
}  // namespace

void* operator new(size_t bytes) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  const size_t now = allocated += ::malloc_usable_size(memory);
  size_t most = allocated_max;
  while (now > most && !allocated_max.compare_exchange_weak(most, now)) {
  }
  return memory;
}
void operator delete(void* memory) noexcept {
  allocated -= ::malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept { ::operator delete(memory); }

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

// Members are compared by the bytes that their names stand for, however those are escaped.
TEST(JsonTest, MembersAreSortedAsAMapSortsThem) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const std::vector<std::pair<std::string, std::string>> characters = {
      {R"(\u0000)", std::string(1, '\0')},
      {R"(\u001f)", "\x1f"},
      {R"(\n)", "\n"},
      {R"(\")", "\""},
      {R"(\\)", "\\"},
      {"/", "/"},
      {"a", "a"},
      {"u", "u"},
      {" ", " "},
      {R"(\u00e9)", "\xc3\xa9"},
      {"\x7f", "\x7f"}};
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, std::string> sorted;  // by name: the member's canonical text
    std::string json;
    for (int i = 0; i < 20; ++i) {
      std::string written;
      std::string name;
      for (uint64_t length = random() % 4; length > 0; --length) {
        const auto& [text, meaning] = characters[random() % characters.size()];
        written += text;
        name += meaning;
      }
      if (sorted.contains(name)) continue;
      const std::string value = R"({"k":["}",{"a":"\\"},)" + std::to_string(i) + "]}";
      sorted[name] = Canonical("\"" + written + "\"") + ":" + value;
      json += (json.empty() ? "\"" : ",\"") + written + "\":" + value;
    }
    std::string expected;
    for (const auto& [name, member] : sorted) expected += (expected.empty() ? "" : ",") + member;
    ASSERT_EQ(Canonical("{" + json + "}"), "{" + expected + "}") << "{" << json << "}";
  }
}

TEST(JsonTest, MemoryIsASmallMultipleOfTheText) {
  constexpr size_t kBytes = size_t{1} << 20;
  const auto repeat = [](const std::string& text) {
    std::string all;
    while (all.size() < kBytes) all += text;
    return all;
  };
  std::string nested = "0";
  for (int i = 0; i < 500; ++i) nested = R"({"b":)" + nested + R"(,"a":0})";
  const std::vector<std::string> texts = {R"({"b":0)" + repeat(R"(,"":0)") + "}",
                                          R"({"":0)" + repeat(R"(,"":0)") + "}",
                                          R"({"b":0)" + repeat(R"(,"a":0,"c":{})") + "}",
                                          "[" + nested + repeat("," + nested) + "]",
                                          R"({"b":0,")" + repeat("a") + R"(":0})",
                                          R"({"b":")" + repeat("\\n") + R"(","a":0})",
                                          "[0" + repeat(",0") + "]"};
  for (const std::string& text : texts) {
    const size_t before = allocated;
    allocated_max = before;
    const auto canonical = CanonicalJson(text);
    ASSERT_TRUE(canonical.ok()) << canonical.status();
    EXPECT_LE(allocated_max - before, 4 * text.size()) << text.substr(0, 30);
  }
}

}  // namespace
}  // namespace driftwood::merkle
