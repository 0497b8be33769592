// `driftwood diff`: from its options to its exit code. Free of gRPC, of the process's globals and
// of the command line's syntax: main.cc wires those.
#pragma once

#include <string>

#include "coordinator/diff/diff_options.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// The exit code: 0, 1, 2, 3 or 130. A report is written whatever happens, in the format asked for.
int RunDiff(const DiffOptions& options, const DiffEnvironment& environment);

// One comparison alone, which says and writes nothing but its progress, with `label` before it.
// Secrets are not hidden in it yet.
Report CompareOnce(ReportFormat format, const DiffOptions& options,
                   const DiffEnvironment& environment, const std::string& label);

// For a command line that could not be read: where it names an --output, that file says so too, and
// not what it said yesterday.
void WriteWrongCommand(const std::string& message, const DiffOptions& options,
                       const DiffEnvironment& environment);

}  // namespace driftwood::coordinator
