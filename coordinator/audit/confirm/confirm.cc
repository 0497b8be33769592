#include "coordinator/audit/confirm/confirm.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "merkle/check.h"

namespace driftwood::coordinator {

namespace {

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

Confirmation::Confirmation(const WalkResult& result, uint64_t keys_max, int passes_max)
    : passes_max_(passes_max) {
  DRIFTWOOD_CHECK(passes_max >= 1);
  const auto add = [&](const Divergence& divergence, std::optional<size_t> run) {
    if (candidates_.size() >= keys_max) return false;
    Candidate& candidate = candidates_.emplace_back();
    candidate.found = &divergence;
    candidate.run = run;
    return true;
  };
  for (const Divergence& divergence : result.divergences) {
    if (!add(divergence, std::nullopt)) break;
  }
  for (size_t run = 0; run < result.runs.size(); ++run) {
    for (const Divergence& divergence : result.runs[run].listed) {
      if (!add(divergence, run)) break;
    }
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.found->key < b.found->key; });
}

bool Confirmation::IsOpen(const Candidate& candidate) const {
  const bool settled =
      candidate.status == RecordStatus::kConfirmed || candidate.status == RecordStatus::kInFlight;
  return !settled && candidate.passes < passes_max_;
}

std::vector<std::string> Confirmation::OpenKeys() const {
  std::vector<std::string> keys;
  for (const Candidate& candidate : candidates_) {
    if (IsOpen(candidate)) keys.push_back(candidate.found->key);
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
    const auto candidate = std::lower_bound(
        candidates_.begin(), candidates_.end(), key,
        [](const Candidate& a, const std::string& wanted) { return a.found->key < wanted; });
    if (candidate == candidates_.end() || candidate->found->key != key) continue;
    if (!complete || readings.size() != candidate->found->states.size()) {
      if (IsOpen(*candidate)) {
        candidate->status = RecordStatus::kUnconfirmed;
        ++candidate->passes;
      }
      continue;
    }
    States now;
    std::vector<const FoundRecord*> records;
    candidate->copies.clear();
    for (RecordCursor& cursor : cursors) {
      const FoundRecord* const found = cursor.Find(key);
      now.push_back(found != nullptr ? std::optional(found->digest) : std::nullopt);
      candidate->copies.push_back(found != nullptr ? found->copies : 0);
      if (found != nullptr) records.push_back(found);
    }
    ++candidate->passes;
    candidate->outside_filter = outside_filter;
    const bool same_as_before = now == candidate->now;
    Judge(&*candidate, std::move(now));
    TakeTags(&*candidate, same_as_before, records);
  }
}

// `found` are the records that `candidate->now` stands for.
void Confirmation::TakeTags(Candidate* candidate, bool same_as_before,
                            const std::vector<const FoundRecord*>& found) {
  const bool tagged =
      !found.empty() && std::all_of(found.begin(), found.end(),
                                    [](const auto* one) { return !one->column_tags.empty(); });
  if (!tagged && same_as_before) return;  // what was known still holds
  candidate->differs.clear();
  const bool differ = std::any_of(found.begin(), found.end(), [&](const FoundRecord* one) {
    return one->digest != found.front()->digest;
  });
  if (!tagged || !differ) return;
  candidate->differs = DifferingTags(found);
  if (!candidate->differs.empty()) return;
  tags_contradicted_ = true;
}

void Confirmation::Judge(Candidate* candidate, States now) const {
  if (AllAgree(now)) {
    candidate->status = RecordStatus::kInFlight;
  } else if (now == candidate->found->states || now == candidate->now) {
    candidate->status = RecordStatus::kConfirmed;
  } else {
    candidate->status = RecordStatus::kUnstable;
  }
  candidate->now = std::move(now);
}

const Candidate* Confirmation::Find(const std::string& key) const {
  const auto candidate = std::lower_bound(
      candidates_.begin(), candidates_.end(), key,
      [](const Candidate& a, const std::string& wanted) { return a.found->key < wanted; });
  return candidate == candidates_.end() || candidate->found->key != key ? nullptr : &*candidate;
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
    for (RecordCursor& cursor : cursors) found = cursor.Find(key) != nullptr || found;
    if (!found) not_found.push_back(key);
  }
  return not_found;
}

absl::Status CheckReading(const std::vector<std::string>& keys,
                          const std::vector<FoundRecord>& found) {
  auto next = keys.begin();
  for (const FoundRecord& record : found) {
    next = std::lower_bound(next, keys.end(), record.key);
    if (next == keys.end() || *next != record.key) {
      return absl::InternalError(
          "its agent named a record that it was not asked for, or named one twice");
    }
    ++next;
  }
  return absl::OkStatus();
}

}  // namespace driftwood::coordinator
