// `driftwood diff --all`: the tables of several databases, each by the audit of one table
// (diff_run.h), several side by side.
#pragma once

#include <string>

#include "coordinator/diff/diff_options.h"
#include "coordinator/report/database_report.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// The exit code: 0, 1, 2, 3 or 130. A report is written whatever happens.
//
// Tables are matched by their exact names. They are listed before the first comparison and again
// after the last, so that one that comes meanwhile is not passed over in silence.
int RunDiffAll(ReportFormat format, const DiffOptions& options, const DiffEnvironment& environment);

// The comparison alone, which says and writes nothing but its progress, with `label` before it.
// Secrets are not hidden in it yet.
DatabaseReport CompareAllTables(ReportFormat format, const DiffOptions& options,
                                const DiffEnvironment& environment, const std::string& label);

}  // namespace driftwood::coordinator
