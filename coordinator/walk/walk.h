// The walk: from the sources' root summaries down to the exact divergent records.
//
// A replica is one or more sources (coordinator/walk/source_map.h). Questions, answers and failures
// are by source; what is found is by replica.
//
// A pure state machine: give it answers, get the next questions. No sockets, clocks, threads or
// randomness in it, so that it is simulated and fuzzed. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/walk/source_map.h"
#include "coordinator/walk/walk_types.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"

namespace driftwood::coordinator {

class Walk {
 public:
  // `roots`: each source's summary of the whole key space. At least two replicas. This counts as
  // round one.
  Walk(std::vector<merkle::Summary> roots, SourceMap sources, const merkle::TreeParams& params,
       const WalkOptions& options);
  // Each replica is one source.
  Walk(std::vector<merkle::Summary> roots, const merkle::TreeParams& params,
       const WalkOptions& options);
  ~Walk();
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  bool done() const;

  // The next round: one packed batch for each source (merkle/query/query.h), empty for a source
  // that is not asked. Every non-empty one must be followed by Answer() or Lose() before the next
  // call.
  std::vector<std::string> NextRound();
  // What source `source` replied. Nothing it says is trusted: an answer that is malformed or
  // disagrees with its earlier ones makes the walk end, naming it.
  void Answer(size_t source, std::string_view reply);
  // The source can't answer any more (agent lost, snapshot expired, deadline).
  void Lose(size_t source, std::string_view reason);
  // Ends the walk from outside (Ctrl-C, a deadline): what was not proven becomes a gap.
  void Stop(std::string_view reason);

  // Records, of the replica that has most in each place, whose digests are next to be compared one
  // by one: what lies outside missing runs and has been cut as far as it can be. A lower bound of
  // what is still to be streamed.
  uint64_t RecordsToStream() const;

  // Of the rounds so far: what WalkResult says of its own, and nothing else.
  WalkResult Traffic() const;
  // When done(). Before that: an incomplete result that lists nothing.
  WalkResult Result();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace driftwood::coordinator
