// Folds that read a text as a value of another type: moments, numbers with marks, words of
// booleans. Only folds.cc includes it. Pure.
#pragma once

#include <vector>

#include "coordinator/audit/diagnostics/fold.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// What takes less away than any rule. Of decimals, among integers too.
void AddDoubles(merkle::ColumnType column, std::vector<Fold>* folds);
// Numbers in JSON that a double has written in another way. The rule json=number-as-double takes
// more away: numbers that differ and are the nearest to one double.
void FoldJsonNumbers(const merkle::Column&, merkle::Value* value);
// Of texts, and of the texts of type mismatches.
void AddReadings(merkle::ColumnType column, std::vector<Fold>* folds);

}  // namespace driftwood::coordinator
