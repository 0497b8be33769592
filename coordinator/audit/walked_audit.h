// An audit between its walk and its report.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "coordinator/audit/audit_options.h"
#include "coordinator/audit/audit_plan.h"
#include "coordinator/audit/reconcile.h"
#include "coordinator/peer/interrupt.h"
#include "coordinator/walk/source_map.h"
#include "coordinator/walk/walk_types.h"
#include "merkle/record/agreement.h"

namespace driftwood::coordinator {

// All of it outlives whoever is given it.
struct WalkedAudit {
  const AuditPlan& plan;
  const AuditOptions& options;
  const SourceMap& sources;
  const std::vector<std::string>& source_names;   // by source: within its replica
  const std::vector<DescribedSource>& described;  // by source
  const merkle::Agreement& agreement;
  const std::vector<merkle::Summary>& roots;  // by source
  const WalkResult& result;
  Interrupt* interrupt;
  std::function<void(AuditObserver::Phase)> on_phase;
  std::function<void(uint64_t keys)> on_reread;

  const merkle::Schema& schema() const { return agreement.schema; }
  // Replicas whose sources all say so of a record that they lack if it is more than gone.
  std::vector<bool> AnswersByReplica() const {
    std::vector<bool> answers(sources.replicas(), true);
    for (size_t s = 0; s < described.size(); ++s) {
      if (!described[s].description.tells_presence) answers[sources.ReplicaOf(s)] = false;
    }
    return answers;
  }
};

}  // namespace driftwood::coordinator
