// The documents of the json formats with what stands before a report's own members: nothing, or
// which of several tables it is of.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// Members and their values, which are JSON texts already.
using JsonMembers = std::vector<std::pair<std::string, std::string>>;

// A JSON string.
std::string JsonString(std::string_view text);
// A JSON number that reads back as the same double.
std::string JsonNumber(double number);

// When, where and how: none if that is not known.
JsonMembers OriginMembers(const std::optional<ReportOrigin>& origin);

// The document without a line end behind it.
absl::Status WriteJsonDocument(const Report& report, const JsonMembers& before,
                               const ReportSink& sink);

// A line for each divergence; then one for the report, without its verdict if there are members
// before it: only the last line of all has one.
absl::Status WriteJsonLinesOf(const Report& report, const JsonMembers& before_records,
                              const JsonMembers& before_report, const ReportSink& sink);

}  // namespace driftwood::coordinator
