// Values as JSON, and as lists and sets, which JSON or a server's own text spells. docs/agent.md
// has what reads as what.
//
// Each function appends the value, which is not NULL, as its type; or under its own tag, and
// returns false, if it is a type mismatch.
#pragma once

#include <string>

#include "agent/source/source_value.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"

namespace driftwood::agent {

bool AppendAsJson(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsList(const SourceValue& value, merkle::ElementType of, merkle::Place place,
                  std::string* out);
// Of elements without a type.
bool AppendAsDynamicList(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsSet(const SourceValue& value, merkle::Place place, std::string* out);

}  // namespace driftwood::agent
