#include "agent/stores/asked/answers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;
using Keys = std::vector<std::vector<SourceValue>>;
using ::testing::HasSubstr;
using ::testing::Not;

const Keys& TwoKeys() {
  static const Keys keys = {{SourceValue::Int64(1), SourceValue::Text("a\"b")},
                            {SourceValue::Int64(-2), SourceValue::Text("ü")}};
  return keys;
}

std::string Refusal(const std::string& answers) {
  const absl::StatusOr<Answers> records = ReadAnswers("crm.sh", answers, {"id", "t"}, TwoKeys());
  EXPECT_FALSE(records.ok()) << answers;
  return std::string(records.status().message());
}

TEST(AnswersTest, AKeyIsAJsonObjectALine) {
  EXPECT_EQ(KeyLines({"id", "t"}, TwoKeys()),
            "{\"id\":1,\"t\":\"a\\\"b\"}\n{\"id\":-2,\"t\":\"ü\"}\n");
}

TEST(AnswersTest, OnlyKeysOfOneSpellingAreAskedFor) {
  EXPECT_TRUE(CanBeAskedFor(TwoKeys()));
  const std::string uuid(16, '\x11');
  EXPECT_TRUE(CanBeAskedFor(Keys{{SourceValue::OfText(Kind::kUuid, uuid)}}));
  EXPECT_FALSE(CanBeAskedFor(Keys{{SourceValue::Double(1.5)}}));
  EXPECT_FALSE(CanBeAskedFor(Keys{{SourceValue::Int64(1), SourceValue::Bytes("a")}}));
  EXPECT_FALSE(CanBeAskedFor(Keys{{SourceValue::Moment(Kind::kTimestampTz, 0)}}));
}

TEST(AnswersTest, RecordsAreKeptAndGoneOnesLeftOut) {
  const std::string first = "{\"id\": 1, \"t\": \"a\\\"b\", \"v\": 7}\n";
  const absl::StatusOr<Answers> said =
      ReadAnswers("crm.sh", first + "{\"driftwood\": \"gone\"}", {"id", "t"}, TwoKeys());
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(said->records, first);
  EXPECT_TRUE(said->not_given.empty());
  EXPECT_EQ(ReadAnswers("crm.sh", "", {"id"}, Keys{})->records, "");
}

TEST(AnswersTest, NumbersAndUuidsAreTheKeysInAnyOfTheirSpellings) {
  const Keys number = {{SourceValue::Int64(7)}};
  EXPECT_TRUE(ReadAnswers("crm.sh", "{\"id\": \"007\"}\n", {"id"}, number).ok());
  EXPECT_FALSE(ReadAnswers("crm.sh", "{\"id\": \"07x\"}\n", {"id"}, number).ok());
  EXPECT_FALSE(ReadAnswers("crm.sh", "{\"id\": [7]}\n", {"id"}, number).ok());
  const std::string bytes(16, '\xab');
  const Keys uuid = {{SourceValue::OfText(Kind::kUuid, bytes)}};
  EXPECT_TRUE(
      ReadAnswers("crm.sh", "{\"id\": \"ABABABAB-abab-ABAB-ABAB-ABABABABABAB\"}", {"id"}, uuid)
          .ok());
}

TEST(AnswersTest, ASilenceIsNoAnswer) {
  const std::string gone = "{\"driftwood\": \"gone\"}\n";
  EXPECT_THAT(Refusal(gone), HasSubstr("was asked for 2 keys and answered with 1 line"));
  EXPECT_THAT(Refusal(""), HasSubstr("answered with 0 lines"));
  EXPECT_THAT(Refusal(gone + gone + gone), HasSubstr("answered with 3 lines"));
  EXPECT_THAT(Refusal(gone + "\n"), HasSubstr("line 2 of its answers to lookup: an empty line"));
}

TEST(AnswersTest, WhatItDoesNotKnowIsNotGone) {
  const absl::StatusOr<Answers> said =
      ReadAnswers("crm.sh",
                  "{\"driftwood\": \"unknown\", \"why\": \"403 Forbidden\\n\"}\n"
                  "{\"driftwood\": \"gone\"}\n",
                  {"id", "t"}, TwoKeys());
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(said->records, "");
  ASSERT_EQ(said->not_given.size(), 1u);
  EXPECT_EQ(said->not_given[0].key, 0u);
  EXPECT_EQ(said->not_given[0].presence, Presence::kUnknown);
  EXPECT_THAT(said->not_given[0].why, AllOf(HasSubstr("403 Forbidden"), Not(HasSubstr("\n"))));
}

TEST(AnswersTest, AWordSaysWhatBecameOfARecord) {
  const Keys keys(4, {SourceValue::Int64(1)});
  const absl::StatusOr<Answers> said = ReadAnswers(
      "crm.sh",
      "{\"driftwood\": \"moved\", \"why\": \"to 17\"}\n{\"driftwood\": \"soft-deleted\"}\n"
      "{\"driftwood\": \"filtered\"}\n{\"driftwood\": \"hidden\"}\n",
      {"id"}, keys);
  ASSERT_TRUE(said.ok()) << said.status();
  std::vector<Presence> words;
  for (const NotGiven& one : said->not_given) words.push_back(one.presence);
  EXPECT_THAT(words, ::testing::ElementsAre(Presence::kMoved, Presence::kSoftDeleted,
                                            Presence::kFiltered, Presence::kHidden));
  EXPECT_EQ(said->not_given[0].why, "to 17");
}

TEST(AnswersTest, WhatIsWrittenIsReadBack) {
  for (int i = 1; i <= static_cast<int>(Presence::kUnknown); ++i) {
    const auto presence = static_cast<Presence>(i);
    const absl::StatusOr<Answers> said = ReadAnswers("p", AnswerLine(presence, "a \"b\"\n"), {"id"},
                                                     Keys(1, {SourceValue::Int64(1)}));
    ASSERT_TRUE(said.ok()) << said.status();
    if (presence == Presence::kGone) {
      EXPECT_TRUE(said->not_given.empty());
    } else {
      EXPECT_EQ(said->not_given.at(0).presence, presence);
      EXPECT_THAT(said->not_given.at(0).why, HasSubstr("a \"b\""));
    }
  }
  EXPECT_EQ(AnswerLine(Presence::kGone), "{\"driftwood\":\"gone\"}\n");
}

TEST(AnswersTest, OtherWordsAreNoAnswers) {
  EXPECT_THAT(Refusal("{\"driftwood\": \"lost\"}\n"), HasSubstr("what is no record is"));
  EXPECT_THAT(Refusal("{\"driftwood\": \"there\"}\n"), HasSubstr("what is no record is"));
  EXPECT_THAT(Refusal("{\"driftwood\": 1}\n"), HasSubstr("what is no record is"));
  EXPECT_THAT(Refusal("not found\n"), HasSubstr("line 1 of its answers to lookup"));
}

TEST(AnswersTest, TheRecordOfAnotherKeyIsAnError) {
  EXPECT_THAT(Refusal("{\"id\": -2, \"t\": \"ü\"}\n{\"id\": 1, \"t\": \"a\\\"b\"}\n"),
              HasSubstr("answered with the record of another key"));
  EXPECT_THAT(Refusal("{\"id\": 1}\n"), HasSubstr("the record of another key"));
}

}  // namespace
}  // namespace driftwood::agent
