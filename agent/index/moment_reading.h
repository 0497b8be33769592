// Values as dates, times and timestamps: from what stores with types of their own have, and from
// text. docs/agent.md has what reads as what.
//
// Each function appends the value, which is not NULL, as its type; or under its own tag, and
// returns false, if it is a type mismatch.
#pragma once

#include <string>

#include "agent/source/source_value.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"

namespace driftwood::agent {

bool AppendAsDate(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsTime(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsTimestamp(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsTimestampTz(const SourceValue& value, merkle::Place place, std::string* out);

// Of text and numbers that `reading` (kUnix or kFormat, of `type`) reads. False, and nothing
// appended, for all else.
bool AppendNumberAsMoment(const merkle::Reading& reading, merkle::ColumnType type,
                          const SourceValue& value, merkle::Place place, std::string* out);

}  // namespace driftwood::agent
