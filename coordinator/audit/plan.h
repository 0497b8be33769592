// --explain: what a comparison would do, from what the agents say of their sources before
// any is scanned. Pure.
#pragma once

#include <string>
#include <vector>

#include "coordinator/audit/reconcile.h"

namespace driftwood::coordinator {

// For people: the sources with their sizes, then each column with its type on each side and the
// one that it would be compared as.
std::string PlanText(const std::vector<DescribedSource>& described, const Reconciled& reconciled);

}  // namespace driftwood::coordinator
