// Values as booleans and as numbers: by what they are worth, in whatever way their source writes
// them. docs/agent.md has what reads as what.
//
// Each function appends the value, which is not NULL, as its type; or under its own tag, and
// returns false, if it is a type mismatch.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/source/source_value.h"
#include "merkle/record/encoding.h"

namespace driftwood::agent {

bool AppendAsBool(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsInteger(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsDecimal(const SourceValue& value, merkle::Place place, std::string* out);
bool AppendAsFloat64(const SourceValue& value, merkle::Place place, std::string* out);
// Of what is said to be singles: text, and the text of a number, is the nearest single.
bool AppendAsSingle(const SourceValue& value, merkle::Place place, std::string* out);

// The text of a number, whatever its kind. Nothing if it is none, or a double that is not finite.
std::optional<std::string> NumberText(const SourceValue& value);

// A number of a file that writes it in such a way, without its marks and with a point: "1234.5" of
// "1.234,5". Nothing if the forms have no such number; all else stays as it is.
std::optional<std::string> PlainNumber(std::string_view text, const TextForms& forms);

}  // namespace driftwood::agent
