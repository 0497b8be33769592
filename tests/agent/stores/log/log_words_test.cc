#include "agent/stores/log/log_words.h"

#include <gtest/gtest.h>

#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

TEST(LogWordsTest, KnowsWhatSystemsWriteInAnyLetterCase) {
  const LogWords words = LogWords::Of(UrlOf("log:a?key=id&op=op")).value();
  for (const char* word : {"upsert", "insert", "create", "update", "replace", "modify", "put",
                           "set", "c", "i", "u", "r", "INSERT", "Modify", "U"})
    EXPECT_EQ(words.Find(word), LogOperation::kUpsert) << word;
  for (const char* word : {"delete", "remove", "d", "DELETE", "Remove", "D"})
    EXPECT_EQ(words.Find(word), LogOperation::kDelete) << word;
  for (const char* word : {"", "truncate", "t", "b", "upsert ", "\xFF", "before"})
    EXPECT_EQ(words.Find(word), std::nullopt) << word;
}

TEST(LogWordsTest, AListStandsInPlaceOfTheUsualWords) {
  const LogWords words = LogWords::Of(UrlOf("log:a?key=id&op=op&deletes=Gone,c")).value();
  EXPECT_EQ(words.Find("gone"), LogOperation::kDelete);
  EXPECT_EQ(words.Find("C"), LogOperation::kDelete);
  EXPECT_EQ(words.Find("delete"), std::nullopt);
  EXPECT_EQ(words.Find("insert"), LogOperation::kUpsert);
  const LogWords both = LogWords::Of(UrlOf("log:a?key=id&op=op&upserts=d&deletes=x")).value();
  EXPECT_EQ(both.Find("d"), LogOperation::kUpsert);
  EXPECT_EQ(both.Find("x"), LogOperation::kDelete);
  EXPECT_EQ(both.Find("insert"), std::nullopt);
}

TEST(LogWordsTest, AWordIsNotBoth) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      LogWords::Of(UrlOf("log:a?key=id&op=op&upserts=x&deletes=X")).status()));
}

}  // namespace
}  // namespace driftwood::agent
