// The sources of an audit's replicas, numbered in the replicas' order, and what the report's
// replicas say of them together. Values; one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/audit/audit_plan.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/source_map.h"

namespace driftwood::coordinator {

// What is known of one source so far, as ReportReplica has it of a replica.
struct SourceState {
  std::string source;
  std::string filter;
  std::optional<ReportFile> file{};
  bool unkeyed = false;
  std::optional<uint64_t> records;
  std::optional<uint64_t> distinct;
  std::optional<uint64_t> unparsed;
  double index_seconds = 0;
  bool index_reused = false;
};

class AuditSources {
 public:
  // `plan` must outlive it. `peers`: one for each source.
  AuditSources(const AuditPlan& plan, std::vector<Peer*> peers);

  size_t count() const { return map_.sources(); }
  const SourceMap& map() const { return map_; }
  Peer& peer(size_t source) const { return *peers_[source]; }
  const std::vector<Peer*>& peers() const { return peers_; }
  // Within its replica; empty if that has no other.
  const std::vector<std::string>& names_within() const { return names_within_; }
  // "warehouse", or "warehouse/east" if the replica has several.
  const std::string& name(size_t source) const { return names_[source]; }
  const PlannedReplica& replica(size_t source) const { return replicas_[map_.ReplicaOf(source)]; }

  std::vector<SourceState> InitialStates() const;
  // One for each replica: its sources' together.
  std::vector<ReportReplica> Report(const std::vector<SourceState>& states) const;

 private:
  ReportReplica ReportOf(size_t replica, const std::vector<SourceState>& states) const;

  const std::vector<PlannedReplica>& replicas_;
  const SourceMap map_;
  const std::vector<Peer*> peers_;
  std::vector<std::string> names_within_;
  std::vector<std::string> names_;
};

}  // namespace driftwood::coordinator
