#include "merkle/record/array_text.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {
namespace {

class Shown final : public ArrayTaker {
 public:
  bool Begin() override { return text += "(", true; }
  bool End() override { return text += ")", true; }
  bool Element(std::optional<std::string_view> element) override {
    return text += element ? "<" + std::string(*element) + ">" : "null", true;
  }
  std::string text;
};

std::string Read(std::string_view text) {
  Shown shown;
  return ReadArrayText(text, shown) ? shown.text : "none";
}

TEST(ArrayTextTest, ArraysReadAsPostgresqlWritesThem) {
  EXPECT_EQ(Read("{}"), "()");
  EXPECT_EQ(Read("{1,2}"), "(<1><2>)");
  EXPECT_EQ(Read(R"({a,"b c",NULL,"NULL","",null})"), "(<a><b c>null<NULL><>null)");
  EXPECT_EQ(Read(R"({"a\"b","c\\d","{}",","})"), "(<a\"b><c\\d><{}><,>)");
  EXPECT_EQ(Read("{{1,2},{3,NULL}}"), "((<1><2>)(<3>null))");
  EXPECT_EQ(Read("{{{1}}}"), "(((<1>)))");
  EXPECT_EQ(Read("{[1,5)}"), "(<[1><5)>)");
  EXPECT_EQ(Read("{\xc3\xa4}"), "(<\xc3\xa4>)");
}

TEST(ArrayTextTest, WhatItDoesNotWriteIsNone) {
  for (const char* text :
       {"",       "{",   "}",           "{}}",  "{},",  "{,}",    "{1,}",     "{,1}",     "{1,,2}",
        "{1",     "1",   "{1}{2}",      "{1 }", "{ 1}", "{\"a}",  "{\"a\"b}", "{a\"b\"}", "{a\\b}",
        "{\"a\\", "[1]", "[0:1]={1,2}", "{1}x", "{{1}", "{{1}2}", "{a b}"}) {
    EXPECT_EQ(Read(text), "none") << text;
  }
}

class Stopping final : public ArrayTaker {
 public:
  bool Begin() override { return ++depth < 3; }
  bool End() override { return true; }
  bool Element(std::optional<std::string_view> element) override { return element != "stop"; }
  int depth = 0;
};

TEST(ArrayTextTest, WhoTakesMayStop) {
  const auto read = [](std::string_view text) {
    Stopping stopping;
    return ReadArrayText(text, stopping);
  };
  EXPECT_TRUE(read("{{1}}"));
  EXPECT_FALSE(read("{{{1}}}"));
  EXPECT_FALSE(read("{1,stop,2}"));
  EXPECT_FALSE(read(std::string(1'000'000, '{')));
}

}  // namespace
}  // namespace driftwood::merkle
