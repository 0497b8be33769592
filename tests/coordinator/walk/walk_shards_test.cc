// The walk over replicas of several sources: however the records lie in them, the result is that of
// unsharded copies; and a key in two sources of one replica is a duplicate.
#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>

#include "tests/coordinator/walk/walk_harness.h"

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

// By source: the trees of the replicas of another world, each record in one source of its replica.
struct Shards {
  World world;
  SourceMap sources;

  WalkResult Walk(const Conditions& conditions = {}) const {
    return DoWalk(world, sources, conditions, world.Roots());
  }
};

// What all sources hold of one key. By replica: source and digest.
using Holders = std::vector<std::map<size_t, Digest>>;

std::map<std::string, Holders> AllKeys(const Shards& shards) {
  std::map<std::string, Holders> keys;
  for (size_t s = 0; s < shards.world.size(); ++s) {
    for (const auto& [key, digest] : shards.world.trees[s]->records()) {
      Holders& holders = keys[key];
      holders.resize(shards.sources.replicas());
      holders[shards.sources.ReplicaOf(s)][s] = digest;
    }
  }
  return keys;
}

bool HasDuplicate(const Holders& holders) {
  return std::any_of(holders.begin(), holders.end(),
                     [](const auto& one) { return one.size() > 1; });
}

// The digests of each replica, as a multiset: what a sum can tell.
std::vector<std::pair<uint64_t, uint64_t>> Versions(const std::map<size_t, Digest>& held) {
  std::vector<std::pair<uint64_t, uint64_t>> versions;
  for (const auto& [source, digest] : held) versions.emplace_back(digest.high, digest.low);
  std::sort(versions.begin(), versions.end());
  return versions;
}
bool SumsAgree(const Holders& holders) {
  return std::all_of(holders.begin(), holders.end(),
                     [&](const auto& one) { return Versions(one) == Versions(holders[0]); });
}

void ExpectTrue(const Divergence& divergence, const Holders& holders) {
  ASSERT_EQ(divergence.states.size(), holders.size());
  size_t duplicates = 0;
  for (size_t r = 0; r < holders.size(); ++r) {
    ASSERT_EQ(divergence.states[r].has_value(), !holders[r].empty());
    ASSERT_EQ(divergence.RecordsIn(r), holders[r].size());
    if (!holders[r].empty()) {
      ASSERT_EQ(*divergence.states[r], holders[r].begin()->second);
    }
    if (holders[r].size() < 2) continue;
    ASSERT_LT(duplicates, divergence.duplicates.size());
    const Duplicate& duplicate = divergence.duplicates[duplicates++];
    ASSERT_EQ(duplicate.replica, r);
    std::map<size_t, Digest> held;
    for (const auto& one : duplicate.held) held[one.source] = one.digest;
    ASSERT_EQ(held, holders[r]);
  }
  ASSERT_EQ(divergence.duplicates.size(), duplicates);
}

// Each replica has in the run as many records as it says, and the listed ones are what there is.
void ExpectTrueRun(const MissingRun& run, const std::map<std::string, Holders>& keys,
                   std::map<std::string, Holders>* left) {
  std::vector<Summary> summaries(run.summaries.size());
  auto listed = run.listed.begin();
  for (auto at = keys.lower_bound(run.begin); at != keys.end() && at->first < *run.end; ++at) {
    const Holders& holders = at->second;
    for (size_t r = 0; r < holders.size(); ++r) {
      for (const auto& [source, digest] : holders[r]) summaries[r].Add(digest);
    }
    ASSERT_FALSE(SumsAgree(holders));
    ASSERT_EQ(left->erase(at->first), 1u) << "in a run, and reported beside it";
    if (listed == run.listed.end()) continue;
    ASSERT_EQ(listed->key, at->first);
    ExpectTrue(*listed++, holders);
    if (::testing::Test::HasFatalFailure()) return;
  }
  ASSERT_EQ(listed, run.listed.end());
  ASSERT_EQ(summaries, run.summaries);
}

// Complete, and exactly what there is. What only duplicates tell apart and all replicas have alike
// need not be met.
void ExpectExact(const Shards& shards, const WalkResult& result) {
  ASSERT_TRUE(result.complete) << (result.gaps.empty() ? "" : result.gaps[0].reason);
  const std::map<std::string, Holders> keys = AllKeys(shards);
  std::map<std::string, Holders> left = keys;
  for (const MissingRun& run : result.runs) {
    ExpectTrueRun(run, keys, &left);
    if (::testing::Test::HasFatalFailure()) return;
  }
  std::string last;
  for (const Divergence& divergence : All(result.divergences)) {
    ASSERT_LT(last, divergence.key);
    last = divergence.key;
    const auto found = left.find(divergence.key);
    ASSERT_NE(found, left.end());
    ASSERT_TRUE(!SumsAgree(found->second) || HasDuplicate(found->second));
    ExpectTrue(divergence, found->second);
    if (::testing::Test::HasFatalFailure()) return;
    left.erase(found);
  }
  uint64_t equal = 0;
  for (const auto& [key, holders] : left) {
    ASSERT_TRUE(SumsAgree(holders)) << "a divergence was not found";
    equal += holders[0].size();
  }
  ASSERT_EQ(result.records_proven_equal, equal);
}

// Key -> states, of all that was reported; runs whose keys are all listed.
std::map<std::string, States> Reported(const WalkResult& result) {
  std::map<std::string, States> reported;
  for (const Divergence& one : All(result.divergences)) reported[one.key] = one.states;
  for (const MissingRun& run : result.runs) {
    for (const Divergence& one : run.listed) reported[one.key] = one.states;
  }
  return reported;
}

class WalkShardsTest : public RandomWalkTest {
 protected:
  size_t Replica(const World& world) { return static_cast<size_t>(Below(world.size())); }

  // Replica r in shards[r] sources: by hash, by range of keys, or one of them holding nearly all.
  Shards Shard(const World& world, const std::vector<size_t>& shards) {
    std::vector<size_t> replica_of;
    for (size_t r = 0; r < shards.size(); ++r) replica_of.insert(replica_of.end(), shards[r], r);
    std::shuffle(replica_of.begin(), replica_of.end(), random_);
    Shards made{World(replica_of.size(), world.params), SourceMap(replica_of)};
    for (size_t r = 0; r < shards.size(); ++r) {
      std::vector<MemoryTree*> trees;
      for (size_t s = 0; s < replica_of.size(); ++s) {
        if (replica_of[s] == r) trees.push_back(made.world.trees[s].get());
      }
      const uint64_t how = Below(4);
      const bool one_is_empty = Below(3) == 0 && trees.size() > 1;
      if (one_is_empty) trees.pop_back();
      const auto& records = world.trees[r]->records();
      size_t at = 0;
      for (const auto& [key, digest] : records) {
        size_t shard = at++ * trees.size() / records.size();
        if (how < 2) shard = Below(trees.size());
        if (how == 2 && Below(50) != 0) shard = 0;
        trees[shard]->Put(key, digest);
      }
    }
    return made;
  }

  // Some of the records of replicas with several sources get into another one too, as they are or
  // with another value.
  void AddDuplicates(Shards* shards, uint64_t times) {
    for (uint64_t i = 0; i < times; ++i) {
      const size_t from = Below(shards->world.size());
      const size_t to = Below(shards->world.size());
      const auto& records = shards->world[from].records();
      if (shards->sources.ReplicaOf(from) != shards->sources.ReplicaOf(to) || records.empty()) {
        continue;
      }
      const auto at = std::next(records.begin(), static_cast<ptrdiff_t>(Below(records.size())));
      const std::string key = at->first;
      shards->world[to].Put(key, Below(2) == 0 ? at->second : AnyDigest());
    }
  }

  World RandomWorld(uint64_t size) {
    merkle::TreeParams params;
    params.leaf_size = static_cast<uint32_t>(2 + Below(20));
    params.fanout = static_cast<uint32_t>(2 + Below(20));
    World world(2 + Below(2), params);
    for (uint64_t i = 0; i < size; ++i) world.PutAll(IntegerKey(i * 10), AnyDigest());
    for (uint64_t i = Below(20); i > 0; --i) {
      const uint64_t at = Below(size * 10 + 10);
      world[Replica(world)].Put(IntegerKey(at - at % 10), AnyDigest());
      world[Replica(world)].Put(IntegerKey(at), AnyDigest());
      world[Replica(world)].Erase(IntegerKey(at - at % 10));
    }
    if (Below(3) == 0) {  // a run, and what lies in it in another replica
      MemoryTree& tree = world[Replica(world)];
      const uint64_t at = Below(size * 10 + 10);
      for (uint64_t k = Below(400); k > 0; --k) tree.Put(IntegerKey(at + k), AnyDigest());
    }
    if (Below(3) == 0) {
      MemoryTree& tree = world[Replica(world)];
      const uint64_t at = Below(size * 10 + 10);
      for (uint64_t k = Below(4000); k > 0; --k) tree.Erase(IntegerKey(at + k));
    }
    return world;
  }

  std::vector<size_t> RandomShards(size_t replicas) {
    std::vector<size_t> shards;
    for (size_t r = 0; r < replicas; ++r) shards.push_back(Below(3) == 0 ? 1 : 2 + Below(4));
    return shards;
  }

  Conditions RandomConditions() {
    Conditions conditions;
    conditions.options.round_bytes = static_cast<uint32_t>(64 + Below(5000));
    conditions.options.run_records_min = Below(2) == 0 ? Below(20) : Below(300);
    conditions.options.exact = Below(8) == 0;
    conditions.options.run_keys_listed_max = Below(2) == 0 ? 1'000'000 : Below(50);
    if (Below(4) == 0) conditions.limits.reply_bytes_max = 1 + Below(500);
    return conditions;
  }
};

TEST_F(WalkShardsTest, AnyShardingGivesTheResultOfTheUnshardedCopies) {
  for (int round = 0; round < 1500; ++round) {
    SCOPED_TRACE("case " + std::to_string(round));
    const World world =
        RandomWorld(Below(4) == 0 ? Below(10) : Below(round % 50 == 0 ? 3000 : 400));
    const Shards shards = Shard(world, RandomShards(world.size()));
    Conditions conditions = RandomConditions();
    const WalkResult result = shards.Walk(conditions);
    ExpectExact(world, result);
    if (HasFailure()) return;
    if (conditions.options.run_keys_listed_max < 1'000'000) continue;
    const WalkResult unsharded = DoWalk(world, conditions);
    EXPECT_EQ(Reported(result), Reported(unsharded));
    EXPECT_EQ(result.records_proven_equal, unsharded.records_proven_equal);
    if (HasFailure()) return;
  }
}

TEST_F(WalkShardsTest, ADuplicateIsFoundWhereverItIsMet) {
  uint64_t met = 0;
  for (int round = 0; round < 1500; ++round) {
    SCOPED_TRACE("case " + std::to_string(round));
    const World world = RandomWorld(Below(4) == 0 ? Below(10) : Below(400));
    Shards shards = Shard(world, RandomShards(world.size()));
    AddDuplicates(&shards, Below(20));
    const WalkResult result = shards.Walk(RandomConditions());
    ExpectExact(shards, result);
    if (HasFailure()) return;
    for (const Divergence& one : All(result.divergences)) met += one.duplicates.empty() ? 0 : 1;
  }
  EXPECT_GT(met, 1000u);
}

// With a copy in one source, equal sums prove that no key is there twice.
TEST_F(WalkShardsTest, BesideAnUnshardedCopyEveryDuplicateIsFound) {
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE("case " + std::to_string(round));
    World world(2, {4, 4});
    const uint64_t size = 1 + Below(400);
    for (uint64_t i = 0; i < size; ++i) world.PutAll(IntegerKey(i), AnyDigest());
    Shards shards = Shard(world, {3, 1});
    AddDuplicates(&shards, 1 + Below(5));
    size_t expected = 0;
    for (const auto& [key, holders] : AllKeys(shards)) expected += HasDuplicate(holders) ? 1 : 0;
    const WalkResult result = shards.Walk();
    ExpectExact(shards, result);
    const std::vector<Divergence> all = All(result.divergences);
    ASSERT_EQ(static_cast<size_t>(std::count_if(
                  all.begin(), all.end(),
                  [](const Divergence& one) { return !one.duplicates.empty(); })),
              expected);
  }
}

// The copies that agree in value too: nothing but the second source tells of it.
TEST_F(WalkShardsTest, ADuplicateWithOneValueIsNoExtraKeyAndNotEqual) {
  World world(2, {4, 4});
  for (uint64_t i = 0; i < 300; ++i) world.PutAll(IntegerKey(i), AnyDigest());
  Shards shards{World(4, {4, 4}), SourceMap({0, 1, 1, 1})};
  for (uint64_t i = 0; i < 300; ++i) {
    const Digest digest = world[0].records().at(IntegerKey(i));
    shards.world[0].Put(IntegerKey(i), digest);
    shards.world[1 + i % 3].Put(IntegerKey(i), digest);
  }
  const std::string key = IntegerKey(100);  // in source 2
  shards.world[3].Put(key, world[0].records().at(key));
  const WalkResult result = shards.Walk();
  ExpectExact(shards, result);
  ASSERT_EQ(result.divergences.size(), 1u);
  const Divergence found = All(result.divergences).at(0);
  EXPECT_EQ(found.key, key);
  EXPECT_EQ(found.states[0], found.states[1]);
  EXPECT_EQ(found.duplicates.size(), 1u);
  EXPECT_EQ(result.records_proven_equal, 299u);
}

// Both have the same key twice: what they hold is equal, record for record, and the walk has no
// reason to look. Once anything else leads it there, it is met.
TEST_F(WalkShardsTest, TheSameDuplicateInAllReplicasIsMetBesideAnyOtherDifference) {
  Shards shards{World(4, {4, 4}), SourceMap({0, 0, 1, 1})};
  for (uint64_t i = 0; i < 300; ++i) {
    const Digest digest = AnyDigest();
    shards.world[i % 2].Put(IntegerKey(i), digest);
    shards.world[2 + i % 2].Put(IntegerKey(i), digest);
    if (i != 100) continue;
    shards.world[1].Put(IntegerKey(i), digest);
    shards.world[3].Put(IntegerKey(i), digest);
  }
  const WalkResult unmet = shards.Walk();
  ASSERT_TRUE(unmet.complete);
  EXPECT_EQ(unmet.rounds, 1u);
  EXPECT_EQ(unmet.records_proven_equal, 301u);
  shards.world[1].Put(IntegerKey(101), AnyDigest());
  const WalkResult met = shards.Walk();
  ExpectExact(shards, met);
  ASSERT_EQ(met.divergences.size(), 2u);
  EXPECT_EQ(All(met.divergences).at(0).key, IntegerKey(100));
  EXPECT_EQ(All(met.divergences).at(0).duplicates.size(), 2u);
}

TEST_F(WalkShardsTest, TheListedKeysOfARunTellDuplicates) {
  Shards shards{World(4, {4, 4}), SourceMap({0, 0, 0, 1})};
  for (uint64_t i = 0; i < 500; ++i) shards.world[i % 3].Put(IntegerKey(i), AnyDigest());
  shards.world[2].Put(IntegerKey(3), AnyDigest());
  shards.world[2].Put(IntegerKey(400), AnyDigest());
  Conditions conditions;
  conditions.options.run_records_min = 100;
  conditions.options.run_keys_listed_max = 10;
  const WalkResult result = shards.Walk(conditions);
  ExpectExact(shards, result);
  ASSERT_EQ(result.runs.size(), 1u);
  EXPECT_EQ(result.runs[0].summaries[0].count, 502u);
  ASSERT_EQ(result.runs[0].listed.size(), 9u);  // ten records
  EXPECT_EQ(result.runs[0].listed[3].duplicates.size(), 1u);
}

TEST_F(WalkShardsTest, ALostSourceIsAGapThatNamesItAndItsReplica) {
  const World world = RandomWorld(400);
  for (size_t lost = 0; lost < 4; ++lost) {
    Shards shards{World(4, {4, 4}), SourceMap({0, 1, 1, 1})};
    for (uint64_t i = 0; i < 400; ++i) {
      shards.world[0].Put(IntegerKey(i), AnyDigest());
      shards.world[1 + i % 3].Put(IntegerKey(i), AnyDigest());
    }
    Walk walk(shards.world.Roots(), shards.sources, shards.world.params, WalkOptions());
    walk.NextRound();
    walk.Lose(lost, "gone");
    const WalkResult result = walk.Result();
    EXPECT_FALSE(result.complete);
    ASSERT_EQ(result.gaps.size(), 1u);
    EXPECT_EQ(result.gaps[0].source, lost);
    EXPECT_EQ(result.gaps[0].replica, shards.sources.ReplicaOf(lost));
  }
}

TEST_F(WalkShardsTest, ASourceThatContradictsItselfIsNamed) {
  const World world = RandomWorld(3000);
  Shards shards = Shard(world, std::vector<size_t>(world.size(), 3));
  for (size_t liar = 0; liar < shards.world.size(); ++liar) {
    if (shards.world[liar].records().size() < 100) continue;
    shards.world[liar].Put(IntegerKey(7), AnyDigest());
    Conditions conditions;
    bool lied = false;
    conditions.tamper = [&](size_t source, uint32_t, const std::string& batch, std::string reply) {
      if (source != liar) return reply;
      const auto questions = merkle::DecodeQuestions(batch, merkle::QueryLimits());
      auto answers = merkle::DecodeAnswers(*questions, reply);
      for (merkle::Answer& answer : *answers) {
        for (merkle::AnswerCell& cell : answer.cells) {
          if (cell.count == 0) continue;
          cell.count += 1;
          lied = true;
        }
      }
      return merkle::EncodeAnswers(*questions, *answers);
    };
    const WalkResult result = shards.Walk(conditions);
    if (!lied) continue;
    EXPECT_FALSE(result.complete);
    ASSERT_EQ(result.gaps.size(), 1u);
    EXPECT_EQ(result.gaps[0].source, liar);
    EXPECT_THAT(result.gaps[0].reason, HasSubstr("more records than the range"));
  }
}

// What it costs that the sources of a replica have no cuts in common.
TEST_F(WalkShardsTest, ShardsByHashCostMoreRoundsAndBytesButBoundedOnes) {
  World world(2);
  for (uint64_t i = 0; i < 50'000; ++i) world.PutAll(IntegerKey(i * 10), AnyDigest());
  for (int i = 0; i < 100; ++i) world[1].Put(IntegerKey(Below(50'000) * 10), AnyDigest());
  Shards shards{World(4), SourceMap({0, 1, 1, 1})};
  for (const auto& [key, digest] : world[0].records()) shards.world[0].Put(key, digest);
  for (const auto& [key, digest] : world[1].records()) {
    shards.world[1 + Below(3)].Put(key, digest);
  }
  const WalkResult result = shards.Walk();
  ExpectExact(shards, result);
  std::printf("             %u rounds, %llu bytes\n", result.rounds,
              static_cast<unsigned long long>(Bytes(result)));
  EXPECT_LE(result.rounds, 20u);
  EXPECT_LE(Bytes(result), 600'000u);
}

TEST_F(WalkShardsTest, ShardsByRangeAreComparedAsOneCopyOnceTheyAreApart) {
  World world(2);
  for (uint64_t i = 0; i < 50'000; ++i) world.PutAll(IntegerKey(i * 10), AnyDigest());
  for (int i = 0; i < 100; ++i) world[1].Put(IntegerKey(Below(50'000) * 10), AnyDigest());
  Shards shards{World(4), SourceMap({0, 1, 1, 1})};
  uint64_t at = 0;
  for (const auto& [key, digest] : world[0].records()) shards.world[0].Put(key, digest);
  for (const auto& [key, digest] : world[1].records()) {
    shards.world[1 + at++ * 3 / 50'000].Put(key, digest);
  }
  const WalkResult result = shards.Walk();
  ExpectExact(shards, result);
  std::printf("             %u rounds, %llu bytes\n", result.rounds,
              static_cast<unsigned long long>(Bytes(result)));
  EXPECT_LE(result.rounds, 12u);
  EXPECT_LE(Bytes(result), 150'000u);
}

}  // namespace
}  // namespace driftwood::coordinator
