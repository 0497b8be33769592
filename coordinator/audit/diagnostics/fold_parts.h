// What the folds are made of. Only folds.cc and its neighbours fold_*.cc include it. Pure.
#pragma once

#include <string>

#include "coordinator/audit/diagnostics/fold.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

bool IsText(const merkle::Value& value);
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
// Of ASCII letters only.
std::string Lower(const std::string& text);

// Makes the value what the text reads as under the type; leaves it as it is if it can't be read so.
void ReadAs(merkle::ColumnType type, const std::string& text, merkle::Value* value);

// A fold that takes no parameters.
Fold Plain(std::string text, FoldFamily family,
           void (*apply)(const merkle::Column&, merkle::Value*), std::string types = "");

}  // namespace driftwood::coordinator
