// Reading one column back, for what is made of columns. Private to the encoding.
#pragma once

#include <string_view>

#include "merkle/record/encoding.h"
#include "merkle/record/value.h"

namespace driftwood::merkle {

// Takes one column from the front of `bytes`, over whatever `value` was. False: what is there is
// not in canonical form; `value` may be anything then. `depth`: how many lists it stands in.
bool TakeColumn(Place place, int depth, std::string_view* bytes, Value* value);

}  // namespace driftwood::merkle
