// What the coordinator can ask of one replica's agent, free of any transport: GrpcPeer talks to a
// process, the tests' peers answer from memory.
//
// One call at a time for each peer, from any thread; Cancel() from any thread at any time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/record/agreement.h"
#include "proto/contract/limits.h"
#include "proto/contract/prepared.h"
#include "proto/contract/record.h"
#include "proto/contract/source.h"

namespace driftwood::coordinator {

// Every call fails with the codes of agent.proto; an agent that can't be reached, is stopped or
// too slow is Unavailable or DeadlineExceeded within a bounded time, never a hang.
class Peer {
 public:
  virtual ~Peer() = default;

  virtual absl::StatusOr<DatasetDescription> Describe() = 0;

  using ProgressCallback = std::function<void(const PrepareProgress&)>;
  // Makes the index stand for the store as it is now. `force` rescans whatever is kept.
  virtual absl::StatusOr<PrepareResult> Prepare(const merkle::Agreement& agreement, bool force,
                                                const ProgressCallback& on_progress) = 0;

  // Opens the snapshot that Query() asks; an earlier one is forgotten.
  virtual absl::StatusOr<OpenedSnapshot> OpenSnapshot(const merkle::Agreement& agreement) = 0;

  // One round of a walk (merkle/query/query.h). NotFound: the snapshot has expired.
  virtual absl::StatusOr<std::string> Query(std::string_view questions) = 0;

  // The records with exactly these keys; those that are absent are absent from the result, which
  // is in key order.
  virtual absl::StatusOr<std::vector<FoundRecord>> ReadRecords(const merkle::Agreement& agreement,
                                                               const std::vector<std::string>& keys,
                                                               bool with_values) = 0;

  // The same without values and with column tags: equal tags of two replicas are equal values. Of
  // each value column, and of its value under each of `rules` ("column:rule"). Diagnostics: an
  // agent that knows nothing of them, or may not give them, leaves them out.
  virtual absl::StatusOr<std::vector<FoundRecord>> ReadTagged(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys,
      const std::vector<std::string>& rules) {
    (void)rules;
    return ReadRecords(agreement, keys, /*with_values=*/false);
  }

  // The same, without values, of the index that is prepared: the store is not read.
  virtual absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) = 0;

  // The same, without values, of the live store whatever DatasetDescription::filter leaves out.
  // Unimplemented if it can't be read so: what is there then is not known.
  virtual absl::StatusOr<std::vector<FoundRecord>> ReadUnfiltered(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) {
    (void)agreement, (void)keys;
    return absl::UnimplementedError("its agent can't read it without its filter");
  }

  // Of at most kAlikeKeysMax keys that the replica lacks, those that it considers equal to one that
  // it holds. Diagnostics.
  virtual absl::StatusOr<std::vector<AlikeKey>> FindAlike(const merkle::Agreement& agreement,
                                                          const std::vector<std::string>& keys) {
    (void)agreement, (void)keys;
    return std::vector<AlikeKey>();
  }

  // Gives the snapshot back. Nothing depends on it: a lease ends by itself.
  virtual void CloseSnapshot() = 0;

  // Ends the call in progress and all later ones with Cancelled.
  virtual void Cancel() = 0;
};

}  // namespace driftwood::coordinator
