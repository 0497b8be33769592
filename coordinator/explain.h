// Why records differ: hypotheses, tested on a sample of the divergent records. Pure.
//
// A hypothesis explains a pair of values that differ if it makes them equal: a column rule
// (merkle/rule.h) by being applied to both sides; a constant offset of time or a cut at a constant
// length by what it says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/report.h"
#include "merkle/rule.h"
#include "merkle/schema.h"
#include "merkle/value.h"

namespace driftwood::coordinator {

// One divergent record of the sample.
struct SampledRecord {
  ReportKey key;
  // By replica: value columns in schema order. Absent: the replica lacks the record.
  std::vector<std::optional<std::vector<merkle::Value>>> values;
};

// `names` are the replicas'. The result's columns are those that differ, most often first; its keys
// are hypotheses about missing records: that a key is there under another spelling.
Explanation Explain(const merkle::Schema& schema, const std::vector<std::string>& names,
                    const std::vector<SampledRecord>& sample);

}  // namespace driftwood::coordinator
