// What a walk has found so far, and whether it proves anything: the records and runs that sources
// named, joined by key, checked for order, and subtracted from the roots. However much there is,
// little of it is in memory.
//
// One thread at a time. Part of the walk (coordinator/walk/walk.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/walk/divergence_list.h"
#include "coordinator/walk/named_sorter.h"
#include "coordinator/walk/source_map.h"
#include "coordinator/walk/walk_types.h"
#include "merkle/hash/digest.h"

namespace driftwood::coordinator {

// What `key` takes beside the string itself.
inline uint64_t TextBytes(const std::string& key) {
  constexpr size_t kHeapOverhead = 16;
  return key.capacity() <= std::string().capacity() ? 0 : key.capacity() + kHeapOverhead;
}

// A record that a source named. `place` orders the segments of the walk: it is the sum of all
// sources' ranks at the segment's begin. `rank` is how many records of the source precede it.
struct WalkedRecord {
  uint64_t place = 0;
  size_t source = 0;
  uint64_t rank = 0;
  std::string key;
  merkle::Digest digest;
};

// A run of records that agree in all replicas that have any there.
struct FoundRun {
  uint64_t place = 0;
  std::vector<uint64_t> ranks;             // by source
  std::vector<merkle::Summary> summaries;  // by source; empty ones lack it
  std::string first_key;
  std::string last_key;
  std::vector<Divergence> listed;
};

// That of a source's records exactly the first `rank` have keys below `key`.
struct KeyBound {
  size_t source = 0;
  uint64_t rank = 0;
  std::string key;
};

// All keys whose states differ, or that several sources of one replica hold, by key. A key that no
// source of a replica named is missing there.
std::vector<Divergence> Join(const std::vector<WalkedRecord>& records, const SourceMap& sources);

// Runs by key; neighbours that are missing in the same replicas, with no record of any source
// between them, made one.
std::vector<MissingRun> MergeRuns(std::vector<FoundRun> runs, const SourceMap& sources);

struct Closing {
  enum class Kind {
    kCloses,        // the remainders agree: `remainder` records are equal everywhere
    kLies,          // `source` contradicts itself: `reason`
    kDoesNotClose,  // all are consistent, but something was missed or lined up wrongly
  };
  Kind kind = Kind::kDoesNotClose;
  size_t source = 0;
  std::string reason;
  uint64_t remainder = 0;
};

// What comes of all that was found.
struct Conclusion {
  Closing closing;
  DivergenceList divergences;  // whatever the closing check says
  std::vector<MissingRun> runs;
};

class Findings {
 public:
  Findings(SourceMap sources, const WalkOptions& options);

  void Add(const WalkedRecord& record);
  void Add(FoundRun run);
  void Add(const KeyBound& bound);
  // Why not all that was found is kept: nothing can be concluded then.
  const absl::Status& status() const { return named_.status(); }
  // About what all this takes, in memory or in files.
  uint64_t HeldBytes() const;

  // The closing check, over one pass through all that was found. `roots` by source. Once, at the
  // end. An error of a temporary file leaves nothing proven, and nothing listed.
  absl::StatusOr<Conclusion> Conclude(const std::vector<merkle::Summary>& roots);

 private:
  const SourceMap sources_;
  const std::filesystem::path folder_;
  const uint64_t held_bytes_max_;
  NamedSorter named_;
  std::vector<FoundRun> runs_;
  uint64_t run_bytes_ = 0;
};

}  // namespace driftwood::coordinator
