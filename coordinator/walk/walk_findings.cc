#include "coordinator/walk/walk_findings.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "merkle/status_macros.h"

namespace driftwood::coordinator {
namespace {

// Of one key's records, by source: the replicas of which several sources named it.
std::vector<Duplicate> DuplicatesAmong(std::span<const Duplicate::Held> records,
                                       const SourceMap& sources) {
  std::vector<Duplicate> duplicates(sources.replicas());
  for (const Duplicate::Held& record : records) {
    duplicates[sources.ReplicaOf(record.source)].held.push_back(record);
  }
  for (size_t r = 0; r < duplicates.size(); ++r) duplicates[r].replica = r;
  std::erase_if(duplicates, [](const Duplicate& one) { return one.held.size() < 2; });
  return duplicates;
}

// Of one key's records, by source. False: it is none, all replicas hold the same once.
bool JoinOne(std::string_view key, std::span<const Duplicate::Held> records,
             const SourceMap& sources, Divergence* divergence) {
  States& states = divergence->states;
  states.assign(sources.replicas(), std::nullopt);
  for (const Duplicate::Held& record : records) {
    std::optional<merkle::Digest>& state = states[sources.ReplicaOf(record.source)];
    if (!state) state = record.digest;
  }
  divergence->duplicates.clear();
  if (sources.sharded()) divergence->duplicates = DuplicatesAmong(records, sources);
  const bool equal = std::all_of(states.begin(), states.end(),
                                 [&](const auto& state) { return state && state == states[0]; });
  if (equal && divergence->duplicates.empty()) return false;
  divergence->key = key;
  return true;
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

// The closing check and the join, over what was named in the order of keys.
//
// *Order.* Of each source, ranks must ascend with keys. It is enough to look at neighbours in the
// order of keys: if these ascend, the order of keys is that of ranks.
//
// *Overlaps.* Segments and runs have places, in the order in which the walk holds that they lie. If
// places descend along the keys, two of them overlap: that happens where cuts were lined up
// wrongly. It does no harm if every key concerned was named by two replicas (it is then compared by
// key), and makes the walk's findings worthless otherwise. Concerned is what comes after a higher
// place or before a lower one, equal keys both. So of all that came before and that harm can be
// done to, the highest place is all that has to be known.
class ClosingPass {
 public:
  ClosingPass(const SourceMap& sources, std::vector<merkle::Summary> remainders,
              DivergenceWriter* writer)
      : sources_(sources),
        writer_(*writer),
        remainders_(std::move(remainders)),
        last_(sources.sources()) {}

  void Take(const Named& named) {
    if (!any_ || named.key != key_) {
      EndKey();
      any_ = true;
      key_ = named.key;
      ++keys_;
    }
    if (named.kind != Named::Kind::kRunEnd) CheckOrder(named);
    if (named.kind == Named::Kind::kRunEnd) run_places_.Add(named.place);
    if (named.kind != Named::Kind::kRecord) return;
    record_places_.Add(named.place);
    // A source that names a key twice has been found to lie: one of them will do.
    if (!held_.empty() && held_.back().source == named.source) return;
    held_.push_back({named.source, named.digest});
  }

  Closing End() {
    EndKey();
    Closing closing;
    if (liar_) {
      closing.kind = Closing::Kind::kLies;
      closing.source = *liar_;
      closing.reason = "named a record outside its range: its keys do not ascend over the walk";
      return closing;
    }
    const bool agree =
        std::all_of(remainders_.begin(), remainders_.end(),
                    [&](const merkle::Summary& one) { return one == remainders_[0]; });
    if (!agree || harmed_) return closing;
    closing.kind = Closing::Kind::kCloses;
    closing.remainder = remainders_[0].count;
    return closing;
  }

 private:
  // What was last named of a source.
  struct Last {
    uint64_t key = 0;  // its number; 0: nothing was
    uint64_t rank = 0;
    bool is_record = false;
  };
  struct Places {
    std::optional<uint64_t> least;
    std::optional<uint64_t> most;
    void Add(uint64_t place) {
      least = std::min(least.value_or(place), place);
      most = std::max(most.value_or(place), place);
    }
    void Add(const Places& other) {
      if (!other.least) return;
      Add(*other.least);
      Add(*other.most);
    }
  };

  // A bound comes before the record of its rank, and may have its key.
  void CheckOrder(const Named& named) {
    const bool is_record = named.kind != Named::Kind::kBound;
    Last& last = last_[named.source];
    const bool ascends =
        std::tie(last.rank, last.is_record) <= std::tie(named.rank, is_record) &&
        !(last.key == keys_ && last.is_record);
    if (last.key > 0 && !ascends) liar_ = std::min(liar_.value_or(named.source), named.source);
    last = {keys_, named.rank, is_record};
  }

  void EndKey() {
    CheckOverlaps();
    if (!held_.empty() && JoinOne(key_, held_, sources_, &divergence_)) {
      Subtract(divergence_, &remainders_);
      (void)writer_.Add(divergence_);  // Finish() says it too
    }
    held_.clear();
    record_places_ = run_places_ = {};
  }

  void CheckOverlaps() {
    Places here = record_places_;
    here.Add(run_places_);
    if (!here.least) return;
    before_.Add(here);
    if (NamedByOne()) fragile_.Add(record_places_);
    fragile_.Add(run_places_);
    const bool after_higher =
        (NamedByOne() && record_places_.least && *record_places_.least < *before_.most) ||
        (run_places_.least && *run_places_.least < *before_.most);
    const bool before_lower = fragile_.most && *fragile_.most > *here.least;
    harmed_ = harmed_ || after_higher || before_lower;
  }

  // The key is, or by none.
  bool NamedByOne() const {
    return std::all_of(held_.begin(), held_.end(), [&](const Duplicate::Held& one) {
      return sources_.ReplicaOf(one.source) == sources_.ReplicaOf(held_[0].source);
    });
  }

  const SourceMap& sources_;
  DivergenceWriter& writer_;
  std::vector<merkle::Summary> remainders_;  // by replica
  std::vector<Last> last_;                   // by source
  std::optional<size_t> liar_;
  Places before_;   // of all up to here
  Places fragile_;  // of those to which an overlap does harm
  bool harmed_ = false;

  // The key that is being read.
  bool any_ = false;
  std::string key_;
  uint64_t keys_ = 0;                   // its number, from 1
  std::vector<Duplicate::Held> held_;   // by source
  Places record_places_;
  Places run_places_;
  Divergence divergence_;
};

}  // namespace

Findings::Findings(SourceMap sources, const WalkOptions& options)
    : sources_(std::move(sources)),
      folder_(options.folder),
      held_bytes_max_(options.found_held_max),
      named_(options.folder, options.found_held_max) {}

void Findings::Add(const WalkedRecord& record) {
  named_.Add({record.key, record.source, record.rank, Named::Kind::kRecord, record.place,
              record.digest});
}

void Findings::Add(const KeyBound& bound) {
  named_.Add({bound.key, bound.source, bound.rank, Named::Kind::kBound});
}

void Findings::Add(FoundRun run) {
  named_.Add({run.first_key, 0, 0, Named::Kind::kRunEnd, run.place});
  named_.Add({run.last_key, 0, 0, Named::Kind::kRunEnd, run.place});
  const std::vector<merkle::Summary> of_replica = sources_.Sum(run.summaries);
  for (size_t s = 0; s < run.summaries.size(); ++s) {
    const uint64_t count = run.summaries[s].count;
    // Which of several sources has the run's first key, and which the last, need not be known.
    if (count == 0 || count < of_replica[sources_.ReplicaOf(s)].count) continue;
    named_.Add({run.first_key, s, run.ranks[s], Named::Kind::kRunRecord});
    if (count == 1) continue;
    named_.Add({run.last_key, s, run.ranks[s] + count - 1, Named::Kind::kRunRecord});
  }
  run_bytes_ += TextBytes(run.first_key) + TextBytes(run.last_key) +
                run.ranks.size() * (sizeof(uint64_t) + sizeof(merkle::Summary));
  for (const Divergence& divergence : run.listed) {
    run_bytes_ += sizeof(Divergence) + TextBytes(divergence.key);
  }
  runs_.push_back(std::move(run));
}

uint64_t Findings::HeldBytes() const {
  return named_.bytes() + run_bytes_ + runs_.capacity() * (sizeof(FoundRun) + sizeof(MissingRun));
}

absl::StatusOr<Conclusion> Findings::Conclude(const std::vector<merkle::Summary>& roots) {
  std::vector<merkle::Summary> remainders = sources_.Sum(roots);
  for (const FoundRun& run : runs_) {
    for (size_t s = 0; s < roots.size(); ++s) remainders[sources_.ReplicaOf(s)] -= run.summaries[s];
  }
  // What was named is still held: of the list less is.
  DivergenceWriter writer(folder_, held_bytes_max_ / 4);
  ClosingPass pass(sources_, std::move(remainders), &writer);
  RETURN_IF_ERROR(named_.TakeAll([&](const Named& named) { pass.Take(named); }));
  Conclusion conclusion;
  conclusion.closing = pass.End();
  ASSIGN_OR_RETURN(conclusion.divergences, writer.Finish());
  conclusion.runs = MergeRuns(std::move(runs_), sources_);
  return conclusion;
}

std::vector<Divergence> Join(const std::vector<WalkedRecord>& records, const SourceMap& sources) {
  std::vector<const WalkedRecord*> sorted;
  sorted.reserve(records.size());
  for (const WalkedRecord& record : records) sorted.push_back(&record);
  std::sort(sorted.begin(), sorted.end(), [](const WalkedRecord* a, const WalkedRecord* b) {
    return std::tie(a->key, a->source, a->rank) < std::tie(b->key, b->source, b->rank);
  });
  std::vector<Divergence> divergences;
  std::vector<Duplicate::Held> held;
  for (size_t i = 0; i < sorted.size();) {
    held.clear();
    const std::string& key = sorted[i]->key;
    for (; i < sorted.size() && sorted[i]->key == key; ++i) {
      held.push_back({sorted[i]->source, sorted[i]->digest});
    }
    Divergence divergence;
    if (JoinOne(key, held, sources, &divergence)) divergences.push_back(std::move(divergence));
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

}  // namespace driftwood::coordinator
