// From a walk's result to the report's numbers and records. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/peer.h"
#include "coordinator/report.h"
#include "coordinator/version.h"
#include "coordinator/walk.h"

namespace driftwood::coordinator {

ReportKey MakeReportKey(const std::string& encoded, size_t key_columns);

ReportRecord MakeReportRecord(const Divergence& divergence, const merkle::Schema& schema,
                              const VersionMaker& versions);

// Fills `total`, `missing` and `changed`: keys inside runs included, listed or not.
void CountDivergences(const WalkResult& result, Report* report);

// The first `max` divergences in key order, those listed inside runs included. Pointers into
// `result`.
std::vector<const Divergence*> ListedDivergences(const WalkResult& result, uint64_t max);

// Empty if replica `i`'s root count is what the walk's parts add up to; else what is wrong. A
// last check of our own arithmetic, independent of the walk's.
std::string CheckTotals(const WalkResult& result, const std::vector<merkle::Summary>& roots,
                        size_t i);

// Fills values, differing columns and notes of report->records, which stand for `listed`.
// `found` by replica; a failed one has its note in every record.
void AddValues(const std::vector<const Divergence*>& listed,
               const std::vector<absl::StatusOr<std::vector<PeerRecord>>>& found,
               const merkle::Schema& schema, Report* report);

}  // namespace driftwood::coordinator
