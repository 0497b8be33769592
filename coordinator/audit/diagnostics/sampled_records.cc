#include "coordinator/audit/diagnostics/sampled_records.h"

#include <map>
#include <set>
#include <utility>

#include "coordinator/audit/confirm/listing.h"
#include "merkle/record/encoding.h"

namespace driftwood::coordinator {

std::vector<SampledRecord> SampleOf(const std::vector<std::string>& keys, const Readings& readings,
                                    const merkle::Schema& schema) {
  std::map<std::string, SampledRecord> records;
  std::set<std::string> unusable;
  for (const std::string& key : keys) {
    SampledRecord& record = records[key];
    record.key = MakeReportKey(key, schema.key_columns());
    record.values.resize(readings.size());
  }
  for (size_t i = 0; i < readings.size(); ++i) {
    for (const FoundRecord& found : *readings[i]) {
      auto values = merkle::DecodeValues(found.value, schema.values.size());
      if (found.value_too_long || !values.ok()) {
        unusable.insert(found.key);
      } else {
        records[found.key].values[i] = *std::move(values);
      }
    }
  }
  std::vector<SampledRecord> sample;
  for (auto& [key, record] : records) {
    const auto& first = record.values.front();
    const bool agree = std::all_of(record.values.begin(), record.values.end(),
                                   [&](const auto& values) { return values == first; });
    if (!agree && !unusable.contains(key)) sample.push_back(std::move(record));
  }
  return sample;
}

std::vector<TaggedRecord> TaggedSampleOf(const std::vector<std::string>& keys,
                                         const Readings& readings, const merkle::Schema& schema,
                                         bool with_rules) {
  std::map<std::string, TaggedRecord> records;
  std::set<std::string> unusable;
  for (const std::string& key : keys) {
    TaggedRecord& record = records[key];
    record.key = MakeReportKey(key, schema.key_columns());
    record.tags.resize(readings.size());
  }
  for (size_t i = 0; i < readings.size(); ++i) {
    for (const FoundRecord& found : *readings[i]) {
      if (found.column_tags.empty() || (with_rules && found.rule_tags.empty())) {
        unusable.insert(found.key);
      }
      records[found.key].tags[i] = TaggedRecord::Tags{found.column_tags, found.rule_tags};
    }
  }
  std::vector<TaggedRecord> sample;
  for (auto& [key, record] : records) {
    const auto& all = record.tags;
    const auto& first = all.front();
    const bool missing =
        std::any_of(all.begin(), all.end(), [](const auto& tags) { return !tags.has_value(); });
    const bool agree = std::all_of(all.begin(), all.end(), [&first](const auto& tags) {
      return tags.has_value() == first.has_value() && (!tags || tags->columns == first->columns);
    });
    // Of a missing record it is enough to know who has it.
    if (!agree && (missing || !unusable.contains(key))) sample.push_back(std::move(record));
  }
  return sample;
}

}  // namespace driftwood::coordinator
