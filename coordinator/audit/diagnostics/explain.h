// Why records differ: hypotheses, tested on a sample of the divergent records. Pure.
//
// A hypothesis explains a pair of values that differ if it makes them equal: a fold by being
// applied to both (folds.h), a shift by its parameter (shifts.h). Those folds that are rules can be
// tested without values too, on tags of the values under them that the agents give
// (coordinator/peer/peer.h); of those rules both ways say the same.
//
// What is told is right or is left out. A hypothesis explains five records of a column, or all of
// two or more that differ there. One difference alone is explained only by what has no parameter.
#pragma once

#include <string>
#include <vector>

#include "coordinator/audit/diagnostics/remedy.h"
#include "coordinator/audit/diagnostics/sampled_records.h"
#include "coordinator/report/report.h"
#include "merkle/record/schema.h"

namespace driftwood::coordinator {

// The result's columns are those that differ, most often first; its keys are hypotheses about
// missing records: that a key is there under another spelling. They are tested on `missing`, and on
// those of the sample if that is empty.
Explanation Explain(const merkle::Schema& schema, const std::vector<ExplainedReplica>& replicas,
                    const std::vector<SampledRecord>& sample,
                    const std::vector<MissingRecord>& missing = {});

// Those worth testing on the columns, as many columns from the first on as together have at most
// `max` of them.
std::vector<RuleTest> RuleTests(const merkle::Schema& schema, const std::vector<size_t>& columns,
                                size_t max);
// "name:rtrim"
std::string RuleTestText(const merkle::Schema& schema, const RuleTest& test);

// All tags are as many as there are columns and `tests`. Columns without a test are left out.
Explanation ExplainTagged(const merkle::Schema& schema,
                          const std::vector<ExplainedReplica>& replicas,
                          const std::vector<RuleTest>& tests,
                          const std::vector<TaggedRecord>& sample,
                          const std::vector<MissingRecord>& missing = {});

}  // namespace driftwood::coordinator
