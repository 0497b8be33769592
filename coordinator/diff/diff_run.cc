#include "coordinator/diff/diff_run.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "coordinator/audit/audit.h"
#include "coordinator/diff/given_options.h"
#include "coordinator/diff/letter_case.h"
#include "coordinator/diff/progress.h"
#include "coordinator/report/key_lists.h"
#include "coordinator/report/output.h"
#include "coordinator/report/report_csv.h"
#include "merkle/os/room.h"
#include "merkle/os/threads.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/redaction.h"

namespace driftwood::coordinator {

namespace {

// Of the columns in one message.
constexpr size_t kNamedMax = 5;

void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads stderr: nowhere left to say so
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::unique_ptr<Progress> MakeProgress(const DiffPlan& plan, const DiffOptions& options,
                                       const DiffEnvironment& environment,
                                       const std::string& label) {
  const ProgressForm form = ProgressFromName(options.progress)
                                .value_or(environment.stderr_is_terminal ? ProgressForm::kTerminal
                                                                         : ProgressForm::kLines);
  if (options.quiet || form == ProgressForm::kOff) return nullptr;
  std::vector<std::string> names;
  for (const ReplicaSpec& spec : plan.replicas) names.push_back(spec.name);
  Progress::Options progress;
  progress.form = form;
  progress.label = label;
  progress.write = [fd = environment.stderr_fd](std::string_view text) { WriteAll(fd, text); };
  progress.now_seconds = environment.now_seconds;
  progress.columns = environment.terminal_columns;
  progress.wall_clock = environment.wall_clock;
  progress.last_line = environment.last_progress_line;
  progress.seen = environment.progress_seen;
  return std::make_unique<Progress>(std::move(names), std::move(progress));
}

}  // namespace

namespace {

using Peers = std::vector<std::unique_ptr<Peer>>;

// Each on a thread of its own: it takes a while until an agent has started, answered or ended.
absl::Status ForEachPeer(const Peers& peers, const std::function<absl::Status(size_t)>& work) {
  return merkle::ForEachOnThreads(peers.size(), work);
}

// Those that are there already stay. `failed`: the replica of a failure.
absl::Status ConnectAll(const std::vector<ReplicaSpec>& replicas, Connector* connector,
                        const DiffEnvironment& environment, Peers* peers, size_t* failed) {
  peers->resize(replicas.size());
  std::vector<absl::Status> statuses(replicas.size());
  RETURN_IF_ERROR(ForEachPeer(*peers, [&](size_t i) {
    if ((*peers)[i] != nullptr) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<Peer>> peer =
        connector->Connect(replicas[i], environment.interrupt->token());
    statuses[i] = peer.status();
    if (peer.ok()) (*peers)[i] = *std::move(peer);
    return absl::OkStatus();
  }));
  for (size_t i = 0; i < replicas.size(); ++i) {
    *failed = i;
    RETURN_IF_ERROR(statuses[i]);
  }
  return absl::OkStatus();
}

std::vector<std::string> ColumnNames(const DatasetDescription& description) {
  std::vector<std::string> names;
  for (const SourceColumn& column : description.columns) names.push_back(column.name);
  return names;
}

struct FoundRenames {
  std::vector<std::string> options;  // as those of --rename
  std::vector<CaseRename> columns;
  std::set<std::string> known;  // what the columns of all replicas are called under them
};

// Of each column that another replica than the first writes in another letter case. None where a
// replica can't be asked: the audit meets the same failure.
FoundRenames RenamesOf(const DiffPlan& plan, const Peers& peers) {
  std::vector<std::vector<std::string>> names(peers.size());
  const absl::Status described = ForEachPeer(peers, [&](size_t i) {
    const absl::StatusOr<DatasetDescription> description = peers[i]->Describe();
    if (description.ok()) names[i] = ColumnNames(*description);
    return description.status();
  });
  if (!described.ok()) return {};
  // A pipe has been read, and is empty for an agent that would call its columns otherwise. So the
  // names of the first of them count.
  const auto pipe = std::find_if(plan.replicas.begin(), plan.replicas.end(), IsReadOnce);
  const auto first = static_cast<size_t>(
      pipe == plan.replicas.end() ? 0 : std::distance(plan.replicas.begin(), pipe));
  FoundRenames found;
  for (size_t i = 0; i < peers.size(); ++i) {
    const ReplicaSpec& replica = plan.replicas[i];
    // What its URL or its agent calls a column is what its user wants it to be called.
    const bool is_renamed = i != first && MapsColumns(replica) && !IsReadOnce(replica) &&
                            replica.url.find("rename=") == std::string::npos;
    std::vector<CaseRename> renames;
    if (is_renamed) renames = RenamesByCase(names[first], names[i]);
    for (const std::string& name : names[i]) {
      found.known.insert(NameUnderRenames(name, renames, {}));
    }
    for (const CaseRename& rename : renames) {
      found.options.push_back(ListItem(replica.name + ":" + rename.from + "=" + rename.to));
      found.columns.push_back(rename);
    }
  }
  return found;
}

// Options call columns as any replica does.
void FollowRenames(const FoundRenames& renames, ReconcileOptions* options) {
  const auto follow = [&](const std::string& name) {
    return NameUnderRenames(name, renames.columns, renames.known);
  };
  for (auto* names : {&options->key, &options->columns, &options->ignore}) {
    for (std::string& name : *names) name = follow(name);
  }
  for (merkle::ColumnRule& rule : options->rules) rule.column = follow(rule.column);
  // One that is named in both ways stays, and is an error.
  const auto follow_keys = [&](auto* by_name) {
    auto followed = *by_name;
    for (const auto& [name, value] : *by_name) {
      if (follow(name) != name && followed.emplace(follow(name), value).second) {
        followed.erase(name);
      }
    }
    *by_name = std::move(followed);
  };
  follow_keys(&options->types);
  follow_keys(&options->readings);
}

}  // namespace

namespace {

// Tables of more records work alone: side by side they would take several times the memory, and
// ask more of their servers, without being faster.
constexpr uint64_t kSmallRecordsMax = 100'000;

// Passes on what it is told. A large table, as far as its sources know, works alone.
class TurnKeeper final : public AuditObserver {
 public:
  // Both may be null, and outlive it.
  TurnKeeper(AuditObserver* next, Turns::Turn* turn) : next_(next), turn_(turn) {}

  void OnPhase(Phase phase) override {
    if (phase == Phase::kIndexing && is_large_ && turn_ != nullptr) turn_->WorkAlone();
    if (next_ != nullptr) next_->OnPhase(phase);
  }
  void OnDescribed(size_t source, const DatasetDescription& description) override {
    if (description.records_estimate.value_or(0) > kSmallRecordsMax) is_large_ = true;
    if (next_ != nullptr) next_->OnDescribed(source, description);
  }
  void OnIndexing(size_t source, const PrepareProgress& progress) override {
    if (next_ != nullptr) next_->OnIndexing(source, progress);
  }
  void OnIndexed(size_t source, uint64_t records) override {
    if (next_ != nullptr) next_->OnIndexed(source, records);
  }
  void OnRound(uint32_t round) override {
    if (next_ != nullptr) next_->OnRound(round);
  }
  void OnReread(uint64_t keys) override { keys_held_ = keys; }

  // While others work; without a turn it waits by itself.
  void Pause(double seconds, const std::function<void(double)>& wait) {
    turn_ == nullptr ? wait(seconds) : turn_->Pause(seconds, keys_held_, wait);
  }

 private:
  AuditObserver* const next_;
  Turns::Turn* const turn_;
  std::atomic<bool> is_large_{false};
  uint64_t keys_held_ = 0;
};

void Wait(const DiffEnvironment& environment, double seconds) {
  if (environment.wait_seconds) return environment.wait_seconds(seconds);
  (void)environment.interrupt->WaitFor(seconds);
}

// What is listed for people is laid out as a whole; programs take one record after another.
uint64_t RecordsHeldMax(const AuditPlan& plan) {
  constexpr uint64_t kMin = 2000;  // some megabyte
  return plan.values_read_max == AuditPlan::kAllRecords ? kMin
                                                        : std::max(kMin, plan.values_read_max);
}

Report CompareConnected(const DiffPlan& given, const DiffOptions& options,
                        const DiffEnvironment& environment, Connector* connector,
                        const std::string& label, Turns::Turn* turn, Peers* connected) {
  DiffPlan plan = given;
  Peers& peers = *connected;
  size_t replica = 0;
  const auto failed = [&](const absl::Status& status) {
    return MakeErrorReport(status, replica, options, environment);
  };
  if (const absl::Status status =
          ConnectAll(plan.replicas, connector, environment, &peers, &replica);
      !status.ok()) {
    return failed(status);
  }
  FoundRenames found;
  if (!options.exact_names) {
    // The audit has its own, but a source may take its time before there is one.
    const Interrupt::Listener cancel(environment.interrupt, [&peers] {
      for (const std::unique_ptr<Peer>& peer : peers) peer->Cancel();
    });
    found = RenamesOf(plan, peers);
    FollowRenames(found, &plan.audit.reconcile);
  }
  const std::vector<std::string>& renames = found.options;
  if (!renames.empty()) {
    if (const absl::Status renamed = RenameColumns(renames, &plan.replicas); !renamed.ok()) {
      return failed(renamed);
    }
    // Only those whose names change are asked anew.
    for (size_t i = 0; i < peers.size(); ++i) {
      if (plan.replicas[i].url != given.replicas[i].url) peers[i].reset();
    }
    if (const absl::Status status =
            ConnectAll(plan.replicas, connector, environment, &peers, &replica);
        !status.ok()) {
      return failed(status);
    }
  }
  AuditOptions audit;
  audit.sample.seed = std::random_device()();
  audit.salt = environment.salt;
  audit.now_seconds = environment.now_seconds;
  audit.setting = [&options](Setting setting, std::string_view value) {
    return OptionTextOf(options.table, setting, value);
  };
  audit.table = options.table;
  audit.records_folder = merkle::TemporaryPlace();
  audit.records_held_max = RecordsHeldMax(plan.audit);
  std::vector<Peer*> asked;
  for (const std::unique_ptr<Peer>& peer : peers) asked.push_back(peer.get());
  const std::unique_ptr<Progress> progress = MakeProgress(plan, options, environment, label);
  TurnKeeper observer(progress.get(), turn);
  audit.wait_seconds = [&](double seconds) {
    observer.Pause(seconds, [&](double longest) { Wait(environment, longest); });
  };
  Report report = RunAudit(plan.audit, asked, audit, &observer, environment.interrupt);
  if (!renames.empty()) {
    report.warnings.push_back(
        "columns are matched in all but letter case: " + JoinNames(renames, kNamedMax) +
        "; with --exact-names they are told apart");
  }
  return report;
}

}  // namespace

Report CompareReplicas(const DiffPlan& plan, const DiffOptions& options,
                       const DiffEnvironment& environment, Connector* connector,
                       const std::string& label, Turns::Turn* turn) {
  Peers peers;
  Report report = CompareConnected(plan, options, environment, connector, label, turn, &peers);
  // With them the agents that serve nothing else.
  (void)ForEachPeer(peers, [&](size_t i) {
    peers[i].reset();
    return absl::OkStatus();
  });
  return report;
}

Report MakeErrorReport(const absl::Status& status, std::optional<size_t> replica,
                       const DiffOptions& options, const DiffEnvironment& environment) {
  Report report;
  const absl::StatusOr<std::vector<std::string>> names = ReplicaNames(options);
  for (size_t i = 0; i < options.stores.size(); ++i) {
    ReportReplica entry;
    entry.name = names.ok() ? (*names)[i] : "r" + std::to_string(i + 1);
    entry.source = merkle::Redacted(options.stores[i]);
    report.replicas.push_back(std::move(entry));
  }
  report.missing.assign(report.replicas.size(), 0);
  report.error = ReportError{status.code(), std::string(status.message()), replica};
  if (environment.interrupt->raised()) {
    report.interrupted = true;
    report.verdict = Verdict::kIncomplete;
    report.error = ReportError{absl::StatusCode::kCancelled, "interrupted", std::nullopt};
    report.gaps.push_back({{}, std::nullopt, std::nullopt, "interrupted"});
  }
  return report;
}

ReportOrigin MakeOrigin(const DiffOptions& options, const DiffEnvironment& environment) {
  ReportOrigin origin;
  origin.started_at = UtcText(environment.started_at);
  origin.finished_at = UtcText(environment.wall_clock());
  origin.version = environment.version;
  origin.host = environment.host;
  origin.options = GivenOptions(options);
  for (ReportOption& option : origin.options) {
    for (std::string& value : option.values) value = environment.secrets.Hide(std::move(value));
  }
  return origin;
}

namespace {

void HideAll(const DiffEnvironment& environment, std::optional<ReportError>* error,
             std::vector<std::string>* warnings) {
  if (*error) (*error)->message = environment.secrets.Hide(std::move((*error)->message));
  for (std::string& warning : *warnings) warning = environment.secrets.Hide(std::move(warning));
}

}  // namespace

void HideSecrets(const DiffEnvironment& environment, Report* report) {
  HideAll(environment, &report->error, &report->warnings);
  for (ReportGap& gap : report->gaps) gap.reason = environment.secrets.Hide(std::move(gap.reason));
}

void HideSecrets(const DiffEnvironment& environment, DatabaseReport* report) {
  HideAll(environment, &report->error, &report->warnings);
  for (TableReport& table : report->tables) HideSecrets(environment, &table.report);
}

bool OutputIsUsable(const DiffOptions& options) {
  return !options.output.empty() && CheckOutput(options).ok();
}

namespace {

bool HasNoVerdict(ReportFormat format, const DiffOptions& options) {
  return IsCsv(format) && !options.verdict_row;
}

bool OutputIsAside(const DiffOptions& options) {
  return OutputIsUsable(options) && IsWrittenAside(options.output);
}

std::string VerdictNoteOf(const Report& report) { return VerdictNote(report); }
std::string VerdictNoteOf(const DatabaseReport& report) { return VerdictLine(report); }
std::string VerdictNoteOf(const DatasetsReport& report) { return VerdictLine(report); }
uint64_t RowsOf(const Report& report) { return report.listed(); }
uint64_t RowsOf(const DatabaseReport& report) { return report.tables.size(); }
uint64_t RowsOf(const DatasetsReport& report) { return CsvRows(report); }

// A copy of the csv that was cut has fewer rows and bytes than this says.
template <typename AnyReport>
absl::Status WriteVerdictFile(const AnyReport& report, uint64_t bytes, const DiffOptions& options,
                              const DiffEnvironment& environment) {
  const uint64_t rows = report.verdict == Verdict::kError ? 0 : RowsOf(report);
  ASSIGN_OR_RETURN(const std::unique_ptr<Output> output,
                   Output::ToFile(VerdictPath(options.output)));
  RETURN_IF_ERROR(output->Write(EscapeForDisplay(environment.secrets.Hide(VerdictNoteOf(report))) +
                                "; csv: " + std::to_string(rows) + " rows, " +
                                std::to_string(bytes) + " bytes\n"));
  return output->Commit();
}

template <typename AnyReport>
absl::Status WriteAny(const AnyReport& report, ReportFormat format, const DiffOptions& options,
                      const DiffEnvironment& environment) {
  const bool file_usable = OutputIsUsable(options);
  const bool aside = OutputIsAside(options);
  std::unique_ptr<Output> output;
  if (file_usable) {
    ASSIGN_OR_RETURN(output, Output::ToFile(options.output));
  } else {
    output = Output::ToDescriptor(environment.stdout_fd, "stdout");
  }
  constexpr size_t kColumns = 100;  // where no terminal says how wide it is
  ReportStyle style;
  style.columns = kColumns;
  style.whole_sentences = true;
  style.hashes = options.show_hashes;
  style.verdict_row = options.verdict_row;
  if (!file_usable && environment.stdout_is_terminal && format == ReportFormat::kTable) {
    style.columns = environment.terminal_columns();
    style.whole_sentences = false;
    style.colour = environment.colour;
  }
  uint64_t bytes = 0;
  RETURN_IF_ERROR(WriteReport(report, format, style, [&](std::string_view text) {
    bytes += text.size();
    return output->Write(text);
  }));
  // Yesterday's verdict must not stand beside today's report, of whatever format.
  if (aside) RETURN_IF_ERROR(RemoveFile(VerdictPath(options.output)));
  RETURN_IF_ERROR(output->Commit());
  if (!HasNoVerdict(format, options)) return absl::OkStatus();
  if (aside) return WriteVerdictFile(report, bytes, options, environment);
  if (report.verdict != Verdict::kError) Say(environment, "driftwood: " + VerdictNoteOf(report));
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteOutput(const Report& report, ReportFormat format, const DiffOptions& options,
                         const DiffEnvironment& environment) {
  return WriteAny(report, format, options, environment);
}

absl::Status WriteOutput(const DatabaseReport& report, ReportFormat format,
                         const DiffOptions& options, const DiffEnvironment& environment) {
  return WriteAny(report, format, options, environment);
}

absl::Status WriteOutput(const DatasetsReport& report, ReportFormat format,
                         const DiffOptions& options, const DiffEnvironment& environment) {
  return WriteAny(report, format, options, environment);
}

bool VerdictFollows(ReportFormat format, const DiffOptions& options) {
  return HasNoVerdict(format, options) && !OutputIsAside(options);
}

uint64_t ListedMax(ReportFormat format, const DiffOptions& options) {
  constexpr uint64_t kForPeople = 1000;
  constexpr uint64_t kOfEachTableForPeople = 10;  // below the line that says how many there are
  const uint64_t for_people = options.all ? kOfEachTableForPeople : kForPeople;
  return options.max_divergences.value_or(IsForPeople(format) ? for_people
                                                              : AuditPlan::kAllRecords);
}

void SetListing(ReportFormat format, const DiffOptions& options, AuditPlan* audit) {
  const uint64_t listed = ListedMax(format, options);
  audit->records_listed_max = options.keys_out.empty() ? listed : AuditPlan::kAllRecords;
  audit->values_read_max = listed;
}

namespace {

// Exit code 2 is for what could have been written; the others are that of the verdict already.
bool KeysAreWritten(const absl::Status& written, Verdict verdict, const DiffOptions& options,
                    const DiffEnvironment& environment) {
  if (written.ok()) return true;
  Say(environment, "driftwood: no keys are written to " + options.keys_out + ": " +
                       std::string(written.message()));
  return verdict != Verdict::kIdentical && verdict != Verdict::kDivergent;
}

}  // namespace

bool WriteKeys(ReportFormat format, const DiffOptions& options, const DiffEnvironment& environment,
               Report* report) {
  if (options.keys_out.empty() || report->plan) return true;
  const bool written = KeysAreWritten(WriteKeyLists(*report, options.keys_out), report->verdict,
                                      options, environment);
  report->CutRecords(ListedMax(format, options));
  return written;
}

bool WriteKeys(ReportFormat format, const DiffOptions& options, const DiffEnvironment& environment,
               DatabaseReport* report) {
  if (options.keys_out.empty()) return true;
  const absl::Status status = WriteKeyLists(*report, options.keys_out);
  const bool written = KeysAreWritten(status, report->verdict, options, environment);
  const std::vector<std::string> without = TablesWithoutKeyLists(*report);
  if (status.ok() && !without.empty()) {
    Say(environment,
        "driftwood: warning: no keys are written of tables that were not wholly compared: " +
            JoinNames(without, kNamedMax));
  }
  for (TableReport& table : report->tables) table.report.CutRecords(ListedMax(format, options));
  return written;
}

void TellCleanedUp(const DiffOptions& options, const DiffEnvironment& environment) {
  if (environment.on_cleaned_up && !OutputIsAside(options)) environment.on_cleaned_up();
}

bool IsReaderOfStdoutGone(const absl::Status& written, const DiffOptions& options) {
  return ReaderIsGone(written) && !OutputIsUsable(options);
}

bool ReportIsSeen(ReportFormat format, const DiffOptions& options,
                  const DiffEnvironment& environment) {
  if (!options.output.empty() || HasNoVerdict(format, options)) return false;
  if (environment.stdout_is_terminal && environment.stderr_is_terminal) {
    return format == ReportFormat::kTable;
  }
  struct stat out {};
  struct stat err {};
  return ::fstat(environment.stdout_fd, &out) == 0 && ::fstat(environment.stderr_fd, &err) == 0 &&
         out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

void Say(const DiffEnvironment& environment, const std::string& line) {
  WriteAll(environment.stderr_fd, EscapeForDisplay(environment.secrets.Hide(line)) + "\n");
}

void SayStats(const DiffEnvironment& environment, const Report& report, const std::string& label) {
  const std::string begin = "stats: " + label;
  char line[200];
  for (const ReportReplica& replica : report.replicas) {
    if (!replica.records) continue;
    const double records = static_cast<double>(*replica.records);
    std::snprintf(line, sizeof line, ": %.3f s, %.0f records/s%s", replica.index_seconds,
                  replica.index_seconds > 0 ? records / replica.index_seconds : 0.0,
                  replica.index_reused ? " (kept index, proven current)" : "");
    Say(environment, begin + "index of " + replica.name + ": " +
                         Plural(*replica.records, "record", "records") + line);
  }
  std::snprintf(line, sizeof line, " in %.3f s", report.seconds);
  Say(environment, begin + "walk: " + Plural(report.round_trips, "round trip", "round trips") +
                       ", " + GroupDigits(report.bytes_sent) + " bytes sent, " +
                       GroupDigits(report.bytes_received) + " bytes received" + line);
  if (report.passes == 0) return;
  std::snprintf(line, sizeof line, " in %.3f s", report.confirm_seconds);
  Say(environment, begin + "confirmation: " + Plural(report.keys_reread, "key", "keys") +
                       " re-read in " + Plural(report.passes, "pass", "passes") + line);
}

}  // namespace driftwood::coordinator
