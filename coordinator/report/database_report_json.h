// The documents of the json formats of several databases, with what stands before their own
// members: nothing, or which of several datasets they are of.
#pragma once

#include <string>
#include <string_view>

#include "coordinator/report/database_report.h"
#include "coordinator/report/report_json.h"

namespace driftwood::coordinator {

// `text` of a document that stands within another. Line breaks in a document stand between its
// members only: in strings they are escaped.
std::string JsonIndented(std::string_view text);

// The document without a line end behind it.
absl::Status WriteJsonDocument(const DatabaseReport& report, const JsonMembers& before,
                               const ReportSink& sink);

// Lines for each table; then one for the report, without its verdict if there are members before
// it: only the last line of all has one.
absl::Status WriteJsonLinesOf(const DatabaseReport& report, const JsonMembers& before_tables,
                              const JsonMembers& before_report, const ReportSink& sink);

}  // namespace driftwood::coordinator
