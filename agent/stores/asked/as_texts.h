// JSON's values as they would stand in CSV.
#pragma once

#include <memory>

#include "agent/source/store.h"

namespace driftwood::agent {

// The rows of `scan` with texts in the place of strings, numbers, booleans and nested values: what
// a program whose records are CSV answers in JSON means the same as in its CSV.
std::unique_ptr<Scan> AsTexts(std::unique_ptr<Scan> scan);

}  // namespace driftwood::agent
