// Folds that read a text as a value of another type: moments, numbers with marks, words of
// booleans. Only folds.cc includes it. Pure.
#pragma once

#include <vector>

#include "coordinator/audit/diagnostics/fold.h"
#include "merkle/record/schema.h"

namespace driftwood::coordinator {

// What takes less away than any rule. Of decimals, among integers too.
void AddDoubles(merkle::ColumnType column, std::vector<Fold>* folds);
// Of texts, and of the texts of type mismatches.
void AddReadings(merkle::ColumnType column, std::vector<Fold>* folds);

}  // namespace driftwood::coordinator
