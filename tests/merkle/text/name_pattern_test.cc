#include "merkle/text/name_pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "tests/testing/seed.h"

namespace driftwood {
namespace {

bool Matches(std::string_view pattern, std::string_view name) {
  return NamePattern(pattern).Matches(name);
}

// By its definition. ASCII without backslashes.
bool SlowMatches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return SlowMatches(pattern.substr(1), name) ||
           (!name.empty() && SlowMatches(pattern, name.substr(1)));
  }
  if (name.empty() || (pattern[0] != '?' && pattern[0] != name[0])) return false;
  return SlowMatches(pattern.substr(1), name.substr(1));
}

TEST(NamePatternTest, WildcardsStandForCharacters) {
  EXPECT_TRUE(Matches("log_*", "log_"));
  EXPECT_TRUE(Matches("log_*", "log_2024"));
  EXPECT_FALSE(Matches("log_*", "blog_2024"));
  EXPECT_TRUE(Matches("*", ""));
  EXPECT_TRUE(Matches("a?c", "abc"));
  EXPECT_FALSE(Matches("a?c", "ac"));
  EXPECT_TRUE(
      Matches("stra\xc3\x9f"
              "e?",
              "stra\xc3\x9f"
              "en"));
  EXPECT_TRUE(Matches("stra?e",
                      "stra\xc3\x9f"
                      "e"))
      << "one character, not one byte";
  EXPECT_FALSE(Matches("Log", "log"));
  EXPECT_FALSE(Matches("", "a"));
}

TEST(NamePatternTest, ABackslashMakesAWildcardPlain) {
  EXPECT_TRUE(Matches("a\\*", "a*"));
  EXPECT_FALSE(Matches("a\\*", "ab"));
  EXPECT_TRUE(Matches("a\\\\?", "a\\b"));
  EXPECT_TRUE(Matches("a\\b", "a\\b")) << "before another character it is one";
  EXPECT_TRUE(Matches("a\\", "a\\"));
  EXPECT_TRUE(NamePattern("a\\*\\?").is_plain());
  EXPECT_EQ(NamePattern("a\\*\\?").plain(), "a*?");
  EXPECT_FALSE(NamePattern("a*").is_plain());
  EXPECT_EQ(NamePattern("or*ders?").plain(), "orders");
}

TEST(NamePatternTest, ItMatchesWhatItsDefinitionDoes) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const auto text = [&](std::string_view letters, size_t size_max) {
    std::string result(random() % (size_max + 1), ' ');
    for (char& c : result) c = letters[random() % letters.size()];
    return result;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string pattern = text("ab*?", 6);
    const std::string name = text("ab", 7);
    ASSERT_EQ(Matches(pattern, name), SlowMatches(pattern, name)) << pattern << " " << name;
  }
}

TEST(NamePatternTest, ManyWildcardsCostNoMoreThanTheProductOfTheSizes) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  EXPECT_FALSE(Matches(pattern + "b", std::string(5'000, 'a')));
}

}  // namespace
}  // namespace driftwood
