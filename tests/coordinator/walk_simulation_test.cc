// The walk over in-memory replicas: what it finds equals brute force, whatever the replicas hold,
// in a bounded number of rounds and bytes.
#include <algorithm>
#include <cmath>

#include "tests/coordinator/walk_harness.h"

namespace driftwood::coordinator {
namespace {

class WalkSimulationTest : public ::testing::Test {
 protected:
  WalkSimulationTest()
      : seed_(static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed())),
        random_(seed_),
        trace_(__FILE__, __LINE__, "seed " + std::to_string(seed_)) {}

  uint64_t Below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }
  Digest AnyDigest() { return RandomDigest(random_); }

  // Equal records 0, step, 2 * step, ... in all replicas.
  void Fill(World& world, uint64_t count, uint64_t first = 0, uint64_t step = 10) {
    for (uint64_t i = 0; i < count; ++i) world.PutAll(IntegerKey(first + i * step), AnyDigest());
  }
  void FillOne(MemoryTree& tree, uint64_t count, uint64_t first, uint64_t step = 10) {
    for (uint64_t i = 0; i < count; ++i) tree.Put(IntegerKey(first + i * step), AnyDigest());
  }

  const uint64_t seed_;
  Random random_;
  const ::testing::ScopedTrace trace_;
};

TEST_F(WalkSimulationTest, FindsExactlyWhatBruteForceFinds) {
  for (int round = 0; round < 3000; ++round) {
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

}  // namespace
}  // namespace driftwood::coordinator
