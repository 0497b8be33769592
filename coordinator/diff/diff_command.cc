#include "coordinator/diff/diff_command.h"

#include <atomic>
#include <optional>
#include <utility>

#include "coordinator/audit/audit.h"
#include "coordinator/diff/diff_all.h"
#include "coordinator/diff/diff_plan.h"
#include "coordinator/diff/diff_run.h"
#include "coordinator/diff/progress.h"
#include "coordinator/peer/store_name.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

void SayMessages(const Report& report, ReportFormat format, const DiffOptions& options,
                 const DiffEnvironment& environment) {
  for (const std::string& warning : report.warnings) {
    Say(environment, "driftwood: warning: " + EscapeForDisplay(warning));
  }
  if (ReportIsSeen(format, options, environment) || report.plan) return;
  if (report.verdict == Verdict::kError) {
    Say(environment, "driftwood: " + ErrorLine(report));
  } else if (VerdictFollows(format, options)) {
    return;
  } else if (report.verdict == Verdict::kIncomplete || OutputIsUsable(options)) {
    Say(environment, "driftwood: " + VerdictLine(report));
  }
}

// A verdict on nothing would pass for one on the data.
void RefuseNothing(const DiffOptions& options, Report* report) {
  if (options.allow_empty || report->verdict != Verdict::kIdentical) return;
  for (const ReportReplica& replica : report->replicas) {
    if (replica.records != 0) return;
  }
  std::erase(report->warnings, kAllEmptyWarning);
  report->verdict = Verdict::kError;
  report->error = ReportError{absl::StatusCode::kFailedPrecondition,
                              "nothing was compared: no replica has a record; check the names of "
                              "files and tables, and what the reader is allowed to see, or say "
                              "--allow-empty",
                              std::nullopt};
}

}  // namespace

Report CompareOnce(ReportFormat format, const DiffOptions& options,
                   const DiffEnvironment& environment, const std::string& label) {
  absl::StatusOr<DiffPlan> plan = MakeDiffPlan(options, format, environment.store_kinds);
  if (!plan.ok()) return MakeErrorReport(plan.status(), std::nullopt, options, environment);
  const absl::Status same = CheckAreNotTheSame(plan->replicas, options);
  if (!same.ok()) plan->audit.plan_only = true;  // what else is wrong with them is said first
  SetListing(format, options, &plan->audit);
  const absl::StatusOr<std::unique_ptr<Connector>> connector = environment.make_connector(options);
  if (!connector.ok()) {
    return MakeErrorReport(connector.status(), std::nullopt, options, environment);
  }
  Report report =
      CompareReplicas(*plan, options, environment, connector->get(), label, /*turn=*/nullptr);
  // The peers are gone, and with them their agents: all is said.
  for (std::string& notice : (*connector)->TakeNotices()) {
    report.warnings.push_back(std::move(notice));
  }
  if (!same.ok() && report.verdict != Verdict::kIncomplete && !report.error) {
    Report error = MakeErrorReport(same, std::nullopt, options, environment);
    error.warnings = std::move(report.warnings);
    return error;
  }
  RefuseNothing(options, &report);
  return report;
}

namespace {

// One table, or what takes its place.
int RunDiffOfOne(ReportFormat format, const DiffOptions& options,
                 const DiffEnvironment& environment) {
  Report report = CompareOnce(format, options, environment, /*label=*/"");
  report.origin = MakeOrigin(options, environment);
  HideSecrets(environment, &report);
  const bool keys_written = WriteKeys(format, options, environment, &report);
  TellCleanedUp(options, environment);
  SayMessages(report, format, options, environment);
  const absl::Status written = WriteOutput(report, format, options, environment);
  if (!written.ok() && !IsReaderOfStdoutGone(written, options)) {
    Say(environment, "driftwood: " + EscapeForDisplay(std::string(written.message())));
    return 2;
  }
  if (options.stats) SayStats(environment, report, /*label=*/"");
  return keys_written ? ExitCode(report) : 2;
}

}  // namespace

int RunDiff(const DiffOptions& given, const DiffEnvironment& around) {
  DiffOptions options = given;
  NameStores(around.store_kinds, &options.stores);
  DiffEnvironment environment = around;
  std::atomic<double> last_progress_line{environment.now_seconds()};
  environment.last_progress_line = &last_progress_line;
  environment.started_at = environment.wall_clock();
  NameDays(environment.started_at, &options.stores);
  std::atomic<const Progress*> progress_seen{nullptr};
  environment.progress_seen = &progress_seen;
  const std::optional<ReportFormat> format = ReportFormatFromName(options.format);
  if (!format) {
    Say(environment, "driftwood: unknown format '" +
                         EscapeForDisplay(merkle::Redacted(options.format)) + "'" +
                         DidYouMean(options.format, ReportFormatNames()) + "; expected one of " +
                         JoinNames(ReportFormatNames()));
    return 2;
  }
  if (!options.progress.empty() && !ProgressFromName(options.progress)) {
    Say(environment, "driftwood: --progress '" +
                         EscapeForDisplay(merkle::Redacted(options.progress)) + "' is not known" +
                         DidYouMean(options.progress, ProgressNames()) + "; expected one of " +
                         JoinNames(ProgressNames()));
    return 2;
  }
  return options.all ? RunDiffAll(*format, options, environment)
                     : RunDiffOfOne(*format, options, environment);
}

void WriteWrongCommand(const std::string& message, const DiffOptions& options,
                       const DiffEnvironment& around) {
  if (!OutputIsUsable(options)) return;
  DiffEnvironment environment = around;
  environment.started_at = environment.wall_clock();
  Report report =
      MakeErrorReport(absl::InvalidArgumentError(message), std::nullopt, options, environment);
  report.origin = MakeOrigin(options, environment);
  HideSecrets(environment, &report);
  const ReportFormat format = ReportFormatFromName(options.format).value_or(ReportFormat::kTable);
  const absl::Status written = WriteOutput(report, format, options, environment);
  if (!written.ok()) {
    Say(environment, "driftwood: " + EscapeForDisplay(std::string(written.message())));
  }
}

}  // namespace driftwood::coordinator
