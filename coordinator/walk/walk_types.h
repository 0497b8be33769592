// What a walk is asked for and what it finds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "merkle/hash/digest.h"

namespace driftwood::coordinator {

struct WalkOptions {
  // What a round's partitions may take for each replica; shared equally over the mismatched ranges.
  uint32_t round_bytes = 16 * 1024;
  // A range that one replica lacks entirely and that holds more records than this elsewhere is
  // reported as a missing run instead of record by record.
  uint64_t run_records_min = 1000;
  // How many keys of missing runs are listed, over all runs.
  uint64_t run_keys_listed_max = 1000;
  // Bounds on memory and patience. A walk that reaches one ends incomplete, and says so: bytes of
  // all that it holds, over all replicas, with what closing it will take (some 18 million records
  // of short keys outside missing runs), and rounds.
  uint64_t bytes_held_max = uint64_t{4} << 30;
  uint32_t rounds_max = 10'000;
  // Begins with full sums, and cuts lined up by their keys: what a walk that does not close turns
  // to by itself. Costs about three times as many bytes.
  bool exact = false;
};

// A replica of which several sources hold one key, and what each of them holds, by source.
struct Duplicate {
  struct Held {
    size_t source = 0;
    merkle::Digest digest;
    friend bool operator==(const Held&, const Held&) = default;
  };
  size_t replica = 0;
  std::vector<Held> held;  // at least two

  friend bool operator==(const Duplicate&, const Duplicate&) = default;
};

// One key with the digest that each replica holds for it (absent: it lacks the key). By replica. A
// key with a duplicate is a divergence even if all replicas hold the same.
struct Divergence {
  std::string key;
  std::vector<std::optional<merkle::Digest>> states;  // of a duplicate: what the first source holds
  std::vector<Duplicate> duplicates{};                // by replica; nearly always empty

  // How many records the replica has under the key.
  uint64_t RecordsIn(size_t replica) const;
};

// A range in which some replicas hold nothing and the others agree. `summaries` by replica. They
// count records: of a key that several sources of a replica hold, each.
struct MissingRun {
  std::string begin;               // first key of the run
  std::optional<std::string> end;  // exclusive: just above the last key
  std::vector<merkle::Summary> summaries;
  std::vector<Divergence> listed;  // the first of its keys, as far as asked for
  std::string last{};              // last key of the run
};

// What could not be proven either way, and why. Keys are absent where they are unknown: then the
// gap is the whole key space.
struct Gap {
  std::string begin;
  std::optional<std::string> end;
  size_t replica = 0;
  std::string reason;
  std::optional<size_t> source{};  // which is to blame; absent: none in particular
};

struct WalkResult {
  // All of the key space was proven, and the remainders closed. False: the verdict is INCOMPLETE,
  // and a key may be in several runs, or in one and among the divergences: an agent that says so
  // contradicts itself, and is named by a gap, or tags misled the walk.
  bool complete = false;
  std::vector<Divergence> divergences;  // by key; without those inside runs
  std::vector<MissingRun> runs;         // by key
  std::vector<Gap> gaps;                // not empty iff !complete
  uint64_t records_proven_equal = 0;    // of each replica: records on which all agree
  uint32_t rounds = 0;                  // the root summaries included
  uint64_t bytes_sent = 0;              // packed questions, all replicas
  uint64_t bytes_received = 0;          // packed answers
  bool exact = false;                   // ended with full sums (WalkOptions::exact)
  bool sampled = false;                 // not a walk's: `divergences` are those of a sample
                                        // (coordinator/audit/diagnostics/sample.h)
};

}  // namespace driftwood::coordinator
