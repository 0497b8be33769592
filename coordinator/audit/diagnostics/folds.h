// Hypotheses that take a difference away from each value by itself, such as the white space around
// it: a fold explains values that differ if it makes them equal. It serves values and keys alike.
// The column rules (merkle/record/rule.h) are folds, the only ones that column tags can test. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "coordinator/audit/diagnostics/fold.h"
#include "coordinator/audit/diagnostics/remedy.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"

namespace driftwood::coordinator {

// Those that may act on values of a column, the least invasive first.
std::vector<Fold> FoldsOf(const merkle::Column& column);
// What would read the values as one; "" if there is no such. `changed` are the texts that the fold
// changes, by replica.
std::string FoldOption(const Fold& fold, const merkle::Column& column,
                       const std::vector<ExplainedReplica>& replicas,
                       const std::map<size_t, std::vector<std::string>>& changed);
// The rules among FoldsOf() a column of this type.
std::vector<merkle::Rule> CandidateRules(merkle::ColumnType type);

}  // namespace driftwood::coordinator
