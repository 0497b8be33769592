// One comparison, from the replicas' descriptions to the report: describe, reconcile, prepare,
// snapshots, walk, confirmation, listing, values. Free of any transport: it sees Peers only.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "coordinator/audit/audit_options.h"
#include "coordinator/audit/audit_plan.h"
#include "coordinator/peer/interrupt.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// Never fails: what goes wrong is in the report, and then its verdict is neither IDENTICAL nor
// DIVERGENT. A failure that is the user's fault (proto/contract/fault.h: the command, the
// configuration or the data must change) is an ERROR, whenever it comes; any other leaves the run
// INCOMPLETE once a scan has begun. `peers` are of the plan's sources, replica by replica, in their
// order; the plan has passed CheckPlan(). `observer` may be null.
Report RunAudit(const AuditPlan& plan, const std::vector<Peer*>& peers, const AuditOptions& options,
                AuditObserver* observer, Interrupt* interrupt);

// The warning of a comparison in which no replica has a record.
inline constexpr char kAllEmptyWarning[] =
    "every replica has zero records, so nothing was compared; check the names of files and "
    "tables, and what the reader is allowed to see";

}  // namespace driftwood::coordinator
