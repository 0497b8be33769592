#include "coordinator/audit/settle.h"

#include <malloc.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "coordinator/audit/diagnostics.h"
#include "coordinator/audit/record_lister.h"
#include "merkle/text/display.h"
#include "proto/contract/limits.h"

namespace driftwood::coordinator {

namespace {

// What the answers of one re-read take is held until they have been judged.
constexpr size_t kRereadKeysMax = kReadKeysMax;

// Of how many rows that are missing under a filter it is told whether they are only filtered.
constexpr size_t kPresenceKeysMax = 100'000;

constexpr uint64_t kManyKeys = 50'000;  // giving memory back costs some milliseconds

}  // namespace

Settlement::Settlement(const WalkedAudit& walked, LiveReader* reader, Report* report)
    : walked_(walked),
      reader_(*reader),
      report_(*report),
      confirmation_(walked.result, walked.sources, walked.plan.recheck.keys_within_reach(),
                    static_cast<int>(std::max<uint64_t>(walked.plan.recheck.passes_max, 1))) {
  for (const DescribedSource& source : walked.described) {
    // Who is asked for a record says so if it is only filtered.
    filtered_.push_back(!source.description.filter.empty() && !source.description.tells_presence);
  }
}

void Settlement::Run() {
  Confirm();
  // What the answers took is free now, in pieces in the heaps of several threads.
  if (report_.keys_reread >= kManyKeys) ::malloc_trim(0);
  TellFiltered();
  List();
  AddGapUnless(CountDivergences(walked_.result, confirmation_, &report_));
  CountPresences(confirmation_, walked_.AnswersByReplica(), &report_);
  WarnOfUnconfirmed();
  Diagnostics diagnostics(walked_, confirmation_, &reader_);
  if (walked_.plan.explain) {
    diagnostics.CountColumns(&report_);
    diagnostics.Explain(&report_);
  }
  diagnostics.Locate(&report_);
  ListRuns();
  ListGaps();
  report_.records_proven_equal = walked_.result.records_proven_equal;
  WarnOfTags();
}

// Nothing is proven by a walk that lost a replica, and nothing can be: what it found stays
// unconfirmed.
void Settlement::Confirm() {
  std::vector<std::string> keys = confirmation_.OpenKeys();
  if (keys.empty() || reader_.AnyLost()) return;
  walked_.on_phase(AuditObserver::Phase::kConfirming);
  const double start = walked_.options.now_seconds();
  report_.keys_reread = keys.size();
  walked_.on_reread(keys.size());
  while (!keys.empty() && !reader_.AnyLost()) {
    Pause();
    if (walked_.interrupt->raised()) break;
    ++report_.passes;
    Pass(keys);
    // Whom a source has refused it refuses again; a third party's counts how often it is asked.
    if (AnyRefused()) break;
    keys = confirmation_.OpenKeys();
  }
  report_.confirm_seconds = walked_.options.now_seconds() - start;
}

// Of what is confirmed to be missing under a filter.
void Settlement::TellFiltered() {
  if (walked_.schema().multiset || reader_.AnyLost() || walked_.interrupt->raised()) return;
  std::vector<bool> replicas(walked_.sources.replicas(), false);
  for (size_t s = 0; s < filtered_.size(); ++s) {
    if (filtered_[s]) replicas[walked_.sources.ReplicaOf(s)] = true;
  }
  const std::vector<std::string> keys = confirmation_.KeysLackedBy(replicas, kPresenceKeysMax);
  if (keys.empty()) return;
  const Readings unfiltered = reader_.ReadUnfiltered(keys, filtered_);
  confirmation_.TakeFiltered(keys, unfiltered, filtered_);
  for (size_t s = 0; s < unfiltered.size(); ++s) {
    if (unfiltered[s].ok()) continue;
    report_.warnings.push_back(NameOf(s) +
                               ": whether rows that it lacks are only filtered is not known: " +
                               std::string(unfiltered[s].status().message()));
  }
}

bool Settlement::AnyRefused() const {
  return std::any_of(reread_errors_.begin(), reread_errors_.end(), [](const auto& error) {
    const absl::StatusCode code = error.second.code();
    return code == absl::StatusCode::kFailedPrecondition ||
           code == absl::StatusCode::kPermissionDenied || code == absl::StatusCode::kDataLoss;
  });
}

void Settlement::Pause() {
  double seconds = 0;
  for (const DescribedSource& source : walked_.described) {
    if (source.description.live) seconds = kLiveRecheckSeconds;
  }
  seconds = walked_.plan.recheck.seconds.value_or(seconds);
  if (seconds <= 0) return;
  const auto& wait = walked_.options.wait_seconds;
  wait ? wait(seconds) : (void)walked_.interrupt->WaitFor(seconds);
}

bool Settlement::WantsTags() const {
  return walked_.plan.explain && !walked_.schema().multiset && !walked_.schema().values.empty();
}

size_t Settlement::BatchKeys() const {
  if (!WantsTags()) return kRereadKeysMax;
  return std::clamp<size_t>(kTagsMax / walked_.schema().values.size(), 1, kRereadKeysMax);
}

void Settlement::Pass(const std::vector<std::string>& keys) {
  const size_t batch_keys = BatchKeys();
  for (size_t begin = 0; begin < keys.size() && !reader_.AnyLost(); begin += batch_keys) {
    const size_t end = std::min(begin + batch_keys, keys.size());
    const std::vector<std::string> batch(keys.begin() + static_cast<ptrdiff_t>(begin),
                                         keys.begin() + static_cast<ptrdiff_t>(end));
    const Readings readings = WantsTags() ? reader_.ReadTagged(batch, /*rules=*/{})
                                          : reader_.Read(batch, /*with_values=*/false);
    Take(batch, readings);
  }
}

// A filter such as "of the last hour" moves on between the walk and now: what no replica has under
// its filter any more may still be there, and divergent. So it is looked up once more without.
void Settlement::Take(const std::vector<std::string>& keys, const Readings& readings) {
  bool complete = true;
  for (size_t i = 0; i < readings.size(); ++i) {
    if (readings[i].ok()) continue;
    complete = false;
    reread_errors_[i] = readings[i].status();
  }
  const bool any_filter = std::find(filtered_.begin(), filtered_.end(), true) != filtered_.end();
  if (!complete || !any_filter) return confirmation_.Take(keys, readings);
  const std::vector<std::string> gone = KeysNotFound(keys, readings);
  std::vector<std::string> found;
  std::set_difference(keys.begin(), keys.end(), gone.begin(), gone.end(),
                      std::back_inserter(found));
  confirmation_.Take(found, readings);
  if (gone.empty()) return;
  const Readings unfiltered = reader_.ReadUnfiltered(gone, filtered_);
  for (size_t i = 0; i < unfiltered.size(); ++i) {
    if (!unfiltered[i].ok()) reread_errors_[i] = unfiltered[i].status();
  }
  confirmation_.Take(gone, unfiltered, /*outside_filter=*/true);
}

void Settlement::List() {
  AlikeKeys alike;
  if (walked_.plan.explain) alike = Diagnostics(walked_, confirmation_, &reader_).FindAlike();
  const auto take = [this](const std::vector<std::string>& keys, const Readings& readings) {
    Take(keys, readings);
  };
  AddGapUnless(RecordLister(walked_, confirmation_, &reader_, take, &report_).Run(alike));
  for (std::string& warning : AlikeWarnings(alike, walked_.schema(), report_.ReplicaNames())) {
    report_.warnings.push_back(std::move(warning));
  }
}

void Settlement::AddGapUnless(const absl::Status& read) {
  if (read.ok()) return;
  ReportGap gap;
  gap.reason = "what the walk found could not be read back: " + std::string(read.message());
  report_.gaps.push_back(std::move(gap));
}

void Settlement::ListRuns() {
  const std::vector<StatusCounts> statuses = CountRuns(walked_.result, confirmation_);
  for (size_t i = 0; i < walked_.result.runs.size(); ++i) {
    if (statuses[i].divergent() == 0) continue;
    const MissingRun& run = walked_.result.runs[i];
    ReportRun entry;
    entry.begin = MakeKey(run.begin);
    if (run.end) entry.end = MakeKey(*run.end);
    for (const merkle::Summary& summary : run.summaries) entry.counts.push_back(summary.count);
    entry.statuses = statuses[i];
    report_.runs.push_back(std::move(entry));
  }
}

void Settlement::ListGaps() {
  for (const Gap& gap : walked_.result.gaps) {
    ReportGap entry;
    entry.begin = MakeKey(gap.begin);
    if (gap.end) entry.end = MakeKey(*gap.end);
    if (gap.replica < walked_.sources.replicas()) entry.replica = gap.replica;
    if (gap.source) entry.source = walked_.source_names[*gap.source];
    entry.reason = gap.reason;
    report_.gaps.push_back(std::move(entry));
  }
}

void Settlement::WarnOfTags() {
  for (size_t i = 0; i < reader_.count(); ++i) {
    if (!reader_.tags_dropped(i)) continue;
    report_.warnings.push_back(NameOf(i) +
                               ": its agent gave malformed column tags, which were left out: the "
                               "report does not know in which columns all records differ");
  }
  if (!confirmation_.tags_contradicted()) return;
  report_.warnings.push_back(
      "column tags say of records that differ that no column does, and were left out: the report "
      "does not know in which columns all records differ");
}

void Settlement::WarnOfUnconfirmed() {
  const uint64_t unconfirmed = report_.statuses.unconfirmed;
  const RecheckOptions& recheck = walked_.plan.recheck;
  if (unconfirmed == 0 || !recheck.enabled || walked_.interrupt->raised()) return;
  for (const auto& [source, status] : reread_errors_) {
    report_.warnings.push_back(NameOf(source) + ": rows that differ could not be re-read: " +
                               std::string(status.message()));
  }
  const uint64_t found = report_.total + report_.statuses.in_flight;
  const uint64_t reach = confirmation_.candidates().size();
  if (found > reach) {
    report_.warnings.push_back(
        Plural(found - reach, "row that differs was", "rows that differ were") +
        " not re-read: that is done with at most " + GroupDigits(recheck.keys_within_reach()) +
        " (" + walked_.options.setting(Setting::kRecheckKeysMax, "") + ")");
  }
}

}  // namespace driftwood::coordinator
