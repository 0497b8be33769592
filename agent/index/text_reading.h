// Values as text, and as what text spells byte for byte or digit for digit: bytes, uuids, bits.
// docs/agent.md has what reads as what.
//
// Each function appends the value, which is not NULL, as its type; or under its own tag, and
// returns false, if it is a type mismatch.
#pragma once

#include <string>

#include "agent/source/source_value.h"
#include "merkle/record/encoding.h"

namespace driftwood::agent {

bool AppendAsText(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsBytes(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsUuid(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsBits(const SourceValue& value, merkle::Place place, std::string* out);

}  // namespace driftwood::agent
