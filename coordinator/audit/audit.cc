#include "coordinator/audit/audit.h"

#include <malloc.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "coordinator/audit/audit_sources.h"
#include "coordinator/audit/column_order.h"
#include "coordinator/audit/confirm/listing.h"
#include "coordinator/audit/live_reader.h"
#include "coordinator/audit/plan.h"
#include "coordinator/audit/same_source.h"
#include "coordinator/audit/settle.h"
#include "coordinator/audit/unparsed_advice.h"
#include "coordinator/audit/verdict.h"
#include "coordinator/walk/walk.h"
#include "merkle/check.h"
#include "merkle/os/threads.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "proto/contract/fault.h"

namespace driftwood::coordinator {

namespace {

constexpr uint64_t kManyDivergences = 100'000;  // giving memory back costs some milliseconds

class Audit {
 public:
  Audit(const AuditPlan& plan, const std::vector<Peer*>& peers, const AuditOptions& options,
        AuditObserver* observer, Interrupt* interrupt)
      : plan_(plan),
        sources_(plan, peers),
        options_(options),
        observer_(observer),
        interrupt_(interrupt),
        states_(sources_.InitialStates()) {
    DRIFTWOOD_CHECK(plan.replicas.size() >= 2);
    report_.replicas = sources_.Report(states_);
    report_.missing.assign(plan.replicas.size(), 0);
    lost_ = std::make_unique<bool[]>(count());
    unparsed_columns_.resize(count());
  }

  Report Run() {
    {
      const Interrupt::Listener listener(interrupt_, [this] { CancelAll(); });
      const bool agreed = Describe() && MakeAgreement();
      const bool compared = agreed && !plan_.plan_only && PrepareAsInferred() && CompareSnapshots();
      if (compared) {
        Settle();
        WarnOfUnparsed();
        JudgeSnapshots();
        DecideVerdict(result_, map().Sum(roots_), walk_error_, &report_);
        WarnOfNothing();
      }
      if (!interrupt_->raised()) CloseSnapshots();
    }
    report_.replicas = sources_.Report(states_);
    if (!described_.empty()) OrderColumns(described_.front().description.columns, &report_);
    if (interrupt_->raised()) MarkInterrupted(&report_);
    Phase(AuditObserver::Phase::kDone);
    return std::move(report_);
  }

 private:
  // Of the sources. What is numbered here is by source, unless it says otherwise.
  size_t count() const { return sources_.count(); }
  const SourceMap& map() const { return sources_.map(); }
  std::string Say(Setting setting, std::string_view value = "") const {
    return options_.setting(setting, value);
  }
  void Phase(AuditObserver::Phase phase) {
    if (observer_ != nullptr) observer_->OnPhase(phase);
  }
  void CancelAll() {
    for (Peer* const peer : sources_.peers()) peer->Cancel();
  }
  // A lost agent is not asked again: it would only cost the time until it is given up once more.
  void CloseSnapshots() {
    if (!snapshots_open_) return;
    ForEachSource(count(), [this](size_t i) {
      if (!lost_[i]) sources_.peer(i).CloseSnapshot();
      return absl::OkStatus();
    });
  }

  // Reports all failures of a step. The first one that is no mere consequence (we cancelled the
  // others) becomes the report's error; `first` is the source that failed before we cancelled
  // any, which is how one whose own failure is CANCELLED is told from them. True if there was none.
  bool AllOk(const std::vector<absl::Status>& statuses, std::optional<size_t> first = {}) {
    bool ok = true;
    for (const bool consequences : {false, true}) {
      for (size_t i = 0; i < statuses.size(); ++i) {
        const absl::Status& status = statuses[i];
        const bool consequence = absl::IsCancelled(status) && (i != first || interrupt_->raised());
        if (status.ok() || consequence != consequences) continue;
        if (consequences && (report_.error || interrupt_->raised())) continue;
        ok = false;
        Fail(i, status);
      }
    }
    const bool any_failed = std::any_of(statuses.begin(), statuses.end(),
                                        [](const absl::Status& s) { return !s.ok(); });
    return ok && !any_failed;
  }

  void Fail(std::optional<size_t> source, const absl::Status& status) {
    const ReportError error = ErrorOf(source, status);
    if (FaultOf(status) == Fault::kUser || !scan_began_) return MarkError(error, &report_);
    MarkFailed(error, GapOf(source, std::string(status.message())), &report_);
  }

  // Of one of several sources the message begins with its name.
  ReportError ErrorOf(std::optional<size_t> source, const absl::Status& status) const {
    const std::string message(status.message());
    if (!source) return {status.code(), message, std::nullopt};
    const std::string& name = sources_.names_within()[*source];
    return {status.code(), name.empty() ? message : name + ": " + message,
            map().ReplicaOf(*source)};
  }
  // The whole key space.
  ReportGap GapOf(std::optional<size_t> source, std::string reason) const {
    ReportGap gap;
    if (source) {
      gap.replica = map().ReplicaOf(*source);
      gap.source = sources_.names_within()[*source];
    }
    gap.reason = std::move(reason);
    return gap;
  }

  bool Describe() {
    Phase(AuditObserver::Phase::kDescribing);
    described_.resize(count());
    const std::vector<absl::Status> statuses = ForEachSource(count(), [&](size_t i) {
      described_[i].name = sources_.name(i);
      absl::StatusOr<DatasetDescription> description = sources_.peer(i).Describe();
      if (!description.ok()) return description.status();
      described_[i].description = *std::move(description);
      if (observer_ != nullptr) observer_->OnDescribed(i, described_[i].description);
      return absl::OkStatus();
    });
    for (size_t i = 0; i < count(); ++i) {
      if (!statuses[i].ok()) continue;
      const DatasetDescription& description = described_[i].description;
      states_[i].source = description.source;
      states_[i].unkeyed = !description.keyed;
      states_[i].filter = description.filter;
      if (const auto& file = description.dated_file) {
        states_[i].file = ReportFile{file->day, file->path, file->sha256};
      }
      for (const std::string& warning : description.warnings) {
        report_.warnings.push_back(sources_.name(i) + ": " + warning);
      }
    }
    report_.replicas = sources_.Report(states_);
    return AllOk(statuses);
  }

  bool MakeAgreement() {
    absl::StatusOr<Reconciled> reconciled =
        Reconcile(described_, plan_.reconcile, options_.setting);
    if (!reconciled.ok()) {
      Fail(std::nullopt, reconciled.status());
      return false;
    }
    if (const absl::Status others = CheckAreOthers(); !others.ok()) {
      Fail(std::nullopt, others);
      return false;
    }
    if (plan_.plan_only) report_.plan = PlanText(described_, *reconciled);
    agreement_ = std::move(reconciled->agreement);
    if (agreement_.schema.multiset && map().sharded()) {
      // Their digests say how many copies there are, so that those of two sources don't add up.
      Fail(std::nullopt, absl::InvalidArgumentError(
                             "records without a key can't be compared where a replica has several "
                             "sources, as their copies can't be added up; name a key (" +
                             Say(Setting::kKey) + ")"));
      return false;
    }
    report_.schema = ReportSchema(agreement_.schema);
    report_.rules = agreement_.rules;
    report_.narrowed = std::move(reconciled->narrowed);
    report_.not_compared = std::move(reconciled->not_compared);
    TakeSchemaDifferences(reconciled->partial);
    if (plan_.show_values) AskForValues();
    return true;
  }

  absl::Status CheckAreOthers() const {
    if (plan_.allow_same) return absl::OkStatus();
    std::vector<SourceOfReplica> replicas(plan_.replicas.size());
    for (size_t i = 0; i < count(); ++i) {
      SourceOfReplica& replica = replicas[map().ReplicaOf(i)];
      const DatasetDescription& description = described_[i].description;
      replica.name = sources_.replica(i).name;
      replica.source += (replica.source.empty() ? "" : ", ") + description.source;
      replica.identities.push_back(description.identity);
    }
    return CheckAreNotTheSame(replicas, options_.setting);
  }

  // They are shown if all agents give them away: of one side alone they would say what it holds,
  // and not what differs.
  void AskForValues() {
    for (size_t i = 0; i < count(); ++i) {
      if (described_[i].description.values_allowed) continue;
      const size_t replica = map().ReplicaOf(i);
      std::vector<size_t>& withheld = report_.values_withheld;
      if (withheld.empty() || withheld.back() != replica) withheld.push_back(replica);
    }
    report_.values_shown = report_.values_withheld.empty();
  }

  void TakeSchemaDifferences(const std::vector<PartialColumn>& partial) {
    for (const PartialColumn& column : partial) {
      SchemaDifference& difference = report_.schema_differences.emplace_back();
      difference.column = column.name;
      for (const size_t i : column.missing_in) {
        const size_t replica = map().ReplicaOf(i);
        std::vector<size_t>& missing = difference.missing_in;
        if (missing.empty() || missing.back() != replica) missing.push_back(replica);
      }
    }
  }

  // Only the beginning of a file was looked at: further on a key may be no integer. As integers the
  // same keys would be equal as they are as text, so that this is no matter of the verdict; but the
  // report must not call integers what are none, nor sort them so.
  bool PrepareAsInferred() {
    if (!Prepare()) return false;
    bool holds = true;
    for (merkle::Column& column : agreement_.schema.key) {
      if (!merkle::IsInferred(column) || !HasMismatches(column.name)) continue;
      column = {column.name, merkle::ColumnType::kText};
      holds = false;
    }
    if (holds) return true;
    report_.schema = ReportSchema(agreement_.schema);
    return Prepare();
  }

  bool HasMismatches(const std::string& column) const {
    for (const std::vector<UnparsedColumn>& of_source : unparsed_columns_) {
      for (const UnparsedColumn& each : of_source) {
        if (each.column == column) return true;
      }
    }
    return false;
  }

  bool Prepare() {
    Phase(AuditObserver::Phase::kIndexing);
    scan_began_ = true;
    std::mutex mutex;
    std::optional<size_t> first_failed;
    const std::vector<absl::Status> statuses = ForEachSource(count(), [&](size_t i) {
      const absl::Status status = merkle::Guarded([this, i] {
        const absl::Status once = PrepareOne(i, /*force=*/false);
        return absl::IsDataLoss(once) ? PrepareOne(i, /*force=*/true) : once;
      });
      if (status.ok()) return status;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (!first_failed) first_failed = i;
      }
      CancelAll();  // Nothing can come of the others any more.
      return status;
    });
    report_.replicas = sources_.Report(states_);
    return AllOk(statuses, first_failed);
  }

  absl::Status PrepareOne(size_t i, bool force) {
    const double start = options_.now_seconds();
    const absl::StatusOr<PrepareResult> prepared =
        sources_.peer(i).Prepare(agreement_, force, [this, i](const PrepareProgress& progress) {
          if (observer_ != nullptr) observer_->OnIndexing(i, progress);
        });
    if (!prepared.ok()) return prepared.status();
    SourceState& state = states_[i];
    TakeCounts(prepared->root, prepared->records, &state);
    state.unparsed = prepared->unparsed;
    unparsed_columns_[i] = prepared->unparsed_columns;
    state.index_seconds = options_.now_seconds() - start;
    state.index_reused = prepared->reused;
    if (observer_ != nullptr) observer_->OnIndexed(i, *state.records);
    return absl::OkStatus();
  }

  // `records` with copies, of which the root of a multiset knows nothing.
  void TakeCounts(const merkle::Summary& root, uint64_t records, SourceState* state) const {
    const bool multiset = agreement_.schema.multiset;
    state->records = multiset ? records : root.count;
    if (multiset) state->distinct = root.count;
  }

  // A damaged index is made anew, never repaired by guessing. One that is not prepared any more
  // (its agent was restarted, or serves another comparison too) is prepared once more.
  absl::StatusOr<OpenedSnapshot> OpenOne(size_t i) {
    absl::StatusOr<OpenedSnapshot> snapshot = sources_.peer(i).OpenSnapshot(agreement_);
    const bool damaged = absl::IsDataLoss(snapshot.status());
    if (!damaged && !absl::IsFailedPrecondition(snapshot.status())) return snapshot;
    RETURN_IF_ERROR(PrepareOne(i, /*force=*/damaged));
    snapshot = sources_.peer(i).OpenSnapshot(agreement_);
    if (!absl::IsFailedPrecondition(snapshot.status())) return snapshot;
    // It was prepared a moment ago: no command has to change, it is in use.
    return WithFault(
        Reworded(snapshot.status(), "its agent serves another comparison of it at the same time: " +
                                        std::string(snapshot.status().message())),
        Fault::kTransport);
  }

  bool OpenSnapshots(std::vector<merkle::Summary>* roots) {
    std::vector<OpenedSnapshot> opened(count());
    snapshots_open_ = true;
    const std::vector<absl::Status> statuses = ForEachSource(count(), [&](size_t i) {
      absl::StatusOr<OpenedSnapshot> snapshot = OpenOne(i);
      lost_[i] = IsLost(snapshot.status());
      if (!snapshot.ok()) return snapshot.status();
      opened[i] = *std::move(snapshot);
      return absl::OkStatus();
    });
    if (!AllOk(statuses)) return false;
    roots->clear();
    not_point_in_time_.clear();
    for (size_t i = 0; i < count(); ++i) {
      const std::string difference = merkle::DescribeDifference(
          sources_.name(i), opened[i].agreement, "this comparison", agreement_);
      if (!difference.empty()) {
        Fail(i, absl::FailedPreconditionError(difference));
        return false;
      }
      TakeCounts(opened[i].root, opened[i].records, &states_[i]);
      states_[i].unparsed = opened[i].unparsed;
      unparsed_columns_[i] = opened[i].unparsed_columns;
      not_point_in_time_.push_back(opened[i].not_point_in_time);
      roots->push_back(opened[i].root);
    }
    report_.replicas = sources_.Report(states_);
    return true;
  }

  void WarnOfUnparsed() {
    for (size_t i = 0; i < count(); ++i) {
      if (states_[i].unparsed.value_or(0) == 0) continue;
      report_.warnings.push_back(UnparsedWarning(*states_[i].unparsed, unparsed_columns_[i],
                                                 agreement_.schema, described_[i], described_,
                                                 options_.setting));
    }
  }

  bool CompareSnapshots() {
    Phase(AuditObserver::Phase::kComparing);
    const double start = options_.now_seconds();
    bool again = true;
    for (int restarts = 0; again; ++restarts) {
      if (!OpenSnapshots(&roots_)) return false;
      again = WalkOnce(/*may_restart=*/restarts < options_.restarts_max);
    }
    report_.seconds = options_.now_seconds() - start;
    // What a large walk held is free now, in many small pieces. What follows uses other sizes and
    // threads, and would not fill them.
    if (result_.divergences.size() > kManyDivergences) ::malloc_trim(0);
    return true;
  }

  // However many are to be listed, a run of a whole table is not held here.
  uint64_t RunKeysListedMax() const {
    constexpr uint64_t kMin = 1000;
    const uint64_t listed = plan_.records_listed_max == AuditPlan::kAllRecords
                                ? std::max(kMin, plan_.recheck.keys_max)
                                : plan_.records_listed_max;
    return std::max(listed, plan_.recheck.keys_within_reach());
  }

  // True if it must begin anew, since a snapshot has expired: nothing proven before counts.
  bool WalkOnce(bool may_restart) {
    WalkOptions walk_options = options_.walk;
    walk_options.run_keys_listed_max = RunKeysListedMax();
    walk_options.folder = options_.records_folder;
    auto walk = std::make_unique<Walk>(roots_, map(), agreement_.params, walk_options);
    uint32_t round = 1;
    bool expired = false;
    walk_error_.reset();
    sample_.reset();
    while (!walk->done() && !(expired && may_restart)) {
      if (interrupt_->raised()) {
        walk->Stop("interrupted");
        break;
      }
      if (MustSample(*walk)) {
        CountTraffic(walk->Traffic());
        if (TakeSample()) return false;
        // Its ranges are lost to the sample's questions.
        walk = std::make_unique<Walk>(roots_, map(), agreement_.params, walk_options);
        continue;
      }
      if (observer_ != nullptr) observer_->OnRound(++round);
      expired = Round(walk.get()) || expired;
    }
    result_ = walk->Result();
    CountTraffic(result_);
    return expired && may_restart && !interrupt_->raised();
  }

  void CountTraffic(const WalkResult& result) {
    report_.round_trips += result.rounds;
    report_.bytes_sent += result.bytes_sent;
    report_.bytes_received += result.bytes_received;
  }

  bool MustSample(const Walk& walk) const {
    return plan_.estimate_above && !sample_taken_ &&
           walk.RecordsToStream() > *plan_.estimate_above && SamplePivot(roots_, map());
  }

  // True if the sample is to be the result. Where it could not be taken the walk goes on: it meets
  // the same failure, if it lasts.
  bool TakeSample() {
    sample_taken_ = true;
    absl::StatusOr<KeySample> sample =
        SampleKeySpace(sources_.peers(), roots_, map(), agreement_.params, options_.sample);
    if (!sample.ok() || sample->share_to_stream() <= 0.5) return false;
    sample_ = *std::move(sample);
    std::vector<Divergence> divergences;
    for (const SampledBlock& block : sample_->blocks) {
      divergences.insert(divergences.end(), block.divergences.begin(), block.divergences.end());
    }
    result_ = WalkResult();
    result_.sampled = true;
    result_.divergences = DivergenceList::Of(divergences);
    walk_error_ = ReportError{
        absl::StatusCode::kResourceExhausted,
        "more than " + GroupDigits(*plan_.estimate_above) +
            " records would have to be compared one by one and most of them differ, so that only "
            "a sample was compared; " +
            Say(Setting::kEstimateAbove) + " compares all",
        std::nullopt};
    return true;
  }

  // Of the sample, as far as it still differs.
  void MakeEstimate(const Confirmation& confirmation) {
    std::vector<uint64_t> divergent;
    for (const SampledBlock& block : sample_->blocks) {
      divergent.push_back(block.unread);
      for (const Divergence& divergence : block.divergences) {
        const Candidate* const candidate = confirmation.Find(divergence.key);
        if (candidate == nullptr || candidate->status != RecordStatus::kInFlight)
          ++divergent.back();
      }
    }
    report_.estimate = EstimateFrom(*sample_, divergent);
  }

  // Asks all sources at once. True if a snapshot has expired.
  bool Round(Walk* walk) {
    const std::vector<std::string> questions = walk->NextRound();
    std::vector<absl::StatusOr<std::string>> replies(count());
    const std::vector<absl::Status> asked = ForEachSource(count(), [&](size_t i) {
      if (!questions[i].empty()) replies[i] = sources_.peer(i).Query(questions[i]);
      return absl::OkStatus();
    });
    bool expired = false;
    for (size_t i = 0; i < count(); ++i) {
      if (!asked[i].ok()) replies[i] = asked[i];
    }
    for (size_t i = 0; i < count(); ++i) {
      if (questions[i].empty()) continue;
      if (replies[i].ok()) {
        walk->Answer(i, *replies[i]);
        continue;
      }
      const absl::Status& status = replies[i].status();
      expired = expired || absl::IsNotFound(status);
      lost_[i] = IsLost(status);
      if (!walk_error_) walk_error_ = ErrorOf(i, status);
      walk->Lose(i, std::string(status.message()));
    }
    return expired;
  }

  // What the walk found, re-read, counted and listed.
  void Settle() {
    const WalkedAudit walked{plan_,
                             options_,
                             map(),
                             sources_.names_within(),
                             described_,
                             agreement_,
                             roots_,
                             result_,
                             interrupt_,
                             [this](AuditObserver::Phase phase) { Phase(phase); },
                             [this](uint64_t keys) {
                               if (observer_ != nullptr) observer_->OnReread(keys);
                             }};
    LiveReader reader(sources_.peers(), agreement_, lost_.get());
    Settlement settlement(walked, &reader, &report_);
    settlement.Run();
    if (sample_) MakeEstimate(settlement.confirmation());
  }

  // What is not a consistent snapshot is a gap, unless that was allowed.
  void JudgeSnapshots() {
    for (size_t i = 0; i < count(); ++i) {
      if (not_point_in_time_[i].empty()) continue;
      const PlannedReplica& replica = sources_.replica(i);
      if (!replica.allow_not_point_in_time) {
        const std::string reason = "not a consistent snapshot: " + not_point_in_time_[i] + "; " +
                                   Say(Setting::kAllowNotPointInTime, replica.name) +
                                   " gives a verdict all the same";
        report_.gaps.push_back(GapOf(i, reason));
        continue;
      }
      std::vector<size_t>& allowed = report_.not_point_in_time;
      if (allowed.empty() || allowed.back() != map().ReplicaOf(i)) {
        allowed.push_back(map().ReplicaOf(i));
      }
      report_.warnings.push_back(
          sources_.name(i) +
          " is not a consistent snapshot, which was allowed: " + not_point_in_time_[i]);
    }
  }

  void WarnOfNothing() {
    const bool all_empty = std::all_of(roots_.begin(), roots_.end(),
                                       [](const merkle::Summary& root) { return root.count == 0; });
    if (all_empty && report_.complete) report_.warnings.push_back(kAllEmptyWarning);
  }

  const AuditPlan& plan_;
  const AuditSources sources_;
  const AuditOptions& options_;
  AuditObserver* const observer_;
  Interrupt* const interrupt_;

  bool scan_began_ = false;
  bool snapshots_open_ = false;
  // Each written by its own thread.
  std::unique_ptr<bool[]> lost_;
  std::vector<SourceState> states_;
  std::vector<std::vector<UnparsedColumn>> unparsed_columns_;
  std::vector<DescribedSource> described_;
  merkle::Agreement agreement_;
  std::vector<merkle::Summary> roots_;
  std::vector<std::string> not_point_in_time_;
  WalkResult result_;
  bool sample_taken_ = false;
  std::optional<KeySample> sample_;        // absent: result_ is the walk's
  std::optional<ReportError> walk_error_;  // why not all was compared
  Report report_;
};

}  // namespace

Report RunAudit(const AuditPlan& plan, const std::vector<Peer*>& peers, const AuditOptions& options,
                AuditObserver* observer, Interrupt* interrupt) {
  return Audit(plan, peers, options, observer, interrupt).Run();
}

}  // namespace driftwood::coordinator
