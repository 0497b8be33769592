// What a walk has found so far, and whether it proves anything: the records and runs that replicas
// named, joined by key, checked for order, and subtracted from the roots.
//
// Values in, values out; one thread at a time. Part of the walk (coordinator/walk/walk.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/walk/walk_types.h"
#include "merkle/hash/digest.h"

namespace driftwood::coordinator {

// What `key` takes beside the string itself.
inline uint64_t TextBytes(const std::string& key) {
  constexpr size_t kHeapOverhead = 16;
  return key.capacity() <= std::string().capacity() ? 0 : key.capacity() + kHeapOverhead;
}

// A record that a replica named. `place` orders the segments of the walk: it is the sum of all
// replicas' ranks at the segment's begin. `rank` is how many records of the replica precede it.
struct WalkedRecord {
  uint64_t place = 0;
  size_t replica = 0;
  uint64_t rank = 0;
  std::string key;
  merkle::Digest digest;
};

// A run of records that agree in all replicas that have any there.
struct FoundRun {
  uint64_t place = 0;
  std::vector<uint64_t> ranks;             // by replica
  std::vector<merkle::Summary> summaries;  // by replica; empty ones lack it
  std::string first_key;
  std::string last_key;
  std::vector<Divergence> listed;
};

// That of a replica's records exactly the first `rank` have keys below `key`.
struct KeyBound {
  size_t replica = 0;
  uint64_t rank = 0;
  std::string key;
};

struct Findings {
  std::vector<WalkedRecord> records;
  std::vector<FoundRun> runs;
  std::vector<KeyBound> bounds;
  uint64_t added_bytes = 0;  // of what stands in them, by itself

  void Add(WalkedRecord record);
  void Add(FoundRun run);
  void Add(KeyBound bound);
  // About what all this takes in memory, and closing the walk over it will take.
  uint64_t HeldBytes() const;

  // By place, then by key: as good as by key, where nothing is lined up wrongly. What follows works
  // in any order, and is fast in this one.
  void Sort();
};

// All keys whose states differ, by key. A key not named by a replica is missing there.
std::vector<Divergence> Join(const std::vector<WalkedRecord>& records, size_t replicas);

// Runs by key; neighbours that are missing in the same replicas, with no record of any replica
// between them, made one.
std::vector<MissingRun> MergeRuns(std::vector<FoundRun> runs);

struct Closing {
  enum class Kind {
    kCloses,        // the remainders agree: `remainder` records are equal everywhere
    kLies,          // `replica` contradicts itself: `reason`
    kDoesNotClose,  // all are consistent, but something was missed or lined up wrongly
  };
  Kind kind = Kind::kDoesNotClose;
  size_t replica = 0;
  std::string reason;
  uint64_t remainder = 0;
};

// The closing check.
Closing CheckClosing(const std::vector<merkle::Summary>& roots, const Findings& findings);

}  // namespace driftwood::coordinator
