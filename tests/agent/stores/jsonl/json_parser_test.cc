#include "agent/stores/jsonl/json_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merkle/text/utf8.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Random = std::mt19937_64;
using Text = JsonLine::Text;

struct Parsed {
  std::vector<std::pair<std::string, std::string>> members;
  std::string error;      // "7: expected …"; empty without one
  size_t object_end = 0;  // without an error
  bool blank = false;
};

// With `behind` in memory after the line, which no parser may look at.
Parsed Parse(std::string_view line, Text text = Text::kLine, std::string behind = "") {
  behind.resize(JsonLine::kPadding, '\0');
  std::string memory = std::string(line) + behind;
  char* const begin = memory.data();
  JsonLine parser(begin, begin + line.size(), text);
  Parsed parsed;
  parsed.blank = parser.blank();
  while (parser.Next()) {
    EXPECT_GE(parser.name_position(), begin);
    EXPECT_EQ(line[static_cast<size_t>(parser.name_position() - begin)], '"');
    parsed.members.emplace_back(parser.name(), ShowValue(parser.value()));
  }
  EXPECT_FALSE(parser.Next()) << "the end is the end";
  if (parser.error() != nullptr) {
    EXPECT_LE(parser.error_position(), begin + line.size());
    parsed.error = std::to_string(parser.error_position() - begin) + ": " + parser.error();
  } else {
    parsed.object_end = static_cast<size_t>(parser.object_end() - begin);
  }
  EXPECT_EQ(memory.substr(line.size()), behind) << "written behind the line";
  return parsed;
}

std::string Escaped(unsigned unit) {
  char text[8];
  std::snprintf(text, sizeof text, "\\u%04x", unit);
  return text;
}

// The text of the only member.
std::string Unescaped(const std::string& string) {
  const Parsed parsed = Parse("{\"a\":\"" + string + "\"}");
  EXPECT_EQ(parsed.error, "") << string;
  if (parsed.members.size() != 1) return "?";
  EXPECT_TRUE(parsed.members[0].second.starts_with("text "));
  return parsed.members[0].second.substr(5);
}

TEST(JsonLineTest, MembersComeInTheirOrderWithTheirKinds) {
  const Parsed parsed =
      Parse(R"( { "a" : 1.50, "b":"x\ty" ,"c":[1, {"d":2}],"e":{},"f":true,"g":false,"h":null } )");
  EXPECT_EQ(parsed.error, "");
  using Member = std::pair<std::string, std::string>;
  EXPECT_THAT(parsed.members,
              ElementsAre(Member("a", "number 1.50"), Member("b", "text x\ty"),
                          Member("c", "json [1, {\"d\":2}]"), Member("e", "json {}"),
                          Member("f", "true"), Member("g", "false"), Member("h", "null")));
  EXPECT_THAT(Parse("{}").members, IsEmpty());
  EXPECT_THAT(Parse(R"({"\u0061\"":"","a":""})").members,
              ElementsAre(Member("a\"", "text "), Member("a", "text ")));
}

TEST(JsonLineTest, ALineMayBeBlank) {
  for (const char* const blank : {"", " ", "\t \r"}) {
    const Parsed parsed = Parse(blank);
    EXPECT_TRUE(parsed.blank);
    EXPECT_EQ(parsed.error, "");
    EXPECT_THAT(parsed.members, IsEmpty());
  }
  EXPECT_FALSE(Parse(" {}").blank);
}

TEST(JsonLineTest, InAnArrayTheObjectsEndIsToldAndTheRestNotLookedAt) {
  EXPECT_EQ(Parse(" {\"a\":\n1} , {", Text::kInArray).object_end, 9u);
  EXPECT_EQ(Parse("{}]", Text::kInArray).object_end, 2u);
  EXPECT_THAT(Parse("{} ]", Text::kLine).error, HasSubstr("3: text after the object"));
}

TEST(JsonLineTest, MessagesSayWhatIsCutOff) {
  EXPECT_EQ(Parse("{\"a\":1").error, "6: the line ends inside its object; is it cut off?");
  EXPECT_EQ(Parse("{\"a\":1", Text::kInArray).error,
            "6: the array ends inside an object; is the file cut off?");
  EXPECT_EQ(Parse("{\"a\":\"b").error, "5: the string that begins here is not closed in its line");
  EXPECT_EQ(Parse("{\"a\":\"b", Text::kInArray).error,
            "5: the string that begins here is not closed");
  EXPECT_THAT(Parse("[1]").error, HasSubstr("0: each line must be one JSON object"));
  EXPECT_THAT(Parse("1", Text::kInArray).error, HasSubstr("each element of the array"));
}

TEST(JsonLineTest, EveryUnitIsUnescapedAsItsCharacter) {
  for (unsigned unit = 0; unit < 0x10000; ++unit) {
    if (unit >= 0xD800 && unit <= 0xDFFF) continue;
    std::string expected;
    merkle::AppendUtf8(unit, &expected);
    ASSERT_EQ(Unescaped(Escaped(unit)), expected) << unit;
  }
}

TEST(JsonLineTest, PairsOfSurrogatesAreOneCharacterAndHalvesNone) {
  const testing::Seed seed;
  Random random(seed.value());
  for (int round = 0; round < 3000; ++round) {
    const unsigned high = 0xD800 + static_cast<unsigned>(random() % 0x400);
    const unsigned low = 0xDC00 + static_cast<unsigned>(random() % 0x400);
    std::string expected;
    merkle::AppendUtf8(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), &expected);
    ASSERT_EQ(Unescaped(Escaped(high) + Escaped(low)), expected);
    for (const std::string& half :
         {Escaped(high), Escaped(low), Escaped(low) + Escaped(high), Escaped(high) + Escaped(high),
          Escaped(high) + "x", Escaped(high) + "\\n", Escaped(high) + "\\u12"}) {
      ASSERT_THAT(Parse("{\"a\":\"" + half + "\"}").error, HasSubstr("6: half of a surrogate pair"))
          << half;
      ASSERT_THAT(Parse("{\"a\":[\"" + half + "\"]}").error, HasSubstr("7: half of a surrogate"));
    }
  }
}

// Blocks of bytes are looked at together: what stands where in them must not matter.
TEST(JsonLineTest, AnOddByteIsSeenWhereverItStands) {
  for (size_t before = 0; before < 40; ++before) {
    for (size_t after = 0; after < 20; ++after) {
      const std::string a(before, 'a'), z(after, 'z');
      EXPECT_EQ(Unescaped(a + "\\n" + z), a + "\n" + z);
      EXPECT_EQ(Unescaped(a + "ä\\\"" + z), a + "ä\"" + z);
      EXPECT_THAT(Parse("{\"a\":\"" + a + "\x1F" + z + "\"}").error,
                  HasSubstr(std::to_string(6 + before) + ": a control character"));
      EXPECT_THAT(Parse("{\"a\":\"" + a + "\xFF" + z + "\"}").error,
                  HasSubstr(std::to_string(6 + before) + ": a byte that is not UTF-8"));
    }
  }
}

// Of a whole object every beginning is cut off, whatever stands behind it in memory.
TEST(JsonLineTest, CutOffAnywhereALineIsAnError) {
  const std::string line =
      R"({"a":"xä\u00e4\uD83D\uDE00","b":-1.5e+7,"c":[true,{"d":null},[]],"e":false} )";
  ASSERT_EQ(Parse(line).error, "");
  for (size_t size = 1; size < line.size() - 1; ++size) {
    for (const Text text : {Text::kLine, Text::kInArray}) {
      const Parsed cut = Parse(line.substr(0, size), text, line.substr(size));
      EXPECT_NE(cut.error, "") << line.substr(0, size);
    }
  }
}

// Nothing behind the line is taken for a part of it.
TEST(JsonLineTest, RandomLinesReadTheSameWhateverStandsBehindThem) {
  const testing::Seed seed;
  Random random(seed.value());
  const std::string_view pieces[] = {"{",   "}",     "[",  "]",    ",",      ":",        "\"",
                                     "\\",  "u00e4", "a",  "ä",    "\x80",   "1",        "-",
                                     ".",   "e",     " ",  "true", "null",   "\"a\":",   "\"b\"",
                                     "1.5", "\\n",   "{}", "[]",   "\\ud83", "\\ude00x", "\x01"};
  for (int round = 0; round < 50'000; ++round) {
    std::string line = random() % 4 == 0 ? "" : "{\"a\":";
    for (size_t n = random() % 8; n > 0; --n) line += pieces[random() % std::size(pieces)];
    if (random() % 2 == 0) line += "}";
    const Text text = random() % 2 == 0 ? Text::kLine : Text::kInArray;
    const Parsed alone = Parse(line, text);
    for (const char* const behind : {"}}}}", "\"}", "]}", "0123456789", "\\\"\"}", "\xA4\"}"}) {
      const Parsed beside = Parse(line, text, behind);
      ASSERT_EQ(beside.members, alone.members) << line;
      ASSERT_EQ(beside.error, alone.error) << line;
    }
  }
}

TEST(JsonLineTest, NestedValuesAreCheckedToTheirDepth) {
  const auto nested = [](size_t depth, const std::string& inner) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += i % 2 == 0 ? "[" : "{\"k\":";
    text += inner;
    for (size_t i = depth; i > 0; --i) text += (i - 1) % 2 == 0 ? "]" : "}";
    return text;
  };
  for (const size_t depth : {1u, 2u, 63u, 64u, 65u, 1023u, 1024u}) {
    const std::string value = nested(depth, "1");
    const Parsed parsed = Parse("{\"a\":" + value + "}");
    EXPECT_EQ(parsed.error, "") << depth;
    ASSERT_EQ(parsed.members.size(), 1u);
    EXPECT_EQ(parsed.members[0].second, "json " + value);
    // The wrong closing sign on the innermost level.
    std::string wrong = value;
    const size_t at = wrong.find('1') + 1;
    wrong[at] = wrong[at] == ']' ? '}' : ']';
    EXPECT_THAT(Parse("{\"a\":" + wrong + "}").error, HasSubstr(": expected , or ")) << depth;
  }
  EXPECT_THAT(Parse("{\"a\":" + nested(1025, "1") + "}").error, HasSubstr("more than 1024 deep"));
}

}  // namespace
}  // namespace driftwood::agent
