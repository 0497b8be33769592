// Divergent records that were read for their explanation, with their values or with tags of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/audit/confirm/confirm.h"
#include "coordinator/report/report.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// One divergent record of the sample.
struct SampledRecord {
  ReportKey key;
  // By replica: value columns in schema order. Absent: the replica lacks the record.
  std::vector<std::optional<std::vector<merkle::Value>>> values;
};

// The same of what the agents say without values.
struct TaggedRecord {
  ReportKey key;
  struct Tags {
    std::string columns;  // a tag for each value column
    std::string rules;    // and for each rule tested
  };
  std::vector<std::optional<Tags>> tags;  // by replica; absent: it lacks the record
};

// The key of a record that some replicas lack.
struct MissingRecord {
  ReportKey key;
  std::vector<bool> has;  // by replica
};

// A rule that is tested on a value column.
struct RuleTest {
  size_t column = 0;
  merkle::Rule rule;
};

// The records read for `keys`, which ascend, for their explanation. All readings are OK. Left out
// are those whose values were too long to be sent, do not decode, or agree by now.
std::vector<SampledRecord> SampleOf(const std::vector<std::string>& keys, const Readings& readings,
                                    const merkle::Schema& schema);

// The same where they were read with column tags, `with_rules` or without: left out are changed
// records that some replica gave no tags of, and those that agree by now.
std::vector<TaggedRecord> TaggedSampleOf(const std::vector<std::string>& keys,
                                         const Readings& readings, const merkle::Schema& schema,
                                         bool with_rules);

}  // namespace driftwood::coordinator
