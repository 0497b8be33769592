// csv: a row for each table, and if it is asked for a last row with the verdict.
#include "coordinator/report/database_report.h"
#include "coordinator/report/report_csv.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

CsvCells Header(const DatabaseReport& report) {
  CsvCells cells = {"table", "result"};
  for (const std::string& name : report.ReplicaNames()) cells.push_back("records@" + name);
  cells.push_back("divergences");
  for (const std::string& name : report.ReplicaNames()) cells.push_back("missing@" + name);
  for (const char* const name : {"changed", "duplicate", "confirmed", "unstable", "unconfirmed",
                                 "in_flight", "gone", "seconds", "note"}) {
    cells.push_back(name);
  }
  return cells;
}

// Numbers that are not known are empty. Those of a comparison that is incomplete are what was found
// by then; those of a sample are of the sample, and its note says how many to expect.
CsvCells TableCells(const TableReport& table, CsvForm form) {
  const Report& report = table.report;
  const bool counted = table.result == TableResult::kIdentical ||
                       table.result == TableResult::kDivergent ||
                       table.result == TableResult::kIncomplete;
  const auto number = [&](uint64_t value) { return counted ? std::to_string(value) : ""; };
  CsvCells cells = {CsvCell(table.table, form), std::string(TableResultName(table.result))};
  for (const ReportReplica& replica : report.replicas) {
    cells.push_back(replica.records ? std::to_string(*replica.records) : "");
  }
  cells.push_back(number(report.total));
  for (size_t i = 0; i < report.replicas.size(); ++i) {
    cells.push_back(number(i < report.missing.size() ? report.missing[i] : 0));
  }
  cells.push_back(number(report.changed));
  cells.push_back(number(report.duplicate));
  cells.push_back(number(report.statuses.confirmed));
  cells.push_back(number(report.statuses.unstable));
  cells.push_back(number(report.statuses.unconfirmed));
  cells.push_back(number(report.statuses.in_flight));
  cells.push_back(number(report.statuses.gone));
  cells.push_back(Seconds(table.seconds, 3));
  const std::string why = WhyLine(table);
  cells.push_back(why.empty() ? "" : CsvCell(why, form));
  return cells;
}

CsvCells VerdictCells(const DatabaseReport& report, size_t width, CsvForm form) {
  CsvCells cells(width);
  cells[1] = std::string(VerdictName(report.verdict));
  for (size_t i = 0; i < report.replicas.size(); ++i) {
    const auto& records = report.replicas[i].records;
    if (records) cells[2 + i] = std::to_string(*records);
  }
  cells[width - 2] = Seconds(report.seconds, 3);
  cells.back() = CsvCell(VerdictLine(report), form);
  return cells;
}

}  // namespace

absl::Status WriteCsv(const DatabaseReport& report, CsvForm form, bool verdict_row,
                      const ReportSink& sink) {
  if (!verdict_row && report.verdict == Verdict::kError) return absl::OkStatus();
  const CsvCells header = Header(report);
  RETURN_IF_ERROR(sink(CsvRow(header)));
  for (const TableReport& table : report.tables) {
    RETURN_IF_ERROR(sink(CsvRow(TableCells(table, form))));
  }
  return verdict_row ? sink(CsvRow(VerdictCells(report, header.size(), form))) : absl::OkStatus();
}

}  // namespace driftwood::coordinator
