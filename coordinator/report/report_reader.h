// From a stored json document back to the report it was written from.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/report/database_report.h"
#include "coordinator/report/datasets_report.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// Parsed it takes some ten times as much memory.
inline constexpr size_t kReportBytesMax = size_t{256} << 20;

// What WriteJson() wrote. Every format of what comes back has the same bytes as that of the report
// which was written, but for texts that were no UTF-8, and for what only --stats says.
//
// A document is taken only if the report that it gives writes the same document again: a member
// that is not known here, or numbers that contradict each other, are errors, so that nothing is
// passed over that a verdict may hang on.
//
// ResourceExhausted: more than `bytes_max`. FailedPrecondition: of another schema version.
// InvalidArgument: no such document; the message names the place.
absl::StatusOr<Report> ReadReport(std::string_view json, size_t bytes_max = kReportBytesMax);
absl::StatusOr<DatabaseReport> ReadDatabaseReport(std::string_view json,
                                                  size_t bytes_max = kReportBytesMax);
absl::StatusOr<DatasetsReport> ReadDatasetsReport(std::string_view json,
                                                  size_t bytes_max = kReportBytesMax);

}  // namespace driftwood::coordinator
