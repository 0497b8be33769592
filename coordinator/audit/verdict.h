// The one place where what a comparison has come to becomes its verdict. Whatever was not proven is
// a gap, and a gap is INCOMPLETE. Pure.
#pragma once

#include <optional>
#include <vector>

#include "coordinator/report/report.h"
#include "coordinator/walk/walk_types.h"
#include "merkle/hash/digest.h"

namespace driftwood::coordinator {

// Of a comparison that has ended with `result`, whose divergences are counted in `report` and whose
// gaps are listed there. Adds those that our own arithmetic shows, and fills `complete`, `exact`,
// `verdict` and `error`. `roots` by replica; `ended_by`: why not all was compared, if that is
// known.
void DecideVerdict(const WalkResult& result, const std::vector<merkle::Summary>& roots,
                   const std::optional<ReportError>& ended_by, Report* report);

// Nothing can be compared until somebody changes something: ERROR, whatever was there before. None
// of several such errors is left out.
void MarkError(const ReportError& error, Report* report);

// A step failed once the comparison had begun, so that `gap` was not compared: INCOMPLETE, unless
// it is an ERROR already.
void MarkFailed(const ReportError& error, ReportGap gap, Report* report);

// Ctrl-C: never a success, whatever was found before.
void MarkInterrupted(Report* report);

}  // namespace driftwood::coordinator
