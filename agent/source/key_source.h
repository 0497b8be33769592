// A key's canonical value as a store is asked for it.
#pragma once

#include <deque>
#include <string>

#include "agent/source/source_value.h"
#include "merkle/record/value.h"

namespace driftwood::agent {

// The value as what it is, a view of `value`; `bytes` keeps what that has no room for.
SourceValue AsSource(const merkle::Value& value, std::deque<std::string>* bytes);

}  // namespace driftwood::agent
