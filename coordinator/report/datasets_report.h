// What the comparisons of several datasets found, each by its own report, as data and in its
// written forms. docs/config.md has the formats.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/report/database_report.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

struct DatasetReport {
  std::string dataset;
  std::variant<Report, DatabaseReport> report;  // of one table, or of all of its databases
  double seconds = 0;

  Verdict verdict() const;
  bool interrupted() const;
  std::string VerdictLine() const;
  // Divergent keys, as far as they are known.
  uint64_t Divergences() const;
};

struct DatasetsReport {
  Verdict verdict = Verdict::kError;
  bool interrupted = false;
  std::optional<ReportOrigin> origin;   // of all that was done
  std::vector<DatasetReport> datasets;  // at least one
  double seconds = 0;

  uint64_t Count(Verdict verdict) const;
};

// The one place where the datasets' verdicts become one: IDENTICAL only if all are; ERROR only if
// all are, so that nothing was compared; INCOMPLETE if any other is ERROR or INCOMPLETE.
void DecideVerdict(DatasetsReport* report);

// 0 identical, 1 divergent, 2 error, 3 incomplete, 130 interrupted.
int ExitCode(const DatasetsReport& report);

// How many rows its csv has below the header.
size_t CsvRows(const DatasetsReport& report);

// One line for people, the verdict first.
std::string VerdictLine(const DatasetsReport& report);

absl::Status WriteReport(const DatasetsReport& report, ReportFormat format,
                         const ReportStyle& style, const ReportSink& sink);
absl::Status WriteTable(const DatasetsReport& report, const TableStyle& style,
                        const ReportSink& sink);
absl::Status WriteJson(const DatasetsReport& report, const ReportSink& sink);
absl::Status WriteJsonLines(const DatasetsReport& report, const ReportSink& sink);
absl::Status WriteCsv(const DatasetsReport& report, CsvForm form, bool verdict_row,
                      const ReportSink& sink);
absl::Status WriteHtml(const DatasetsReport& report, const TableStyle& style,
                       const ReportSink& sink);

}  // namespace driftwood::coordinator
