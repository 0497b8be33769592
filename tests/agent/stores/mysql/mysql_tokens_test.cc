#include "agent/stores/mysql/mysql_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/agent/stores/mysql/mysql_store_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = MysqlToken::Kind;
using Random = std::mt19937_64;

// "name", "`quoted name`", "'text'", "symbol"; behind a name '.' if it is qualified, "()" if it is
// called, "(…)" with arguments.
std::string Show(const MysqlToken& token) {
  if (token.kind == Kind::kSymbol) return token.text;
  if (token.kind == Kind::kText) return "'" + token.text + "'";
  const std::string quote = token.is_quoted ? "`" : "";
  return quote + token.text + quote + (token.is_qualified ? "." : "") +
         (!token.is_called      ? ""
          : token.has_arguments ? "(…)"
                                : "()");
}

std::vector<std::string> Tokens(std::string_view sql) {
  const MysqlTokens found = MysqlTokensIn(sql);
  EXPECT_TRUE(found.is_readable) << sql;
  std::vector<std::string> shown;
  for (const MysqlToken& token : found.tokens) shown.push_back(Show(token));
  return shown;
}

bool IsReadable(std::string_view sql) { return MysqlTokensIn(sql).is_readable; }

TEST(MysqlTokensTest, NamesTextsAndSymbolsAreTokens) {
  EXPECT_THAT(Tokens(""), IsEmpty());
  EXPECT_THAT(Tokens(" \t\n"), IsEmpty());
  EXPECT_THAT(Tokens("a=1 and b$_2<>'x'"),
              ElementsAre("a", "=", "1", "and", "b$_2", "<", ">", "'x'"));
  EXPECT_THAT(Tokens("ä=\"y\""), ElementsAre("ä", "=", "'y'"));
  EXPECT_THAT(Tokens("@x := 1"), ElementsAre("@", "x", ":", "=", "1"));
}

TEST(MysqlTokensTest, QuotesWithinTextsAndNamesAreTheirOwn) {
  EXPECT_THAT(Tokens("'it''s' 'it\\'s' '\\\\' '\"' \"'\" ''"),
              ElementsAre("'it''s'", "'it\\'s'", "'\\\\'", "'\"'", "'''", "''"));
  EXPECT_THAT(Tokens("`a``b` `'` `c d` `\\`"), ElementsAre("`a`b`", "`'`", "`c d`", "`\\`"))
      << "in a name a backslash is a character";
  EXPECT_THAT(Tokens("'a'/**/'b'"), ElementsAre("'a'", "'b'"));
}

TEST(MysqlTokensTest, CommentsAreLeftOutAndPartWords) {
  EXPECT_THAT(Tokens("a/* b */c"), ElementsAre("a", "c"));
  EXPECT_THAT(Tokens("a # b ' \n c"), ElementsAre("a", "c"));
  EXPECT_THAT(Tokens("a -- b ' \n c"), ElementsAre("a", "c"));
  EXPECT_THAT(Tokens("a --\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(Tokens("a --"), ElementsAre("a"));
  EXPECT_THAT(Tokens("a /* ' \" ` # -- */ b"), ElementsAre("a", "b"));
  EXPECT_THAT(Tokens("/*/ a */ b"), ElementsAre("b"));
  EXPECT_THAT(Tokens("/**/ b /***/"), ElementsAre("b"));
}

TEST(MysqlTokensTest, TwoMinusSignsBeginACommentOnlyBeforeSpacesAndControls) {
  EXPECT_THAT(Tokens("5--1"), ElementsAre("5", "-", "-", "1"));
  EXPECT_THAT(Tokens("5--a -- b"), ElementsAre("5", "-", "-", "a"));
  EXPECT_THAT(Tokens("5--\x01' \n b"), ElementsAre("5", "b"));
  EXPECT_THAT(Tokens("5--\x7F' \n b"), ElementsAre("5", "b"));
}

TEST(MysqlTokensTest, CommentsWithinQuotesAreText) {
  EXPECT_THAT(Tokens("'/*' a '*/'"), ElementsAre("'/*'", "a", "'*/'"));
  EXPECT_THAT(Tokens("'# -- ' a"), ElementsAre("'# -- '", "a"));
  EXPECT_THAT(Tokens("`/*` a `*/`"), ElementsAre("`/*`", "a", "`*/`"));
}

TEST(MysqlTokensTest, ANameIsQualifiedOnBothSidesOfADot) {
  EXPECT_THAT(Tokens("a.b . `c` d"), ElementsAre("a.", ".", "b.", ".", "`c`.", "d"));
  EXPECT_THAT(Tokens("a/* */./* */b c"), ElementsAre("a.", ".", "b.", "c"));
  EXPECT_THAT(Tokens("1.5"), ElementsAre("1.", ".", "5."));
  EXPECT_THAT(Tokens("a.* b"), ElementsAre("a.", ".", "*", "b"));
}

TEST(MysqlTokensTest, ANameBeforeAParenthesisIsCalled) {
  EXPECT_THAT(Tokens("f() g (1) h/* */( ) i"),
              ElementsAre("f()", "(", ")", "g(…)", "(", "1", ")", "h()", "(", ")", "i"));
  EXPECT_THAT(Tokens("`f`(1)"), ElementsAre("`f`(…)", "(", "1", ")"));
  EXPECT_THAT(Tokens("d.f()"), ElementsAre("d.", ".", "f.()", "(", ")"));
  EXPECT_THAT(Tokens("f(g())"), ElementsAre("f(…)", "(", "g()", "(", ")", ")"));
  EXPECT_THAT(Tokens("f("), ElementsAre("f(…)", "("));
}

TEST(MysqlTokensTest, TheHeadOfANamedQueryIsNoCall) {
  EXPECT_THAT(Tokens("with s(i) as (select 1)"),
              ElementsAre("with", "s", "(", "i", ")", "as(…)", "(", "select", "1", ")"));
  EXPECT_THAT(Tokens("s(`)`) AS (1)"), ElementsAre("s", "(", "`)`", ")", "AS(…)", "(", "1", ")"));
  // An alias is none.
  EXPECT_THAT(Tokens("s(i) as b"), ElementsAre("s(…)", "(", "i", ")", "as", "b"));
  EXPECT_THAT(Tokens("s(i)"), ElementsAre("s(…)", "(", "i", ")"));
  EXPECT_THAT(Tokens("s((i)"), ElementsAre("s(…)", "(", "(", "i", ")"));
}

TEST(MysqlTokensTest, WhatHasNoEndOrIsRunWithinACommentCanNotBeRead) {
  for (const char* const open :
       {"'", "\"", "`", "a 'b", "'a\\'", "'a''", "`a``", "/*", "/* *", "/*/", "a /* b * /",
        "/*! 1 */", "/*!50000 rand() */", "/*M! 1 */", "/*M!100100 1 */", "a /*!*/"}) {
    EXPECT_FALSE(IsReadable(open)) << open;
  }
  for (const char* const closed : {"''", "'a\\\\'", "`\\`", "/* ! */", "/* M! */", "-- '", "# `"}) {
    EXPECT_TRUE(IsReadable(closed)) << closed;
  }
}

// Tokens of all kinds, with spaces and comments in between, come back as they were written.
TEST(MysqlTokensTest, RandomTokensAreReadAsTheyWereWritten) {
  const testing::Seed seed;
  Random random(seed.value());
  const std::array<std::string, 8> between = {" ",        "\n",          "/* ' */", " -- `\n",
                                              " # /* \n", "\t/*-- \n*/", "/**/",    " --\n"};
  const std::array<std::string, 4> inner = {"a", "B9", "/*", "# "};
  for (int round = 0; round < 3000; ++round) {
    std::string sql;
    std::vector<std::string> expected;
    for (size_t count = random() % 12; count > 0; --count) {
      std::string text;
      for (size_t n = random() % 4; n > 0; --n) text += inner[random() % inner.size()];
      const auto quoted = [&](const std::string& quote) { return quote + text + quote; };
      switch (random() % 4) {
        case 0:
          sql += "w" + std::to_string(count);
          expected.push_back("w" + std::to_string(count));
          break;
        case 1:
          sql += quoted(random() % 2 == 0 ? "'" : "\"");
          expected.push_back(quoted("'"));
          break;
        case 2:
          sql += quoted("`");
          expected.push_back(quoted("`"));
          break;
        default:
          sql += "+";
          expected.push_back("+");
      }
      sql += between[random() % between.size()];
    }
    ASSERT_EQ(Tokens(sql), expected) << sql;
  }
}

TEST(MysqlTokensTest, RandomBytesAreReadToTheirEnd) {
  const testing::Seed seed;
  Random random(seed.value());
  const std::string_view alphabet = "ab.() '\"`\\/*#-\n!M@1";
  for (int round = 0; round < 20'000; ++round) {
    std::string sql;
    for (size_t n = random() % 30; n > 0; --n) sql += alphabet[random() % alphabet.size()];
    SCOPED_TRACE(sql);
    const MysqlTokens found = MysqlTokensIn(sql);
    size_t bytes = 0;
    for (const MysqlToken& token : found.tokens) bytes += token.text.size();
    ASSERT_LE(bytes, sql.size());
    // In quotes it is one text, unless its own quotes end it.
    std::string inner;
    for (const char c : sql) {
      if (c != '\'' && c != '\\') inner += c;
    }
    ASSERT_THAT(Tokens("'" + inner + "'"), ElementsAre("'" + inner + "'"));
  }
}

class MysqlTokensServerTest : public MysqlStoreTest {};

// What stands in a comment is hidden from us, and must be from the server too.
TEST_F(MysqlTokensServerTest, CommentsBeginWhereTheServerSays) {
  for (int c = 1; c < 128; ++c) {
    const bool is_control = c <= ' ' || c == 0x7F;
    if (!is_control || c == '\n') continue;  // a line's end ends the comment, too
    const std::string sql = std::string("1 --") + static_cast<char>(c) + "' \n + 1";
    EXPECT_EQ(server_->Value("SELECT " + sql), "2") << c;
    EXPECT_THAT(Tokens(sql), ElementsAre("1", "+", "1")) << c;
  }
  for (const char* const none : {"1 --1", "1 --(1)", "1 --+1"}) {
    EXPECT_EQ(server_->Value(std::string("SELECT ") + none), "2") << none;
    EXPECT_THAT(Tokens(none), ::testing::Contains("-").Times(2)) << none;
  }
}

}  // namespace
}  // namespace driftwood::agent
