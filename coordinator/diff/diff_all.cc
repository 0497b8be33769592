#include "coordinator/diff/diff_all.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "coordinator/audit/audit.h"
#include "coordinator/audit/audit_plan.h"
#include "coordinator/audit/same_source.h"
#include "coordinator/diff/diff_plan.h"
#include "coordinator/diff/diff_run.h"
#include "coordinator/diff/table_options.h"
#include "coordinator/diff/table_selection.h"
#include "coordinator/diff/turns.h"
#include "coordinator/peer/connector.h"
#include "coordinator/report/database_report.h"
#include "merkle/check.h"
#include "merkle/os/threads.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "proto/contract/fault.h"

namespace driftwood::coordinator {

namespace {

// Tables that are compared or wait to be re-read: each has a thread, connections to its agents, and
// a snapshot there. More of them than this have several pauses.
constexpr size_t kBegunMax = 100;

// Of their keys to be re-read, all together: about as many as of one table.
constexpr uint64_t kKeysHeldMax = RecheckOptions().keys_max;

// Of the tables in one message.
constexpr size_t kNamedMax = 5;

absl::Status CheckOptions(const DiffOptions& options) {
  RETURN_IF_ERROR(CheckTableOptions(options));
  if (options.plan_only) {
    return absl::InvalidArgumentError("--explain is for one table: leave --all out");
  }
  return absl::OkStatus();
}

class DiffAll {
 public:
  DiffAll(ReportFormat format, const DiffOptions& options, const DiffEnvironment& environment,
          std::string label)
      : format_(format), options_(options), environment_(environment), label_(std::move(label)) {}

  int Run() {
    CompareAll();
    return Finish();
  }

  DatabaseReport Compare() {
    CompareAll();
    return std::move(report_);
  }

 private:
  void CompareAll() {
    const double start = environment_.now_seconds();
    NameReplicas();
    const absl::Status status = CompareDatabases();
    if (!status.ok() && !report_.error) Fail(status, std::nullopt);
    if (connector_ != nullptr) TakeNotices();
    report_.interrupted = environment_.interrupt->raised();
    if (report_.interrupted) {
      report_.error = ReportError{absl::StatusCode::kCancelled, "interrupted", std::nullopt};
    }
    report_.seconds = environment_.now_seconds() - start;
    const bool all_empty = LookForEmptyTables();
    DecideVerdict(&report_);
    if (all_empty && report_.verdict == Verdict::kIdentical) RefuseNothing();
    report_.origin = MakeOrigin(options_, environment_);
  }

  // The names and sources as far as they are known yet.
  void NameReplicas() {
    report_.replicas =
        MakeErrorReport(absl::OkStatus(), std::nullopt, options_, environment_).replicas;
  }

  void Fail(const absl::Status& status, std::optional<size_t> replica) {
    report_.error = ReportError{status.code(), std::string(status.message()), replica};
  }

  absl::Status CompareDatabases() {
    RETURN_IF_ERROR(CheckOptions(options_));
    RETURN_IF_ERROR(MakeDiffPlan(options_, format_, environment_.store_kinds).status());
    DiffOptions plain = options_;  // what is about columns is for some tables only
    plain.renames.clear();
    plain.zones.clear();
    ASSIGN_OR_RETURN(const DiffPlan plan, MakeDiffPlan(plain, format_, environment_.store_kinds));
    databases_ = plan.replicas;
    for (const ReplicaSpec& database : databases_) names_.push_back(database.name);
    RETURN_IF_ERROR(CheckAreNotTheSame(databases_, options_));
    ASSIGN_OR_RETURN(connector_, environment_.make_connector(options_));
    RETURN_IF_ERROR(List(/*must_exist=*/true, &listings_));
    RETURN_IF_ERROR(CheckAreOthers());
    for (size_t i = 0; i < listings_.size(); ++i) {
      report_.replicas[i].source = listings_[i].source;
      report_.replicas[i].filter = listings_[i].scope;
      for (const std::string& warning : listings_[i].warnings) {
        report_.warnings.push_back(names_[i] + ": " + warning);
      }
    }
    ASSIGN_OR_RETURN(TableSelection selection,
                     SelectTables(listings_, names_, options_, /*must_exist=*/true));
    report_.skipped = std::move(selection.skipped);
    if (selection.tables.empty()) return NothingToCompare();
    ASSIGN_OR_RETURN(const TableOptions columns,
                     TableOptions::Create(options_, names_, selection.tables));
    if (const std::vector<std::string> others = OtherCases(selection.tables, names_);
        !others.empty()) {
      report_.warnings.push_back(
          "names are matched in all but letter case: " + JoinNames(others, kNamedMax) +
          "; with --exact-names they are told apart");
    }
    AnnounceTables(selection.tables, columns);
    CompareTables(selection.tables, columns);
    if (!environment_.interrupt->raised()) LookAgain();
    return absl::OkStatus();
  }

  absl::Status CheckAreOthers() const {
    if (options_.allow_same) return absl::OkStatus();
    std::vector<SourceOfReplica> replicas;
    for (size_t i = 0; i < listings_.size(); ++i) {
      replicas.push_back({names_[i], listings_[i].source, {listings_[i].identity}});
    }
    return CheckAreNotTheSame(replicas, OptionText);
  }

  void TakeNotices() {
    for (std::string& notice : connector_->TakeNotices()) {
      report_.warnings.push_back(std::move(notice));
    }
  }

  absl::Status List(bool must_exist, std::vector<TableList>* listings) {
    std::vector<absl::StatusOr<TableList>> listed(databases_.size());
    const absl::Status asked = merkle::ForEachOnThreads(databases_.size(), [&](size_t i) {
      listed[i] = connector_->ListTables(databases_[i], environment_.interrupt->token());
      return absl::OkStatus();
    });
    RETURN_IF_ERROR(asked);
    for (size_t i = 0; i < databases_.size(); ++i) {
      if (!listed[i].ok()) {
        Fail(listed[i].status(), i);
        return listed[i].status();
      }
      listings->push_back(*std::move(listed[i]));
    }
    QualifyAlike(listings);
    return RenameTables(options_, names_, must_exist, listings);
  }

  absl::Status NothingToCompare() const {
    const std::string check =
        "; check the databases' names and what their users are allowed to see";
    if (report_.skipped.empty()) {
      return absl::NotFoundError("no table in " + JoinAnd(names_) + ", so nothing was compared" +
                                 check);
    }
    std::vector<std::string> skipped;
    for (const SkippedTable& table : report_.skipped) {
      skipped.push_back(table.table + " (" + table.why + ")");
    }
    return absl::NotFoundError("no table is left to compare in " + JoinAnd(names_) +
                               ": skipped are " + JoinNames(skipped));
  }

  // Those under which one table is compared.
  DiffOptions OptionsOf(const MatchedTable& table, const TableOptions& columns) const {
    DiffOptions options = options_;
    options.all = false;
    options.table = table.name;
    options.tables.clear();
    options.skip_tables.clear();
    options.table_renames.clear();
    for (size_t i = 0; i < table.entries.size(); ++i) {
      options.stores[i] = table.entries[i] == nullptr ? listings_[i].source : table.entries[i]->url;
    }
    columns.Apply(table, &options);
    const bool listed =
        std::all_of(table.entries.begin(), table.entries.end(),
                    [](const TableEntry* e) { return e != nullptr && !e->columns.empty(); });
    // Letter case has been seen to then: nobody has to be asked for the columns once more.
    if (listed) options.exact_names = true;
    return options;
  }

  absl::StatusOr<DiffPlan> PlanOf(const DiffOptions& options) const {
    ASSIGN_OR_RETURN(DiffPlan plan, MakeDiffPlan(options, format_, environment_.store_kinds));
    for (size_t i = 0; i < databases_.size(); ++i) {
      plan.replicas[i].password = databases_[i].password;
    }
    return plan;
  }

  // To start an agent takes longer than to compare a small table.
  void AnnounceTables(const std::vector<MatchedTable>& tables, const TableOptions& columns) {
    std::vector<std::vector<ReplicaSpec>> specs(databases_.size());
    for (const MatchedTable& table : tables) {
      if (!table.MissingIn().empty()) continue;
      const absl::StatusOr<DiffPlan> plan = PlanOf(OptionsOf(table, columns));
      if (!plan.ok()) continue;  // its report says so
      for (size_t i = 0; i < specs.size(); ++i) specs[i].push_back(plan->replicas[i]);
    }
    for (const std::vector<ReplicaSpec>& of_database : specs) connector_->WillConnect(of_database);
  }

  // Under a limit of what is asked of a server, one table is asked for at a time.
  size_t TablesAtOnce() const {
    const ReadingOptions& reading = options_.reading;
    const bool limited =
        !reading.max_load.empty() || !reading.max_rate.empty() || !reading.connections.empty() ||
        std::any_of(options_.stores.begin(), options_.stores.end(), HasConnections);
    return limited ? 1 : environment_.tables_at_once;
  }
  static bool HasConnections(const std::string& url) {
    return url.find("connections=") != std::string::npos;
  }
  // For load gates each table has agents of its own.
  size_t BegunMax() const { return options_.reading.max_load.empty() ? kBegunMax : 1; }

  // They begin in the order of their names, and are reported in it.
  void CompareTables(const std::vector<MatchedTable>& tables, const TableOptions& columns) {
    report_.tables.resize(tables.size());
    Turns turns({TablesAtOnce(), kKeysHeldMax}, tables.size());
    const auto work = [&] {
      while (true) {
        Turns::Turn turn(&turns);
        if (!turn.table()) return absl::OkStatus();
        const size_t i = *turn.table();
        const absl::Status compared = merkle::Guarded([&] {
          const std::string label = label_ + "[" + std::to_string(i + 1) + "/" +
                                    std::to_string(tables.size()) + "] " +
                                    EscapeForDisplay(tables[i].name) + ": ";
          report_.tables[i] = CompareTable(tables[i], columns, label, &turn);
          return absl::OkStatus();
        });
        if (!compared.ok()) report_.tables[i] = FailedTable(tables[i], compared);
      }
    };
    merkle::ThreadGroup others;
    size_t threads = 1;
    while (threads < std::min(tables.size(), BegunMax()) && others.Start(work)) ++threads;
    turns.Begin(threads);
    DRIFTWOOD_CHECK(work().ok() && others.Join().ok());
  }

  TableReport FailedTable(const MatchedTable& table, const absl::Status& status) const {
    TableReport result;
    result.table = table.name;
    result.missing_in = table.MissingIn();
    result.report = MakeErrorReport(status, std::nullopt, options_, environment_);
    result.result = ResultOf(result.report);
    return result;
  }

  TableReport CompareTable(const MatchedTable& table, const TableOptions& columns,
                           const std::string& label, Turns::Turn* turn) const {
    const double start = environment_.now_seconds();
    const DiffOptions options = OptionsOf(table, columns);
    TableReport result;
    if (environment_.interrupt->raised()) {  // nothing is asked any more
      result.table = table.name;
      result.missing_in = table.MissingIn();
      result.report =
          MakeErrorReport(absl::CancelledError("interrupted"), std::nullopt, options, environment_);
      result.result = TableResult::kIncomplete;
      return result;
    }
    result.table = table.name;
    result.missing_in = table.MissingIn();
    if (!result.missing_in.empty()) {
      result.report = MakeErrorReport(absl::NotFoundError(MissingText(table)), std::nullopt,
                                      options, environment_);
      result.result = TableResult::kMissing;
    } else if (!table.HasKey() && options.key.empty()) {
      result.report = MakeErrorReport(
          absl::FailedPreconditionError("no key: no replica says which columns identify a record; "
                                        "name them with --key TABLE:COLUMN,…, or compare it as a "
                                        "multiset with --key '*'"),
          std::nullopt, options, environment_);
      result.result = TableResult::kNoKey;
    } else {
      result.report = CompareOne(options, label, turn);
      result.result = ResultOf(result.report);
    }
    result.seconds = environment_.now_seconds() - start;
    if (result.report.interrupted) result.result = TableResult::kIncomplete;
    return result;
  }

  std::string MissingText(const MatchedTable& table) const {
    std::vector<std::string> missing_in;
    for (const size_t i : table.MissingIn()) missing_in.push_back(names_[i]);
    return "missing in " + JoinAnd(missing_in) + OtherSpellings(table, listings_, names_);
  }

  Report CompareOne(const DiffOptions& options, const std::string& label, Turns::Turn* turn) const {
    absl::StatusOr<DiffPlan> plan = PlanOf(options);
    if (!plan.ok()) return MakeErrorReport(plan.status(), std::nullopt, options, environment_);
    SetListing(format_, options_, &plan->audit);
    return CompareReplicas(*plan, options, environment_, connector_.get(), label, turn);
  }

  // The tables are listed once more: one that has come meanwhile was not compared.
  void LookAgain() {
    std::vector<TableList> now;
    const absl::Status listed = List(/*must_exist=*/false, &now);
    absl::StatusOr<TableSelection> selection =
        listed.ok() ? SelectTables(now, names_, options_, /*must_exist=*/false) : listed;
    if (!selection.ok()) {
      report_.error = std::nullopt;
      return Fail(Reworded(selection.status(),
                           "the tables could not be listed again after the comparison, so one that "
                           "came meanwhile would not have been seen: " +
                               std::string(selection.status().message())),
                  std::nullopt);
    }
    for (const MatchedTable& table : selection->tables) {
      const auto known = std::find_if(report_.tables.begin(), report_.tables.end(),
                                      [&](const TableReport& t) { return t.table == table.name; });
      if (known == report_.tables.end()) {
        TableReport& added = report_.tables.emplace_back();
        added.table = table.name;
        added.missing_in = table.MissingIn();
        MarkChanged("came while the others were compared; compare again", &added);
      } else if (known->missing_in != table.MissingIn()) {
        MarkChanged(
            "was dropped or made in some replicas while the others were compared; compare "
            "again",
            &*known);
      }
    }
    for (TableReport& table : report_.tables) {
      const bool is_there =
          std::any_of(selection->tables.begin(), selection->tables.end(),
                      [&](const MatchedTable& t) { return t.name == table.table; });
      if (is_there) continue;
      MarkChanged("is gone from all replicas since the tables were listed; compare again", &table);
    }
    std::sort(report_.tables.begin(), report_.tables.end(),
              [](const TableReport& a, const TableReport& b) { return a.table < b.table; });
  }

  // What was found stays in the report, but it is not said to be all.
  void MarkChanged(const std::string& why, TableReport* table) const {
    if (table->result == TableResult::kDivergent) return;  // it was, whatever came after
    if (table->report.replicas.empty()) {
      table->report =
          MakeErrorReport(absl::AbortedError(why), std::nullopt, options_, environment_);
    }
    table->result = TableResult::kIncomplete;
    table->report.verdict = Verdict::kIncomplete;
    table->report.complete = false;
    table->report.exact = false;
    table->report.error = ReportError{absl::StatusCode::kAborted, why, std::nullopt};
    table->report.gaps.push_back({{}, std::nullopt, std::nullopt, why});
  }

  // A verdict on nothing would pass for one on the data.
  void RefuseNothing() {
    if (options_.allow_empty) return;
    report_.verdict = Verdict::kError;
    report_.error = ReportError{absl::StatusCode::kFailedPrecondition,
                                "nothing was compared: no table has a record in any replica; check "
                                "the databases' names and what their users are allowed to see, or "
                                "say --allow-empty",
                                std::nullopt};
  }

  // True if all are.
  bool LookForEmptyTables() {
    std::vector<std::string> empty;
    uint64_t compared = 0;
    for (const TableReport& table : report_.tables) {
      if (table.result != TableResult::kIdentical) continue;
      ++compared;
      const bool is_empty = std::all_of(table.report.replicas.begin(), table.report.replicas.end(),
                                        [](const ReportReplica& r) { return r.records == 0; });
      if (is_empty) empty.push_back(table.table);
    }
    if (empty.empty()) return false;
    const bool all = compared == report_.tables.size() && empty.size() == compared;
    if (!all || options_.allow_empty) {
      report_.warnings.push_back(Plural(empty.size(), "table has", "tables have") +
                                 " zero records in every replica: " + JoinNames(empty));
    }
    return all;
  }

  int Finish() {
    HideSecrets(environment_, &report_);
    const bool keys_written = WriteKeys(format_, options_, environment_, &report_);
    TellCleanedUp(options_, environment_);
    SayMessages();
    const absl::Status written = WriteOutput(report_, format_, options_, environment_);
    if (!written.ok() && !IsReaderOfStdoutGone(written, options_)) {
      Say(environment_, "driftwood: " + EscapeForDisplay(std::string(written.message())));
      return 2;
    }
    if (options_.stats) {
      for (const TableReport& table : report_.tables) {
        if (table.report.round_trips == 0) continue;  // it did not come to that
        SayStats(environment_, table.report, EscapeForDisplay(table.table) + ": ");
      }
    }
    return keys_written ? ExitCode(report_) : 2;
  }

  void SayMessages() const {
    for (const std::string& warning : report_.warnings) {
      Say(environment_, "driftwood: warning: " + EscapeForDisplay(warning));
    }
    for (const TableReport& table : report_.tables) {
      for (const std::string& warning : table.report.warnings) {
        if (warning == kAllEmptyWarning) continue;  // said for all of them together
        Say(environment_, "driftwood: warning: " + EscapeForDisplay(table.table + ": " + warning));
      }
    }
    if (ReportIsSeen(format_, options_, environment_)) return;
    if (report_.verdict == Verdict::kError) {
      Say(environment_, "driftwood: " + VerdictLine(report_).substr(sizeof("ERROR: ") - 1));
    } else if (VerdictFollows(format_, options_)) {
      return;
    } else if (report_.verdict == Verdict::kIncomplete || OutputIsUsable(options_)) {
      Say(environment_, "driftwood: " + VerdictLine(report_));
    }
  }

  const ReportFormat format_;
  const DiffOptions& options_;
  const DiffEnvironment& environment_;
  const std::string label_;
  std::unique_ptr<Connector> connector_;
  std::vector<ReplicaSpec> databases_;
  std::vector<std::string> names_;
  std::vector<TableList> listings_;
  DatabaseReport report_;
};

}  // namespace

int RunDiffAll(ReportFormat format, const DiffOptions& options,
               const DiffEnvironment& environment) {
  return DiffAll(format, options, environment, /*label=*/"").Run();
}

DatabaseReport CompareAllTables(ReportFormat format, const DiffOptions& options,
                                const DiffEnvironment& environment, const std::string& label) {
  return DiffAll(format, options, environment, label).Compare();
}

}  // namespace driftwood::coordinator
