#include "coordinator/walk/walk_findings.h"

#include <algorithm>
#include <functional>
#include <optional>
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

// One replica's records and bounds in order of rank; a bound comes before the record of its rank.
struct Named {
  uint64_t rank = 0;
  bool is_record = false;
  std::string_view key;
  auto operator<=>(const Named&) const = default;
};

std::vector<std::vector<Named>> NamedByReplica(const Findings& findings, size_t replicas) {
  std::vector<std::vector<Named>> named(replicas);
  for (const WalkedRecord& record : findings.records) {
    named[record.replica].push_back({record.rank, true, record.key});
  }
  for (const KeyBound& bound : findings.bounds) {
    named[bound.replica].push_back({bound.rank, false, bound.key});
  }
  for (const FoundRun& run : findings.runs) {
    for (size_t r = 0; r < replicas; ++r) {
      const uint64_t count = run.summaries[r].count;
      if (count == 0) continue;
      named[r].push_back({run.ranks[r], true, run.first_key});
      if (count > 1) named[r].push_back({run.ranks[r] + count - 1, true, run.last_key});
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

bool NamedTwice(const std::vector<std::string_view>& sorted_keys, std::string_view key) {
  const auto range = std::equal_range(sorted_keys.begin(), sorted_keys.end(), key);
  return range.second - range.first >= 2;
}

bool HarmfulOverlap(const Findings& findings) {
  const std::vector<Item> items = ItemsByPlace(findings);
  const std::vector<bool> overlaps = Overlapping(items);
  if (std::find(overlaps.begin(), overlaps.end(), true) == overlaps.end()) return false;
  std::vector<std::string_view> keys;
  keys.reserve(findings.records.size());
  for (const WalkedRecord& record : findings.records) keys.push_back(record.key);
  std::sort(keys.begin(), keys.end());
  for (size_t i = 0; i < items.size(); ++i) {
    if (!overlaps[i]) continue;
    if (items[i].is_run || !NamedTwice(keys, items[i].first)) return true;
  }
  return false;
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
    return std::tie(a.place, a.key, a.replica) < std::tie(b.place, b.key, b.replica);
  });
  SortIfNot(&runs, [](const FoundRun& a, const FoundRun& b) { return a.place < b.place; });
}

std::vector<Divergence> Join(const std::vector<WalkedRecord>& records, size_t replicas) {
  std::vector<const WalkedRecord*> sorted;
  sorted.reserve(records.size());
  for (const WalkedRecord& record : records) sorted.push_back(&record);
  SortIfNot(&sorted, [](const WalkedRecord* a, const WalkedRecord* b) {
    return std::tie(a->key, a->replica, a->rank) < std::tie(b->key, b->replica, b->rank);
  });
  std::vector<Divergence> divergences;
  for (size_t i = 0; i < sorted.size();) {
    Divergence divergence;
    divergence.states.resize(replicas);
    size_t j = i;
    for (; j < sorted.size() && sorted[j]->key == sorted[i]->key; ++j) {
      divergence.states[sorted[j]->replica] = sorted[j]->digest;
    }
    const auto& states = divergence.states;
    const bool equal = std::all_of(states.begin(), states.end(),
                                   [&](const auto& state) { return state && state == states[0]; });
    if (!equal) {
      divergence.key = sorted[i]->key;
      divergences.push_back(std::move(divergence));
    }
    i = j;
  }
  return divergences;
}

std::vector<MissingRun> MergeRuns(std::vector<FoundRun> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const FoundRun& a, const FoundRun& b) { return a.place < b.place; });
  std::vector<MissingRun> merged;
  const FoundRun* last = nullptr;
  for (FoundRun& run : runs) {
    bool joins = last != nullptr;
    for (size_t r = 0; joins && r < run.ranks.size(); ++r) {
      joins = (run.summaries[r].count == 0) == (last->summaries[r].count == 0) &&
              last->ranks[r] + last->summaries[r].count == run.ranks[r];
    }
    if (joins) {
      MissingRun& into = merged.back();
      into.last = run.last_key;
      into.end = run.last_key + '\0';
      for (size_t r = 0; r < run.ranks.size(); ++r) into.summaries[r] += run.summaries[r];
      std::move(run.listed.begin(), run.listed.end(), std::back_inserter(into.listed));
    } else {
      merged.push_back(
          {run.first_key, run.last_key + '\0', run.summaries, std::move(run.listed), run.last_key});
    }
    last = &run;
  }
  return merged;
}

Closing CheckClosing(const std::vector<merkle::Summary>& roots, const Findings& findings) {
  Closing closing;
  const std::vector<std::vector<Named>> named = NamedByReplica(findings, roots.size());
  for (size_t r = 0; r < roots.size(); ++r) {
    if (InOrder(named[r])) continue;
    closing.kind = Closing::Kind::kLies;
    closing.replica = r;
    closing.reason = "named a record outside its range: its keys do not ascend over the walk";
    return closing;
  }
  std::vector<merkle::Summary> remainders = roots;
  for (const FoundRun& run : findings.runs) {
    for (size_t r = 0; r < roots.size(); ++r) remainders[r] -= run.summaries[r];
  }
  for (const Divergence& divergence : Join(findings.records, roots.size())) {
    for (size_t r = 0; r < roots.size(); ++r) {
      if (divergence.states[r]) remainders[r].Remove(*divergence.states[r]);
    }
  }
  const bool agree = std::all_of(remainders.begin(), remainders.end(),
                                 [&](const merkle::Summary& one) { return one == remainders[0]; });
  if (!agree || HarmfulOverlap(findings)) return closing;
  closing.kind = Closing::Kind::kCloses;
  closing.remainder = remainders[0].count;
  return closing;
}

}  // namespace driftwood::coordinator
