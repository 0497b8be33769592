// From when on a hypothesis is told. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "coordinator/audit/diagnostics/shifts.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// Of `all` that differ it explains so many: five, or all if these are `least` at least.
inline bool IsEnough(uint64_t explains, uint64_t all, uint64_t least) {
  return explains >= kExplainsMin || (explains == all && explains >= least);
}

struct CountedShift {
  Shift shift;
  uint64_t count = 0;
};

// Of each kind the parameter that most have, of as many the smallest, so that a report does not
// depend on the order of its sample. Where chance may have a parameter more than once, it must
// stand out from the others: pairs of small numbers differ by few amounts, and any two ranges of
// numbers lie at many offsets from each other.
std::vector<CountedShift> Prominent(const std::map<Shift, uint64_t>& counts, uint64_t all);

}  // namespace driftwood::coordinator
