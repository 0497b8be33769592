#include "coordinator/audit/diagnostics.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/audit/diagnostics/explain.h"
#include "coordinator/audit/diagnostics/spans.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

constexpr size_t kExplainRecordsMax = 100;
constexpr size_t kExplainKeysMax = 4096;

// Evenly spread over those that are divergent.
std::vector<std::string> SampleKeys(const Confirmation& confirmation) {
  std::vector<const Candidate*> divergent;
  for (const Candidate& candidate : confirmation.candidates()) {
    // Of a duplicate there is no one record to explain.
    if (!candidate.duplicates().empty()) continue;
    if (candidate.status != RecordStatus::kInFlight) divergent.push_back(&candidate);
  }
  const size_t size = std::min(divergent.size(), kExplainRecordsMax);
  std::vector<std::string> keys;
  for (size_t i = 0; i < size; ++i) {
    keys.push_back(divergent[i * divergent.size() / size]->found.key);
  }
  return keys;
}

// The keys of records that some replicas lack, evenly spread: pairs of them are looked for, so that
// a few of each kind don't do.
std::vector<MissingRecord> MissingKeys(const Confirmation& confirmation, size_t key_columns) {
  std::vector<const Candidate*> missing;
  for (const Candidate& candidate : confirmation.candidates()) {
    if (!candidate.duplicates().empty() || candidate.status == RecordStatus::kInFlight) continue;
    const States& states = candidate.states();
    if (std::any_of(states.begin(), states.end(), [](const auto& state) { return !state; })) {
      missing.push_back(&candidate);
    }
  }
  const size_t size = std::min(missing.size(), kExplainKeysMax);
  std::vector<MissingRecord> records;
  for (size_t i = 0; i < size; ++i) {
    const Candidate& candidate = *missing[i * missing.size() / size];
    MissingRecord& record = records.emplace_back();
    record.key = MakeReportKey(candidate.found.key, key_columns);
    for (const auto& state : candidate.states()) record.has.push_back(state.has_value());
  }
  return records;
}

// A replica's URLs take the parameters that those of all of its sources take.
std::vector<ExplainedReplica> ReplicasOf(const WalkedAudit& walked, const Report& report) {
  std::vector<ExplainedReplica> replicas;
  for (const std::string& name : report.ReplicaNames()) {
    replicas.push_back({name, ExplainedReplica::Store::kCsv, walked.options.table});
  }
  for (size_t s = 0; s < walked.described.size(); ++s) {
    const std::string& url = walked.described[s].description.source;
    const auto store =
        url.starts_with("csv:") || url.starts_with("tsv:")     ? ExplainedReplica::Store::kCsv
        : url.starts_with("jsonl:") || url.starts_with("log:") ? ExplainedReplica::Store::kJsonLines
                                                               : ExplainedReplica::Store::kOther;
    ExplainedReplica& replica = replicas[walked.sources.ReplicaOf(s)];
    replica.store = std::min(replica.store, store);
  }
  return replicas;
}

bool AllOk(const Readings& readings) {
  return std::all_of(readings.begin(), readings.end(),
                     [](const auto& reading) { return reading.ok(); });
}

// Those of one column come together.
size_t TestedColumns(const std::vector<RuleTest>& tests) {
  size_t columns = 0;
  for (size_t i = 0; i < tests.size(); ++i) {
    if (i == 0 || tests[i].column != tests[i - 1].column) ++columns;
  }
  return columns;
}

}  // namespace

void Diagnostics::CountColumns(Report* report) {
  if (walked_.schema().multiset) return;
  report->columns = coordinator::CountColumns(confirmation_, walked_.schema().values.size());
}

void Diagnostics::Explain(Report* report) {
  if (walked_.schema().multiset) return;  // there is nothing that makes two records one
  const std::vector<std::string> keys = SampleKeys(confirmation_);
  if (keys.empty() || Over()) return;
  const bool allowed =
      std::all_of(walked_.described.begin(), walked_.described.end(),
                  [](const DescribedSource& source) { return source.description.values_allowed; });
  walked_.on_phase(AuditObserver::Phase::kReadingValues);
  allowed ? ExplainValues(keys, report) : ExplainTags(keys, report);
}

void Diagnostics::ExplainValues(const std::vector<std::string>& keys, Report* report) {
  const Readings readings = ByReplica(reader_.Read(keys, /*with_values=*/true), walked_.sources);
  if (!AllOk(readings)) return;
  const merkle::Schema& schema = walked_.schema();
  report->explanation =
      coordinator::Explain(schema, ReplicasOf(walked_, *report), SampleOf(keys, readings, schema),
                           MissingKeys(confirmation_, schema.key_columns()));
}

void Diagnostics::ExplainTags(const std::vector<std::string>& keys, Report* report) {
  const merkle::Schema& schema = walked_.schema();
  const std::vector<size_t> columns = DifferingColumns(keys);
  const std::vector<RuleTest> tests = RuleTests(schema, columns, kTagRulesMax);
  std::vector<std::string> rules;
  for (const RuleTest& test : tests) rules.push_back(RuleTestText(schema, test));
  const Readings readings = ByReplica(reader_.ReadTagged(keys, rules), walked_.sources);
  if (!AllOk(readings)) return;
  const std::vector<TaggedRecord> sample = TaggedSampleOf(keys, readings, schema, !tests.empty());
  if (sample.empty()) return;  // not all agents gave any
  report->explanation = ExplainTagged(schema, ReplicasOf(walked_, *report), tests, sample,
                                      MissingKeys(confirmation_, schema.key_columns()));
  const size_t tested = TestedColumns(tests);
  if (tested == columns.size()) return;
  report->warnings.push_back("of " + GroupDigits(columns.size()) +
                             " columns that differ, only the " + GroupDigits(tested) +
                             " that differ most often were explained");
}

std::vector<size_t> Diagnostics::DifferingColumns(const std::vector<std::string>& keys) const {
  std::vector<size_t> counts(walked_.schema().values.size());
  for (const std::string& key : keys) {
    const Candidate* const candidate = confirmation_.Find(key);
    if (candidate == nullptr || !candidate->ChangedColumnsKnown(counts.size())) continue;
    for (size_t c = 0; c < counts.size(); ++c) counts[c] += candidate->differs[c] ? 1 : 0;
  }
  std::vector<size_t> columns;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] > 0) columns.push_back(c);
  }
  std::stable_sort(columns.begin(), columns.end(),
                   [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  return columns;
}

void Diagnostics::Locate(Report* report) {
  if (walked_.schema().multiset) return;  // keys that are digests lie anywhere
  if (walked_.result.sampled) return;     // and those of a sample everywhere
  if (walked_.result.divergences.size() < kSpansDivergencesMin || Over()) return;
  const std::vector<merkle::Summary>& roots = walked_.roots;
  size_t largest = 0;
  for (size_t i = 1; i < roots.size(); ++i) {
    if (roots[i].count > roots[largest].count) largest = i;
  }
  absl::StatusOr<std::vector<KeyPart>> parts =
      CutKeySpace(reader_.peer(largest), roots[largest].count, walked_.agreement.params);
  for (size_t i = 0; i < roots.size() && parts.ok(); ++i) {
    const bool beside = walked_.sources.ReplicaOf(i) == walked_.sources.ReplicaOf(largest);
    if (!beside || i == largest || roots[i].count == 0) continue;
    const absl::Status added = AddRecords(reader_.peer(i), roots[i].count, &*parts);
    if (!added.ok()) parts = added;
  }
  if (!parts.ok()) return;
  absl::StatusOr<std::vector<ReportSpan>> spans =
      FindSpans(*parts, walked_.result, confirmation_, walked_.schema().key_columns());
  if (spans.ok()) report->spans = *std::move(spans);
}

AlikeKeys Diagnostics::FindAlike() {
  const std::vector<merkle::Column>& key = walked_.schema().key;
  const bool has_text = std::any_of(key.begin(), key.end(), [](const merkle::Column& column) {
    return column.type == merkle::ColumnType::kText;
  });
  if (!has_text || Over()) return {};
  const absl::StatusOr<std::vector<std::vector<std::string>>> missing =
      FirstMissing(walked_.result, confirmation_, walked_.sources.replicas(), kAlikeKeysMax);
  if (!missing.ok()) return {};
  AlikeKeys by_source(reader_.count());
  reader_.AskEach([&](size_t i, Peer& peer) {
    const std::vector<std::string>& keys = (*missing)[walked_.sources.ReplicaOf(i)];
    if (keys.empty()) return absl::OkStatus();
    const auto found = peer.FindAlike(walked_.agreement, keys);
    if (!found.ok()) return found.status();
    for (const AlikeKey& pair : *found) by_source[i].emplace(pair.key, pair.held);
    return absl::OkStatus();
  });
  AlikeKeys alike(walked_.sources.replicas());
  for (size_t i = 0; i < by_source.size(); ++i) {
    alike[walked_.sources.ReplicaOf(i)].merge(std::move(by_source[i]));
  }
  return alike;
}

}  // namespace driftwood::coordinator
