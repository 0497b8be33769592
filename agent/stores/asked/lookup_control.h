// A lookup that is broken (a wrong path, another form of the key) finds nothing, and "gone" is what
// it says of each record. So where it found none, it is asked for some that were just listed.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/source_value.h"
#include "agent/source/store.h"
#include "agent/stores/asked/answers.h"

namespace driftwood::agent {

// No record was given, and of some key it was said that there is none.
bool NeedsControl(const Answers& said);

struct LookupControl {
  // Keys of a few records that were listed, other than those that were asked for, in their form.
  // Empty: there are none.
  std::vector<std::vector<SourceValue>> keys;
  std::deque<std::string> texts;  // which these are views of
  // Where there are none: the places of the keys asked for that were listed.
  std::vector<size_t> listed;
};

// From `scan`, which has the columns `names` of all that was listed, in the order of `keys`.
absl::StatusOr<LookupControl> ReadControl(Scan& scan,
                                          std::span<const std::vector<SourceValue>> keys);

// As if the source had not known it: what is said to be absent of the keys in `places`, or of all.
void Distrust(const std::vector<size_t>* places, Answers* said);

}  // namespace driftwood::agent
