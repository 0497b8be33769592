#include "coordinator/audit/audit_sources.h"

#include <algorithm>
#include <utility>

#include "merkle/check.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

SourceMap MapOf(const std::vector<PlannedReplica>& replicas) {
  std::vector<size_t> replica_of;
  for (size_t i = 0; i < replicas.size(); ++i) {
    replica_of.insert(replica_of.end(), replicas[i].sources.size(), i);
  }
  return SourceMap(std::move(replica_of));
}

// Absent if it is of any.
std::optional<uint64_t> Sum(const std::vector<const SourceState*>& states,
                            std::optional<uint64_t> SourceState::*member) {
  uint64_t sum = 0;
  for (const SourceState* const state : states) {
    if (!(state->*member)) return std::nullopt;
    sum += *(state->*member);
  }
  return sum;
}

// One that all sources have, or which has which.
std::string FilterOf(const std::vector<ReportSource>& sources,
                     const std::vector<const SourceState*>& states) {
  const bool same = std::all_of(states.begin(), states.end(), [&](const SourceState* one) {
    return one->filter == states[0]->filter;
  });
  if (same) return states[0]->filter;
  std::string text;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i]->filter.empty()) continue;
    text += (text.empty() ? "" : "; ") + sources[i].name + ": " + states[i]->filter;
  }
  return text;
}

}  // namespace

AuditSources::AuditSources(const AuditPlan& plan, std::vector<Peer*> peers)
    : replicas_(plan.replicas), map_(MapOf(plan.replicas)), peers_(std::move(peers)) {
  DRIFTWOOD_CHECK(peers_.size() == map_.sources());
  for (const PlannedReplica& replica : plan.replicas) {
    const bool several = replica.sources.size() > 1;
    const bool named = !replica.source_names.empty();
    DRIFTWOOD_CHECK(!named || replica.source_names.size() == replica.sources.size());
    for (size_t i = 0; i < replica.sources.size(); ++i) {
      const std::string name = named ? replica.source_names[i] : std::to_string(i + 1);
      names_within_.push_back(several ? name : "");
      names_.push_back(replica.name + (several ? "/" + name : ""));
    }
  }
}

std::vector<SourceState> AuditSources::InitialStates() const {
  std::vector<SourceState> states;
  for (const PlannedReplica& replica : replicas_) {
    for (const std::string& source : replica.sources) states.emplace_back().source = source;
  }
  return states;
}

std::vector<ReportReplica> AuditSources::Report(const std::vector<SourceState>& states) const {
  std::vector<ReportReplica> replicas;
  for (size_t i = 0; i < replicas_.size(); ++i) replicas.push_back(ReportOf(i, states));
  return replicas;
}

ReportReplica AuditSources::ReportOf(size_t replica, const std::vector<SourceState>& states) const {
  std::vector<const SourceState*> of_replica;
  ReportReplica entry;
  entry.name = replicas_[replica].name;
  entry.index_reused = true;
  for (size_t s = 0; s < states.size(); ++s) {
    if (map_.ReplicaOf(s) != replica) continue;
    const SourceState& state = states[s];
    of_replica.push_back(&state);
    entry.source += (entry.source.empty() ? "" : ", ") + state.source;
    entry.unkeyed = entry.unkeyed || state.unkeyed;
    // All are indexed at the same time.
    entry.index_seconds = std::max(entry.index_seconds, state.index_seconds);
    entry.index_reused = entry.index_reused && state.index_reused;
    entry.sources.push_back({names_within_[s], state.source, state.records, state.file});
  }
  entry.records = Sum(of_replica, &SourceState::records);
  entry.distinct = Sum(of_replica, &SourceState::distinct);
  entry.unparsed = Sum(of_replica, &SourceState::unparsed);
  entry.filter = FilterOf(entry.sources, of_replica);
  if (entry.sources.size() == 1) {
    entry.file = entry.sources[0].file;
    entry.sources.clear();
  }
  return entry;
}

}  // namespace driftwood::coordinator
