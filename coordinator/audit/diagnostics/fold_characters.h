// Folds over the characters of texts and over bytes: other encodings of the same characters, and
// other spellings of the same bytes. Only folds.cc includes it. Pure.
#pragma once

#include <vector>

#include "coordinator/audit/diagnostics/fold.h"

namespace driftwood::coordinator {

void AddCharacters(std::vector<Fold>* folds);
void AddBytes(std::vector<Fold>* folds);

}  // namespace driftwood::coordinator
