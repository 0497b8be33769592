#include "coordinator/diff_command.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "coordinator/audit.h"
#include "coordinator/output.h"
#include "coordinator/progress.h"
#include "coordinator/text.h"
#include "merkle/status_macros.h"
#include "merkle/store_password.h"

namespace driftwood::coordinator {

namespace {

// What the options come to once they are checked.
struct DiffPlan {
  ReportFormat format = ReportFormat::kTable;
  std::vector<ReplicaSpec> replicas;
  ReconcileOptions reconcile;
  RecheckOptions recheck;
};

std::vector<std::string> JoinLists(const std::vector<std::string>& lists) {
  std::vector<std::string> names;
  for (const std::string& list : lists) {
    for (std::string& name : SplitList(list)) names.push_back(std::move(name));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> ColumnList(const char* option,
                                                    const std::vector<std::string>& lists) {
  std::vector<std::string> names = JoinLists(lists);
  if (std::find(names.begin(), names.end(), "") != names.end()) {
    return absl::InvalidArgumentError(std::string(option) +
                                      ": an empty name; wanted COLUMN,COLUMN,…");
  }
  return names;
}

absl::Status CheckName(const std::string& name) {
  const bool sane =
      !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
      });
  if (sane) return absl::OkStatus();
  return absl::InvalidArgumentError("--name '" + name +
                                    "' is no replica name; wanted 1 to 64 letters, digits, '-', "
                                    "'_' or '.'");
}

absl::StatusOr<std::vector<std::string>> ReplicaNames(const DiffOptions& options) {
  const size_t count = options.stores.size();
  std::vector<std::string> names = JoinLists(options.names);
  if (names.empty()) {
    if (count == 2) return std::vector<std::string>{"left", "right"};
    for (size_t i = 1; i <= count; ++i) names.push_back("r" + std::to_string(i));
    return names;
  }
  if (names.size() != count) {
    return absl::InvalidArgumentError("--name is given " + std::to_string(names.size()) +
                                      (names.size() == 1 ? " time" : " times") + " for " +
                                      std::to_string(count) +
                                      " replicas; give it once for each, in their order");
  }
  std::set<std::string> seen;
  for (const std::string& name : names) {
    RETURN_IF_ERROR(CheckName(name));
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError("--name '" + name +
                                        "' is given twice; each replica needs a name of its own");
    }
  }
  return names;
}

const std::vector<std::string>& TypeNames() {
  static const std::vector<std::string> names = {
      "bool", "integer",   "decimal",     "float64", "text", "bytes",  "date",
      "time", "timestamp", "timestamptz", "uuid",    "json", "dynamic"};
  return names;
}

absl::StatusOr<std::map<std::string, merkle::ColumnType>> ParseTypes(
    const std::vector<std::string>& lists) {
  std::map<std::string, merkle::ColumnType> types;
  for (const std::string& item : JoinLists(lists)) {
    const size_t equals = item.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError("--types '" + item + "': wanted COLUMN=TYPE,…");
    }
    const std::string name = item.substr(0, equals);
    const std::string type_name = item.substr(equals + 1);
    const std::optional<merkle::ColumnType> type = merkle::ColumnTypeFromName(type_name);
    if (!type) {
      return absl::InvalidArgumentError("--types " + name + ": unknown type '" + type_name + "'" +
                                        DidYouMean(type_name, TypeNames()) + "; wanted one of " +
                                        JoinNames(TypeNames(), 20));
    }
    if (!types.emplace(name, *type).second) {
      return absl::InvalidArgumentError("--types names column '" + name + "' twice");
    }
  }
  return types;
}

// "column:ignore" is another way to write --ignore column.
absl::Status ParseRules(const std::vector<std::string>& lists, ReconcileOptions* options) {
  static constexpr std::string_view kIgnore = ":ignore";
  for (const std::string& item : JoinLists(lists)) {
    if (item.size() > kIgnore.size() && item.ends_with(kIgnore)) {
      options->ignore.push_back(item.substr(0, item.size() - kIgnore.size()));
      continue;
    }
    absl::StatusOr<merkle::ColumnRule> rule = merkle::ParseColumnRule(item);
    if (!rule.ok()) {
      return absl::InvalidArgumentError("--rule " + item + ": " +
                                        std::string(rule.status().message()));
    }
    options->rules.push_back(*std::move(rule));
  }
  return absl::OkStatus();
}

// As it may stand in a list of a store URL's parameter.
std::string EscapedForUrl(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    if (std::string_view("%&?,#").find(c) == std::string_view::npos && byte > 0x20) {
      escaped += c;
    } else {
      escaped += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return escaped;
}

// "--rename left:a=b" is the parameter "rename=a=b" of left's store URL, and so is a zone.
absl::Status MapColumns(const std::string& parameter, const std::vector<std::string>& lists,
                        std::vector<ReplicaSpec>* replicas) {
  std::map<std::string, std::string> values;  // by replica
  for (const std::string& item : JoinLists(lists)) {
    const size_t colon = item.find(':');
    if (colon == std::string::npos || item.find('=', colon) == std::string::npos) {
      return absl::InvalidArgumentError(
          "--" + parameter + " '" + item +
          "': wanted REPLICA:COLUMN=" + (parameter == "zone" ? "UTC+2" : "NAME"));
    }
    std::string& value = values[item.substr(0, colon)];
    value += (value.empty() ? "" : ",") + EscapedForUrl(item.substr(colon + 1));
  }
  for (ReplicaSpec& replica : *replicas) {
    const auto found = values.find(replica.name);
    if (found == values.end()) continue;
    if (replica.running_agent) {
      return absl::InvalidArgumentError(
          "--" + parameter + ": " + replica.name + " is a running agent; add " + parameter + "=" +
          found->second + " to the URL of the dataset that it serves");
    }
    const size_t query = replica.url.rfind('?');
    const bool has_query =
        query != std::string::npos && replica.url.find('=', query) != std::string::npos;
    replica.url += (has_query ? "&" : "?") + parameter + "=" + found->second;
    values.erase(found);
  }
  if (values.empty()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const ReplicaSpec& replica : *replicas) names.push_back(replica.name);
  const std::string& unknown = values.begin()->first;
  return absl::InvalidArgumentError("--" + parameter + ": there is no replica '" + unknown + "'" +
                                    DidYouMean(unknown, names) + "; there are " + JoinAnd(names));
}

// The report must never replace what is compared, or the key.
absl::Status CheckOutput(const DiffOptions& options) {
  RETURN_IF_ERROR(CheckOutputPath(options.output));
  const auto in_use = [&](const std::string& path) {
    return absl::InvalidArgumentError("--output: " + options.output + " is " + path +
                                      "; name another file");
  };
  const std::string& key = options.digest_key_file;
  if (!key.empty() && IsSameFile(options.output, key)) return in_use("the digest key file");
  for (const std::string& url : options.stores) {
    if (url.starts_with("agent:")) continue;
    for (const char* file : {"", "-wal", "-journal", "/data.mdb", "/lock.mdb"}) {
      if (IsSameFile(options.output, StorePath(url) + file)) {
        return in_use("a file of " + merkle::TakePassword(url).url);
      }
    }
  }
  return absl::OkStatus();
}

constexpr double kRecheckSecondsMax = 86'400;
constexpr uint64_t kRecheckKeysMax = 50'000'000;  // some hundred bytes each
constexpr uint64_t kRecheckTimesMax = 100;

absl::StatusOr<RecheckOptions> PlanRecheck(const DiffOptions& options) {
  RecheckOptions recheck;
  recheck.enabled = !options.no_recheck;
  recheck.seconds = options.recheck_seconds;
  if (recheck.seconds && !(*recheck.seconds >= 0 && *recheck.seconds <= kRecheckSecondsMax)) {
    return absl::InvalidArgumentError("--recheck: wanted 0 to " +
                                      GroupDigits(static_cast<uint64_t>(kRecheckSecondsMax)) +
                                      " seconds");
  }
  if (options.recheck_max > kRecheckKeysMax) {
    return absl::InvalidArgumentError("--recheck-max: wanted at most " +
                                      GroupDigits(kRecheckKeysMax) + " keys");
  }
  if (options.recheck_times < 1 || options.recheck_times > kRecheckTimesMax) {
    return absl::InvalidArgumentError("--recheck-times: wanted 1 to " +
                                      GroupDigits(kRecheckTimesMax));
  }
  recheck.keys_max = options.recheck_max;
  recheck.passes_max = static_cast<int>(options.recheck_times);
  return recheck;
}

absl::StatusOr<DiffPlan> MakePlan(const DiffOptions& options, ReportFormat format) {
  DiffPlan plan;
  plan.format = format;
  if (options.stores.size() < 2) {
    return absl::InvalidArgumentError("diff needs at least two stores, got " +
                                      std::to_string(options.stores.size()) +
                                      "; see driftwood diff --help");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ReplicaNames(options));
  for (size_t i = 0; i < names.size(); ++i) {
    ASSIGN_OR_RETURN(ReplicaSpec spec, ParseReplicaSpec(names[i], options.stores[i]));
    plan.replicas.push_back(std::move(spec));
  }
  RETURN_IF_ERROR(MapColumns("rename", options.renames, &plan.replicas));
  RETURN_IF_ERROR(MapColumns("zone", options.zones, &plan.replicas));
  ASSIGN_OR_RETURN(plan.reconcile.key, ColumnList("--key", options.key));
  ASSIGN_OR_RETURN(plan.reconcile.columns, ColumnList("--columns", options.columns));
  ASSIGN_OR_RETURN(plan.reconcile.ignore, ColumnList("--ignore", options.ignore));
  ASSIGN_OR_RETURN(plan.reconcile.types, ParseTypes(options.types));
  RETURN_IF_ERROR(ParseRules(options.rules, &plan.reconcile));
  ASSIGN_OR_RETURN(plan.recheck, PlanRecheck(options));
  if (options.plan_only && format != ReportFormat::kTable) {
    return absl::InvalidArgumentError("--explain is for people to read: leave --format out");
  }
  if (!options.output.empty()) RETURN_IF_ERROR(CheckOutput(options));
  return plan;
}

class DiffCommand {
 public:
  DiffCommand(const DiffOptions& options, const DiffEnvironment& environment)
      : options_(options), environment_(environment) {}

  int Run() {
    const std::optional<ReportFormat> format = ReportFormatFromName(options_.format);
    if (!format) {
      Say("driftwood: unknown format '" + EscapeForDisplay(options_.format) + "'" +
          DidYouMean(options_.format, {"table", "json", "jsonl", "csv"}) +
          "; wanted table, json, jsonl or csv");
      return 2;
    }
    format_ = *format;
    const Report report = MakeReport();
    // A file that is written aside would be left behind; it makes nobody wait.
    const bool aside = OutputIsUsable() && IsWrittenAside(options_.output);
    if (environment_.on_cleaned_up && !aside) environment_.on_cleaned_up();
    SayMessages(report);
    const absl::Status written = Write(report);
    if (!written.ok()) {
      Say("driftwood: " + EscapeForDisplay(std::string(written.message())));
      return 2;
    }
    if (options_.stats) SayStats(report);
    return ExitCode(report);
  }

 private:
  Report MakeReport() {
    const absl::StatusOr<DiffPlan> plan = MakePlan(options_, format_);
    if (!plan.ok()) return ErrorReport(plan.status());
    absl::StatusOr<std::unique_ptr<Connector>> connector = environment_.make_connector(options_);
    if (!connector.ok()) return ErrorReport(connector.status());
    return Compare(*plan, connector->get());
  }

  Report Compare(const DiffPlan& plan, Connector* connector) {
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<AuditReplica> replicas;
    for (const ReplicaSpec& spec : plan.replicas) {
      absl::StatusOr<std::unique_ptr<Peer>> peer =
          connector->Connect(spec, [this] { return environment_.interrupt->raised(); });
      if (!peer.ok()) return ErrorReport(peer.status(), peers.size());
      replicas.push_back({spec.name, spec.url, peer->get()});
      peers.push_back(*std::move(peer));
    }
    AuditOptions audit;
    audit.reconcile = plan.reconcile;
    audit.records_listed_max = options_.max_divergences;
    audit.show_values = options_.show_values;
    audit.plan_only = options_.plan_only;
    audit.explain = options_.explain;
    audit.recheck = plan.recheck;
    audit.salt = environment_.salt;
    audit.now_seconds = environment_.now_seconds;
    const std::unique_ptr<TerminalProgress> progress = MakeProgress(plan);
    return RunAudit(replicas, audit, progress.get(), environment_.interrupt);
  }

  std::unique_ptr<TerminalProgress> MakeProgress(const DiffPlan& plan) const {
    if (options_.quiet || !environment_.stderr_is_terminal) return nullptr;
    std::vector<std::string> names;
    for (const ReplicaSpec& spec : plan.replicas) names.push_back(spec.name);
    TerminalProgress::Options progress;
    progress.write = [fd = environment_.stderr_fd](std::string_view text) { WriteAll(fd, text); };
    progress.now_seconds = environment_.now_seconds;
    progress.columns = environment_.terminal_columns;
    return std::make_unique<TerminalProgress>(std::move(names), std::move(progress));
  }

  // Nothing was compared. All replicas are named all the same.
  Report ErrorReport(const absl::Status& status,
                     std::optional<size_t> replica = std::nullopt) const {
    Report report;
    const absl::StatusOr<std::vector<std::string>> names = ReplicaNames(options_);
    for (size_t i = 0; i < options_.stores.size(); ++i) {
      ReportReplica entry;
      entry.name = names.ok() ? (*names)[i] : "r" + std::to_string(i + 1);
      entry.source = merkle::TakePassword(options_.stores[i]).url;
      report.replicas.push_back(std::move(entry));
    }
    report.missing.assign(report.replicas.size(), 0);
    report.error = ReportError{status.code(), std::string(status.message()), replica};
    if (environment_.interrupt->raised()) {
      report.interrupted = true;
      report.verdict = Verdict::kIncomplete;
      report.error = ReportError{absl::StatusCode::kCancelled, "interrupted", std::nullopt};
      report.gaps.push_back({{}, std::nullopt, std::nullopt, "interrupted"});
    }
    return report;
  }

  bool OutputIsUsable() const { return !options_.output.empty() && CheckOutput(options_).ok(); }

  absl::Status Write(const Report& report) const {
    // An unusable --output is the error that the report is about: say it on stdout.
    const bool file_usable = OutputIsUsable();
    std::unique_ptr<Output> output;
    if (file_usable) {
      ASSIGN_OR_RETURN(output, Output::ToFile(options_.output));
    } else {
      output = Output::ToDescriptor(environment_.stdout_fd, "stdout");
    }
    TableStyle style;
    if (!file_usable && environment_.stdout_is_terminal) {
      style.columns = environment_.terminal_columns();
      style.colour = environment_.colour;
    }
    RETURN_IF_ERROR(WriteReport(report, format_, style,
                                [&](std::string_view bytes) { return output->Write(bytes); }));
    return output->Commit();
  }

  // True if a person at the terminal reads the report itself.
  bool ReportIsSeen() const {
    return format_ == ReportFormat::kTable && options_.output.empty() &&
           environment_.stdout_is_terminal && environment_.stderr_is_terminal;
  }

  void SayMessages(const Report& report) const {
    for (const std::string& warning : report.warnings) {
      Say("driftwood: warning: " + EscapeForDisplay(warning));
    }
    if (ReportIsSeen() || report.plan) return;
    if (report.verdict == Verdict::kError) {
      Say("driftwood: " + ErrorLine(report));
    } else if (report.verdict == Verdict::kIncomplete) {
      Say("driftwood: " + VerdictLine(report));
    }
  }

  void SayStats(const Report& report) const {
    char line[200];
    for (const ReportReplica& replica : report.replicas) {
      if (!replica.records) continue;
      const double records = static_cast<double>(*replica.records);
      std::snprintf(line, sizeof line, ": %.3f s, %.0f records/s%s", replica.index_seconds,
                    replica.index_seconds > 0 ? records / replica.index_seconds : 0.0,
                    replica.index_reused ? " (kept index, proven current)" : "");
      Say("stats: index of " + replica.name + ": " + Plural(*replica.records, "record", "records") +
          line);
    }
    std::snprintf(line, sizeof line, " in %.3f s", report.seconds);
    Say("stats: walk: " + Plural(report.round_trips, "round trip", "round trips") + ", " +
        GroupDigits(report.bytes_sent) + " bytes sent, " + GroupDigits(report.bytes_received) +
        " bytes received" + line);
    if (report.passes == 0) return;
    std::snprintf(line, sizeof line, " in %.3f s", report.confirm_seconds);
    Say("stats: confirmation: " + Plural(report.keys_reread, "key", "keys") + " read again in " +
        Plural(report.passes, "pass", "passes") + line);
  }

  static void WriteAll(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;  // nobody reads stderr: nowhere left to say so
      text.remove_prefix(static_cast<size_t>(written));
    }
  }

  void Say(const std::string& line) const { WriteAll(environment_.stderr_fd, line + "\n"); }

  const DiffOptions& options_;
  const DiffEnvironment& environment_;
  ReportFormat format_ = ReportFormat::kTable;
};

}  // namespace

int RunDiff(const DiffOptions& options, const DiffEnvironment& environment) {
  return DiffCommand(options, environment).Run();
}

}  // namespace driftwood::coordinator
