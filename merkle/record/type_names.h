// Types by the names that users write.
#pragma once

#include <optional>
#include <string>

#include "merkle/record/schema.h"

namespace driftwood::merkle {

// What --types takes, but for what stands behind a colon (reading.h): "integer", "int", "list:int".
std::optional<ValueType> ValueTypeFromAnyName(const std::string& name);

// What is wrong with a name that ValueTypeFromAnyName() does not know, and which there are.
std::string NoSuchType(const std::string& name);

}  // namespace driftwood::merkle
