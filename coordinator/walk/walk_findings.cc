#include "coordinator/walk/walk_findings.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

namespace driftwood::coordinator {
namespace {

template <typename T, typename Less>
void SortIfNot(std::vector<T>* values, const Less& less) {
  if (!std::is_sorted(values->begin(), values->end(), less)) {
    std::sort(values->begin(), values->end(), less);
  }
}

// One source's records and bounds in order of rank; a bound comes before the record of its rank.
struct Named {
  uint64_t rank = 0;
  bool is_record = false;
  std::string_view key;
  auto operator<=>(const Named&) const = default;
};

std::vector<std::vector<Named>> NamedBySource(const Findings& findings, const SourceMap& sources) {
  std::vector<std::vector<Named>> named(sources.sources());
  for (const WalkedRecord& record : findings.records) {
    named[record.source].push_back({record.rank, true, record.key});
  }
  for (const KeyBound& bound : findings.bounds) {
    named[bound.source].push_back({bound.rank, false, bound.key});
  }
  for (const FoundRun& run : findings.runs) {
    const std::vector<merkle::Summary> of_replica = sources.Sum(run.summaries);
    for (size_t s = 0; s < run.summaries.size(); ++s) {
      const uint64_t count = run.summaries[s].count;
      // Which of several sources has the run's first key, and which the last, need not be known.
      if (count == 0 || count < of_replica[sources.ReplicaOf(s)].count) continue;
      named[s].push_back({run.ranks[s], true, run.first_key});
      if (count > 1) named[s].push_back({run.ranks[s] + count - 1, true, run.last_key});
    }
  }
  for (std::vector<Named>& one : named) SortIfNot(&one, std::less<>());
  return named;
}

bool InOrder(const std::vector<Named>& named) {
  for (size_t i = 1; i < named.size(); ++i) {
    const int order = named[i - 1].key.compare(named[i].key);
    if (order > 0 || (order == 0 && named[i - 1].is_record)) return false;
  }
  return true;
}

// Places at which two segments overlap in keys: that happens where cuts were lined up wrongly. It
// does no harm if every key concerned was named by two replicas (it is then compared by key), and
// makes the walk's findings worthless otherwise.
struct Item {
  uint64_t place = 0;
  std::string_view first;
  std::string_view last;
  bool is_run = false;
  auto operator<=>(const Item&) const = default;
};

std::vector<Item> ItemsByPlace(const Findings& findings) {
  std::vector<Item> items;
  items.reserve(findings.records.size() + findings.runs.size());
  for (const WalkedRecord& record : findings.records) {
    items.push_back({record.place, record.key, record.key, false});
  }
  for (const FoundRun& run : findings.runs) {
    items.push_back({run.place, run.first_key, run.last_key, true});
  }
  SortIfNot(&items, std::less<>());
  return items;
}

// `below[i]`: an item before i's place reaches i's first key; `above[i]`: one after it i's last.
std::vector<bool> Overlapping(const std::vector<Item>& items) {
  std::vector<bool> overlaps(items.size(), false);
  std::string_view most;
  std::string_view most_before;
  bool any_before = false;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0 && items[i].place != items[i - 1].place) {
      most_before = most;
      any_before = true;
    }
    if (any_before && items[i].first <= most_before) overlaps[i] = true;
    most = std::max(most, items[i].last);
  }
  std::optional<std::string_view> least;
  std::optional<std::string_view> least_after;
  for (size_t i = items.size(); i-- > 0;) {
    if (i + 1 < items.size() && items[i].place != items[i + 1].place) least_after = least;
    if (least_after && items[i].last >= *least_after) overlaps[i] = true;
    least = least ? std::min(*least, items[i].first) : items[i].first;
  }
  return overlaps;
}

using KeyOfReplica = std::pair<std::string_view, size_t>;

bool NamedTwice(const std::vector<KeyOfReplica>& sorted_keys, std::string_view key) {
  const auto first = std::lower_bound(sorted_keys.begin(), sorted_keys.end(), KeyOfReplica(key, 0));
  return sorted_keys.end() - first >= 2 && (first + 1)->first == key;
}

bool HarmfulOverlap(const Findings& findings, const SourceMap& sources) {
  const std::vector<Item> items = ItemsByPlace(findings);
  const std::vector<bool> overlaps = Overlapping(items);
  if (std::find(overlaps.begin(), overlaps.end(), true) == overlaps.end()) return false;
  // Each key once for each replica that named it.
  std::vector<KeyOfReplica> keys;
  keys.reserve(findings.records.size());
  for (const WalkedRecord& record : findings.records) {
    keys.emplace_back(record.key, sources.ReplicaOf(record.source));
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (size_t i = 0; i < items.size(); ++i) {
    if (!overlaps[i]) continue;
    if (items[i].is_run || !NamedTwice(keys, items[i].first)) return true;
  }
  return false;
}

// Of one key's records, by source: the replicas of which several sources named it.
std::vector<Duplicate> DuplicatesAmong(std::span<const WalkedRecord* const> records,
                                       const SourceMap& sources) {
  std::vector<Duplicate> duplicates(sources.replicas());
  for (const WalkedRecord* const record : records) {
    Duplicate& duplicate = duplicates[sources.ReplicaOf(record->source)];
    duplicate.held.push_back({record->source, record->digest});
  }
  for (size_t r = 0; r < duplicates.size(); ++r) duplicates[r].replica = r;
  std::erase_if(duplicates, [](const Duplicate& one) { return one.held.size() < 2; });
  return duplicates;
}

// All that each replica has under the key.
void Subtract(const Divergence& divergence, std::vector<merkle::Summary>* remainders) {
  std::vector<bool> twice(remainders->size(), false);
  for (const Duplicate& duplicate : divergence.duplicates) {
    twice[duplicate.replica] = true;
    for (const auto& held : duplicate.held) (*remainders)[duplicate.replica].Remove(held.digest);
  }
  for (size_t r = 0; r < twice.size(); ++r) {
    if (divergence.states[r] && !twice[r]) (*remainders)[r].Remove(*divergence.states[r]);
  }
}

}  // namespace

void Findings::Add(WalkedRecord record) {
  // Named once more in the order of ranks, and, with a key of its own, in the divergences.
  added_bytes += 2 * TextBytes(record.key) + sizeof(Named) + sizeof(void*) + sizeof(Divergence) +
                 2 * sizeof(std::optional<merkle::Digest>);
  records.push_back(std::move(record));
}

void Findings::Add(FoundRun run) {
  added_bytes += 2 * (sizeof(Named) + TextBytes(run.first_key) + TextBytes(run.last_key)) +
                 run.ranks.size() * (sizeof(uint64_t) + sizeof(merkle::Summary));
  for (const Divergence& divergence : run.listed) {
    added_bytes += sizeof(Divergence) + TextBytes(divergence.key) +
                   divergence.states.size() * sizeof(std::optional<merkle::Digest>);
  }
  runs.push_back(std::move(run));
}

void Findings::Add(KeyBound bound) {
  added_bytes += TextBytes(bound.key) + sizeof(Named);
  bounds.push_back(std::move(bound));
}

uint64_t Findings::HeldBytes() const {
  return added_bytes + records.capacity() * sizeof(WalkedRecord) +
         runs.capacity() * (sizeof(FoundRun) + sizeof(MissingRun)) +
         bounds.capacity() * sizeof(KeyBound);
}

void Findings::Sort() {
  SortIfNot(&records, [](const WalkedRecord& a, const WalkedRecord& b) {
    return std::tie(a.place, a.key, a.source) < std::tie(b.place, b.key, b.source);
  });
  SortIfNot(&runs, [](const FoundRun& a, const FoundRun& b) { return a.place < b.place; });
}

uint64_t Divergence::RecordsIn(size_t replica) const {
  for (const Duplicate& duplicate : duplicates) {
    if (duplicate.replica == replica) return duplicate.held.size();
  }
  return states[replica] ? 1 : 0;
}

std::vector<Divergence> Join(const std::vector<WalkedRecord>& records, const SourceMap& sources) {
  std::vector<const WalkedRecord*> sorted;
  sorted.reserve(records.size());
  for (const WalkedRecord& record : records) sorted.push_back(&record);
  SortIfNot(&sorted, [](const WalkedRecord* a, const WalkedRecord* b) {
    return std::tie(a->key, a->source, a->rank) < std::tie(b->key, b->source, b->rank);
  });
  std::vector<Divergence> divergences;
  for (size_t i = 0; i < sorted.size();) {
    Divergence divergence;
    divergence.states.resize(sources.replicas());
    size_t j = i;
    for (; j < sorted.size() && sorted[j]->key == sorted[i]->key; ++j) {
      auto& state = divergence.states[sources.ReplicaOf(sorted[j]->source)];
      if (!state) state = sorted[j]->digest;
    }
    if (sources.sharded()) divergence.duplicates = DuplicatesAmong({&sorted[i], j - i}, sources);
    const auto& states = divergence.states;
    const bool equal = std::all_of(states.begin(), states.end(),
                                   [&](const auto& state) { return state && state == states[0]; });
    if (!equal || !divergence.duplicates.empty()) {
      divergence.key = sorted[i]->key;
      divergences.push_back(std::move(divergence));
    }
    i = j;
  }
  return divergences;
}

std::vector<MissingRun> MergeRuns(std::vector<FoundRun> runs, const SourceMap& sources) {
  std::sort(runs.begin(), runs.end(),
            [](const FoundRun& a, const FoundRun& b) { return a.place < b.place; });
  std::vector<MissingRun> merged;
  const FoundRun* last = nullptr;
  for (FoundRun& run : runs) {
    std::vector<merkle::Summary> summaries = sources.Sum(run.summaries);
    bool joins = last != nullptr;
    for (size_t s = 0; joins && s < run.ranks.size(); ++s) {
      joins = last->ranks[s] + last->summaries[s].count == run.ranks[s];
    }
    for (size_t r = 0; joins && r < summaries.size(); ++r) {
      joins = (summaries[r].count == 0) == (merged.back().summaries[r].count == 0);
    }
    if (joins) {
      MissingRun& into = merged.back();
      into.last = run.last_key;
      into.end = run.last_key + '\0';
      for (size_t r = 0; r < summaries.size(); ++r) into.summaries[r] += summaries[r];
      std::move(run.listed.begin(), run.listed.end(), std::back_inserter(into.listed));
    } else {
      merged.push_back({run.first_key, run.last_key + '\0', std::move(summaries),
                        std::move(run.listed), run.last_key});
    }
    last = &run;
  }
  return merged;
}

Closing CheckClosing(const std::vector<merkle::Summary>& roots, const SourceMap& sources,
                     const Findings& findings) {
  Closing closing;
  const std::vector<std::vector<Named>> named = NamedBySource(findings, sources);
  for (size_t s = 0; s < roots.size(); ++s) {
    if (InOrder(named[s])) continue;
    closing.kind = Closing::Kind::kLies;
    closing.source = s;
    closing.reason = "named a record outside its range: its keys do not ascend over the walk";
    return closing;
  }
  std::vector<merkle::Summary> remainders = sources.Sum(roots);
  for (const FoundRun& run : findings.runs) {
    for (size_t s = 0; s < roots.size(); ++s) remainders[sources.ReplicaOf(s)] -= run.summaries[s];
  }
  for (const Divergence& divergence : Join(findings.records, sources)) {
    Subtract(divergence, &remainders);
  }
  const bool agree = std::all_of(remainders.begin(), remainders.end(),
                                 [&](const merkle::Summary& one) { return one == remainders[0]; });
  if (!agree || HarmfulOverlap(findings, sources)) return closing;
  closing.kind = Closing::Kind::kCloses;
  closing.remainder = remainders[0].count;
  return closing;
}

}  // namespace driftwood::coordinator
