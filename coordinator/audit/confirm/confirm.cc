#include "coordinator/audit/confirm/confirm.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

template <typename T, typename KeyOf>
void SortUnique(std::vector<T>* values, const KeyOf& key_of) {
  const auto less = [&](const T& a, const T& b) { return key_of(a) < key_of(b); };
  const auto same = [&](const T& a, const T& b) { return key_of(a) == key_of(b); };
  if (!std::is_sorted(values->begin(), values->end(), less)) {
    std::stable_sort(values->begin(), values->end(), less);
  }
  values->erase(std::unique(values->begin(), values->end(), same), values->end());
}

void SortByReplica(std::vector<ReportAbsence>* absences) {
  std::sort(absences->begin(), absences->end(),
            [](const ReportAbsence& a, const ReportAbsence& b) { return a.replica < b.replica; });
}

bool AllAgree(const States& states) {
  return std::all_of(states.begin(), states.end(),
                     [&](const auto& state) { return state == states.front(); });
}

// By column: whether any two differ there. Empty if none does, or they have not as many tags.
std::vector<bool> DifferingTags(const std::vector<const FoundRecord*>& found) {
  const std::string_view first = found.front()->column_tags;
  std::vector<bool> differs(first.size() / kTagBytes);
  bool any = false;
  for (const FoundRecord* const one : found) {
    const std::string_view tags = one->column_tags;
    if (tags.size() != first.size()) return {};
    for (size_t c = 0; c < differs.size(); ++c) {
      if (tags.substr(c * kTagBytes, kTagBytes) == first.substr(c * kTagBytes, kTagBytes)) continue;
      differs[c] = any = true;
    }
  }
  return any ? differs : std::vector<bool>();
}

}  // namespace

bool Candidate::GoneEverywhere() const {
  return status == RecordStatus::kInFlight &&
         std::none_of(now.begin(), now.end(), [](const auto& state) { return state.has_value(); });
}

bool Candidate::ChangedColumnsKnown(size_t columns) const {
  return status != RecordStatus::kInFlight && columns > 0 && differs.size() == columns &&
         std::all_of(now.begin(), now.end(), [](const auto& state) { return state.has_value(); });
}

Confirmation::Confirmation(const WalkResult& result, SourceMap sources, uint64_t keys_max,
                           int passes_max)
    : sources_(std::move(sources)),
      passes_max_(passes_max),
      told_without_filter_(sources_.replicas(), false) {
  DRIFTWOOD_CHECK(passes_max >= 1);
  uint64_t found = result.divergences.size();
  for (const MissingRun& run : result.runs) found += run.listed.size();
  candidates_.reserve(static_cast<size_t>(std::min(keys_max, found)));
  // In the order of their precedence.
  const auto add = [&](const Divergence& divergence, std::optional<size_t> run) {
    Candidate& candidate = candidates_.emplace_back();
    candidate.found = divergence;
    candidate.run = run;
  };
  DivergenceReader outside_runs(result.divergences);
  while (candidates_.size() < keys_max) {
    const absl::StatusOr<bool> more = outside_runs.Advance();
    if (!more.ok()) {
      status_ = more.status();
      candidates_.clear();
      return;
    }
    if (!*more) break;
    add(outside_runs.divergence(), std::nullopt);
  }
  for (size_t run = 0; run < result.runs.size(); ++run) {
    for (const Divergence& divergence : result.runs[run].listed) {
      if (candidates_.size() < keys_max) add(divergence, run);
    }
  }
  // A result that is not complete may have a key twice: the first one stands for it.
  SortUnique(&candidates_,
             [](const Candidate& one) -> const std::string& { return one.found.key; });
}

KnownDivergences::KnownDivergences(const WalkResult& result) : outside_runs_(result.divergences) {
  for (const MissingRun& run : result.runs) {
    for (const Divergence& divergence : run.listed) in_runs_.push_back(&divergence);
  }
  SortUnique(&in_runs_, [](const Divergence* one) -> const std::string& { return one->key; });
  std::reverse(in_runs_.begin(), in_runs_.end());
  begun_ = AdvanceOutsideRuns();
}

absl::Status KnownDivergences::AdvanceOutsideRuns() {
  ASSIGN_OR_RETURN(outside_left_, outside_runs_.Advance());
  return absl::OkStatus();
}

absl::StatusOr<bool> KnownDivergences::Advance() {
  RETURN_IF_ERROR(begun_);
  if (divergence_ == &outside_runs_.divergence()) RETURN_IF_ERROR(AdvanceOutsideRuns());
  if (!outside_left_ && in_runs_.empty()) return false;
  const bool in_run = !in_runs_.empty() &&
                      (!outside_left_ || in_runs_.back()->key < outside_runs_.divergence().key);
  if (in_run) {
    divergence_ = in_runs_.back();
    in_runs_.pop_back();
    return true;
  }
  divergence_ = &outside_runs_.divergence();
  if (!in_runs_.empty() && in_runs_.back()->key == divergence_->key) in_runs_.pop_back();
  return true;
}

bool Confirmation::IsOpen(const Candidate& candidate) const {
  const bool settled =
      candidate.status == RecordStatus::kConfirmed || candidate.status == RecordStatus::kInFlight;
  return !settled && candidate.passes < passes_max_;
}

std::vector<std::string> Confirmation::OpenKeys() const {
  std::vector<std::string> keys;
  for (const Candidate& candidate : candidates_) {
    if (IsOpen(candidate)) keys.push_back(candidate.found.key);
  }
  return keys;
}

void Confirmation::Take(const std::vector<std::string>& keys, const Readings& readings,
                        bool outside_filter) {
  const bool complete = std::all_of(readings.begin(), readings.end(), [&](const auto& reading) {
    return reading.ok() && CheckReading(keys, *reading).ok();
  });
  std::vector<RecordCursor> cursors = CursorsOf(readings);
  for (const std::string& key : keys) {
    const auto at = AtOrAfter(key);
    if (at == candidates_.end() || at->found.key != key) continue;
    const auto candidate = candidates_.begin() + (at - candidates_.begin());
    if (!complete || readings.size() != sources_.sources()) {
      if (IsOpen(*candidate)) {
        candidate->status = RecordStatus::kUnconfirmed;
        ++candidate->passes;
      }
      continue;
    }
    std::vector<const FoundRecord*> found;
    for (RecordCursor& cursor : cursors) found.push_back(cursor.Find(key));
    if (!TakeAbsences(*candidate, found, outside_filter)) {
      // Whom it was asked of has tried what it can.
      if (IsOpen(*candidate)) {
        candidate->status = RecordStatus::kUnconfirmed;
        candidate->passes = passes_max_;
      }
      continue;
    }
    for (const FoundRecord*& one : found) {
      if (one != nullptr && !one->IsThere()) one = nullptr;
    }
    ++candidate->passes;
    candidate->outside_filter = outside_filter;
    Judge(&*candidate, See(found));
  }
}

bool Confirmation::TakeAbsences(const Candidate& candidate,
                                const std::vector<const FoundRecord*>& by_source,
                                bool outside_filter) {
  std::vector<ReportAbsence> absences;
  bool known = true;
  for (size_t s = 0; s < by_source.size(); ++s) {
    const FoundRecord* const one = by_source[s];
    if (one == nullptr || one->IsThere()) continue;
    known = known && IsKnown(one->presence);
    const size_t replica = sources_.ReplicaOf(s);
    // Of several sources of a replica, what says least of where the record is.
    if (absences.empty() || absences.back().replica != replica) {
      absences.push_back({replica, one->presence, one->why});
    } else if (one->presence > absences.back().presence) {
      absences.back() = {replica, one->presence, one->why};
    }
  }
  // What was known stays where a later reading says nothing.
  if (!known && !IsOpen(candidate)) return false;
  // Under the filters nothing is said of what they hide.
  const auto before = absences_.find(candidate.found.key);
  if (before != absences_.end()) {
    for (ReportAbsence& one : before->second) {
      const auto is_of = [&](const ReportAbsence& now) { return now.replica == one.replica; };
      const bool kept = outside_filter || told_without_filter_[one.replica];
      if (kept && std::none_of(absences.begin(), absences.end(), is_of)) {
        absences.push_back(std::move(one));
      }
    }
    SortByReplica(&absences);
  }
  if (absences.empty()) {
    absences_.erase(candidate.found.key);
  } else {
    absences_[candidate.found.key] = std::move(absences);
  }
  return known;
}

std::vector<std::string> Confirmation::KeysLackedBy(const std::vector<bool>& replicas,
                                                    size_t max) const {
  std::vector<std::string> keys;
  for (const Candidate& candidate : candidates_) {
    if (keys.size() == max) break;
    if (candidate.status != RecordStatus::kConfirmed || candidate.outside_filter) continue;
    bool lacked = false;
    for (size_t i = 0; i < replicas.size(); ++i) {
      lacked = lacked || (replicas[i] && !candidate.states()[i]);
    }
    if (lacked) keys.push_back(candidate.found.key);
  }
  return keys;
}

void Confirmation::TakeFiltered(const std::vector<std::string>& keys, const Readings& unfiltered,
                                const std::vector<bool>& filtered) {
  std::vector<bool> failed(sources_.replicas(), false);
  for (size_t s = 0; s < filtered.size(); ++s) {
    if (filtered[s]) told_without_filter_[sources_.ReplicaOf(s)] = true;
    if (filtered[s] && !unfiltered[s].ok()) failed[sources_.ReplicaOf(s)] = true;
  }
  std::vector<RecordCursor> cursors = CursorsOf(unfiltered);
  for (const std::string& key : keys) {
    const Candidate* const candidate = Find(key);
    DRIFTWOOD_CHECK(candidate != nullptr);
    std::map<size_t, ReportAbsence> by_replica;
    for (size_t s = 0; s < cursors.size(); ++s) {
      const size_t replica = sources_.ReplicaOf(s);
      if (!filtered[s] || candidate->states()[replica] || failed[replica]) continue;
      const FoundRecord* const one = cursors[s].Find(key);
      ReportAbsence told{replica, Presence::kGone, ""};
      if (one != nullptr && one->IsThere()) {
        told.presence = Presence::kFiltered;
      } else if (one != nullptr) {
        told.presence = one->presence;
        told.why = one->why;
      }
      const auto [at, first] = by_replica.emplace(replica, told);
      if (!first && told.presence > at->second.presence) at->second = told;
    }
    if (by_replica.empty()) continue;
    std::vector<ReportAbsence>& absences = absences_[key];
    for (auto& [replica, told] : by_replica) {
      const size_t of = replica;
      std::erase_if(absences, [of](const ReportAbsence& one) { return one.replica == of; });
      absences.push_back(std::move(told));
    }
    SortByReplica(&absences);
  }
}

const std::vector<ReportAbsence>* Confirmation::AbsencesOf(const std::string& key) const {
  const auto found = absences_.find(key);
  return found == absences_.end() ? nullptr : &found->second;
}

Confirmation::Seen Confirmation::See(const std::vector<const FoundRecord*>& by_source) const {
  Seen seen;
  seen.states.resize(sources_.replicas());
  seen.copies.resize(sources_.replicas(), 0);
  std::vector<Duplicate> held(sources_.replicas());
  for (size_t s = 0; s < by_source.size(); ++s) {
    const FoundRecord* const found = by_source[s];
    if (found == nullptr) continue;
    const size_t replica = sources_.ReplicaOf(s);
    held[replica].replica = replica;
    held[replica].held.push_back({s, found->digest});
    seen.copies[replica] += found->copies;
    if (!seen.states[replica]) seen.states[replica] = found->digest;
    seen.records.push_back(found);
  }
  std::erase_if(held, [](const Duplicate& one) { return one.held.size() < 2; });
  seen.duplicates = std::move(held);
  return seen;
}

// `found` are the records that `candidate->now` stands for.
void Confirmation::TakeTags(Candidate* candidate, bool same_as_before,
                            const std::vector<const FoundRecord*>& found) {
  const bool tagged =
      !found.empty() && std::all_of(found.begin(), found.end(),
                                    [](const auto* one) { return !one->column_tags.empty(); });
  if (!tagged && same_as_before) return;  // what was known still holds
  candidate->differs.clear();
  if (!candidate->duplicates_now.empty()) return;  // no two records are there to be compared
  const bool differ = std::any_of(found.begin(), found.end(), [&](const FoundRecord* one) {
    return one->digest != found.front()->digest;
  });
  if (!tagged || !differ) return;
  candidate->differs = DifferingTags(found);
  if (!candidate->differs.empty()) return;
  tags_contradicted_ = true;
}

void Confirmation::Judge(Candidate* candidate, Seen seen) {
  const Divergence& found = candidate->found;
  const bool same_as_found = seen.states == found.states && seen.duplicates == found.duplicates;
  const bool same_as_before =
      seen.states == candidate->now && seen.duplicates == candidate->duplicates_now;
  if (AllAgree(seen.states) && seen.duplicates.empty()) {
    candidate->status = RecordStatus::kInFlight;
  } else if (same_as_found || same_as_before) {
    candidate->status = RecordStatus::kConfirmed;
  } else {
    candidate->status = RecordStatus::kUnstable;
  }
  candidate->now = std::move(seen.states);
  candidate->duplicates_now = std::move(seen.duplicates);
  const bool any_copies = std::any_of(seen.copies.begin(), seen.copies.end(),
                                      [](uint64_t copies) { return copies > 0; });
  candidate->copies = any_copies ? std::move(seen.copies) : std::vector<uint64_t>();
  TakeTags(candidate, same_as_before, seen.records);
}

std::vector<Candidate>::const_iterator Confirmation::AtOrAfter(const std::string& key) const {
  // Where very many diverge, most of them lie behind all that is within reach.
  if (candidates_.empty() || candidates_.back().found.key < key) return candidates_.end();
  return std::lower_bound(
      candidates_.begin(), candidates_.end(), key,
      [](const Candidate& a, const std::string& wanted) { return a.found.key < wanted; });
}

const Candidate* Confirmation::Find(const std::string& key) const {
  const auto candidate = AtOrAfter(key);
  return candidate == candidates_.end() || candidate->found.key != key ? nullptr : &*candidate;
}

const FoundRecord* RecordCursor::Find(const std::string& key) {
  const auto below = [](const FoundRecord& record, const std::string& k) { return record.key < k; };
  ptrdiff_t step = 1;
  auto end = at_;
  for (; end != end_ && below(*end, key); step *= 2) {
    at_ = end + 1;
    end = step < end_ - end ? end + step : end_;
  }
  at_ = std::lower_bound(at_, end, key, below);
  return at_ == end_ || at_->key != key ? nullptr : &*at_;
}

std::vector<RecordCursor> CursorsOf(const Readings& readings) {
  static const std::vector<FoundRecord> kNothing;
  std::vector<RecordCursor> cursors;
  for (const auto& reading : readings) cursors.emplace_back(reading.ok() ? *reading : kNothing);
  return cursors;
}

std::vector<std::string> KeysNotFound(const std::vector<std::string>& keys,
                                      const Readings& readings) {
  std::vector<RecordCursor> cursors = CursorsOf(readings);
  std::vector<std::string> not_found;
  for (const std::string& key : keys) {
    bool found = false;
    for (RecordCursor& cursor : cursors) {
      const FoundRecord* const one = cursor.Find(key);
      const bool may_be_there = one != nullptr && (one->IsThere() || !IsKnown(one->presence));
      found = found || may_be_there;
    }
    if (!found) not_found.push_back(key);
  }
  return not_found;
}

Readings ByReplica(Readings by_source, const SourceMap& sources) {
  if (!sources.sharded()) return by_source;
  Readings by_replica(sources.replicas(), std::vector<FoundRecord>());
  for (size_t s = 0; s < by_source.size(); ++s) {
    auto& reading = by_replica[sources.ReplicaOf(s)];
    if (!reading.ok()) continue;
    if (!by_source[s].ok()) {
      reading = by_source[s].status();
      continue;
    }
    std::move(by_source[s]->begin(), by_source[s]->end(), std::back_inserter(*reading));
  }
  for (auto& reading : by_replica) {
    if (!reading.ok()) continue;
    // What makes the replica's record unknown comes first, and what is only told of it last.
    const auto rank = [](const FoundRecord& one) {
      return !IsKnown(one.presence) ? 0 : one.IsThere() ? 1 : 2;
    };
    const auto by_key = [&](const FoundRecord& a, const FoundRecord& b) {
      return std::pair(std::string_view(a.key), rank(a)) <
             std::pair(std::string_view(b.key), rank(b));
    };
    const auto same = [](const FoundRecord& a, const FoundRecord& b) { return a.key == b.key; };
    std::stable_sort(reading->begin(), reading->end(), by_key);
    reading->erase(std::unique(reading->begin(), reading->end(), same), reading->end());
  }
  return by_replica;
}

absl::Status CheckReading(const std::vector<std::string>& keys,
                          const std::vector<FoundRecord>& found) {
  auto next = keys.begin();
  for (const FoundRecord& record : found) {
    // Nearly always it is the next one.
    if (next != keys.end() && *next < record.key) {
      next = std::lower_bound(next, keys.end(), record.key);
    }
    if (next == keys.end() || *next != record.key) {
      return absl::InternalError(
          "its agent named a record that it was not asked for, or named one twice");
    }
    ++next;
  }
  return absl::OkStatus();
}

}  // namespace driftwood::coordinator
