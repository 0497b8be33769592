// The walk: rounds and bytes that a comparison takes, by how much two copies differ. Bytes are
// packed questions and answers of both replicas, and what the messages around them add (25 bytes
// for each). Prints a table; asserts nothing.
//
//   walk_bench [RECORDS]      default 1,000,000
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/walk/walk.h"
#include "merkle/query/query.h"
#include "merkle/tree/tree_view.h"

namespace driftwood {
namespace {

constexpr uint64_t kMessageBytes = 25;

// A sorted array of records as a tree: small enough to copy for each scenario.
class ArrayTree final : public merkle::TreeView {
 public:
  struct Record {
    std::string key;
    merkle::Digest digest;
  };

  ArrayTree(std::vector<Record> records, const merkle::TreeParams& params)
      : params_(params),
        leveler_(merkle::DigestKey::Unkeyed(), params),
        records_(std::move(records)) {
    std::sort(records_.begin(), records_.end(),
              [](const Record& a, const Record& b) { return a.key < b.key; });
    sums_.resize(records_.size() + 1);
    for (size_t i = 0; i < records_.size(); ++i) {
      sums_[i + 1] = sums_[i] + records_[i].digest;
      levels_.push_back(static_cast<uint8_t>(leveler_.Level(records_[i].key)));
    }
  }

  merkle::Summary root() const { return Between(0, records_.size()); }
  const merkle::Leveler& leveler() const override { return leveler_; }
  const merkle::TreeParams& params() const override { return params_; }

  absl::StatusOr<merkle::Summary> Summarize(const merkle::Range& range) const override {
    return Between(Find(range.begin), End(range));
  }
  absl::Status Partition(const merkle::Range& range, int level,
                         const CellVisitor& visitor) const override {
    const size_t end = End(range);
    size_t first = Find(range.begin);
    std::string_view begin = range.begin;
    for (size_t i = first; i < end; ++i) {
      if (levels_[i] < level || records_[i].key <= range.begin) continue;
      if (!visitor(begin, Between(first, i))) return absl::OkStatus();
      begin = records_[i].key;
      first = i;
    }
    visitor(begin, Between(first, end));
    return absl::OkStatus();
  }
  absl::Status Records(const merkle::Range& range, const RecordVisitor& visitor) const override {
    const size_t end = End(range);
    for (size_t i = Find(range.begin); i < end; ++i) {
      if (!visitor(records_[i].key, records_[i].digest)) break;
    }
    return absl::OkStatus();
  }

 private:
  size_t Find(std::string_view key) const {
    const auto at = std::lower_bound(records_.begin(), records_.end(), key,
                                     [](const Record& r, std::string_view k) { return r.key < k; });
    return static_cast<size_t>(at - records_.begin());
  }
  size_t End(const merkle::Range& range) const {
    return range.end ? Find(*range.end) : records_.size();
  }
  merkle::Summary Between(size_t begin, size_t end) const {
    return {end - begin, sums_[end] - sums_[begin]};
  }

  const merkle::TreeParams params_;
  const merkle::Leveler leveler_;
  std::vector<Record> records_;
  std::vector<merkle::Digest> sums_;
  std::vector<uint8_t> levels_;
};

using Records = std::vector<ArrayTree::Record>;
using Random = std::mt19937_64;

std::string IntegerKey(uint64_t number) {
  std::string key(1, '\x10');
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift));
  return key;
}

struct Bench {
  uint64_t count;
  Random random{42};
  Records base;

  explicit Bench(uint64_t records) : count(records) {
    base.reserve(count);
    for (uint64_t i = 0; i < count; ++i) base.push_back({IntegerKey(i * 10), AnyDigest()});
  }
  merkle::Digest AnyDigest() { return {random(), random()}; }

  Records ChangeScattered(uint64_t times) {
    Records other = base;
    std::vector<uint64_t> all(count);
    for (uint64_t i = 0; i < count; ++i) all[i] = i;
    std::shuffle(all.begin(), all.end(), random);
    for (uint64_t i = 0; i < std::min(times, count); ++i) other[all[i]].digest = AnyDigest();
    return other;
  }
  Records ChangeRun(uint64_t times) {
    Records other = base;
    const uint64_t first = count / 3;
    for (uint64_t i = 0; i < times; ++i) other[first + i].digest = AnyDigest();
    return other;
  }
  // Each record erased or given a neighbour, with equal chances.
  Records MissingAndExtra(uint64_t times) {
    Records other = ChangeScattered(0);
    std::vector<bool> erased(count);
    Records extra;
    for (uint64_t i = 0; i < times; ++i) {
      const uint64_t at = random() % count;
      if (i % 2 == 0) {
        erased[at] = true;
      } else {
        extra.push_back({IntegerKey(at * 10 + 1 + random() % 9), AnyDigest()});
      }
    }
    Records kept;
    for (uint64_t i = 0; i < count; ++i) {
      if (!erased[i]) kept.push_back(other[i]);
    }
    std::sort(extra.begin(), extra.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    extra.erase(std::unique(extra.begin(), extra.end(),
                            [](const auto& a, const auto& b) { return a.key == b.key; }),
                extra.end());
    kept.insert(kept.end(), extra.begin(), extra.end());
    return kept;
  }
  Records With(uint64_t first, uint64_t step, uint64_t times) {
    Records other = base;
    for (uint64_t i = 0; i < times; ++i)
      other.push_back({IntegerKey(first + i * step), AnyDigest()});
    return other;
  }
  Records Keys(uint64_t first, uint64_t times) {
    Records other;
    for (uint64_t i = 0; i < times; ++i) other.push_back({IntegerKey(first + i * 10), AnyDigest()});
    return other;
  }
};

// In three, by a hash of the keys or by ranges.
std::vector<Records> InThree(const Records& records, bool by_hash) {
  std::vector<Records> shards(3);
  for (size_t i = 0; i < records.size(); ++i) {
    const size_t hash = std::hash<std::string>()(records[i].key) % 3;
    shards[by_hash ? hash : i * 3 / records.size()].push_back(records[i]);
  }
  return shards;
}

void Compare(const char* name, const std::vector<const Records*>& replicas,
             const coordinator::SourceMap& sources) {
  const merkle::TreeParams params;
  std::vector<std::unique_ptr<ArrayTree>> trees;
  std::vector<std::unique_ptr<merkle::QuerySession>> sessions;
  std::vector<merkle::Summary> roots;
  for (const Records* records : replicas) {
    trees.push_back(std::make_unique<ArrayTree>(*records, params));
    sessions.push_back(
        std::make_unique<merkle::QuerySession>(trees.back().get(), merkle::QueryLimits()));
    roots.push_back(trees.back()->root());
  }
  const auto start = std::chrono::steady_clock::now();
  coordinator::Walk walk(roots, sources, params, coordinator::WalkOptions());
  uint64_t messages = 2 * replicas.size();  // the roots
  while (!walk.done()) {
    const std::vector<std::string> batches = walk.NextRound();
    for (size_t r = 0; r < batches.size(); ++r) {
      if (batches[r].empty()) continue;
      messages += 2;
      walk.Answer(r, *sessions[r]->Answer(batches[r]));
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const coordinator::WalkResult result = walk.Result();
  uint64_t in_runs = 0;
  for (const auto& run : result.runs) {
    uint64_t most = 0;
    for (const auto& summary : run.summaries) most = std::max(most, summary.count);
    in_runs += most;
  }
  const uint64_t total = result.divergences.size() + in_runs;
  const uint64_t bytes = result.bytes_sent + result.bytes_received + messages * kMessageBytes;
  std::printf("%-44s %9llu %5zu %6u %11llu %11llu %8.1f %7.2f %s\n", name,
              static_cast<unsigned long long>(total), result.runs.size(), result.rounds,
              static_cast<unsigned long long>(result.bytes_sent),
              static_cast<unsigned long long>(bytes),
              total == 0 ? 0.0 : static_cast<double>(bytes) / static_cast<double>(total),
              seconds.count(), result.complete ? "" : "INCOMPLETE");
  std::fflush(stdout);
}

void Compare(const char* name, const std::vector<const Records*>& replicas) {
  Compare(name, replicas, coordinator::SourceMap(replicas.size()));
}

void CompareShards(const char* name, const Records& copy, const Records& other, bool by_hash) {
  const std::vector<Records> shards = InThree(other, by_hash);
  Compare(name, {&copy, &shards[0], &shards[1], &shards[2]}, coordinator::SourceMap({0, 1, 1, 1}));
}

void Main(uint64_t records) {
  Bench bench(records);
  std::printf("%-44s %9s %5s %6s %11s %11s %8s %7s\n", "two copies of the records, but", "diverge",
              "runs", "rounds", "asked B", "all B", "B each", "s");
  const auto pair = [&](const char* name, const Records& other) {
    Compare(name, {&bench.base, &other});
  };
  for (const uint64_t times : std::vector<uint64_t>{0, 1, 10, 100, 1000, 10000, 100000}) {
    pair(("changed, scattered: " + std::to_string(times)).c_str(), bench.ChangeScattered(times));
  }
  for (const uint64_t times : std::vector<uint64_t>{10, 1000, 10000, 100000}) {
    pair(("missing or extra, scattered: " + std::to_string(times)).c_str(),
         bench.MissingAndExtra(times));
  }
  pair("changed, in one run: 10,000", bench.ChangeRun(10000));
  pair("appended: 100,000", bench.With(records * 10 + 5, 10, 100000));
  {
    Records without = bench.base;
    without.erase(without.begin() + static_cast<ptrdiff_t>(records / 4),
                  without.begin() + static_cast<ptrdiff_t>(records / 2));
    pair("a quarter missing, in the middle", without);
  }
  pair("all changed", bench.ChangeScattered(records));
  pair("no key in common, interleaved", bench.Keys(5, records));
  pair("no key in common, one after the other", bench.Keys(records * 10, records));
  pair("one empty", {});
  const Records slightly = bench.ChangeScattered(10);
  const Records far = bench.Keys(5, records);
  const Records empty;
  Compare("three: 10 changed, the third as the first", {&bench.base, &slightly, &bench.base});
  Compare("three: 10 changed, the third empty", {&bench.base, &slightly, &empty});
  Compare("three: 10 changed, the third all else", {&bench.base, &slightly, &far});
  for (const bool by_hash : {true, false}) {
    const std::string how = by_hash ? "shards by hash, " : "shards by range, ";
    const auto sharded = [&](const char* what, const Records& other) {
      CompareShards((how + what).c_str(), bench.base, other, by_hash);
    };
    sharded("changed: 10", slightly);
    sharded("changed: 1,000", bench.ChangeScattered(1000));
    sharded("missing or extra: 1,000", bench.MissingAndExtra(1000));
    sharded("appended: 100,000", bench.With(records * 10 + 5, 10, 100000));
    sharded("all changed", bench.ChangeScattered(records));
    sharded("all else", far);
  }
}

}  // namespace
}  // namespace driftwood

int main(int argc, char** argv) {
  driftwood::Main(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000);
  return 0;
}
