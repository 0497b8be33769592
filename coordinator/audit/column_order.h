// The order of the columns in a report. Pure.
#pragma once

#include <vector>

#include "coordinator/report/report.h"
#include "proto/contract/source.h"

namespace driftwood::coordinator {

// Puts the report's value columns, which the comparison sorts by name, in the order of `columns`,
// with all that the report says of each. Those that are not among `columns` come last.
void OrderColumns(const std::vector<SourceColumn>& columns, Report* report);

}  // namespace driftwood::coordinator
