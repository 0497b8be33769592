// Reading one column back, for what is made of columns. Private to the encoding.
#pragma once

#include <optional>
#include <string_view>

#include "merkle/record/encoding.h"
#include "merkle/record/value.h"

namespace driftwood::merkle {

// Takes one column from the front of `bytes`; nothing if what is there is not in canonical form.
// `depth`: how many lists it stands in.
std::optional<Value> TakeColumn(Place place, int depth, std::string_view* bytes);

}  // namespace driftwood::merkle
