// The closing check against its definition, spelled out over all pairs.
#include "coordinator/walk/walk_findings.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "tests/coordinator/walk/walk_harness.h"

namespace driftwood::coordinator {
namespace {

struct Found {
  std::vector<WalkedRecord> records;
  std::vector<FoundRun> runs;
  std::vector<KeyBound> bounds;
};

// Of one source: what it said of a record number, and whether that is a record of it.
using Said = std::tuple<uint64_t, bool, std::string>;

std::vector<Said> SaidBy(size_t source, const Found& found, const SourceMap& sources) {
  std::vector<Said> said;
  for (const WalkedRecord& one : found.records) {
    if (one.source == source) said.emplace_back(one.rank, true, one.key);
  }
  for (const KeyBound& one : found.bounds) {
    if (one.source == source) said.emplace_back(one.rank, false, one.key);
  }
  for (const FoundRun& run : found.runs) {
    const uint64_t count = run.summaries[source].count;
    const size_t replica = sources.ReplicaOf(source);
    if (count == 0 || count < sources.Sum(run.summaries)[replica].count) continue;
    said.emplace_back(run.ranks[source], true, run.first_key);
    if (count > 1) said.emplace_back(run.ranks[source] + count - 1, true, run.last_key);
  }
  std::sort(said.begin(), said.end());
  return said;
}

bool Ascends(const std::vector<Said>& said) {
  for (size_t i = 1; i < said.size(); ++i) {
    const auto& [rank_before, is_record, before] = said[i - 1];
    const std::string& key = std::get<2>(said[i]);
    if (before > key || (before == key && is_record)) return false;
  }
  return true;
}

struct Item {
  uint64_t place;
  std::string first;
  std::string last;
  bool is_run;
};

bool HarmfulOverlap(const Found& found, const SourceMap& sources) {
  std::vector<Item> items;
  std::map<std::string, std::set<size_t>> named_by;
  for (const WalkedRecord& one : found.records) {
    items.push_back({one.place, one.key, one.key, false});
    named_by[one.key].insert(sources.ReplicaOf(one.source));
  }
  for (const FoundRun& run : found.runs) {
    items.push_back({run.place, run.first_key, run.last_key, true});
  }
  for (const Item& one : items) {
    const bool overlaps = std::any_of(items.begin(), items.end(), [&](const Item& other) {
      return (other.place < one.place && other.last >= one.first) ||
             (other.place > one.place && other.first <= one.last);
    });
    if (overlaps && (one.is_run || named_by[one.first].size() < 2)) return true;
  }
  return false;
}

std::vector<Summary> Without(const std::vector<Divergence>& divergences,
                             std::vector<Summary> remainders) {
  const auto remove = [&](size_t replica, const Digest& digest) {
    remainders[replica].Remove(digest);
  };
  for (const Divergence& one : divergences) {
    for (size_t r = 0; r < remainders.size(); ++r) {
      const auto twice = std::find_if(one.duplicates.begin(), one.duplicates.end(),
                                      [&](const Duplicate& d) { return d.replica == r; });
      if (twice == one.duplicates.end()) {
        if (one.states[r]) remove(r, *one.states[r]);
        continue;
      }
      for (const Duplicate::Held& held : twice->held) remove(r, held.digest);
    }
  }
  return remainders;
}

class WalkFindingsTest : public RandomWalkTest {
 protected:
  SourceMap AnySources() {
    std::vector<size_t> replica_of;
    const size_t replicas = 2 + Below(2);
    for (size_t r = 0; r < replicas; ++r) replica_of.insert(replica_of.end(), 1 + Below(2), r);
    return SourceMap(replica_of);
  }

  // Mostly as an honest walk would find it, in segments of a few keys, and now and then not: a
  // segment at another place, a record of another number.
  Found Any(const SourceMap& sources) {
    Found found;
    std::vector<uint64_t> ranks(sources.sources(), 0);
    const uint64_t confusion = Below(3) == 0 ? 0 : 1 + Below(60);
    const auto confused = [&] { return confusion > 0 && Below(confusion + 3) == 0; };
    for (uint64_t key = 0, place = 0; key < 2 + Below(40); place += 1 + Below(3)) {
      if (Below(8) == 0) {
        key += AddRun(key, place, &ranks, &found);
        continue;
      }
      for (uint64_t left = 1 + Below(4); left > 0; --left) {
        const uint64_t at = confused() ? Below(40) : key;
        AddRecords(IntegerKey(at), confused() ? Below(60) : place, confused(), &ranks, &found);
        key += 1 + Below(2);
      }
    }
    return found;
  }

  void AddRecords(const std::string& key, uint64_t place, bool confused,
                  std::vector<uint64_t>* ranks, Found* found) {
    const bool same = Below(3) == 0;
    const Digest digest = AnyDigest();
    for (size_t s = 0; s < ranks->size(); ++s) {
      if (Below(4) == 0) found->bounds.push_back({s, (*ranks)[s], key});
      if (Below(3) == 0) continue;
      found->records.push_back({place, s, confused ? Below(40) : (*ranks)[s], key,
                                same ? digest : AnyDigest()});
      ++(*ranks)[s];
    }
  }

  // Gives how many keys it has.
  uint64_t AddRun(uint64_t key, uint64_t place, std::vector<uint64_t>* ranks, Found* found) {
    FoundRun run;
    run.place = place;
    run.ranks = *ranks;
    run.summaries.resize(ranks->size());
    const uint64_t keys = 1 + Below(5);
    run.first_key = IntegerKey(key);
    run.last_key = IntegerKey(key + keys - 1);
    const size_t source = Below(ranks->size());
    run.summaries[source] = {keys, AnyDigest()};
    (*ranks)[source] += keys;
    found->runs.push_back(run);
    return keys;
  }
};

TEST_F(WalkFindingsTest, TheClosingCheckIsAsItIsDefined) {
  std::map<Closing::Kind, int> kinds;
  int harmed = 0;
  for (int round = 0; round < 5000; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const SourceMap sources = AnySources();
    Found found = Any(sources);
    std::shuffle(found.records.begin(), found.records.end(), random_);
    const std::vector<Divergence> divergences = Join(found.records, sources);

    // What is left of each replica is the same, or, now and then, not.
    std::vector<Summary> roots(sources.sources());
    for (const WalkedRecord& one : found.records) {
      const bool divergent = std::any_of(divergences.begin(), divergences.end(),
                                         [&](const Divergence& d) { return d.key == one.key; });
      if (divergent) roots[one.source].Add(one.digest);
    }
    for (const FoundRun& run : found.runs) {
      for (size_t s = 0; s < roots.size(); ++s) roots[s] += run.summaries[s];
    }
    std::vector<bool> begun(sources.replicas(), false);
    for (size_t s = 0; s < roots.size(); ++s) {
      if (begun[sources.ReplicaOf(s)]) continue;
      begun[sources.ReplicaOf(s)] = true;
      roots[s] += {5, Digest{5, 5}};
    }
    if (Below(5) == 0) roots[0] += {1, AnyDigest()};

    WalkOptions options;
    options.found_held_max = Below(2) == 0 ? 64 : Below(3000);
    Findings findings(sources, options);
    for (const WalkedRecord& one : found.records) findings.Add(one);
    for (const KeyBound& one : found.bounds) findings.Add(one);
    for (const FoundRun& one : found.runs) findings.Add(one);
    const absl::StatusOr<Conclusion> conclusion = findings.Conclude(roots);
    ASSERT_TRUE(conclusion.ok()) << conclusion.status();

    std::optional<size_t> liar;
    for (size_t s = sources.sources(); s-- > 0;) {
      if (!Ascends(SaidBy(s, found, sources))) liar = s;
    }
    const Closing& closing = conclusion->closing;
    ++kinds[closing.kind];
    if (liar) {
      ASSERT_EQ(closing.kind, Closing::Kind::kLies);
      ASSERT_EQ(closing.source, *liar);
      continue;
    }
    ASSERT_EQ(All(conclusion->divergences), divergences);
    std::vector<Summary> remainders = sources.Sum(roots);
    for (const FoundRun& run : found.runs) {
      const std::vector<Summary> of_replica = sources.Sum(run.summaries);
      for (size_t r = 0; r < remainders.size(); ++r) remainders[r] -= of_replica[r];
    }
    remainders = Without(divergences, std::move(remainders));
    const bool agree = std::all_of(remainders.begin(), remainders.end(),
                                   [&](const Summary& one) { return one == remainders[0]; });
    const bool harmful = HarmfulOverlap(found, sources);
    harmed += agree && harmful ? 1 : 0;
    ASSERT_EQ(closing.kind, agree && !harmful ? Closing::Kind::kCloses
                                              : Closing::Kind::kDoesNotClose);
    if (closing.kind != Closing::Kind::kCloses) continue;
    ASSERT_EQ(closing.remainder, remainders[0].count);
  }
  // The cases are about all of it.
  EXPECT_GT(kinds[Closing::Kind::kCloses], 300);
  EXPECT_GT(kinds[Closing::Kind::kLies], 300);
  EXPECT_GT(harmed, 100);
}

}  // namespace
}  // namespace driftwood::coordinator
