// Which options a command was given, for its report. Pure.
#pragma once

#include <vector>

#include "coordinator/diff/diff_options.h"
#include "coordinator/report/report_origin.h"

namespace driftwood::coordinator {

// Those that differ from their defaults, by name, with what may be a
// password hidden (merkle::Redacted()). The stores are none: a report has its sources.
std::vector<ReportOption> GivenOptions(const DiffOptions& options);

}  // namespace driftwood::coordinator
