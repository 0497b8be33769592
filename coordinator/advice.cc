#include "coordinator/advice.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/explain.h"
#include "coordinator/spans.h"

namespace driftwood::coordinator {

namespace {

constexpr size_t kExplainRecordsMax = 100;

// Evenly spread over those that are divergent.
std::vector<std::string> SampleKeys(const Confirmation& confirmation) {
  std::vector<const Suspect*> divergent;
  for (const Suspect& suspect : confirmation.suspects()) {
    if (suspect.status != RecordStatus::kInFlight) divergent.push_back(&suspect);
  }
  const size_t size = std::min(divergent.size(), kExplainRecordsMax);
  std::vector<std::string> keys;
  for (size_t i = 0; i < size; ++i) {
    keys.push_back(divergent[i * divergent.size() / size]->found->key);
  }
  return keys;
}

}  // namespace

void Advice::Explain(Report* report) {
  if (walked_.schema().multiset) return;  // there is nothing that makes two records one
  const bool allowed = std::all_of(
      walked_.replicas.begin(), walked_.replicas.end(),
      [](const DescribedReplica& replica) { return replica.description.values_allowed; });
  const std::vector<std::string> keys = SampleKeys(confirmation_);
  if (keys.empty() || !allowed || Over()) return;
  walked_.on_phase(AuditObserver::Phase::kReadingValues);
  const Readings readings = reader_.Read(keys, /*with_values=*/true);
  for (const auto& reading : readings) {
    if (!reading.ok()) return;
  }
  report->explanation = coordinator::Explain(walked_.schema(), report->ReplicaNames(),
                                             SampleOf(keys, readings, walked_.schema()));
}

void Advice::Locate(Report* report) {
  if (walked_.schema().multiset) return;  // keys that are digests lie anywhere
  if (walked_.result.sampled) return;     // and those of a sample everywhere
  if (walked_.result.divergences.size() < kSpansDivergencesMin || Over()) return;
  const std::vector<merkle::Summary>& roots = walked_.roots;
  size_t largest = 0;
  for (size_t i = 1; i < roots.size(); ++i) {
    if (roots[i].count > roots[largest].count) largest = i;
  }
  const absl::StatusOr<std::vector<KeyPart>> parts =
      CutKeySpace(reader_.peer(largest), roots[largest].count, walked_.agreement.params);
  if (!parts.ok()) return;
  report->spans = FindSpans(*parts, walked_.result, confirmation_, walked_.schema().key_columns());
}

AlikeKeys Advice::FindAlike() {
  const std::vector<merkle::Column>& key = walked_.schema().key;
  const bool has_text = std::any_of(key.begin(), key.end(), [](const merkle::Column& column) {
    return column.type == merkle::ColumnType::kText;
  });
  if (!has_text || Over()) return {};
  const std::vector<ListedKey> divergent =
      ListedDivergences(walked_.result, confirmation_, kAlikeKeysMax);
  AlikeKeys alike(reader_.count());
  reader_.AskEach([&](size_t i, Peer& peer) {
    std::vector<std::string> missing;
    for (const ListedKey& one : divergent) {
      if (!(*one.states)[i]) missing.push_back(one.found->key);
    }
    if (missing.empty()) return absl::OkStatus();
    const auto found = peer.FindAlike(walked_.agreement, missing);
    if (!found.ok()) return found.status();
    for (const AlikePair& pair : *found) alike[i].emplace(pair.key, pair.held);
    return absl::OkStatus();
  });
  return alike;
}

}  // namespace driftwood::coordinator
