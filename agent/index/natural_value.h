// A source's value as what it is, whatever its column's type is: under its own tag.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/source/source_value.h"
#include "merkle/record/encoding.h"

namespace driftwood::agent {

// For a value that is of no use to its column's type. Always false, so that readings can end with
// it: it is a type mismatch.
bool AppendNatural(const SourceValue& value, merkle::Place place, std::string* out);

// `value` is a date, time or timestamp.
void AppendMoment(const SourceValue& value, merkle::Place place, std::string* out);

inline constexpr size_t kUuidBytes = 16;
// `bytes` are as many.
void AppendUuidBytes(std::string_view bytes, merkle::Place place, std::string* out);

}  // namespace driftwood::agent
