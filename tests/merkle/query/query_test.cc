// Questions and answers: packed forms, what is refused, and the answering side against its twin.
// Covers query_session.cc too.
#include "merkle/query/query.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_tree.h"

namespace driftwood::merkle {
namespace {

using ::testing::HasSubstr;
using Questions = std::vector<Question>;
using Answers = std::vector<Answer>;

bool Same(const Question& a, const Question& b) {
  return a.kind == b.kind && a.range.question == b.range.question &&
         a.range.first_cell == b.range.first_cell && a.range.cell_count == b.range.cell_count &&
         a.keys == b.keys && a.positions == b.positions;
}

class QueryTest : public ::testing::Test {
 protected:
  QueryTest()
      : seed_(static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed())),
        random_(seed_),
        trace_(__FILE__, __LINE__, "seed " + std::to_string(seed_)),
        tree_(DigestKey::Unkeyed(), {2, 2}) {
    for (int i = 100; i < 400; ++i) tree_.Put("k" + std::to_string(i), {random_(), random_()});
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  Question AnyQuestion() {
    Question question;
    question.kind = static_cast<QuestionKind>(Below(7));
    if (Below(5) == 0) {
      question.range.question = RangeRef::kWhole;
    } else {
      question.range = {static_cast<uint32_t>(Below(Below(2) == 0 ? 10 : 100'000)),
                        static_cast<uint32_t>(Below(1000)), static_cast<uint32_t>(1 + Below(9))};
    }
    constexpr uint8_t kWidths[] = {4, 8, 16};
    question.width = kWidths[Below(3)];
    if (question.kind == QuestionKind::kRecords && Below(2) == 0) question.width = 0;
    if (question.kind == QuestionKind::kPartition)
      question.level = static_cast<uint8_t>(1 + Below(12));
    if (question.kind == QuestionKind::kDigests && Below(2) == 0) question.first = random_() >> 10;
    if (question.kind == QuestionKind::kCut) {
      std::string key(1 + Below(600), 'a');
      for (uint64_t i = Below(5); i > 0; --i) question.keys.push_back(key += 'b');
    }
    if (question.kind == QuestionKind::kKeys || question.kind == QuestionKind::kRecords) {
      uint64_t position = Below(1000);
      for (uint64_t i = Below(20); i > 0; --i) {
        question.positions.push_back(position);
        position += 1 + (Below(2) == 0 ? 0 : Below(100'000));
      }
    }
    return question;
  }

  // Asks and decodes.
  Answers Ask(QuerySession& session, const Questions& questions) {
    const auto reply = session.Answer(EncodeQuestions(questions));
    EXPECT_TRUE(reply.ok()) << reply.status();
    if (!reply.ok()) return Answers(questions.size());
    auto answers = DecodeAnswers(questions, *reply);
    EXPECT_TRUE(answers.ok()) << answers.status();
    return answers.ok() ? *answers : Answers(questions.size());
  }
  static void ExpectRefused(QuerySession& session, const Questions& questions,
                            const std::string& reason) {
    const auto reply = session.Answer(EncodeQuestions(questions));
    EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(reply.status().message()), HasSubstr(reason));
  }
  static Question Whole(QuestionKind kind) {
    Question question;
    question.kind = kind;
    question.range.question = RangeRef::kWhole;
    question.level = 1;
    return question;
  }
  static Question About(QuestionKind kind, uint32_t question_number, uint32_t first_cell = 0,
                        uint32_t cell_count = 1) {
    Question question = Whole(kind);
    question.range = {question_number, first_cell, cell_count};
    return question;
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  const ::testing::ScopedTrace trace_;
  MemoryTree tree_;
};

TEST_F(QueryTest, QuestionsRoundTrip) {
  for (int round = 0; round < 300; ++round) {
    Questions questions(Below(50));
    for (Question& question : questions) question = AnyQuestion();
    const std::string bytes = EncodeQuestions(questions);
    const auto decoded = DecodeQuestions(bytes, QueryLimits());
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ASSERT_EQ(decoded->size(), questions.size());
    for (size_t i = 0; i < questions.size(); ++i) {
      EXPECT_TRUE(Same(questions[i], (*decoded)[i])) << "question " << i;
      if (questions[i].kind == QuestionKind::kDigests) {
        EXPECT_EQ(questions[i].first, (*decoded)[i].first);
      }
      if (questions[i].kind != QuestionKind::kHold && questions[i].kind != QuestionKind::kKeys) {
        EXPECT_EQ(questions[i].width, (*decoded)[i].width);
      }
    }
    EXPECT_EQ(EncodeQuestions(*decoded), bytes);
  }
}

TEST_F(QueryTest, NeighbouringLeavesTakeTwoBytesOfARequestEach) {
  Questions questions;
  for (uint32_t i = 0; i < 1000; ++i) questions.push_back(About(QuestionKind::kDigests, i, 3));
  EXPECT_LE(EncodeQuestions(questions).size(), 2010u);
}

TEST_F(QueryTest, EveryTruncationOfABatchIsRefused) {
  Questions questions(20);
  for (Question& question : questions) question = AnyQuestion();
  const std::string bytes = EncodeQuestions(questions);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeQuestions(bytes.substr(0, size), QueryLimits()).ok()) << size;
  }
  EXPECT_FALSE(DecodeQuestions(bytes + "x", QueryLimits()).ok());
}

TEST_F(QueryTest, RandomBytesNeverCrashTheDecoders) {
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(Below(60), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_() >> (Below(2) * 6));
    Questions questions(Below(4));
    for (Question& question : questions) question = AnyQuestion();
    (void)DecodeAnswers(questions, bytes);
    (void)DecodeQuestions(bytes, QueryLimits());
    QuerySession session(&tree_, QueryLimits());
    (void)session.Answer(bytes);
  }
}

TEST_F(QueryTest, AbusiveBatchesAreRefusedWithoutTheMemoryTheyAskFor) {
  QueryLimits limits;
  limits.questions_max = 10;
  limits.positions_max = 100;
  limits.request_bytes_max = 1000;
  EXPECT_FALSE(DecodeQuestions(EncodeQuestions(Questions(11)), limits).ok());
  EXPECT_FALSE(DecodeQuestions(std::string(1001, '\0'), limits).ok());
  Question records = Whole(QuestionKind::kRecords);
  for (uint64_t i = 0; i <= 100; ++i) records.positions.push_back(i);
  EXPECT_FALSE(DecodeQuestions(EncodeQuestions({records}), limits).ok());
  records.positions.pop_back();
  EXPECT_TRUE(DecodeQuestions(EncodeQuestions({records}), limits).ok());
  // A run of 2^60 positions in ten bytes.
  std::string bytes = EncodeQuestions({Whole(QuestionKind::kRecords)});
  bytes.resize(bytes.size() - 2);
  bytes += '\x03';
  bytes += std::string(8, '\xff') + '\x0f';
  EXPECT_FALSE(DecodeQuestions(bytes, QueryLimits()).ok());
}

TEST_F(QueryTest, KeysThatExpandBeyondTheirBoundAreRefused) {
  Question cut = Whole(QuestionKind::kCut);
  std::string key(500'000, 'a');
  for (int i = 0; i < 300; ++i) cut.keys.push_back(key += 'a');
  const std::string bytes = EncodeQuestions({cut});
  EXPECT_LT(bytes.size(), 510'000u);
  EXPECT_FALSE(DecodeQuestions(bytes, QueryLimits()).ok());
}

TEST_F(QueryTest, KeysToCutAtMustAscend) {
  Question cut = Whole(QuestionKind::kCut);
  for (const auto& keys : std::vector<std::vector<std::string>>{{"b", "a"}, {"a", "a"}, {""}}) {
    cut.keys = keys;
    EXPECT_FALSE(DecodeQuestions(EncodeQuestions({cut}), QueryLimits()).ok());
  }
}

TEST_F(QueryTest, AnswersOfEveryKindAreWhatTheTreeSays) {
  QuerySession session(&tree_, QueryLimits());
  Question partition = Whole(QuestionKind::kPartition);
  partition.level = 2;
  partition.width = 16;
  Question summarize = Whole(QuestionKind::kSummarize);
  summarize.width = 16;
  Answers answers = Ask(session, {partition, summarize});
  Summary total;
  for (const AnswerCell& cell : answers[0].cells) total += {cell.count, cell.fingerprint};
  EXPECT_EQ(total, tree_.root());
  EXPECT_EQ(answers[1].cells[0].fingerprint, tree_.root().sum);
  ASSERT_GT(answers[0].cells.size(), 4u);

  // Cells 1 and 2, by digests, records and keys.
  Question keys = About(QuestionKind::kKeys, 0, 1, 3);
  keys.positions = {0, 1, 2};
  answers = Ask(session, {About(QuestionKind::kDigests, 0, 1, 2), keys});
  const uint64_t count = answers[0].digests.size();
  ASSERT_EQ(answers[1].keys.size(), 3u);
  const auto expected = tree_.Summarize({answers[1].keys[0], answers[1].keys[2]});
  EXPECT_EQ(count, expected->count);

  Question records = About(QuestionKind::kRecords, 0);
  records.width = 4;
  for (uint64_t i = 0; i < count; ++i) records.positions.push_back(i);
  const Answers digests = std::move(answers);
  answers = Ask(session, {records, About(QuestionKind::kHold, 1, 0, 3)});
  ASSERT_EQ(answers[0].records.size(), count);
  for (size_t i = 0; i < count; ++i) {
    const AnswerRecord& record = answers[0].records[i];
    EXPECT_EQ(record.digest + digests[0].digests[i], tree_.records().at(record.key));
  }

  // The held cells, cut at a key of their middle, at one before and at one after them.
  Question cut = About(QuestionKind::kCut, 1, 0, 2);
  cut.keys = {"a", digests[1].keys[1], "z"};
  answers = Ask(session, {cut});
  ASSERT_EQ(answers[0].cells.size(), 4u);
  EXPECT_EQ(answers[0].cells[0].count, 0u);
  EXPECT_EQ(answers[0].cells[1].count + answers[0].cells[2].count, count);
  EXPECT_EQ(answers[0].cells[3].count, 0u);
}

TEST_F(QueryTest, ReferencesToWhatIsNotThereAreRefusedAndTheSessionStays) {
  QuerySession session(&tree_, QueryLimits());
  ExpectRefused(session, {About(QuestionKind::kSummarize, 0)}, "reference to question 0 of 0");
  const Answers answers = Ask(session, {Whole(QuestionKind::kPartition)});
  const auto cells = static_cast<uint32_t>(answers[0].cells.size());
  ExpectRefused(session, {About(QuestionKind::kSummarize, 1)}, "reference to question 1 of 1");
  ExpectRefused(session, {About(QuestionKind::kSummarize, 0, cells)}, "cells that are not there");
  ExpectRefused(session, {About(QuestionKind::kSummarize, 0, 1, cells)},
                "cells that are not there");
  Question keys = About(QuestionKind::kKeys, 0);
  keys.positions = {1};
  ExpectRefused(session, {keys}, "cell that is not there");
  Question records = Whole(QuestionKind::kRecords);
  records.positions = {5, 300};
  ExpectRefused(session, {records}, "beyond the end");
  EXPECT_FALSE(session.Answer("garbage").ok());
  EXPECT_EQ(Ask(session, {About(QuestionKind::kSummarize, 0, 0, cells)})[0].cells[0].count, 300u);
}

TEST_F(QueryTest, AFullReplyStopsAndWhatWasNotAnsweredStays) {
  QueryLimits limits;
  limits.reply_bytes_max = 40;
  QuerySession session(&tree_, limits);
  const Answers cut =
      Ask(session, {Whole(QuestionKind::kSummarize), Whole(QuestionKind::kHold),
                    Whole(QuestionKind::kDigests), Whole(QuestionKind::kPartition)});
  EXPECT_TRUE(cut[0].answered);
  EXPECT_TRUE(cut[1].answered);
  EXPECT_TRUE(cut[2].answered);
  EXPECT_GE(cut[2].digests.size(), 1u);
  EXPECT_LT(cut[2].digests.size(), 12u);
  EXPECT_FALSE(cut[3].answered);
  Question more = About(QuestionKind::kDigests, 2);
  more.first = cut[2].digests.size();
  const Answers rest = Ask(session, {more, About(QuestionKind::kPartition, 3)});
  EXPECT_GE(rest[0].digests.size(), 1u);
  EXPECT_FALSE(rest[1].answered);
}

TEST_F(QueryTest, APartitionLongerThanTheReplyEndsWithTheWholeRest) {
  QueryLimits limits;
  limits.reply_bytes_max = 50;
  QuerySession session(&tree_, limits);
  const Answers answers = Ask(session, {Whole(QuestionKind::kPartition)});
  EXPECT_LT(answers[0].cells.size(), 12u);
  uint64_t count = 0;
  for (const AnswerCell& cell : answers[0].cells) count += cell.count;
  EXPECT_EQ(count, 300u);
  const auto last = static_cast<uint32_t>(answers[0].cells.size() - 1);
  const Answers rest = Ask(session, {About(QuestionKind::kSummarize, 0, last)});
  EXPECT_EQ(rest[0].cells[0].count, answers[0].cells[last].count);
}

TEST_F(QueryTest, TheSmallestLimitStillGivesOneItemAtATime) {
  QueryLimits limits;
  limits.reply_bytes_max = 1;
  QuerySession session(&tree_, limits);
  Question records = Whole(QuestionKind::kRecords);
  records.positions = {3, 4, 5};
  EXPECT_EQ(Ask(session, {records})[0].records.size(), 1u);
  EXPECT_EQ(Ask(session, {Whole(QuestionKind::kDigests)})[0].digests.size(), 1u);
  EXPECT_EQ(Ask(session, {Whole(QuestionKind::kPartition)})[0].cells.size(), 2u);
}

TEST_F(QueryTest, ABatchThatPassesOverTooManyRecordsStops) {
  QueryLimits limits;
  limits.records_passed_max = 250;
  QuerySession session(&tree_, limits);
  Question records = Whole(QuestionKind::kRecords);
  records.positions = {299};
  const Answers answers = Ask(session, {records, records});
  EXPECT_TRUE(answers[0].answered);
  EXPECT_FALSE(answers[1].answered);
}

// Long keys, a list of which takes much more than its answer.
MemoryTree LongKeys(int records) {
  MemoryTree tree(DigestKey::Unkeyed(), {2, 2});
  for (int i = 0; i < records; ++i) {
    tree.Put(std::string(400, 'k') + std::to_string(100'000 + i), {static_cast<uint64_t>(i), 1});
  }
  return tree;
}

TEST_F(QueryTest, AReplyStopsWhereItsCellsWouldTakeTooMuch) {
  const MemoryTree tree = LongKeys(2000);
  QueryLimits limits;
  limits.added_cell_bytes_max = 20'000;
  QuerySession session(&tree, limits);
  const Answers answers =
      Ask(session, {Whole(QuestionKind::kPartition), Whole(QuestionKind::kPartition)});
  EXPECT_GE(answers[0].cells.size(), 2u);
  EXPECT_LT(answers[0].cells.size(), 60u);
  uint64_t count = 0;
  for (const AnswerCell& cell : answers[0].cells) count += cell.count;
  EXPECT_EQ(count, 2000u);
  EXPECT_FALSE(answers[1].answered);
  EXPECT_LT(session.kept_bytes(), 25'000u);
}

TEST_F(QueryTest, OfAListOnlyWhatIsStillReferredToIsKept) {
  const MemoryTree tree = LongKeys(2000);
  QuerySession session(&tree, QueryLimits());
  const auto cells =
      static_cast<uint32_t>(Ask(session, {Whole(QuestionKind::kPartition)})[0].cells.size());
  const size_t all = session.kept_bytes();
  EXPECT_GT(all, cells * 400u);
  const Answers before =
      Ask(session, {About(QuestionKind::kSummarize, 0, 7), About(QuestionKind::kHold, 0, 100, 3),
                    About(QuestionKind::kHold, 0, cells - 2, 2)});
  EXPECT_LT(session.kept_bytes(), 5000u);
  // The same ranges as before, named by their new places.
  const Answers after =
      Ask(session, {About(QuestionKind::kSummarize, 0), About(QuestionKind::kSummarize, 1, 0, 3),
                    About(QuestionKind::kSummarize, 2, 0, 2)});
  QuerySession fresh(&tree, QueryLimits());
  Ask(fresh, {Whole(QuestionKind::kPartition)});
  const Answers expected =
      Ask(fresh, {About(QuestionKind::kSummarize, 0, 7), About(QuestionKind::kSummarize, 0, 100, 3),
                  About(QuestionKind::kSummarize, 0, cells - 2, 2)});
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(after[i].cells[0].fingerprint, expected[i].cells[0].fingerprint) << i;
    EXPECT_EQ(after[i].cells[0].count, expected[i].cells[0].count) << i;
  }
  EXPECT_EQ(before[0].cells[0].count, expected[0].cells[0].count);
}

TEST_F(QueryTest, WhatWouldBeKeptBeyondTheBoundIsRefusedAndTheSessionStays) {
  const MemoryTree tree = LongKeys(2000);
  QueryLimits limits;
  limits.added_cell_bytes_max = 100'000;
  limits.kept_cell_bytes_max = 150'000;
  QuerySession session(&tree, limits);
  const auto cells =
      static_cast<uint32_t>(Ask(session, {Whole(QuestionKind::kPartition)})[0].cells.size());
  const auto reply = session.Answer(
      EncodeQuestions({About(QuestionKind::kHold, 0, 0, cells), Whole(QuestionKind::kPartition)}));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Ask(session, {About(QuestionKind::kSummarize, 0, 0, cells)})[0].cells[0].count, 2000u);
}

TEST_F(QueryTest, ABatchEndsWhenItIsStoppedAndTheSessionStays) {
  QuerySession session(&tree_, QueryLimits());
  const auto cells =
      static_cast<uint32_t>(Ask(session, {Whole(QuestionKind::kPartition)})[0].cells.size());
  int asked = 0;
  const auto reply =
      session.Answer(EncodeQuestions(Questions(1000, Whole(QuestionKind::kSummarize))),
                     [&] { return ++asked > 3; });
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled);
  EXPECT_LT(asked, 10);
  EXPECT_EQ(Ask(session, {About(QuestionKind::kSummarize, 0, 0, cells)})[0].cells[0].count, 300u);
}

TEST_F(QueryTest, AnEmptyTreeAnswersEveryQuestion) {
  const MemoryTree empty(DigestKey::Unkeyed(), {});
  QuerySession session(&empty, QueryLimits());
  const Answers answers =
      Ask(session, {Whole(QuestionKind::kPartition), Whole(QuestionKind::kSummarize),
                    Whole(QuestionKind::kDigests), Whole(QuestionKind::kRecords)});
  EXPECT_EQ(answers[0].cells.size(), 1u);
  EXPECT_EQ(answers[0].cells[0].count, 0u);
  EXPECT_EQ(answers[1].cells[0].count, 0u);
  EXPECT_TRUE(answers[3].answered);
}

}  // namespace
}  // namespace driftwood::merkle
