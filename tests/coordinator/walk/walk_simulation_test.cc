// The walk over in-memory replicas: what it finds equals brute force, whatever the replicas hold,
// in a bounded number of rounds and bytes. Covers walk_findings.cc, walk_frontier.cc and
// walk_segment.cc too.
#include <algorithm>
#include <cstdio>

#include "tests/coordinator/walk/walk_harness.h"

namespace driftwood::coordinator {
namespace {

class WalkSimulationTest : public RandomWalkTest {
 protected:
  // Equal records 0, step, 2 * step, ... in all replicas.
  void Fill(World& world, uint64_t count, uint64_t first = 0, uint64_t step = 10) {
    for (uint64_t i = 0; i < count; ++i) world.PutAll(IntegerKey(first + i * step), AnyDigest());
  }
  void FillOne(MemoryTree& tree, uint64_t count, uint64_t first, uint64_t step = 10) {
    for (uint64_t i = 0; i < count; ++i) tree.Put(IntegerKey(first + i * step), AnyDigest());
  }
};

TEST_F(WalkSimulationTest, FindsExactlyWhatBruteForceFinds) {
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE("case " + std::to_string(round));
    merkle::TreeParams params;
    params.leaf_size = static_cast<uint32_t>(2 + Below(20));
    params.fanout = static_cast<uint32_t>(2 + Below(20));
    World world(2 + Below(3), params);
    const uint64_t size = Below(4) == 0 ? Below(10) : Below(round % 50 == 0 ? 3000 : 300);
    Fill(world, size);
    const uint64_t space = size * 10 + 10;
    for (size_t r = 0; r < world.size(); ++r) {
      const uint64_t kinds = Below(64);
      const uint64_t times = 1 + Below(Below(3) == 0 ? 50 : 4);
      for (uint64_t i = 0; i < times; ++i) {
        const uint64_t at = Below(space);
        if ((kinds & 1) != 0) world[r].Put(IntegerKey(at - at % 10), AnyDigest());
        if ((kinds & 2) != 0) world[r].Put(IntegerKey(at), AnyDigest());
        if ((kinds & 4) != 0) world[r].Erase(IntegerKey(at - at % 10));
      }
      if ((kinds & 24) == 24) FillOne(world[r], Below(300), Below(2) * space, 1 + Below(3));
      if ((kinds & 40) == 40) {
        const uint64_t at = Below(space);
        for (uint64_t k = at, end = at + Below(1000); k < end; ++k) world[r].Erase(IntegerKey(k));
      }
      if (kinds == 48) {
        for (uint64_t k = 0; k <= space; ++k) world[r].Erase(IntegerKey(k));
      }
    }
    Conditions conditions;
    conditions.options.round_bytes = static_cast<uint32_t>(64 + Below(5000));
    conditions.options.run_records_min = Below(2) == 0 ? Below(20) : Below(300);
    conditions.options.run_keys_listed_max = Below(50);
    conditions.options.exact = Below(8) == 0;
    if (Below(4) == 0) conditions.limits.reply_bytes_max = 1 + Below(500);
    const WalkResult result = DoWalk(world, conditions);
    ExpectExact(world, result);
    if (HasFailure()) return;
  }
}

// --- Stated scenarios, each within a bound of rounds and bytes
// -------------------------------------

struct Bound {
  uint32_t rounds;
  uint64_t bytes;
};

void ExpectWithin(const World& world, const Bound& bound, const Conditions& conditions = {}) {
  const WalkResult result = DoWalk(world, conditions);
  ExpectExact(world, result);
  EXPECT_LE(result.rounds, bound.rounds);
  EXPECT_LE(Bytes(result), bound.bytes);
  std::printf("             %u rounds, %llu bytes, %llu divergences, %zu runs\n", result.rounds,
              static_cast<unsigned long long>(Bytes(result)),
              static_cast<unsigned long long>(result.divergences.size()),
              result.runs.size());
}

TEST_F(WalkSimulationTest, ScatteredChanges) {
  World world(2);
  Fill(world, 50'000);
  for (int i = 0; i < 100; ++i) world[1].Put(IntegerKey(Below(50'000) * 10), AnyDigest());
  ExpectWithin(world, {6, 90'000});
}

TEST_F(WalkSimulationTest, ScatteredMissingAndExtraOnBothSides) {
  World world(2);
  Fill(world, 50'000);
  for (int i = 0; i < 100; ++i) {
    world[Below(2)].Erase(IntegerKey(Below(50'000) * 10));
    world[Below(2)].Put(IntegerKey(Below(500'000)), AnyDigest());
  }
  ExpectWithin(world, {6, 120'000});
}

TEST_F(WalkSimulationTest, OneSideAppendedTo) {
  World world(2);
  Fill(world, 20'000);
  FillOne(world[1], 30'000, 300'000);
  ExpectWithin(world, {11, 80'000});
}

TEST_F(WalkSimulationTest, OneSidePrependedTo) {
  World world(2);
  Fill(world, 20'000, 400'000);
  FillOne(world[0], 30'000, 5);
  ExpectWithin(world, {11, 80'000});
}

TEST_F(WalkSimulationTest, ALongRunInTheMiddle) {
  World world(2);
  Fill(world, 20'000);
  Fill(world, 20'000, 600'000);
  FillOne(world[1], 30'000, 250'001);
  ExpectWithin(world, {11, 80'000});
}

TEST_F(WalkSimulationTest, ALongRunWithOneRecordOfTheOtherSideInIt) {
  World world(2);
  Fill(world, 10'000);
  FillOne(world[1], 40'000, 250'001);
  world[0].Put(IntegerKey(400'005), AnyDigest());
  ExpectWithin(world, {14, 90'000});
}

TEST_F(WalkSimulationTest, DisjointKeysInterleaved) {
  World world(2);
  FillOne(world[0], 10'000, 0);
  FillOne(world[1], 10'000, 5);
  ExpectWithin(world, {16, 20'000 * 32});
}

TEST_F(WalkSimulationTest, DisjointKeysOneAfterTheOther) {
  World world(2);
  FillOne(world[0], 20'000, 0);
  FillOne(world[1], 20'000, 1'000'000);
  ExpectWithin(world, {16, 100'000});
}

TEST_F(WalkSimulationTest, OnePercentSharedKeys) {
  World world(2);
  Fill(world, 100, 0, 1000);
  FillOne(world[0], 10'000, 1);
  FillOne(world[1], 10'000, 2);
  ExpectWithin(world, {16, 20'000 * 36});
}

TEST_F(WalkSimulationTest, OneOfThreeFarOff) {
  World world(3);
  for (uint64_t i = 0; i < 10'000; ++i) {
    const Digest digest = AnyDigest();
    world[0].Put(IntegerKey(i * 10), digest);
    world[1].Put(IntegerKey(i * 10), digest);
    world[2].Put(IntegerKey(i * 10 + 5), AnyDigest());
  }
  for (int i = 0; i < 10; ++i) world[1].Put(IntegerKey(Below(10'000) * 10), AnyDigest());
  ExpectWithin(world, {16, 30'000 * 36});
}

TEST_F(WalkSimulationTest, OneOfThreeAlmostEmpty) {
  World world(3);
  for (uint64_t i = 0; i < 20'000; ++i) {
    const Digest digest = AnyDigest();
    world[0].Put(IntegerKey(i * 10), digest);
    world[1].Put(IntegerKey(i * 10), digest);
  }
  FillOne(world[2], 3, 5, 70'000);
  for (int i = 0; i < 10; ++i) world[1].Put(IntegerKey(Below(20'000) * 10), AnyDigest());
  ExpectWithin(world, {24, 20'000 * 50});
}

TEST_F(WalkSimulationTest, OneOfThreeEmptyInARangeWhereTheOthersDiffer) {
  World world(3);
  Fill(world, 20'000);
  for (uint64_t i = 5000; i < 15'000; ++i) world[2].Erase(IntegerKey(i * 10));
  for (int i = 0; i < 10; ++i) {
    world[1].Put(IntegerKey((5000 + Below(10'000)) * 10), AnyDigest());
    world[0].Erase(IntegerKey((5000 + Below(10'000)) * 10));
  }
  ExpectWithin(world, {16, 20'000 * 50});
}

TEST_F(WalkSimulationTest, OneSideEmpty) {
  World world(2);
  FillOne(world[1], 50'000, 0);
  ExpectWithin(world, {2, 30'000});
}

TEST_F(WalkSimulationTest, TwoOfFourEmpty) {
  World world(4);
  for (uint64_t i = 0; i < 20'000; ++i) {
    const Digest digest = AnyDigest();
    world[1].Put(IntegerKey(i), digest);
    world[3].Put(IntegerKey(i), digest);
  }
  ExpectWithin(world, {2, 30'000});
}

TEST_F(WalkSimulationTest, EverythingChanged) {
  World world(2);
  Fill(world, 20'000);
  for (uint64_t i = 0; i < 20'000; ++i) world[1].Put(IntegerKey(i * 10), AnyDigest());
  ExpectWithin(world, {7, 20'000 * 60});
}

TEST_F(WalkSimulationTest, LongCompositeKeys) {
  World world(2);
  for (uint64_t i = 0; i < 5000; ++i) {
    std::string key = '\x20' + std::string(1 + i % 300, static_cast<char>('a' + i % 7)) + '\0';
    world.PutAll(key + IntegerKey(i), AnyDigest());
    if (i % 100 == 0) world[i % 2].Put(key + IntegerKey(i) + "x", AnyDigest());
    if (i % 77 == 0) world[1].Put(key + IntegerKey(i), AnyDigest());
  }
  ExpectWithin(world, {6, 120'000});
}

// No cut point at all: the records are listed by digests, page by page.
TEST_F(WalkSimulationTest, KeysThatShareMoreThanTheirFirst480Bytes) {
  World world(2);
  const std::string prefix(500, 'p');
  for (uint64_t i = 0; i < 20'000; ++i) world.PutAll(prefix + IntegerKey(i), AnyDigest());
  for (int i = 0; i < 30; ++i) world[1].Put(prefix + IntegerKey(Below(30'000)), AnyDigest());
  ExpectWithin(world, {8, 20'000 * 8 * 2 + 40'000});
  Conditions paged;
  paged.limits.reply_bytes_max = 10'000;
  ExpectWithin(world, {40, 20'000 * 8 * 2 + 60'000}, paged);
}

TEST_F(WalkSimulationTest, DeepTrees) {
  World world(2, {2, 2});
  Fill(world, 5000);
  for (int i = 0; i < 50; ++i) {
    world[Below(2)].Erase(IntegerKey(Below(5000) * 10));
    world[Below(2)].Put(IntegerKey(Below(50'000)), AnyDigest());
  }
  Conditions conditions;
  conditions.options.round_bytes = 500;
  ExpectWithin(world, {20, 100'000}, conditions);
}

// --- What short forms miss
// -------------------------------------------------------------------------

// Replies whose tags keep only some bits: cuts are lined up wrongly all the time.
Tamper WeakTags(uint16_t mask) {
  return [mask](size_t, uint32_t, const std::string& batch, std::string reply) {
    const auto questions = merkle::DecodeQuestions(batch, merkle::QueryLimits());
    auto answers = merkle::DecodeAnswers(*questions, reply);
    for (merkle::Answer& answer : *answers) {
      for (merkle::AnswerCell& cell : answer.cells) cell.tag &= mask;
    }
    return merkle::EncodeAnswers(*questions, *answers);
  };
}

TEST_F(WalkSimulationTest, TagsThatCollideCostBytesAndNothingElse) {
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE("case " + std::to_string(round));
    World world(2 + Below(2), {4, 4});
    Fill(world, 200 + Below(300));
    for (int i = 0; i < 20; ++i) {
      world[Below(2)].Erase(IntegerKey(Below(400) * 10));
      world[Below(2)].Put(IntegerKey(Below(5000)), AnyDigest());
    }
    if (Below(2) == 0) FillOne(world[0], 100 + Below(300), Below(5000), 1);
    Conditions conditions;
    conditions.options.run_records_min = Below(100);
    conditions.tamper = WeakTags(static_cast<uint16_t>((1 << Below(6)) - 1));
    ExpectExact(world, DoWalk(world, conditions));
    if (HasFailure()) return;
  }
}

// Digests with all their randomness outside what short fingerprints show.
TEST_F(WalkSimulationTest, WhatWeakFingerprintsMissTheClosingCheckFinds) {
  size_t restarted = 0;
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE("case " + std::to_string(round));
    const uint64_t mask = ~uint64_t{0xffffffff} | ((uint64_t{1} << Below(9)) - 1);
    const auto weak = [&] { return Digest{random_() & mask, random_()}; };
    World world(2 + Below(2), {4, 4});
    for (uint64_t i = 0; i < 300; ++i) world.PutAll(IntegerKey(i * 10), weak());
    for (int i = 0; i < 20; ++i) {
      world[Below(2)].Erase(IntegerKey(Below(300) * 10));
      world[Below(2)].Put(IntegerKey(Below(300) * 10), weak());
      world[Below(2)].Put(IntegerKey(Below(3000)), weak());
    }
    Conditions conditions;
    conditions.options.run_records_min = Below(100);
    const WalkResult result = DoWalk(world, conditions);
    ExpectExact(world, result);
    if (result.exact) ++restarted;
    if (HasFailure()) return;
  }
  EXPECT_GT(restarted, 20u);
}

TEST_F(WalkSimulationTest, TheSameInputsGiveTheSameQuestions) {
  World world(2);
  Fill(world, 5000);
  for (int i = 0; i < 100; ++i) world[1].Put(IntegerKey(Below(50'000)), AnyDigest());
  const WalkResult first = DoWalk(world);
  const WalkResult second = DoWalk(world);
  EXPECT_EQ(first.bytes_sent, second.bytes_sent);
  EXPECT_EQ(first.bytes_received, second.bytes_received);
  EXPECT_EQ(first.rounds, second.rounds);
}

}  // namespace
}  // namespace driftwood::coordinator
