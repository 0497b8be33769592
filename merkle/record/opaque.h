// Text of types that are only known by their name, read as values of those types. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "merkle/record/encoding.h"

namespace driftwood::merkle {

// Appends `text` as a value of the type `type`. An interval is read in all styles and written in
// one; texts of other types stay as they are. False, with `out` as it was, if it is not UTF-8 or no
// interval.
bool AppendOpaqueText(std::string_view type, std::string_view text, Place place, std::string* out);

// Whether that makes other bytes of the text.
bool ReadsOpaqueText(std::string_view type);

}  // namespace driftwood::merkle
