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
};

}  // namespace driftwood::coordinator
