// Missing records that are there under another key: the hypotheses about values, tested on keys
// that only one replica has each. Pure.
#pragma once

#include <vector>

#include "coordinator/audit/diagnostics/remedy.h"
#include "coordinator/audit/diagnostics/sampled_records.h"
#include "coordinator/report/report.h"
#include "merkle/record/schema.h"

namespace driftwood::coordinator {

// The hypothesis that pairs most of the keys, if these are five pairs or all that one of the
// replicas has alone; else none.
ExplainedKeys ExplainKeys(const merkle::Schema& schema,
                          const std::vector<ExplainedReplica>& replicas,
                          const std::vector<MissingRecord>& missing);

}  // namespace driftwood::coordinator
