// What the coordinator can ask of one replica's agent, free of any transport: GrpcPeer talks to a
// process, the tests' peers answer from memory.
//
// One call at a time for each peer, from any thread; Cancel() from any thread at any time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"
#include "merkle/record/schema.h"

namespace driftwood::coordinator {

// How much a replica's source knows about a column's type.
enum class TypeKnowledge : uint8_t {
  kTyped,     // declared: `type` says which
  kTextual,   // only characters: they are read as whatever type another replica knows
  kDynamic,   // each value has its own type
  kObserved,  // so it has; but all that there are have `type`
};

struct ReplicaColumn {
  std::string name;
  TypeKnowledge knowledge = TypeKnowledge::kTextual;
  merkle::ColumnType type = merkle::ColumnType::kText;  // kTyped, kObserved
  std::string declared;                                 // as the source words it
};

struct ReplicaDescription {
  std::string source;  // for reports; never has a password
  std::vector<ReplicaColumn> columns;
  std::vector<std::string> key;  // empty: the source does not say; {"*"}: a multiset
  std::optional<uint64_t> records_estimate;
  std::optional<uint64_t> bytes;
  std::vector<std::string> warnings;
  uint32_t encoding_version = merkle::kEncodingVersion;
  std::string key_id;  // of the agent's digest key
  bool keyed = true;
  std::string agent_version;
  bool values_allowed = false;
  bool live = false;  // others write to the source all the time: a database server, not a file
  bool always_keyed = false;   // no two of its records can be equal
  std::string filter;          // only the rows for which this holds are compared; empty: all
  bool hides_columns = false;  // it may have more columns, which its user may not see
};

struct PrepareProgress {
  uint64_t records = 0;
  uint64_t progress = 0;  // in the unit of ReplicaDescription::bytes, else records
  std::string waiting{};  // why nothing is read for the moment; as the agent words it
};

struct Prepared {
  merkle::Summary root;
  uint64_t unparsed = 0;
  bool reused = false;            // a kept index, proven current
  std::string not_point_in_time;  // why not; empty if it is
  uint64_t records = 0;           // of a multiset: with copies, of which root.count knows nothing
};

struct OpenedSnapshot {
  merkle::Summary root;
  merkle::Agreement agreement;  // what the agent's index was built under
  uint64_t unparsed = 0;
  std::string not_point_in_time;
  uint64_t records = 0;  // as in Prepared
};

// A record read from the live store.
struct PeerRecord {
  std::string key;
  merkle::Digest digest;
  std::string value;            // canonical; only if asked for
  bool value_too_long = false;  // the record is there, its value was left out
  uint64_t copies = 0;          // of a multiset's record
  // ReadTagged(): 8 bytes for each value column, and for each rule. Either may be empty.
  std::string column_tags{};
  std::string rule_tags{};
};

// A key that a replica lacks, and the one that it holds in its place, since it takes both for
// equal.
struct AlikePair {
  std::string key;
  std::string held;
};
inline constexpr size_t kAlikeKeysMax = 100;  // of one call

// Of one call of ReadTagged().
inline constexpr size_t kTagBytes = 8;
inline constexpr size_t kTagRulesMax = 16'384;
inline constexpr size_t kTagsMax = size_t{8} << 20;  // of all records and their columns and rules

// Every call fails with the codes of agent.proto; an agent that can't be reached, is stopped or
// too slow is Unavailable or DeadlineExceeded within a bounded time, never a hang.
class Peer {
 public:
  virtual ~Peer() = default;

  virtual absl::StatusOr<ReplicaDescription> Describe() = 0;

  using ProgressCallback = std::function<void(const PrepareProgress&)>;
  // Makes the index stand for the store as it is now. `force` rescans whatever is kept.
  virtual absl::StatusOr<Prepared> Prepare(const merkle::Agreement& agreement, bool force,
                                           const ProgressCallback& on_progress) = 0;

  // Opens the snapshot that Query() asks; an earlier one is forgotten.
  virtual absl::StatusOr<OpenedSnapshot> OpenSnapshot(const merkle::Agreement& agreement) = 0;

  // One round of a walk (merkle/query/query.h). NotFound: the snapshot has expired.
  virtual absl::StatusOr<std::string> Query(std::string_view questions) = 0;

  // The records with exactly these keys; those that are absent are absent from the result, which
  // is in key order.
  virtual absl::StatusOr<std::vector<PeerRecord>> ReadRecords(const merkle::Agreement& agreement,
                                                              const std::vector<std::string>& keys,
                                                              bool with_values) = 0;

  // The same without values and with column tags: equal tags of two replicas are equal values. Of
  // each value column, and of its value under each of `rules` ("column:rule"). Advice: an agent
  // that knows nothing of them, or may not give them, leaves them out.
  virtual absl::StatusOr<std::vector<PeerRecord>> ReadTagged(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys,
      const std::vector<std::string>& rules) {
    (void)rules;
    return ReadRecords(agreement, keys, /*with_values=*/false);
  }

  // The same, without values, of the index that is prepared: the store is not read.
  virtual absl::StatusOr<std::vector<PeerRecord>> ReadIndexed(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) = 0;

  // The same, without values, of the live store whatever ReplicaDescription::filter leaves out.
  // Unimplemented if it can't be read so: what is there then is not known.
  virtual absl::StatusOr<std::vector<PeerRecord>> ReadUnfiltered(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) {
    (void)agreement, (void)keys;
    return absl::UnimplementedError("its agent can't read it without its filter");
  }

  // Of at most kAlikeKeysMax keys that the replica lacks, those that it takes for equal to one that
  // it holds. Advice.
  virtual absl::StatusOr<std::vector<AlikePair>> FindAlike(const merkle::Agreement& agreement,
                                                           const std::vector<std::string>& keys) {
    (void)agreement, (void)keys;
    return std::vector<AlikePair>();
  }

  // Gives the snapshot back. Nothing depends on it: a lease ends by itself.
  virtual void CloseSnapshot() = 0;

  // Ends the call in progress and all later ones with Cancelled.
  virtual void Cancel() = 0;
};

}  // namespace driftwood::coordinator
