// What a walk is asked for and what it finds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/walk/divergence.h"
#include "coordinator/walk/divergence_list.h"
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
  // Bounds on room and patience. A walk that reaches one ends incomplete, and says so: bytes of all
  // that it holds, over all replicas, in memory or in files (some 60 million records of short keys
  // outside missing runs), and rounds.
  uint64_t bytes_held_max = uint64_t{4} << 30;
  uint32_t rounds_max = 10'000;
  // What is found beyond about so many bytes lies in files without names in this directory.
  uint64_t found_held_max = uint64_t{8} << 20;
  std::filesystem::path folder = "/tmp";
  // Begins with full sums, and cuts lined up by their keys: what a walk that does not close turns
  // to by itself. Costs about three times as many bytes.
  bool exact = false;
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
  static constexpr size_t kNoReplica = SIZE_MAX;

  std::string begin;
  std::optional<std::string> end;
  size_t replica = 0;  // kNoReplica: none of them failed, but we
  std::string reason;
  std::optional<size_t> source{};  // which is to blame; absent: none in particular
};

struct WalkResult {
  // All of the key space was proven, and the remainders closed. False: the verdict is INCOMPLETE,
  // and a key may be in several runs, or in one and among the divergences: an agent that says so
  // contradicts itself, and is named by a gap, or tags misled the walk.
  bool complete = false;
  DivergenceList divergences;         // without those inside runs
  std::vector<MissingRun> runs;       // by key
  std::vector<Gap> gaps;              // not empty iff !complete
  uint64_t records_proven_equal = 0;  // of each replica: records on which all agree
  uint32_t rounds = 0;                // the root summaries included
  uint64_t bytes_sent = 0;            // packed questions, all replicas
  uint64_t bytes_received = 0;        // packed answers
  bool exact = false;                 // ended with full sums (WalkOptions::exact)
  bool sampled = false;               // not a walk's: `divergences` are those of a sample
                                      // (coordinator/audit/diagnostics/sample.h)
};

}  // namespace driftwood::coordinator
