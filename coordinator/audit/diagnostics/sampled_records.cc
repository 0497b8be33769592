#include "coordinator/audit/diagnostics/sampled_records.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "coordinator/audit/confirm/confirm.h"
#include "merkle/record/encoding.h"

namespace driftwood::coordinator {

namespace {

// A replica's values, or nothing if they can't be had of a record that is there.
std::optional<std::vector<merkle::Value>> ValuesOf(const FoundRecord& found, size_t columns) {
  auto values = merkle::DecodeValues(found.value, columns);
  if (found.value_too_long || !values.ok()) return std::nullopt;
  return *std::move(values);
}

// Null: it is not there; or that is not known.
const FoundRecord* Known(const FoundRecord* found, bool* known) {
  if (found != nullptr && !IsKnown(found->presence)) *known = false;
  return found != nullptr && found->IsThere() ? found : nullptr;
}

}  // namespace

std::vector<SampledRecord> SampleOf(const std::vector<std::string>& keys, const Readings& readings,
                                    const merkle::Schema& schema) {
  std::vector<SampledRecord> sample;
  std::vector<RecordCursor> cursors = CursorsOf(readings);
  for (const std::string& key : keys) {
    SampledRecord record{MakeReportKey(key, schema.key_columns()), {}};
    bool usable = true;
    for (RecordCursor& cursor : cursors) {
      const FoundRecord* const found = Known(cursor.Find(key), &usable);
      auto& values = record.values.emplace_back();
      if (found == nullptr) continue;
      values = ValuesOf(*found, schema.values.size());
      usable = usable && values.has_value();
    }
    const auto& first = record.values.front();
    const bool agree = std::all_of(record.values.begin(), record.values.end(),
                                   [&](const auto& values) { return values == first; });
    if (usable && !agree) sample.push_back(std::move(record));
  }
  return sample;
}

std::vector<TaggedRecord> TaggedSampleOf(const std::vector<std::string>& keys,
                                         const Readings& readings, const merkle::Schema& schema,
                                         bool with_rules) {
  std::vector<TaggedRecord> sample;
  std::vector<RecordCursor> cursors = CursorsOf(readings);
  for (const std::string& key : keys) {
    TaggedRecord record{MakeReportKey(key, schema.key_columns()), {}};
    bool usable = true;
    bool missing = false;
    bool known = true;
    for (RecordCursor& cursor : cursors) {
      const FoundRecord* const found = Known(cursor.Find(key), &known);
      auto& tags = record.tags.emplace_back();
      missing = missing || found == nullptr;
      if (found == nullptr) continue;
      tags = TaggedRecord::Tags{found->column_tags, found->rule_tags};
      usable = usable && !tags->columns.empty() && !(with_rules && tags->rules.empty());
    }
    const auto& first = record.tags.front();
    const bool agree =
        std::all_of(record.tags.begin(), record.tags.end(), [&first](const auto& tags) {
          return tags.has_value() == first.has_value() &&
                 (!tags || tags->columns == first->columns);
        });
    // Of a missing record it is enough to know who has it.
    if (known && !agree && (missing || usable)) sample.push_back(std::move(record));
  }
  return sample;
}

}  // namespace driftwood::coordinator
