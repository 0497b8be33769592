// What the comparison of two tables and that of two databases share: one audit from a plan to its
// report, messages on stderr, the report's way out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "coordinator/diff/diff_options.h"
#include "coordinator/diff/diff_plan.h"
#include "coordinator/diff/turns.h"
#include "coordinator/report/database_report.h"
#include "coordinator/report/datasets_report.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// Connects to the replicas of `plan` and compares them. `label` stands before the progress. `turn`:
// of a comparison beside others, by whose rules it goes; else null.
Report CompareReplicas(const DiffPlan& plan, const DiffOptions& options,
                       const DiffEnvironment& environment, Connector* connector,
                       const std::string& label, Turns::Turn* turn);

// Nothing was compared. All replicas are named all the same.
Report MakeErrorReport(const absl::Status& status, std::optional<size_t> replica,
                       const DiffOptions& options, const DiffEnvironment& environment);

// When, where and how, as of now: no secrets are in it.
ReportOrigin MakeOrigin(const DiffOptions& options, const DiffEnvironment& environment);

// In all of the messages of a report that the command line's secrets might have come into.
void HideSecrets(const DiffEnvironment& environment, Report* report);
void HideSecrets(const DiffEnvironment& environment, DatabaseReport* report);

// An unusable --output is the error that the report is about, and stdout has it.
bool OutputIsUsable(const DiffOptions& options);

// To the --output file or stdout. csv without --verdict-row gets its verdict when it is whole:
// beside the file, else on stderr.
absl::Status WriteOutput(const Report& report, ReportFormat format, const DiffOptions& options,
                         const DiffEnvironment& environment);
absl::Status WriteOutput(const DatabaseReport& report, ReportFormat format,
                         const DiffOptions& options, const DiffEnvironment& environment);
absl::Status WriteOutput(const DatasetsReport& report, ReportFormat format,
                         const DiffOptions& options, const DiffEnvironment& environment);

// True if WriteOutput() says the verdict on stderr.
bool VerdictFollows(ReportFormat format, const DiffOptions& options);

// How many divergences a report lists, of each table.
uint64_t ListedMax(ReportFormat format, const DiffOptions& options);
// How many an audit is to list, for the report and for --keys-out.
void SetListing(ReportFormat format, const DiffOptions& options, AuditPlan* audit);

// --keys-out, if it is given; then the report is cut to what it lists. False if there should be
// lists and there are none, which is exit code 2.
bool WriteKeys(ReportFormat format, const DiffOptions& options, const DiffEnvironment& environment,
               Report* report);
bool WriteKeys(ReportFormat format, const DiffOptions& options, const DiffEnvironment& environment,
               DatabaseReport* report);

// Calls environment.on_cleaned_up unless a report will be written aside, which would be left
// behind; all others make nobody wait.
void TellCleanedUp(const DiffOptions& options, const DiffEnvironment& environment);

// True if whoever reads our stdout has seen enough, as `head` has: no error. The verdict is proven
// all the same, and the exit code says it.
bool IsReaderOfStdoutGone(const absl::Status& written, const DiffOptions& options);

// True if who reads stderr reads the report itself: a person at the terminal, or both are one file
// or pipe.
bool ReportIsSeen(ReportFormat format, const DiffOptions& options,
                  const DiffEnvironment& environment);

// A line on stderr.
void Say(const DiffEnvironment& environment, const std::string& line);
// --stats. `label` is empty, or "orders: ".
void SayStats(const DiffEnvironment& environment, const Report& report, const std::string& label);

}  // namespace driftwood::coordinator
