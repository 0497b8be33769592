#include "coordinator/audit.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "coordinator/confirm.h"
#include "coordinator/listing.h"
#include "coordinator/plan.h"
#include "coordinator/spans.h"
#include "coordinator/text.h"
#include "coordinator/version.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

// Runs `work(i)` for each replica, each on a thread of its own.
template <typename Work>
void ForEachReplica(size_t count, const Work& work) {
  std::vector<std::thread> threads;
  for (size_t i = 1; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  work(0);
  for (std::thread& thread : threads) thread.join();
}

// Keys of one re-read: what its answers take is held until they have been judged. A file without
// look-up by key is scanned for each.
constexpr size_t kRereadKeysMax = 100'000;
constexpr size_t kExplainRecordsMax = 100;

// An agent that is gone or does not answer, whatever it is asked.
bool IsLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

class Audit {
 public:
  Audit(const std::vector<AuditReplica>& replicas, const AuditOptions& options,
        AuditObserver* observer, Interrupt* interrupt)
      : replicas_(replicas), options_(options), observer_(observer), interrupt_(interrupt) {
    DRIFTWOOD_CHECK(replicas.size() >= 2);
    for (const AuditReplica& replica : replicas) {
      ReportReplica entry;
      entry.name = replica.name;
      entry.source = replica.source;
      report_.replicas.push_back(std::move(entry));
    }
    report_.missing.assign(replicas.size(), 0);
    report_.values_shown = options.show_values;
    lost_ = std::make_unique<bool[]>(replicas.size());
  }

  Report Run() {
    {
      const Interrupt::Listener listener(interrupt_, [this] { CancelAll(); });
      const bool agreed = Describe() && MakeAgreement();
      const bool compared = agreed && !options_.plan_only && Prepare() && CompareSnapshots();
      if (compared) {
        Confirm();
        if (options_.show_values) ReadValues();
        if (options_.explain) ExplainSample();
        Locate();
        if (options_.explain) FindAlike();
        List();
        WarnOfUnparsed();
        DecideVerdict();
      }
      if (!interrupt_->raised()) CloseSnapshots();
    }
    if (interrupt_->raised()) MarkInterrupted();
    Phase(AuditObserver::Phase::kDone);
    return std::move(report_);
  }

 private:
  size_t count() const { return replicas_.size(); }
  void Phase(AuditObserver::Phase phase) {
    if (observer_ != nullptr) observer_->OnPhase(phase);
  }
  void CancelAll() {
    for (const AuditReplica& replica : replicas_) replica.peer->Cancel();
  }
  // A lost agent is not asked again: it would only cost the time until it is given up once more.
  void CloseSnapshots() {
    if (!snapshots_open_) return;
    ForEachReplica(count(), [this](size_t i) {
      if (!lost_[i]) replicas_[i].peer->CloseSnapshot();
    });
  }

  // Reports all failures of a step. The first one that is no mere consequence (we cancelled the
  // others) becomes the report's error; `first` is the replica that failed before we cancelled
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

  void Fail(std::optional<size_t> replica, const absl::Status& status) {
    if (IsUserError(status.code()) || !scan_began_) {
      if (report_.error && report_.verdict == Verdict::kError) {
        return AlsoFailed(replica, std::string(status.message()));
      }
      report_.verdict = Verdict::kError;
      const std::optional<ReportError> earlier =
          std::exchange(report_.error, ErrorOf(replica, status));
      if (earlier) AlsoFailed(earlier->replica, earlier->message);
      return;
    }
    if (!report_.error) {
      report_.verdict = Verdict::kIncomplete;
      report_.error = ErrorOf(replica, status);
    }
    AddGap(replica, std::string(status.message()));
  }

  static ReportError ErrorOf(std::optional<size_t> replica, const absl::Status& status) {
    return {status.code(), std::string(status.message()), replica};
  }
  // One error, whatever the number of replicas that failed, and none of them left out.
  void AlsoFailed(std::optional<size_t> replica, const std::string& message) {
    report_.error->message += "; and " + (replica ? replicas_[*replica].name + ": " : "") + message;
  }
  // The whole key space.
  void AddGap(std::optional<size_t> replica, std::string reason) {
    ReportGap gap;
    gap.replica = replica;
    gap.reason = std::move(reason);
    report_.gaps.push_back(std::move(gap));
  }

  bool Describe() {
    Phase(AuditObserver::Phase::kDescribing);
    std::vector<absl::Status> statuses(count());
    described_.resize(count());
    ForEachReplica(count(), [&](size_t i) {
      described_[i].name = replicas_[i].name;
      absl::StatusOr<ReplicaDescription> description = replicas_[i].peer->Describe();
      statuses[i] = description.status();
      if (!description.ok()) return;
      described_[i].description = *std::move(description);
      if (observer_ != nullptr) observer_->OnDescribed(i, described_[i].description);
    });
    for (size_t i = 0; i < count(); ++i) {
      if (!statuses[i].ok()) continue;
      const ReplicaDescription& description = described_[i].description;
      report_.replicas[i].source = description.source;
      report_.replicas[i].unkeyed = !description.keyed;
      for (const std::string& warning : description.warnings) {
        report_.warnings.push_back(replicas_[i].name + ": " + warning);
      }
    }
    return AllOk(statuses);
  }

  bool MakeAgreement() {
    absl::StatusOr<Reconciled> reconciled = Reconcile(described_, options_.reconcile);
    if (!reconciled.ok()) {
      Fail(std::nullopt, reconciled.status());
      return false;
    }
    if (options_.plan_only) report_.plan = PlanText(described_, *reconciled);
    agreement_ = std::move(reconciled->agreement);
    report_.schema = ReportSchema(agreement_.schema);
    report_.rules = agreement_.rules;
    report_.not_compared = std::move(reconciled->not_compared);
    if (!options_.show_values) return true;
    for (size_t i = 0; i < count(); ++i) {
      if (described_[i].description.values_allowed) continue;
      Fail(i, absl::PermissionDeniedError(
                  "its agent does not give values away (--show-values); serve it with "
                  "--allow-values, or leave --show-values out"));
      return false;
    }
    return true;
  }

  bool Prepare() {
    Phase(AuditObserver::Phase::kIndexing);
    scan_began_ = true;
    std::vector<absl::Status> statuses(count());
    std::mutex mutex;
    std::optional<size_t> first_failed;
    ForEachReplica(count(), [&](size_t i) {
      statuses[i] = PrepareOne(i, /*force=*/false);
      if (absl::IsDataLoss(statuses[i])) statuses[i] = PrepareOne(i, /*force=*/true);
      if (statuses[i].ok()) return;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (!first_failed) first_failed = i;
      }
      CancelAll();  // Nothing can come of the others any more.
    });
    return AllOk(statuses, first_failed);
  }

  absl::Status PrepareOne(size_t i, bool force) {
    const double start = options_.now_seconds();
    const absl::StatusOr<Prepared> prepared =
        replicas_[i].peer->Prepare(agreement_, force, [this, i](const PrepareProgress& progress) {
          if (observer_ != nullptr) observer_->OnIndexing(i, progress);
        });
    if (!prepared.ok()) return prepared.status();
    ReportReplica& entry = report_.replicas[i];
    TakeCounts(prepared->root, prepared->records, &entry);
    entry.unparsed = prepared->unparsed;
    entry.index_seconds = options_.now_seconds() - start;
    entry.index_reused = prepared->reused;
    if (observer_ != nullptr) observer_->OnIndexed(i, *entry.records);
    return absl::OkStatus();
  }

  // `records` with copies, of which the root of a multiset knows nothing.
  void TakeCounts(const merkle::Summary& root, uint64_t records, ReportReplica* entry) const {
    const bool multiset = agreement_.schema.multiset;
    entry->records = multiset ? records : root.count;
    if (multiset) entry->distinct = root.count;
  }

  // A damaged index is made anew, never repaired by guessing. One that is not prepared any more
  // (its agent was restarted, or serves another comparison too) is prepared once more.
  absl::StatusOr<OpenedSnapshot> OpenOne(size_t i) {
    absl::StatusOr<OpenedSnapshot> snapshot = replicas_[i].peer->OpenSnapshot(agreement_);
    const bool damaged = absl::IsDataLoss(snapshot.status());
    if (!damaged && !absl::IsFailedPrecondition(snapshot.status())) return snapshot;
    RETURN_IF_ERROR(PrepareOne(i, /*force=*/damaged));
    snapshot = replicas_[i].peer->OpenSnapshot(agreement_);
    if (!absl::IsFailedPrecondition(snapshot.status())) return snapshot;
    // It was prepared a moment ago: no command has to change, it is in use.
    return absl::AbortedError("its agent serves another comparison of it at the same time: " +
                              std::string(snapshot.status().message()));
  }

  bool OpenSnapshots(std::vector<merkle::Summary>* roots) {
    std::vector<absl::Status> statuses(count());
    std::vector<OpenedSnapshot> opened(count());
    snapshots_open_ = true;
    ForEachReplica(count(), [&](size_t i) {
      absl::StatusOr<OpenedSnapshot> snapshot = OpenOne(i);
      statuses[i] = snapshot.status();
      lost_[i] = IsLost(statuses[i]);
      if (snapshot.ok()) opened[i] = *std::move(snapshot);
    });
    if (!AllOk(statuses)) return false;
    roots->clear();
    not_point_in_time_.clear();
    for (size_t i = 0; i < count(); ++i) {
      const std::string difference = merkle::DescribeDifference(
          replicas_[i].name, opened[i].agreement, "this comparison", agreement_);
      if (!difference.empty()) {
        Fail(i, absl::FailedPreconditionError(difference));
        return false;
      }
      TakeCounts(opened[i].root, opened[i].records, &report_.replicas[i]);
      report_.replicas[i].unparsed = opened[i].unparsed;
      not_point_in_time_.push_back(opened[i].not_point_in_time);
      roots->push_back(opened[i].root);
    }
    return true;
  }

  void WarnOfUnparsed() {
    for (const ReportReplica& replica : report_.replicas) {
      if (replica.unparsed.value_or(0) == 0) continue;
      report_.warnings.push_back(
          replica.name + ": " + GroupDigits(*replica.unparsed) +
          (*replica.unparsed == 1
               ? " value does not parse as its column's type; it is compared as what it is"
               : " values do not parse as their column's type; they are compared as what they "
                 "are"));
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
    return true;
  }

  // True if it must begin anew, since a snapshot has expired: nothing proven before counts.
  bool WalkOnce(bool may_restart) {
    WalkOptions walk_options = options_.walk;
    walk_options.run_keys_listed_max = std::max(options_.records_listed_max, RereadMax());
    Walk walk(roots_, agreement_.params, walk_options);
    uint32_t round = 1;
    bool expired = false;
    walk_error_.reset();
    while (!walk.done() && !(expired && may_restart)) {
      if (interrupt_->raised()) {
        walk.Stop("interrupted");
        break;
      }
      if (observer_ != nullptr) observer_->OnRound(++round);
      expired = Round(&walk) || expired;
    }
    result_ = walk.Result();
    report_.round_trips += result_.rounds;
    report_.bytes_sent += result_.bytes_sent;
    report_.bytes_received += result_.bytes_received;
    return expired && may_restart && !interrupt_->raised();
  }

  // Asks all replicas at once. True if a snapshot has expired.
  bool Round(Walk* walk) {
    const std::vector<std::string> questions = walk->NextRound();
    std::vector<absl::StatusOr<std::string>> replies(count());
    ForEachReplica(count(), [&](size_t i) {
      if (!questions[i].empty()) replies[i] = replicas_[i].peer->Query(questions[i]);
    });
    bool expired = false;
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

  ReportKey MakeKey(const std::string& encoded) const {
    return MakeReportKey(encoded, agreement_.schema.key_columns());
  }

  // How many divergent keys are read again.
  uint64_t RereadMax() const { return options_.recheck.enabled ? options_.recheck.keys_max : 0; }

  // Nothing is proven by a walk that lost a replica, and nothing can be: what it found stays
  // unconfirmed.
  void Confirm() {
    confirmation_ = std::make_unique<Confirmation>(result_, RereadMax(),
                                                   std::max(options_.recheck.passes_max, 1));
    std::vector<std::string> keys = confirmation_->OpenKeys();
    if (keys.empty() || AnyLost()) return;
    Phase(AuditObserver::Phase::kConfirming);
    const double start = options_.now_seconds();
    report_.keys_reread = keys.size();
    while (!keys.empty() && !AnyLost()) {
      Pause();
      if (interrupt_->raised()) break;
      ++report_.passes;
      Pass(keys);
      keys = confirmation_->OpenKeys();
    }
    report_.confirm_seconds = options_.now_seconds() - start;
  }

  void Pause() {
    double seconds = 0;
    for (const DescribedReplica& replica : described_) {
      if (replica.description.live) seconds = kLiveRecheckSeconds;
    }
    seconds = options_.recheck.seconds.value_or(seconds);
    if (seconds <= 0) return;
    options_.wait_seconds ? options_.wait_seconds(seconds) : (void)interrupt_->WaitFor(seconds);
  }

  void Pass(const std::vector<std::string>& keys) {
    for (size_t begin = 0; begin < keys.size() && !AnyLost(); begin += kRereadKeysMax) {
      const size_t end = std::min(begin + kRereadKeysMax, keys.size());
      const std::vector<std::string> batch(keys.begin() + static_cast<ptrdiff_t>(begin),
                                           keys.begin() + static_cast<ptrdiff_t>(end));
      const Readings readings = Read(batch, /*with_values=*/false);
      for (size_t i = 0; i < count(); ++i) {
        if (!readings[i].ok()) reread_errors_[i] = readings[i].status();
      }
      confirmation_->Take(batch, readings);
    }
  }

  bool AnyLost() const {
    return std::any_of(lost_.get(), lost_.get() + count(), [](bool lost) { return lost; });
  }

  // From the live stores of all replicas at once.
  Readings Read(const std::vector<std::string>& keys, bool with_values) {
    Readings readings(count());
    ForEachReplica(count(), [&](size_t i) {
      if (lost_[i]) {
        readings[i] = absl::UnavailableError("its agent was lost before");
        return;
      }
      readings[i] = replicas_[i].peer->ReadRecords(agreement_, keys, with_values);
      if (readings[i].ok()) {
        const absl::Status sound = CheckReading(keys, *readings[i]);
        if (!sound.ok()) readings[i] = sound;
      }
      lost_[i] = IsLost(readings[i].status());
    });
    return readings;
  }

  // The last reading of what is to be listed: the states that are reported are those whose values
  // are shown.
  void ReadValues() {
    std::vector<std::string> keys;
    for (const ListedKey& listed :
         ListedDivergences(result_, *confirmation_, options_.records_listed_max)) {
      keys.push_back(listed.found->key);
    }
    if (keys.empty() || interrupt_->raised()) return;
    Phase(AuditObserver::Phase::kReadingValues);
    values_ = Read(keys, /*with_values=*/true);
    for (size_t i = 0; i < count(); ++i) {
      if (values_[i].ok()) continue;
      report_.warnings.push_back(replicas_[i].name + ": the values could not be read: " +
                                 std::string(values_[i].status().message()));
    }
    confirmation_->Take(keys, values_);
  }

  // Of a sample, evenly spread over all divergences within reach, what they differ by. It may fail
  // without a word: nothing else depends on it.
  void ExplainSample() {
    std::vector<const Suspect*> divergent;
    for (const Suspect& suspect : confirmation_->suspects()) {
      if (suspect.status != RecordStatus::kInFlight) divergent.push_back(&suspect);
    }
    if (agreement_.schema.multiset) return;  // there is nothing that makes two records one
    const bool allowed = std::all_of(
        described_.begin(), described_.end(),
        [](const DescribedReplica& replica) { return replica.description.values_allowed; });
    if (divergent.empty() || !allowed || AnyLost() || interrupt_->raised()) return;
    const size_t size = std::min(divergent.size(), kExplainRecordsMax);
    std::vector<std::string> keys;
    for (size_t i = 0; i < size; ++i) {
      keys.push_back(divergent[i * divergent.size() / size]->found->key);
    }
    Phase(AuditObserver::Phase::kReadingValues);
    const Readings readings = Read(keys, /*with_values=*/true);
    for (const auto& reading : readings) {
      if (!reading.ok()) return;
    }
    report_.explanation = Explain(agreement_.schema, report_.ReplicaNames(),
                                  SampleOf(keys, readings, agreement_.schema));
  }

  // In which parts of the key space the divergences lie, as the largest replica's tree cuts it.
  // Nothing else depends on it: it may fail without a word.
  void Locate() {
    if (agreement_.schema.multiset) return;  // keys that are digests lie anywhere
    if (result_.divergences.size() < kSpansDivergencesMin || AnyLost() || interrupt_->raised()) {
      return;
    }
    size_t largest = 0;
    for (size_t i = 1; i < count(); ++i) {
      if (roots_[i].count > roots_[largest].count) largest = i;
    }
    const absl::StatusOr<std::vector<KeyPart>> parts =
        CutKeySpace(*replicas_[largest].peer, roots_[largest].count, agreement_.params);
    if (!parts.ok()) return;
    report_.spans = FindSpans(*parts, result_, *confirmation_, agreement_.schema.key_columns());
  }

  // Why keys are missing that a store can't hold: its collation takes them for others that it has.
  // As the explanation, it may fail without a word.
  void FindAlike() {
    const merkle::Schema& schema = agreement_.schema;
    const bool has_text = std::any_of(
        schema.key.begin(), schema.key.end(),
        [](const merkle::Column& column) { return column.type == merkle::ColumnType::kText; });
    if (!has_text || AnyLost() || interrupt_->raised()) return;
    const std::vector<ListedKey> divergent =
        ListedDivergences(result_, *confirmation_, kAlikeKeysMax);
    alike_.resize(count());
    ForEachReplica(count(), [&](size_t i) {
      std::vector<std::string> missing;
      for (const ListedKey& one : divergent) {
        if (!(*one.states)[i]) missing.push_back(one.found->key);
      }
      if (missing.empty()) return;
      const auto found = replicas_[i].peer->FindAlike(agreement_, missing);
      lost_[i] = IsLost(found.status());
      if (!found.ok()) return;
      for (const AlikePair& pair : *found) alike_[i].emplace(pair.key, pair.held);
    });
  }

  void List() {
    CountDivergences(result_, *confirmation_, &report_);
    WarnOfUnconfirmed();
    const VersionMaker versions(options_.salt);
    const std::vector<ListedKey> listed =
        ListedDivergences(result_, *confirmation_, options_.records_listed_max);
    for (const ListedKey& one : listed) {
      report_.records.push_back(MakeReportRecord(one, agreement_.schema, versions));
    }
    if (agreement_.schema.multiset) ListCopies(listed);
    if (!values_.empty()) AddValues(listed, values_, agreement_.schema, &report_);
    if (!alike_.empty()) AddAlike(listed, alike_, agreement_.schema, &report_);
    ListRuns();
    for (const Gap& gap : result_.gaps) {
      ReportGap entry;
      entry.begin = MakeKey(gap.begin);
      if (gap.end) entry.end = MakeKey(*gap.end);
      if (gap.replica < count()) entry.replica = gap.replica;
      entry.reason = gap.reason;
      report_.gaps.push_back(std::move(entry));
    }
    report_.records_proven_equal = result_.records_proven_equal;
  }

  // Of what was not read again, the indexes still know how many copies there were.
  void ListCopies(const std::vector<ListedKey>& listed) {
    const std::vector<std::string> keys = KeysWithoutCopies(listed);
    Readings indexed(count());
    ForEachReplica(count(), [&](size_t i) {
      if (keys.empty() || lost_[i] || interrupt_->raised()) return;
      indexed[i] = replicas_[i].peer->ReadIndexed(agreement_, keys);
    });
    AddCopies(listed, indexed, &report_);
  }

  void ListRuns() {
    const std::vector<StatusCounts> statuses = CountRuns(result_, *confirmation_);
    for (size_t i = 0; i < result_.runs.size(); ++i) {
      if (statuses[i].divergent() == 0) continue;
      const MissingRun& run = result_.runs[i];
      ReportRun entry;
      entry.begin = MakeKey(run.begin);
      if (run.end) entry.end = MakeKey(*run.end);
      for (const merkle::Summary& summary : run.summaries) entry.counts.push_back(summary.count);
      entry.statuses = statuses[i];
      report_.runs.push_back(std::move(entry));
    }
  }

  void WarnOfUnconfirmed() {
    const uint64_t unconfirmed = report_.statuses.unconfirmed;
    if (unconfirmed == 0 || !options_.recheck.enabled || interrupt_->raised()) return;
    for (const auto& [replica, status] : reread_errors_) {
      report_.warnings.push_back(
          replicas_[replica].name +
          ": divergent records could not be read again: " + std::string(status.message()));
    }
    const uint64_t found = report_.total + report_.statuses.in_flight;
    const uint64_t reach = confirmation_->suspects().size();
    if (found > reach) {
      report_.warnings.push_back(Plural(found - reach, "divergent key was", "divergent keys were") +
                                 " not read again: that is done with at most " +
                                 GroupDigits(RereadMax()) + " (--recheck-max)");
    }
  }

  // The one place where a comparison becomes a verdict. Whatever was not proven is a gap, and a gap
  // is INCOMPLETE.
  void DecideVerdict() {
    for (size_t i = 0; i < count(); ++i) {
      if (!not_point_in_time_[i].empty()) {
        AddGap(i, "not point-in-time: " + not_point_in_time_[i]);
      }
    }
    if (result_.complete && result_.gaps.empty()) {
      for (size_t i = 0; i < count(); ++i) {
        const std::string wrong = CheckTotals(result_, roots_, i);
        if (!wrong.empty()) AddGap(i, wrong);
      }
      for (const std::string& wrong :
           {CheckStatuses(result_, report_), CheckMultisets(result_, report_)}) {
        if (!wrong.empty()) AddGap(std::nullopt, wrong);
      }
    } else if (report_.gaps.empty()) {
      AddGap(std::nullopt, "the walk ended without an answer for all keys");
    }
    report_.complete = report_.gaps.empty();
    report_.exact = report_.complete;
    if (!report_.complete) {
      report_.verdict = Verdict::kIncomplete;
      if (walk_error_) report_.error = walk_error_;
      if (!report_.error) {
        const ReportGap& gap = report_.gaps.front();
        report_.error = ReportError{absl::StatusCode::kInternal, gap.reason, gap.replica};
      }
      return;
    }
    report_.verdict = report_.total == 0 ? Verdict::kIdentical : Verdict::kDivergent;
    const bool all_empty = std::all_of(roots_.begin(), roots_.end(),
                                       [](const merkle::Summary& root) { return root.count == 0; });
    if (all_empty) report_.warnings.push_back(kAllEmptyWarning);
  }

  void MarkInterrupted() {
    report_.interrupted = true;
    if (report_.verdict == Verdict::kError && report_.error &&
        report_.error->code != absl::StatusCode::kCancelled) {
      return;
    }
    report_.verdict = Verdict::kIncomplete;
    report_.complete = false;
    report_.exact = false;
    report_.error = ReportError{absl::StatusCode::kCancelled, "interrupted", std::nullopt};
    report_.gaps.clear();
    AddGap(std::nullopt, "interrupted");
  }

  const std::vector<AuditReplica>& replicas_;
  const AuditOptions& options_;
  AuditObserver* const observer_;
  Interrupt* const interrupt_;

  bool scan_began_ = false;
  bool snapshots_open_ = false;
  std::unique_ptr<bool[]> lost_;  // by replica: each written by its own thread
  std::vector<DescribedReplica> described_;
  merkle::Agreement agreement_;
  std::vector<merkle::Summary> roots_;
  std::vector<std::string> not_point_in_time_;  // by replica
  WalkResult result_;
  std::optional<ReportError> walk_error_;
  std::unique_ptr<Confirmation> confirmation_;    // of result_
  std::map<size_t, absl::Status> reread_errors_;  // by replica: the last one
  Readings values_;                               // of what is listed; empty: not read
  AlikeKeys alike_;                               // empty: not looked for
  Report report_;
};

}  // namespace

bool IsUserError(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

Report RunAudit(const std::vector<AuditReplica>& replicas, const AuditOptions& options,
                AuditObserver* observer, Interrupt* interrupt) {
  return Audit(replicas, options, observer, interrupt).Run();
}

}  // namespace driftwood::coordinator
