// Drives a walk over in-memory replicas and compares what it finds with brute force.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/walk/walk.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "merkle/hash/digest.h"
#include "merkle/query/query.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/seed.h"

namespace driftwood::coordinator {

using merkle::Digest;
using merkle::MemoryTree;
using merkle::Summary;

using Random = std::mt19937_64;

inline Digest RandomDigest(Random& random) { return Digest{random(), random()}; }

// A key as an encoded integer has it: one tag byte, eight bytes big-endian.
inline std::string IntegerKey(uint64_t number) {
  std::string key(1, '\x10');
  for (int shift = 56; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>((number >> shift) & 0xff));
  }
  return key;
}

// Tests over random replicas. Another seed in each run, or that of --gtest_random_seed.
class RandomWalkTest : public ::testing::Test {
 protected:
  uint64_t Below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }
  Digest AnyDigest() { return RandomDigest(random_); }

  const testing::Seed seed_;
  Random random_{seed_.value()};
};

// The replicas of one dataset, and a small language to make them differ.
struct World {
  explicit World(size_t count, merkle::TreeParams tree_params = {}) : params(tree_params) {
    for (size_t r = 0; r < count; ++r) {
      trees.push_back(std::make_unique<MemoryTree>(merkle::DigestKey::Unkeyed(), params));
    }
  }
  MemoryTree& operator[](size_t replica) { return *trees[replica]; }
  size_t size() const { return trees.size(); }

  void PutAll(const std::string& key, const Digest& digest) {
    for (auto& tree : trees) tree->Put(key, digest);
  }
  std::vector<Summary> Roots() const {
    std::vector<Summary> roots;
    for (const auto& tree : trees) roots.push_back(tree->root());
    return roots;
  }

  merkle::TreeParams params;
  std::vector<std::unique_ptr<MemoryTree>> trees;
};

// What happens to a reply on its way: gets the questions and the reply, gives back what arrives.
using Tamper = std::function<std::string(size_t replica, uint32_t round,
                                         const std::string& questions, std::string reply)>;

struct Conditions {
  WalkOptions options;
  merkle::QueryLimits limits;
  Tamper tamper;
};

// What a walk finds is the same however much of it fits into memory. So how much does depends on the
// roots here, as good as by chance: all, some of it, or of small walks a few records.
inline WalkOptions WithSomeMemory(WalkOptions options, const std::vector<Summary>& roots) {
  if (roots[0].sum.low % 3 == 0) return options;
  uint64_t records = 0;
  for (const Summary& root : roots) records += root.count;
  const uint64_t held = records < 2000 && roots[0].sum.low % 3 == 1 ? 500 : 20'000;
  options.found_held_max = std::min(options.found_held_max, held);
  return options;
}

// Of the trees of `world`, each of which is one source.
inline WalkResult DoWalk(const World& world, const SourceMap& sources, const Conditions& conditions,
                         const std::vector<Summary>& roots) {
  Walk walk(roots, sources, world.params, WithSomeMemory(conditions.options, roots));
  std::vector<std::unique_ptr<merkle::QuerySession>> sessions;
  for (const auto& tree : world.trees) {
    sessions.push_back(std::make_unique<merkle::QuerySession>(tree.get(), conditions.limits));
  }
  uint32_t round = 1;
  while (!walk.done()) {
    const std::vector<std::string> batches = walk.NextRound();
    ++round;
    for (size_t r = 0; r < batches.size(); ++r) {
      if (batches[r].empty()) continue;
      absl::StatusOr<std::string> reply = sessions[r]->Answer(batches[r]);
      if (!reply.ok()) {
        walk.Lose(r, std::string(reply.status().message()));
        continue;
      }
      std::string arrives = *std::move(reply);
      if (conditions.tamper) arrives = conditions.tamper(r, round, batches[r], std::move(arrives));
      walk.Answer(r, arrives);
    }
  }
  return walk.Result();
}

// Each tree is a replica.
inline WalkResult DoWalk(const World& world, const Conditions& conditions = {},
                         const std::optional<std::vector<Summary>>& roots = std::nullopt) {
  return DoWalk(world, SourceMap(world.size()), conditions, roots ? *roots : world.Roots());
}

inline std::vector<Divergence> All(const DivergenceList& list) {
  std::vector<Divergence> all;
  const absl::Status read = list.ForEach([&](const Divergence& one) { all.push_back(one); });
  EXPECT_TRUE(read.ok()) << read;
  EXPECT_EQ(all.size(), list.size());
  return all;
}

// Key -> states, of all keys that differ.
inline std::map<std::string, States> BruteForce(const World& world) {
  std::map<std::string, States> all;
  for (size_t r = 0; r < world.size(); ++r) {
    for (const auto& [key, digest] : world.trees[r]->records()) {
      States& states = all[key];
      states.resize(world.size());
      states[r] = digest;
    }
  }
  std::erase_if(all, [](const auto& entry) {
    const States& states = entry.second;
    return std::all_of(states.begin(), states.end(),
                       [&](const auto& state) { return state && state == states[0]; });
  });
  return all;
}

// Takes the run's keys out of `expected`, where they must all be, missing in the same replicas.
inline void CheckRun(const World& world, const MissingRun& run,
                     std::map<std::string, States>* expected) {
  const merkle::Range range{run.begin, run.end};
  std::set<std::string> keys;
  for (size_t r = 0; r < world.size(); ++r) {
    const auto summary = world.trees[r]->Summarize(range);
    ASSERT_TRUE(summary.ok());
    ASSERT_EQ(*summary, run.summaries[r]);
    const auto& records = world.trees[r]->records();
    for (auto at = records.lower_bound(run.begin); at != records.end() && range.Contains(at->first);
         ++at) {
      keys.insert(at->first);
    }
  }
  ASSERT_LE(run.listed.size(), keys.size());
  auto key = keys.begin();
  for (const Divergence& listed : run.listed) {
    ASSERT_EQ(listed.key, *key++);
    ASSERT_EQ(listed.states, expected->at(listed.key));
  }
  for (const std::string& one : keys) {
    const auto found = expected->find(one);
    ASSERT_NE(found, expected->end()) << "in a run, but not divergent, or in two runs";
    for (size_t r = 0; r < world.size(); ++r) {
      ASSERT_EQ(found->second[r].has_value(), run.summaries[r].count > 0);
    }
    expected->erase(found);
  }
}

// A complete result that is exactly what brute force finds.
inline void ExpectExact(const World& world, const WalkResult& result) {
  ASSERT_TRUE(result.complete) << (result.gaps.empty() ? "" : result.gaps[0].reason);
  ASSERT_TRUE(result.gaps.empty());
  std::map<std::string, States> expected = BruteForce(world);
  size_t keys = 0;
  for (const auto& tree : world.trees) keys = std::max(keys, tree->records().size());
  uint64_t equal = 0;
  for (const auto& [key, digest] : world.trees[0]->records()) equal += expected.count(key) == 0;
  EXPECT_EQ(result.records_proven_equal, equal);
  for (const MissingRun& run : result.runs) {
    CheckRun(world, run, &expected);
    if (::testing::Test::HasFatalFailure()) return;
  }
  ASSERT_EQ(result.divergences.size(), expected.size());
  auto at = expected.begin();
  for (const Divergence& divergence : All(result.divergences)) {
    ASSERT_EQ(divergence.key, at->first);
    ASSERT_EQ(divergence.states, at->second);
    ++at;
  }
}

inline uint64_t Bytes(const WalkResult& result) {
  return result.bytes_sent + result.bytes_received;
}

}  // namespace driftwood::coordinator
