// The confirmation: what becomes of a walk's divergences when they are re-read from the live
// stores.
//
// A pure state machine, as the walk is: it says which keys to read, and takes what was read. No
// sockets, clocks or threads. One thread at a time.
//
//   all replicas agree now, also in that none has the key .......... in flight
//   several sources of one replica hold the key, whatever they hold . never in flight
//   none has the key any more under its filter, which may move ..... as it is without the filters
//   differs as in the walk or as in the reading before ............. confirmed
//   differs in another way each time ................................ unstable
//   not read: beyond the maximum, or a replica could not be read .... unconfirmed
//   a replica could not say whether it has the key .................. unconfirmed
//
// A divergence is in flight only if every replica was read in one pass and all say the same.
// Whatever fails leaves it divergent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/source_map.h"
#include "coordinator/walk/walk_types.h"

namespace driftwood::coordinator {

// A divergence within reach of the confirmation.
struct Candidate {
  Divergence found;           // as in the walk's result
  std::optional<size_t> run;  // index of the missing run that has it
  RecordStatus status = RecordStatus::kUnconfirmed;
  int passes = 0;  // in which it was to be read
  States now;      // as last read from all replicas; empty: never
  // Of a multiset's record that any replica had then: how many copies each of them had.
  std::vector<uint64_t> copies{};
  std::vector<Duplicate> duplicates_now{};  // beside `now`
  bool outside_filter = false;              // `now` is what there is without the replicas' filters
  // By value column, in what `now` stands for: whether replicas that have the record differ there.
  // Empty: not known, as no column tags came with it. Nothing but diagnostics is made of it.
  std::vector<bool> differs{};

  // In flight, and no replica has it any more.
  bool GoneEverywhere() const;
  const States& states() const { return now.empty() ? found.states : now; }
  const std::vector<Duplicate>& duplicates() const {
    return now.empty() ? found.duplicates : duplicates_now;
  }
  // Divergent, of the kind "changed", and it is known in which of the `columns` it differs.
  bool ChangedColumnsKnown(size_t columns) const;
};

// What each source gave for one batch of keys; by source, unless it is said to be by replica.
using Readings = std::vector<absl::StatusOr<std::vector<FoundRecord>>>;

// Walks along one reading, which is in key order, as keys that ascend are gone through. The reading
// must outlive it.
class RecordCursor {
 public:
  explicit RecordCursor(const std::vector<FoundRecord>& records)
      : at_(records.begin()), end_(records.end()) {}

  // Null: nothing was found of the key. Lives as long as the reading. The next one is found at
  // once, and one far off as fast as by halving.
  const FoundRecord* Find(const std::string& key);

 private:
  std::vector<FoundRecord>::const_iterator at_;
  std::vector<FoundRecord>::const_iterator end_;
};
// One for each reading; along one that failed nothing is found.
std::vector<RecordCursor> CursorsOf(const Readings& readings);

// All that is known to diverge, by key, each key once: those listed of missing runs included. One
// thread.
class KnownDivergences {
 public:
  // `result` must outlive it.
  explicit KnownDivergences(const WalkResult& result);
  KnownDivergences(const KnownDivergences&) = delete;
  KnownDivergences& operator=(const KnownDivergences&) = delete;

  // Steps to the next one (at first: the first); false at the end.
  absl::StatusOr<bool> Advance();
  // Until the next Advance().
  const Divergence& divergence() const { return *divergence_; }

 private:
  absl::Status AdvanceOutsideRuns();

  DivergenceReader outside_runs_;
  bool outside_left_ = false;
  std::vector<const Divergence*> in_runs_;  // those left, the next one last
  const Divergence* divergence_ = nullptr;  // null before the first
  absl::Status begun_;
};

class Confirmation {
 public:
  // `result` is of the sources of `sources`. Within reach are the first
  // `keys_max` of its divergences: those outside missing runs first, then the listed ones of the
  // runs. `passes_max`: how often one is read that keeps changing; at least 1.
  Confirmation(const WalkResult& result, SourceMap sources, uint64_t keys_max, int passes_max);
  // Why what was found could not be read: then there are no candidates.
  const absl::Status& status() const { return status_; }

  // The keys to be read in the next pass, ascending; empty: nothing is open any more.
  std::vector<std::string> OpenKeys() const;

  // What was read for `keys` (ascending): a pass may come in several batches. Keys that are not
  // open are judged by it too, except that a failure changes nothing for them: a later reading,
  // such as that of the values to be shown, is the better one. `outside_filter`: it was read
  // without the replicas' filters, since no replica has the keys under them.
  void Take(const std::vector<std::string>& keys, const Readings& readings,
            bool outside_filter = false);

  // The first `max` keys of confirmed divergences whose record one of these replicas lacks under
  // its filter.
  std::vector<std::string> KeysLackedBy(const std::vector<bool>& replicas, size_t max) const;
  // What was read of them (all of KeysLackedBy()) without the filters of the sources for which
  // `filtered` holds: says of the records that these lack whether they are only filtered. Of a
  // replica of which a reading failed it says nothing: that they are not there stays confirmed.
  void TakeFiltered(const std::vector<std::string>& keys, const Readings& unfiltered,
                    const std::vector<bool>& filtered);

  // What is within reach, by key.
  const std::vector<Candidate>& candidates() const { return candidates_; }
  // Null: beyond reach.
  const Candidate* Find(const std::string& key) const;
  // What was said at the last reading of a key within reach, by replica: one entry for each of them
  // at most. Null: nothing.
  const std::vector<ReportAbsence>* AbsencesOf(const std::string& key) const;
  // Column tags were met that are all equal where the records are not.
  bool tags_contradicted() const { return tags_contradicted_; }

 private:
  // What the replicas hold of one key, from what was found of it in each source.
  struct Seen {
    States states;
    std::vector<Duplicate> duplicates;
    std::vector<uint64_t> copies;
    std::vector<const FoundRecord*> records;
  };
  Seen See(const std::vector<const FoundRecord*>& by_source) const;
  void Judge(Candidate* candidate, Seen seen);
  // Keeps what is said in `by_source` of a record that is not there. False: of a source it is not
  // known whether it has the record.
  bool TakeAbsences(const Candidate& candidate, const std::vector<const FoundRecord*>& by_source,
                    bool outside_filter);
  void TakeTags(Candidate* candidate, bool same_as_before,
                const std::vector<const FoundRecord*>& found);
  bool IsOpen(const Candidate& candidate) const;
  std::vector<Candidate>::const_iterator AtOrAfter(const std::string& key) const;

  const SourceMap sources_;
  const int passes_max_;
  std::vector<Candidate> candidates_;
  absl::Status status_;
  bool tags_contradicted_ = false;
  std::vector<bool> told_without_filter_;  // by replica: TakeFiltered() asked it
  // By key, since hardly any has one.
  std::map<std::string, std::vector<ReportAbsence>> absences_;
};

// Those of `keys` (ascending) that are in none of `readings`, all of which have come, nor may be.
std::vector<std::string> KeysNotFound(const std::vector<std::string>& keys,
                                      const Readings& readings);

// By replica: the records of its sources together, in key order. Of a duplicate that of the first
// source; no answer if any source gave none.
Readings ByReplica(Readings by_source, const SourceMap& sources);

// What an agent said is there must be among what it was asked for, each key once and in order:
// else it is no answer. Internal.
absl::Status CheckReading(const std::vector<std::string>& keys,
                          const std::vector<FoundRecord>& found);

}  // namespace driftwood::coordinator
