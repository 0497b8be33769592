// The walk against replicas that lie, break off or lose a byte; against its own limits; and the
// ways in which other tools have reported "identical" (ledger rows, by number). Covers walk_ask.cc
// and walk_take.cc too.
#include "coordinator/walk/walk.h"

#include <algorithm>

#include "tests/coordinator/walk/walk_harness.h"

namespace driftwood::coordinator {
namespace {

using merkle::Answer;
using merkle::Question;
using merkle::QuestionKind;
using ::testing::HasSubstr;

using Questions = std::vector<Question>;
using Answers = std::vector<Answer>;
using Lie = std::function<void(const Questions&, Answers*)>;

// Replica 1 answers honestly, then `lie` is done to it.
Tamper Lying(const Lie& lie) {
  return [lie](size_t replica, uint32_t, const std::string& batch, std::string reply) {
    if (replica != 1) return reply;
    const auto questions = merkle::DecodeQuestions(batch, merkle::QueryLimits());
    auto answers = merkle::DecodeAnswers(*questions, reply);
    lie(*questions, &*answers);
    return merkle::EncodeAnswers(*questions, *answers);
  };
}

class WalkTest : public ::testing::Test {
 protected:
  WalkTest()
      : seed_(static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed())),
        random_(seed_),
        trace_(__FILE__, __LINE__, "seed " + std::to_string(seed_)) {}

  // 20,000 records, 40 of them changed in replica 1.
  World Drifted(size_t replicas = 2) {
    World world(replicas);
    for (uint64_t i = 0; i < 20'000; ++i) world.PutAll(IntegerKey(i * 10), RandomDigest(random_));
    for (uint64_t i = 0; i < 40; ++i) world[1].Put(IntegerKey(i * 5000), RandomDigest(random_));
    return world;
  }

  static void ExpectNamed(const WalkResult& result, size_t replica, const std::string& reason) {
    EXPECT_FALSE(result.complete);
    ASSERT_EQ(result.gaps.size(), 1u);
    EXPECT_EQ(result.gaps[0].replica, replica);
    EXPECT_THAT(result.gaps[0].reason, HasSubstr(reason));
  }
  void ExpectLieNamed(const Lie& lie, const std::string& reason, WalkOptions options = {}) {
    Conditions conditions;
    conditions.options = options;
    conditions.tamper = Lying(lie);
    ExpectNamed(DoWalk(Drifted(), conditions), 1, reason);
  }

  const uint64_t seed_;
  Random random_;
  const ::testing::ScopedTrace trace_;
};

TEST_F(WalkTest, EqualRootsTakeOneRoundAndNoQuestion) {
  World world(3);
  for (uint64_t i = 0; i < 100; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
  const WalkResult result = DoWalk(world);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.rounds, 1u);
  EXPECT_EQ(Bytes(result), 0u);
  EXPECT_EQ(result.records_proven_equal, 100u);
}

TEST_F(WalkTest, NothingAgainstNothingIsComplete) {
  const WalkResult result = DoWalk(World(2));
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.records_proven_equal, 0u);
}

TEST_F(WalkTest, BeforeItEndsTheResultIsIncomplete) {
  const World world = Drifted();
  Walk walk(world.Roots(), world.params, WalkOptions());
  EXPECT_FALSE(walk.done());
  const WalkResult result = walk.Result();
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.gaps.size(), 2u);
}

// --- Lies
// -----------------------------------------------------------------------------------------

TEST_F(WalkTest, ARangeWhosePartsHoldMoreRecordsIsNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        if (!(*answers)[0].cells.empty()) (*answers)[0].cells.back().count += 1;
      },
      "hold more records than the range");
}

TEST_F(WalkTest, ARangeWhosePartsHoldFewerRecordsIsNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        if (!(*answers)[0].cells.empty()) (*answers)[0].cells[0].count -= 1;
      },
      "hold fewer records than the range");
}

// Nothing is made as long as a replica says that it is.
TEST_F(WalkTest, ReplicasThatClaimVeryManyRecordsEndTheWalk) {
  constexpr uint64_t kClaimed = uint64_t{1} << 50;
  const std::vector<merkle::Summary> roots = {{0, {}}, {kClaimed, {1, 0}}, {kClaimed, {2, 0}}};
  Walk walk(roots, merkle::TreeParams(), WalkOptions());
  for (int round = 0; !walk.done() && round < 100; ++round) {
    const std::vector<std::string> batches = walk.NextRound();
    for (size_t r = 0; r < batches.size(); ++r) {
      if (batches[r].empty()) continue;
      const auto questions = merkle::DecodeQuestions(batches[r], merkle::QueryLimits());
      Answers answers(questions->size());
      for (size_t q = 0; q < answers.size(); ++q) {
        answers[q].answered = true;
        const merkle::Digest all = merkle::LowBytes(roots[r].sum, (*questions)[q].width);
        answers[q].cells = {{kClaimed, all, 0}};
      }
      walk.Answer(r, merkle::EncodeAnswers(*questions, answers));
    }
  }
  ASSERT_TRUE(walk.done());
  EXPECT_FALSE(walk.Result().complete);
}

TEST_F(WalkTest, ACellLeftOutIsNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        if ((*answers)[0].cells.size() > 3)
          (*answers)[0].cells.erase((*answers)[0].cells.begin() + 1);
      },
      "hold fewer records than the range");
}

TEST_F(WalkTest, SumsThatDoNotAddUpAreNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        if (!(*answers)[0].cells.empty()) (*answers)[0].cells[0].fingerprint.low ^= 1;
      },
      "do not add up");
}

TEST_F(WalkTest, CountsThatOverflowAreNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        auto& cells = (*answers)[0].cells;
        if (cells.size() < 3) return;
        cells[0].count += uint64_t{1} << 63;
        cells[1].count += uint64_t{1} << 63;
      },
      "hold more records than the range");
}

TEST_F(WalkTest, DigestsThatAreNotTheirSummaryAreNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        for (Answer& answer : *answers) {
          if (!answer.digests.empty()) answer.digests[0].low ^= 4;
        }
      },
      "digests of a range do not add up");
}

TEST_F(WalkTest, MoreDigestsThanRecordsAreNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        for (Answer& answer : *answers) {
          if (!answer.digests.empty()) answer.digests.emplace_back();
        }
      },
      "more digests than the range has records");
}

TEST_F(WalkTest, ARecordOutsideItsRangeIsNamed) {
  bool lied = false;
  ExpectLieNamed(
      [&](const Questions&, Answers* answers) {
        for (Answer& answer : *answers) {
          if (answer.records.empty() || lied) continue;
          answer.records[0].key = IntegerKey(150'001);
          lied = true;
        }
      },
      "outside its range");
}

TEST_F(WalkTest, ARecordOutsideItsRangeIsNamedInAnExactWalk) {
  WalkOptions options;
  options.exact = true;
  ExpectLieNamed(
      [&](const Questions&, Answers* answers) {
        for (Answer& answer : *answers) {
          if (!answer.records.empty()) answer.records[0].key = IntegerKey(1);
        }
      },
      "outside its range", options);
}

TEST_F(WalkTest, RecordsThatDoNotAscendAreNamed) {
  World world(2);
  for (uint64_t i = 0; i < 20; ++i) {
    world[0].Put(IntegerKey(i), RandomDigest(random_));
    world[1].Put(IntegerKey(i), RandomDigest(random_));
  }
  Conditions conditions;
  conditions.tamper = Lying([](const Questions&, Answers* answers) {
    auto& records = (*answers)[0].records;
    if (records.size() > 2) std::swap(records[0], records[1]);
  });
  ExpectNamed(DoWalk(world, conditions), 1, "do not ascend");
}

TEST_F(WalkTest, AnEmptyKeyIsNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        for (Answer& answer : *answers) {
          if (!answer.records.empty()) answer.records[0].key.clear();
        }
      },
      "impossible length");
}

TEST_F(WalkTest, ARecordWithAnotherDigestIsNotBelieved) {
  // The bytes that the short digest did not have: the walk does not close, and the exact one asks
  // for the whole digests at once.
  const World world = Drifted();
  Conditions conditions;
  conditions.tamper = Lying([](const Questions&, Answers* answers) {
    for (Answer& answer : *answers) {
      if (!answer.records.empty()) answer.records[0].digest.high += 1;
    }
  });
  ExpectExact(world, DoWalk(world, conditions));
}

TEST_F(WalkTest, ARootThatIsNotTheSumOfItsPartsIsNamed) {
  const World world = Drifted();
  std::vector<Summary> roots = world.Roots();
  roots[1].sum.low += 1;
  ExpectNamed(DoWalk(world, {}, roots), 1, "do not add up");
  roots = world.Roots();
  roots[1].count += 1;
  ExpectNamed(DoWalk(world, {}, roots), 1, "fewer records");
}

TEST_F(WalkTest, ARootThatDiffersOnlyInItsHighBytesDoesNotClose) {
  World world(2);
  for (uint64_t i = 0; i < 2000; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
  std::vector<Summary> roots = world.Roots();
  roots[1].sum.high += 1;
  const WalkResult result = DoWalk(world, {}, roots);
  EXPECT_FALSE(result.complete);
  ASSERT_FALSE(result.gaps.empty());
  EXPECT_EQ(result.gaps.back().replica, 1u);
}

TEST_F(WalkTest, ImpossibleRootsAreNamed) {
  const World world = Drifted();
  std::vector<Summary> roots = world.Roots();
  roots[1].count = ~uint64_t{0};
  ExpectNamed(DoWalk(world, {}, roots), 1, "impossible number");
  roots[1] = Summary{0, Digest{1, 0}};
  ExpectNamed(DoWalk(world, {}, roots), 1, "not zero");
}

TEST_F(WalkTest, AnAgentThatAnswersNothingIsNamed) {
  Conditions conditions;
  conditions.tamper = [](size_t replica, uint32_t, const std::string&, std::string reply) {
    return replica == 1 ? std::string(1, '\0') : reply;
  };
  ExpectNamed(DoWalk(Drifted(), conditions), 1, "answered nothing");
}

TEST_F(WalkTest, AnAgentThatAnswersWithEmptyListsIsNamed) {
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        for (Answer& answer : *answers) answer.digests.clear();
      },
      "no digests");
  ExpectLieNamed(
      [](const Questions&, Answers* answers) {
        for (Answer& answer : *answers) answer.records.clear();
      },
      "no records");
}

TEST_F(WalkTest, TruncatedRepliesAreNamed) {
  for (uint32_t bad_round = 2; bad_round <= 4; ++bad_round) {
    for (const double kept : {0.0, 0.3, 0.9, 0.999}) {
      Conditions conditions;
      conditions.tamper = [=](size_t replica, uint32_t round, const std::string&,
                              std::string reply) {
        if (replica == 1 && round == bad_round) {
          reply.resize(static_cast<size_t>(static_cast<double>(reply.size()) * kept));
        }
        return reply;
      };
      ExpectNamed(DoWalk(Drifted(), conditions), 1, "");
    }
  }
}

TEST_F(WalkTest, BytesAfterTheEndAreNamed) {
  Conditions conditions;
  conditions.tamper = [](size_t replica, uint32_t, const std::string&, std::string reply) {
    return replica == 1 ? reply + "x" : reply;
  };
  ExpectNamed(DoWalk(Drifted(), conditions), 1, "after the last answer");
}

bool Named(const WalkResult& result, size_t replica) {
  return std::any_of(result.gaps.begin(), result.gaps.end(),
                     [&](const Gap& gap) { return gap.replica == replica; });
}

// Runs, scattered changes, small trees: every kind of question is asked.
World Mixed(Random& random, size_t replicas) {
  World world(replicas, {4, 4});
  const uint64_t size = 200 + random() % 600;
  for (uint64_t i = 0; i < size; ++i) world.PutAll(IntegerKey(i * 10), RandomDigest(random));
  for (uint64_t i = 0; i < 1 + random() % 20; ++i) {
    world[random() % replicas].Put(IntegerKey((random() % size) * 10), RandomDigest(random));
  }
  const uint64_t first = (random() % size) * 10 + 1;
  for (uint64_t i = 0; i < random() % 3 * 200; ++i) {
    world[random() % 2].Put(IntegerKey(first + i), RandomDigest(random));
  }
  return world;
}

TEST_F(WalkTest, FlippedBitsNeverMakeAWrongResultComplete) {
  size_t complete = 0;
  for (int i = 0; i < 1000; ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    const World world = Mixed(random_, 2);
    Conditions conditions;
    conditions.options.run_records_min = 50;
    conditions.options.exact = random_() % 4 == 0;
    const uint32_t bad_round = static_cast<uint32_t>(2 + random_() % 6);
    const uint64_t place = random_();
    conditions.tamper = [&](size_t replica, uint32_t round, const std::string&, std::string reply) {
      if (replica == 1 && round == bad_round && !reply.empty()) {
        char& byte = reply[place % reply.size()];
        byte = static_cast<char>(byte ^ (1 << (place >> 32) % 8));
      }
      return reply;
    };
    const WalkResult result = DoWalk(world, conditions);
    // A key that the lie turned into another one is believed: that is a consistent lie about a
    // store.
    if (result.complete && result.divergences.size() + result.runs.size() > 0) ++complete;
    EXPECT_TRUE(result.complete || Named(result, 1));
    EXPECT_EQ(result.complete, result.gaps.empty());
    if (HasFailure()) return;
  }
  EXPECT_GT(complete, 0u);
}

void ExpectNoneHidden(const World& world, const WalkResult& result) {
  for (const auto& [key, states] : BruteForce(world)) {
    const std::string_view wanted = key;
    const std::vector<Divergence> all = All(result.divergences);
    const bool listed =
        std::any_of(all.begin(), all.end(), [&](const Divergence& d) { return d.key == wanted; });
    const bool in_run =
        std::any_of(result.runs.begin(), result.runs.end(), [&](const MissingRun& run) {
          return wanted >= run.begin && (!run.end || wanted < *run.end);
        });
    EXPECT_TRUE(listed || in_run);
  }
}

// Lies that keep counts and sums: moved between cells, digests or records.
TEST_F(WalkTest, LiesThatAddUpNeverHideADivergence) {
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    const World world = Mixed(random_, 2);
    Conditions conditions;
    conditions.options.run_records_min = 50;
    const uint32_t bad_round = static_cast<uint32_t>(2 + random_() % 6);
    const uint64_t delta = 1 + random_() % 1000;
    const uint64_t at = random_();
    uint32_t calls = 0;
    conditions.tamper = Lying([&](const Questions&, Answers* answers) {
      if (++calls + 1 != bad_round || answers->empty()) return;
      Answer& answer = (*answers)[at % answers->size()];
      if (answer.cells.size() > 1) {
        const size_t k = at % (answer.cells.size() - 1);
        answer.cells[k].fingerprint += Digest{delta, 0};
        answer.cells[k + 1].fingerprint -= Digest{delta, 0};
        answer.cells[k].fingerprint = merkle::LowBytes(answer.cells[k].fingerprint, 4);
        answer.cells[k + 1].fingerprint = merkle::LowBytes(answer.cells[k + 1].fingerprint, 4);
      } else if (answer.digests.size() > 1) {
        const size_t k = at % (answer.digests.size() - 1);
        answer.digests[k] = merkle::LowBytes(answer.digests[k] + Digest{delta, 0}, 4);
        answer.digests[k + 1] = merkle::LowBytes(answer.digests[k + 1] - Digest{delta, 0}, 4);
      } else if (answer.records.size() > 1) {
        std::swap(answer.records[0].digest, answer.records[1].digest);
      }
    });
    const WalkResult result = DoWalk(world, conditions);
    if (result.complete) {
      ExpectNoneHidden(world, result);
    } else {
      EXPECT_TRUE(Named(result, 1));
    }
    if (HasFailure()) return;
  }
}

// --- Ends from outside, limits
// --------------------------------------------------------------------

TEST_F(WalkTest, ALostReplicaIsNamed) {
  const World world = Drifted(3);
  Walk walk(world.Roots(), world.params, WalkOptions());
  const auto batches = walk.NextRound();
  walk.Lose(2, "gone away");
  EXPECT_TRUE(walk.done());
  merkle::QuerySession session(world.trees[0].get(), merkle::QueryLimits());
  walk.Answer(0, *session.Answer(batches[0]));  // too late, and harmless
  ExpectNamed(walk.Result(), 2, "gone away");
}

TEST_F(WalkTest, StoppedFromOutsideAllIsAGap) {
  const World world = Drifted(2);
  Walk walk(world.Roots(), world.params, WalkOptions());
  walk.NextRound();
  walk.Stop("interrupted");
  EXPECT_TRUE(walk.done());
  const WalkResult result = walk.Result();
  EXPECT_FALSE(result.complete);
  ASSERT_EQ(result.gaps.size(), 2u);
  EXPECT_EQ(result.gaps[0].reason, "interrupted");
}

TEST_F(WalkTest, AStopAfterTheEndChangesNothing) {
  const World world(2);
  Walk walk(world.Roots(), world.params, WalkOptions());
  walk.Stop("interrupted");
  EXPECT_TRUE(walk.Result().complete);
}

TEST_F(WalkTest, TooManyRoundsAreAGap) {
  Conditions conditions;
  conditions.options.rounds_max = 3;
  const WalkResult result = DoWalk(Drifted(), conditions);
  EXPECT_FALSE(result.complete);
  EXPECT_THAT(result.gaps.at(0).reason, HasSubstr("no end after 3 rounds"));
}

// --- Ledger
// ---------------------------------------------------------------------------------------

TEST_F(WalkTest, Ledger01ABoundaryRecordBelongsToOneRangeOnly) {
  // Every cut point is a record of its own; changing exactly those must show each of them.
  World world(2, {2, 2});
  for (uint64_t i = 0; i < 500; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
  uint64_t changed = 0;
  for (uint64_t i = 0; i < 500; ++i) {
    if (world[0].leveler().Level(IntegerKey(i)) == 0) continue;
    world[1].Put(IntegerKey(i), RandomDigest(random_));
    ++changed;
  }
  const WalkResult result = DoWalk(world);
  ExpectExact(world, result);
  EXPECT_EQ(result.divergences.size(), changed);
}

TEST_F(WalkTest, Ledger03And13KeysBeyondEitherEndAreFoundOnEitherSide) {
  for (const size_t side : std::vector<size_t>{0, 1}) {
    World world(2);
    for (uint64_t i = 1000; i < 3000; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
    world[side].Put(IntegerKey(1), RandomDigest(random_));
    world[side].Put(IntegerKey(9000), RandomDigest(random_));
    const WalkResult result = DoWalk(world);
    ExpectExact(world, result);
    ASSERT_EQ(result.divergences.size(), 2u);
    EXPECT_FALSE(All(result.divergences)[0].states[1 - side].has_value());
  }
}

TEST_F(WalkTest, Ledger04EqualChangesDoNotCancel) {
  World world(2);
  for (uint64_t i = 0; i < 3000; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
  // The same digest twice on one side, which XOR would cancel.
  const Digest same = RandomDigest(random_);
  world[1].Put(IntegerKey(100), same);
  world[1].Put(IntegerKey(101), same);
  // The same difference twice: two changes of one kind.
  for (const uint64_t i : std::vector<uint64_t>{500, 501, 2000}) {
    world[0].Put(IntegerKey(i), same + Digest{i, 0});
    world[1].Put(IntegerKey(i), same + Digest{i + 1, 0});
  }
  const WalkResult result = DoWalk(world);
  ExpectExact(world, result);
  EXPECT_EQ(result.divergences.size(), 5u);
}

TEST_F(WalkTest, Ledger05ShortFingerprintsThatCollideAreNotBelieved) {
  World world(2);
  for (uint64_t i = 0; i < 5000; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
  for (uint64_t i = 0; i < 5000; i += 500) {  // only bytes that no short fingerprint shows
    Digest digest = world[0].records().at(IntegerKey(i));
    digest.high ^= 1 + (random_() >> 1);
    world[1].Put(IntegerKey(i), digest);
  }
  ExpectExact(world, DoWalk(world));
}

TEST_F(WalkTest, Ledger16ACapOnDivergencesIsNotACompleteResult) {
  Conditions conditions;
  conditions.options.bytes_held_max = 20'000;
  const WalkResult result = DoWalk(Drifted(), conditions);
  EXPECT_FALSE(result.complete);
  ASSERT_EQ(result.gaps.size(), 1u);
  EXPECT_THAT(result.gaps[0].reason, HasSubstr("differ in more than can be compared at once"));
  EXPECT_EQ(result.gaps[0].replica, Gap::kNoReplica);
}

TEST_F(WalkTest, WhatCanNotBeKeptIsNoReplicasFault) {
  World world(2);
  for (uint64_t i = 0; i < 3000; ++i) {
    world[0].Put(IntegerKey(i), RandomDigest(random_));
    world[1].Put(IntegerKey(i), RandomDigest(random_));
  }
  Conditions conditions;
  conditions.options.folder = "/nowhere/at/all";
  conditions.options.found_held_max = 4096;
  const WalkResult result = DoWalk(world, conditions);
  EXPECT_FALSE(result.complete);
  ASSERT_EQ(result.gaps.size(), 1u);
  EXPECT_THAT(result.gaps[0].reason, HasSubstr("can't be kept: the temporary file of"));
  EXPECT_THAT(result.gaps[0].reason, HasSubstr("/nowhere/at/all"));
  EXPECT_EQ(result.gaps[0].replica, Gap::kNoReplica);
}

// By bytes: a thousand records with long keys may be more than a hundred thousand with short ones.
TEST_F(WalkTest, WhatIsHeldIsCountedInBytesOfItsKeys) {
  World world(2);
  for (uint64_t i = 0; i < 1000; ++i) {
    world[0].Put(IntegerKey(i) + std::string(10'000, 'x'), RandomDigest(random_));
    world[1].Put(IntegerKey(i) + std::string(10'000, 'x'), RandomDigest(random_));
  }
  Conditions conditions;
  conditions.options.bytes_held_max = uint64_t{10} << 20;
  EXPECT_FALSE(DoWalk(world, conditions).complete);
  conditions.options.bytes_held_max = uint64_t{100} << 20;
  ExpectExact(world, DoWalk(world, conditions));
}

// The replica that lies has 2^50 records, of which it says nothing more: each partition is one
// cell. What it claims is believed, and costs nothing.
TEST_F(WalkTest, AnImpossibleNumberOfRecordsInACellTakesNoMemory) {
  World world(3);
  for (uint64_t i = 0; i < 100; ++i) world[0].Put(IntegerKey(i), RandomDigest(random_));
  for (uint64_t i = 0; i < 90; ++i) world[1].Put(IntegerKey(i), RandomDigest(random_));
  std::vector<Summary> roots = world.Roots();
  roots[1].count = uint64_t{1} << 50;
  Conditions conditions;
  conditions.tamper = [&](size_t replica, uint32_t, const std::string& batch, std::string reply) {
    if (replica != 1) return reply;
    const auto questions = merkle::DecodeQuestions(batch, merkle::QueryLimits());
    Answers answers(questions->size());
    for (size_t i = 0; i < answers.size(); ++i) {
      answers[i].answered = true;
      const Question& question = (*questions)[i];
      if (question.kind == QuestionKind::kRecords) {
        answers[i].records.push_back({IntegerKey(1000 + question.positions[0]), Digest{1, 1}});
      } else if (question.kind == QuestionKind::kDigests) {
        answers[i].digests.assign(100'000, merkle::LowBytes(Digest{1, 1}, question.width));
      } else if (question.kind != QuestionKind::kHold) {
        answers[i].cells.push_back(
            {uint64_t{1} << 50, merkle::LowBytes(roots[1].sum, question.width)});
      }
    }
    return merkle::EncodeAnswers(*questions, answers);
  };
  conditions.options.bytes_held_max = uint64_t{20} << 20;
  conditions.options.rounds_max = 100;
  for (const uint64_t run_records_min : {uint64_t{1000}, uint64_t{1} << 51}) {
    conditions.options.run_records_min = run_records_min;
    EXPECT_FALSE(DoWalk(world, conditions, roots).complete);
  }
}

TEST_F(WalkTest, Ledger18AnErrorOfTheAgentIsNotAnEnd) {
  const World world = Drifted();
  Walk walk(world.Roots(), world.params, WalkOptions());
  for (size_t r = 0; !walk.done() && r < 2; ++r) {
    walk.NextRound();
    walk.Lose(1, "stream broken");
  }
  ExpectNamed(walk.Result(), 1, "stream broken");
}

TEST_F(WalkTest, Ledger27OneEmptyReplicaDoesNotHideThatTheOthersDiffer) {
  World world(3);
  for (uint64_t i = 0; i < 20'000; ++i) {
    const Digest digest = RandomDigest(random_);
    world[0].Put(IntegerKey(i), digest);
    world[1].Put(IntegerKey(i), digest);
  }
  world[1].Put(IntegerKey(7777), RandomDigest(random_));
  world[1].Erase(IntegerKey(12345));
  const WalkResult result = DoWalk(world);
  ExpectExact(world, result);
  const std::vector<Divergence> all = All(result.divergences);
  const auto found = std::find_if(all.begin(), all.end(),
                                  [](const Divergence& d) { return d.key == IntegerKey(7777); });
  ASSERT_NE(found, all.end());
  EXPECT_NE(found->states[0], found->states[1]);
  EXPECT_FALSE(found->states[2].has_value());
}

// --- Runs
// -----------------------------------------------------------------------------------------

TEST_F(WalkTest, AMissingRunIsOneEntryWithItsFirstKeysListed) {
  World world(2);
  for (uint64_t i = 0; i < 10'000; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
  for (uint64_t i = 20'000; i < 40'000; ++i) world[0].Put(IntegerKey(i), RandomDigest(random_));
  Conditions conditions;
  conditions.options.run_keys_listed_max = 7;
  const WalkResult result = DoWalk(world, conditions);
  ExpectExact(world, result);
  ASSERT_EQ(result.runs.size(), 1u);
  EXPECT_EQ(result.runs[0].listed.size(), 7u);
  EXPECT_GT(result.runs[0].summaries[0].count, 19'000u);
  EXPECT_EQ(result.runs[0].summaries[1].count, 0u);
}

// Such a result, which is never complete, may have a key twice.
TEST_F(WalkTest, ARecordWithAKeyOfTheSameAgentsRunIsNamed) {
  World world(2);
  for (uint64_t i = 0; i < 10'000; ++i) world.PutAll(IntegerKey(i), RandomDigest(random_));
  for (uint64_t i = 20'000; i < 40'000; ++i) world[1].Put(IntegerKey(i), RandomDigest(random_));
  world[1].Put(IntegerKey(5000), RandomDigest(random_));
  const std::string twice = IntegerKey(20'500);
  Conditions conditions;
  conditions.tamper = Lying([&](const Questions&, Answers* answers) {
    for (Answer& answer : *answers) {
      std::vector<merkle::AnswerRecord>& records = answer.records;
      const bool before = !records.empty() && records.back().key < IntegerKey(10'000);
      if (before) records.back().key = twice;
    }
  });
  const WalkResult result = DoWalk(world, conditions);
  ExpectNamed(result, 1, "outside its range");
  const auto has_it = [&](const std::vector<Divergence>& divergences) {
    return std::any_of(divergences.begin(), divergences.end(),
                       [&](const Divergence& divergence) { return divergence.key == twice; });
  };
  EXPECT_TRUE(has_it(All(result.divergences)));
  ASSERT_EQ(result.runs.size(), 1u);
  EXPECT_TRUE(has_it(result.runs[0].listed));
}

TEST_F(WalkTest, AReplicaWithNothingAtAllLacksOneRun) {
  World world(2);
  for (uint64_t i = 0; i < 10'000; ++i) world[1].Put(IntegerKey(i), RandomDigest(random_));
  Conditions conditions;
  conditions.options.run_keys_listed_max = 0;
  const WalkResult result = DoWalk(world, conditions);
  ExpectExact(world, result);
  ASSERT_EQ(result.runs.size(), 1u);
  EXPECT_EQ(result.runs[0].begin, IntegerKey(0));
  EXPECT_EQ(result.runs[0].end, IntegerKey(9999) + '\0');
  EXPECT_TRUE(result.runs[0].listed.empty());
  EXPECT_TRUE(result.divergences.empty());
}

}  // namespace
}  // namespace driftwood::coordinator
