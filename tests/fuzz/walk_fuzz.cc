// The walk against agents whose replies the input decides: each reply is honest, honest with some
// bytes changed, or bytes of the input's own. Whatever arrives, the walk ends, and is complete only
// with an empty list of gaps.
//
// Input: one byte for the replicas, their sources and options, then for each reply one byte of what
// is done to it (below) and the bytes that this needs. After the end of the input all replies are
// honest.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/walk/walk.h"
#include "merkle/check.h"
#include "merkle/query/query.h"
#include "tests/testing/memory_tree.h"

namespace driftwood::coordinator {
namespace {

using merkle::MemoryTree;

// Three replicas that differ in scattered records and by a run.
const std::vector<MemoryTree>& Replicas() {
  static const std::vector<MemoryTree>* const replicas = [] {
    auto* made = new std::vector<MemoryTree>(
        3, MemoryTree(merkle::DigestKey::Unkeyed(), merkle::TreeParams{4, 4}));
    uint64_t number = 1;
    for (int i = 0; i < 400; ++i) {
      const std::string key = "key" + std::to_string(1000 + i);
      for (size_t r = 0; r < 3; ++r) {
        const bool changed = r == 1 && i % 50 == 7;
        if (r == 2 && i >= 100 && i < 250) continue;
        if (!changed) number = number * 6364136223846793005u + 1442695040888963407u;
        (*made)[r].Put(key, {number + (changed ? 1 : static_cast<uint64_t>(i)), ~number});
      }
    }
    return made;
  }();
  return *replicas;
}

// The first `replicas` of them in sources: each in one; or some in three, by a hash of the keys or
// by ranges, with a key that is in two of them.
struct Sharded {
  std::vector<MemoryTree> trees;
  std::vector<size_t> replica_of;
};

enum class Sharding : uint8_t { kNone, kHashOfOne, kHashOfAll, kRangesOfAll };

Sharded Shard(size_t replicas, Sharding how) {
  Sharded sharded;
  for (size_t r = 0; r < replicas; ++r) {
    const MemoryTree& replica = Replicas()[r];
    if (how == Sharding::kNone || (how == Sharding::kHashOfOne && r != 1)) {
      sharded.trees.push_back(replica);
      sharded.replica_of.push_back(r);
      continue;
    }
    std::vector<MemoryTree> trees(
        3, MemoryTree(merkle::DigestKey::Unkeyed(), merkle::TreeParams{4, 4}));
    size_t number = 0;
    for (const auto& [key, digest] : replica.records()) {
      const size_t shard = how == Sharding::kRangesOfAll ? number * 3 / replica.records().size()
                                                         : std::hash<std::string>()(key) % 3;
      trees[shard].Put(key, digest);
      if (number == 77) trees[(shard + 1) % 3].Put(key, digest);
      ++number;
    }
    for (MemoryTree& tree : trees) {
      sharded.trees.push_back(std::move(tree));
      sharded.replica_of.push_back(r);
    }
  }
  return sharded;
}

const Sharded& Shards(size_t replicas, Sharding how) {
  static auto* const made = new std::map<std::pair<size_t, Sharding>, Sharded>();
  const auto found = made->find({replicas, how});
  if (found != made->end()) return found->second;
  return made->emplace(std::pair(replicas, how), Shard(replicas, how)).first->second;
}

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  unsigned Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string Bytes(size_t size) {
    std::string taken(bytes_.substr(0, size));
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  size_t Number() {
    const size_t low = Byte();
    return low + 256 * Byte();
  }

 private:
  std::string_view bytes_;
};

std::string Arrives(std::string reply, Input* input) {
  const unsigned what = input->Byte();
  switch (what & 7) {
    case 1:  // some bytes changed
      for (unsigned i = 0; i <= what >> 3 && !reply.empty(); ++i) {
        reply[input->Number() % reply.size()] = static_cast<char>(input->Byte());
      }
      return reply;
    case 2:  // cut off
      reply.resize(input->Number() % (reply.size() + 1));
      return reply;
    case 3:  // bytes of the input's own
      return input->Bytes(input->Number());
    case 4:  // some of those instead of what is there
      if (!reply.empty()) {
        const size_t at = input->Number() % reply.size();
        reply.replace(at, what >> 3, input->Bytes(what >> 3));
      }
      return reply;
    default:
      return reply;
  }
}

void Fuzz(std::string_view bytes) {
  Input input(bytes);
  const unsigned setup = input.Byte();
  const size_t replicas = 2 + (setup & 1);
  WalkOptions options;
  options.exact = (setup & 2) != 0;
  options.run_records_min = (setup & 4) != 0 ? 10 : 1000;
  options.run_keys_listed_max = (setup & 8) != 0 ? 5 : 0;
  options.round_bytes = (setup & 16) != 0 ? 200 : 16 * 1024;
  options.rounds_max = 500;
  options.found_held_max = (setup & 12) != 0 ? 500 : uint64_t{1} << 20;
  merkle::QueryLimits limits;
  if ((setup & 32) != 0) limits.reply_bytes_max = 100;

  const Sharded& sharded = Shards(replicas, static_cast<Sharding>(setup >> 6));
  std::vector<merkle::Summary> roots;
  std::vector<std::unique_ptr<merkle::QuerySession>> sessions;
  for (const MemoryTree& tree : sharded.trees) {
    roots.push_back(tree.root());
    sessions.push_back(std::make_unique<merkle::QuerySession>(&tree, limits));
  }
  Walk walk(roots, SourceMap(sharded.replica_of), merkle::TreeParams{4, 4}, options);
  while (!walk.done()) {
    const std::vector<std::string> batches = walk.NextRound();
    for (size_t r = 0; r < batches.size(); ++r) {
      if (batches[r].empty()) continue;
      auto reply = sessions[r]->Answer(batches[r]);
      if (reply.ok()) {
        walk.Answer(r, Arrives(*std::move(reply), &input));
      } else {
        walk.Lose(r, "refused");
      }
    }
  }
  const WalkResult result = walk.Result();
  DRIFTWOOD_CHECK(result.complete == result.gaps.empty());
  DRIFTWOOD_CHECK(!result.complete || result.divergences.size() + result.runs.size() > 0);
}

}  // namespace
}  // namespace driftwood::coordinator

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  driftwood::coordinator::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
