#include "coordinator/diff/diff_config.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <variant>

#include "coordinator/audit/audit.h"
#include "coordinator/diff/config_file.h"
#include "coordinator/diff/diff_all.h"
#include "coordinator/diff/diff_command.h"
#include "coordinator/diff/diff_plan.h"
#include "coordinator/diff/diff_run.h"
#include "coordinator/diff/progress.h"
#include "coordinator/peer/store_name.h"
#include "coordinator/report/datasets_report.h"
#include "coordinator/report/output.h"
#include "merkle/text/display.h"
#include "merkle/text/name_pattern.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

constexpr int kExitError = 2;

// What is said of the whole run, as it was typed or as the file has it.
void TakeWholeRun(const DiffOptions& run, DiffOptions* options) {
  options->format = run.format;
  options->output.clear();  // one report, of all
  options->progress = run.progress;
  options->quiet = run.quiet;
  options->stats = run.stats;
}

class DiffConfigRun {
 public:
  DiffConfigRun(const ConfigCommand& command, const DiffEnvironment& environment)
      : command_(command), environment_(environment) {}

  int Run() {
    environment_.started_at = environment_.wall_clock();
    DiffConfig config =
        ReadDiffConfig(command_.file, environment_.store_kinds, /*resolve_passwords=*/true);
    environment_.secrets.Add(config.secrets);
    run_ = config.whole_run;
    TypeOver(&run_);
    if (!config.mistakes.empty()) return Wrong(config.mistakes);
    const std::optional<ReportFormat> format = ReportFormatFromName(run_.format);
    if (!format)
      return Wrong({"unknown format '" + run_.format + "'" +
                    DidYouMean(run_.format, ReportFormatNames()) + "; expected one of " +
                    JoinNames(ReportFormatNames())});
    format_ = *format;
    if (!run_.progress.empty() && !ProgressFromName(run_.progress)) {
      return Wrong({"--progress '" + run_.progress + "' is not known" +
                    DidYouMean(run_.progress, ProgressNames()) + "; expected one of " +
                    JoinNames(ProgressNames())});
    }
    if (const absl::Status status = Choose(std::move(config.datasets)); !status.ok()) {
      return Wrong({std::string(status.message())});
    }
    const double start = environment_.now_seconds();
    std::atomic<double> last_progress_line{start};
    environment_.last_progress_line = &last_progress_line;
    std::atomic<const Progress*> progress_seen{nullptr};
    environment_.progress_seen = &progress_seen;
    for (const ConfiguredDataset& dataset : datasets_) Compare(dataset);
    report_.seconds = environment_.now_seconds() - start;
    DecideVerdict(&report_);
    report_.origin = MakeOrigin(run_, environment_);
    return Finish();
  }

 private:
  void TypeOver(DiffOptions* options) const {
    if (command_.type_over) command_.type_over(options);
  }

  int Wrong(const std::vector<std::string>& mistakes) const {
    std::string all;
    for (const std::string& mistake : mistakes) {
      Say(environment_, "driftwood: " + mistake);
      all += (all.empty() ? "" : "; ") + mistake;
    }
    WriteWrongCommand(all, run_, environment_);
    return kExitError;
  }

  // The datasets that are asked for, under the options that they are compared with.
  absl::Status Choose(std::vector<ConfiguredDataset> all) {
    DiffOptions typed;
    TypeOver(&typed);
    if (!typed.names.empty()) {
      return absl::InvalidArgumentError("--name: the file names the replicas; leave it out");
    }
    if (typed.plan_only) {
      return absl::InvalidArgumentError("--explain is for one comparison: leave --config out");
    }
    std::vector<std::string> names;
    for (const ConfiguredDataset& dataset : all) names.push_back(dataset.name);
    std::vector<NamePattern> wanted;
    for (const std::string& name : command_.datasets) {
      const NamePattern& pattern = wanted.emplace_back(name);
      const bool any = std::any_of(names.begin(), names.end(), [&](const std::string& known) {
        return pattern.Matches(known);
      });
      if (any) continue;
      return absl::InvalidArgumentError(command_.file + " has no dataset '" + name + "'" +
                                        DidYouMean(pattern.plain(), names) + "; it has " +
                                        JoinNames(names));
    }
    DiffOptions every = run_;  // whose files the report must not replace
    for (ConfiguredDataset& dataset : all) {
      every.stores.insert(every.stores.end(), dataset.options.stores.begin(),
                          dataset.options.stores.end());
      const bool chosen =
          wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const NamePattern& one) {
            return one.Matches(dataset.name);
          });
      if (!chosen) continue;
      NameDays(environment_.started_at, &dataset.options.stores);
      TypeOver(&dataset.options);
      TakeWholeRun(run_, &dataset.options);
      datasets_.push_back(std::move(dataset));
    }
    if (run_.output.empty()) return absl::OkStatus();
    if (IsSameFile(run_.output, command_.file)) {
      return absl::InvalidArgumentError("--output: " + run_.output +
                                        " is the configuration file; name another file");
    }
    return CheckOutput(every);
  }

  void Compare(const ConfiguredDataset& dataset) {
    const std::string label = "[" + std::to_string(report_.datasets.size() + 1) + "/" +
                              std::to_string(datasets_.size()) + "] " +
                              EscapeForDisplay(dataset.name) + ": ";
    const double start = environment_.now_seconds();
    DatasetReport& result = report_.datasets.emplace_back();
    result.dataset = dataset.name;
    DiffEnvironment environment = environment_;
    environment.started_at = environment.wall_clock();
    if (dataset.options.all) {
      result.report = CompareAllTables(format_, dataset.options, environment, label);
    } else {
      result.report = CompareOnce(format_, dataset.options, environment, label);
    }
    result.seconds = environment_.now_seconds() - start;
    std::visit([&](auto& report) { HideSecrets(environment_, &report); }, result.report);
  }

  int Finish() {
    TellCleanedUp(run_, environment_);
    SayMessages();
    const absl::Status written = WriteOutput(report_, format_, run_, environment_);
    if (!written.ok() && !IsReaderOfStdoutGone(written, run_)) {
      Say(environment_, "driftwood: " + EscapeForDisplay(std::string(written.message())));
      return kExitError;
    }
    if (run_.stats) {
      for (const DatasetReport& dataset : report_.datasets) SayStatsOf(dataset);
    }
    return ExitCode(report_);
  }

  void SayStatsOf(const DatasetReport& dataset) const {
    const std::string label = EscapeForDisplay(dataset.dataset) + ": ";
    if (const auto* report = std::get_if<Report>(&dataset.report)) {
      if (report->round_trips > 0) SayStats(environment_, *report, label);
      return;
    }
    for (const TableReport& table : std::get<DatabaseReport>(dataset.report).tables) {
      if (table.report.round_trips == 0) continue;  // it did not come to that
      SayStats(environment_, table.report, label + EscapeForDisplay(table.table) + ": ");
    }
  }

  void Warn(const std::string& of, const std::vector<std::string>& warnings) const {
    for (const std::string& warning : warnings) {
      Say(environment_, "driftwood: warning: " + EscapeForDisplay(of + ": " + warning));
    }
  }

  void SayMessages() const {
    for (const DatasetReport& dataset : report_.datasets) {
      std::visit([&](const auto& report) { Warn(dataset.dataset, report.warnings); },
                 dataset.report);
      if (const auto* database = std::get_if<DatabaseReport>(&dataset.report)) {
        for (const TableReport& table : database->tables) {
          std::vector<std::string> warnings = table.report.warnings;
          std::erase(warnings, kAllEmptyWarning);  // said for all of them together
          Warn(dataset.dataset + ": " + table.table, warnings);
        }
      }
      const bool failed =
          dataset.verdict() == Verdict::kError || dataset.verdict() == Verdict::kIncomplete;
      if (failed && !ReportIsSeen(format_, run_, environment_)) {
        Say(environment_,
            "driftwood: " + EscapeForDisplay(dataset.dataset) + ": " + dataset.VerdictLine());
      }
    }
    if (ReportIsSeen(format_, run_, environment_) || VerdictFollows(format_, run_)) return;
    const bool failed =
        report_.verdict == Verdict::kError || report_.verdict == Verdict::kIncomplete;
    if (failed || OutputIsUsable(run_)) Say(environment_, "driftwood: " + VerdictLine(report_));
  }

  const ConfigCommand& command_;
  DiffEnvironment environment_;
  DiffOptions run_;
  ReportFormat format_ = ReportFormat::kTable;
  std::vector<ConfiguredDataset> datasets_;
  DatasetsReport report_;
};

}  // namespace

int RunDiffConfig(const ConfigCommand& command, const DiffEnvironment& environment) {
  return DiffConfigRun(command, environment).Run();
}

int CheckConfig(const std::string& file, const DiffEnvironment& environment) {
  const DiffConfig config =
      ReadDiffConfig(file, environment.store_kinds, /*resolve_passwords=*/false);
  DiffEnvironment quiet = environment;
  quiet.secrets.Add(config.secrets);
  for (const std::string& mistake : config.mistakes) Say(quiet, "driftwood: " + mistake);
  return config.mistakes.empty() ? 0 : kExitError;
}

}  // namespace driftwood::coordinator
