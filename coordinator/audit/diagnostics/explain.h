// Why records differ: hypotheses, tested on a sample of the divergent records. Pure.
//
// A hypothesis explains a pair of values that differ if it makes them equal: a column rule
// (merkle/record/rule.h) by being applied to both sides; a constant offset of time or a cut at a
// constant length by what it says. Rules can be tested without values too, on tags of the values
// under them that the agents give (coordinator/peer/peer.h); of rules both ways say the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/audit/diagnostics/sampled_records.h"
#include "coordinator/report/report.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// `names` are the replicas'. The result's columns are those that differ, most often first; its keys
// are hypotheses about missing records: that a key is there under another spelling.
Explanation Explain(const merkle::Schema& schema, const std::vector<std::string>& names,
                    const std::vector<SampledRecord>& sample);

// Those worth testing on the columns, as many columns from the first on as together have at most
// `max` of them.
std::vector<RuleTest> RuleTests(const merkle::Schema& schema, const std::vector<size_t>& columns,
                                size_t max);
// "name:rtrim"
std::string RuleTestText(const merkle::Schema& schema, const RuleTest& test);

// All tags are as many as there are columns and `tests`. Columns without a test are left out.
Explanation ExplainTagged(const merkle::Schema& schema, const std::vector<std::string>& names,
                          const std::vector<RuleTest>& tests,
                          const std::vector<TaggedRecord>& sample);

}  // namespace driftwood::coordinator
