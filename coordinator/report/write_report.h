// Which writer is for which format, for reports of one table and of many.
#pragma once

#include "absl/status/status.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

template <typename AnyReport>
absl::Status WriteInFormat(const AnyReport& report, ReportFormat format, const TableStyle& style,
                           const ReportSink& sink) {
  switch (format) {
    case ReportFormat::kTable:
      return WriteTable(report, style, sink);
    case ReportFormat::kJson:
      return WriteJson(report, sink);
    case ReportFormat::kJsonLines:
      return WriteJsonLines(report, sink);
    case ReportFormat::kCsv:
      return WriteCsv(report, CsvForm::kHarmless, sink);
    case ReportFormat::kRawCsv:
      return WriteCsv(report, CsvForm::kRaw, sink);
  }
  return absl::InternalError("no such report format");
}

}  // namespace driftwood::coordinator
